"""Functions for lists, tuples, maps and objects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dstream_core.config.functions.graphemes import count
from dstream_core.config.functions.model import FunctionError, is_sequence, string_list, whole
from dstream_core.config.values import (
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    ListType,
    ListValue,
    MapType,
    MapValue,
    ObjectValue,
    SetValue,
    TupleValue,
    Value,
    convert,
    equal,
    type_name,
    type_of,
    unify,
)
from dstream_core.config.values.numbers import add

_MOST_VALUES = 1024
_ONE = "must be a list, set, or tuple value with either zero or one elements"


def alltrue(items: ListValue) -> bool:
    return all(item is True for item in items)


def anytrue(items: ListValue) -> bool:
    return any(item is True for item in items)


def chunklist(items: ListValue, size: Decimal) -> ListValue:
    width = whole(size, prefix="invalid size: ")
    if width < 0:
        raise FunctionError("the size argument must be positive")
    kind = ListType(items.element)
    if not width:  # the reference then makes one chunk of all
        return ListValue([items] if items else [], kind)
    starts = range(0, len(items), width)
    return ListValue([ListValue(items[start : start + width], items.element) for start in starts], kind)


def coalesce(*values: Value) -> Value:
    common = unify([type_of(value) for value in values])
    if common is None:
        raise FunctionError("all arguments must have the same type")
    for value in values:
        try:
            converted = convert(value, common)
        except ConversionError as error:
            raise FunctionError(str(error)) from None
        if converted is not None and converted != "":
            return converted
    raise FunctionError("no non-null, non-empty-string arguments")


def coalescelist(*values: Value) -> Value:
    if not values:
        raise FunctionError("at least one argument is required")
    if not all(isinstance(value, (ListValue, TupleValue)) for value in values if value is not None):
        raise FunctionError("coalescelist arguments must be lists or tuples")
    for value in values:
        if value:
            return value
    raise FunctionError("no non-null arguments")


def compact(items: ListValue) -> ListValue:
    return string_list([item for item in items if item])


def concat(*values: Any) -> Value:
    if not values:
        raise FunctionError("at least one argument is required")
    for index, value in enumerate(values):
        if not isinstance(value, (ListValue, TupleValue)):
            kind = type_name(type_of(value))
            raise FunctionError(f"all arguments must be lists or tuples; got {kind}", index)
    if all(isinstance(value, ListValue) for value in values):
        common = unify([type_of(value) for value in values if value or value.element != DYNAMIC] or [ListType(DYNAMIC)])
        if isinstance(common, ListType):
            parts: list[Any] = [_converted(value, common, index) for index, value in enumerate(values)]
            return ListValue([item for part in parts for item in part], common.element)
    return TupleValue(item for value in values for item in value)


def contains(items: Any, wanted: Value) -> bool:
    if not is_sequence(items):
        raise FunctionError("argument must be list, tuple, or set")
    return any(equal(item, wanted) for item in items)


def distinct(items: ListValue) -> ListValue:
    result: list[Any] = []
    for item in items:
        if not any(equal(item, seen) for seen in result):
            result.append(item)
    return ListValue(result, items.element)


def element(items: Any, index: Decimal) -> Value:
    if not isinstance(items, (ListValue, TupleValue)):
        raise FunctionError(f"cannot read elements from {type_name(type_of(items))}")
    number = whole(index, prefix="invalid index: ")
    if not items:
        raise FunctionError("cannot use element function with an empty list")
    result: Value = items[number % len(items)]
    return result


def flatten(items: Any) -> TupleValue:
    if not is_sequence(items):
        raise FunctionError("can only flatten lists, sets and tuples")
    return TupleValue(_flat(items))


def _flat(items: Any) -> list[Any]:
    result: list[Any] = []
    for item in items:
        if is_sequence(item):
            result.extend(_flat(item))
        else:
            result.append(item)
    return result


def index_of(items: Any, wanted: Value) -> Decimal:
    if not isinstance(items, (ListValue, TupleValue)):
        raise FunctionError("argument must be a list or tuple")
    if not items:
        raise FunctionError("cannot search an empty list")
    for index, item in enumerate(items):
        if equal(item, wanted):
            return Decimal(index)
    raise FunctionError("item not found")


def keys(mapping: Any) -> Value:
    if isinstance(mapping, MapValue):
        return string_list(list(mapping))
    if isinstance(mapping, ObjectValue):
        return TupleValue(mapping)
    raise FunctionError("must have map or object type", 0)


def length(value: Any) -> Decimal:
    if isinstance(value, str):
        return Decimal(count(value))
    if isinstance(value, (list, dict)):
        return Decimal(len(value))
    raise FunctionError("argument must be a string, a collection type, or a structural type")


def lookup(mapping: Any, key: str, *default: Value) -> Value:
    if len(default) > 1:
        raise FunctionError(f"lookup() takes two or three arguments, got {len(default) + 2}")
    if not isinstance(mapping, (MapValue, ObjectValue)):
        raise FunctionError("lookup() requires a map as the first argument", 0)
    if default and isinstance(mapping, MapValue):
        try:
            default = (convert(default[0], mapping.element),)
        except ConversionError:
            raise FunctionError("the default value must have the same type as the map elements", 2) from None
    if key in mapping:
        found: Value = mapping[key]
        return found
    if default:
        return default[0]
    if isinstance(mapping, ObjectValue):
        raise FunctionError(f'the given object has no attribute "{key}"', 0)
    raise FunctionError(f'lookup failed to find key "{key}"')


def matchkeys(values: ListValue, names: ListValue, searchset: ListValue) -> ListValue:
    common = unify([type_of(names), type_of(searchset)])
    if common is None:
        raise FunctionError("keys and searchset must be of the same type")
    if len(values) != len(names):
        raise FunctionError("length of keys and values should be equal")
    wanted: Any = _converted(searchset, common, 2)
    have: Any = _converted(names, common, 1)
    matching = [value for value, name in zip(values, have, strict=True) if any(equal(name, one) for one in wanted)]
    return ListValue(matching, values.element)


def merge(*values: Any) -> Value:
    for value in values:
        if value is not None and not isinstance(value, (MapValue, ObjectValue)):
            raise FunctionError(f'arguments must be maps or objects, got "{type_name(type_of(value))}"')
    merged = {key: of for value in values if value is not None for key, of in value.items()}
    types = [type_of(value) for value in values if value is not None]
    if types and isinstance(types[0], MapType) and all(of == types[0] for of in types):
        return MapValue(merged, types[0].element)
    return ObjectValue(merged)


def one(items: Any) -> Value:
    if not is_sequence(items) or len(items) > 1:
        raise FunctionError(_ONE, 0)
    return items[0] if items else None


def sequence(*bounds: Decimal) -> ListValue:
    """`range`: with one or two bounds it counts towards the end by itself, downwards too."""
    if not 1 <= len(bounds) <= 3:
        raise FunctionError("must have one, two, or three arguments")
    start, end = (Decimal(0), bounds[0]) if len(bounds) == 1 else bounds[:2]
    step = bounds[2] if len(bounds) == 3 else Decimal(-1 if end < start else 1)
    if not step:
        raise FunctionError("step must not be zero", 2)
    if step < 0 and end > start:
        raise FunctionError("end must be less than start when step is negative", 1)
    if step > 0 and end < start:
        raise FunctionError("end must be greater than start when step is positive", 1)
    result: list[Decimal] = []
    number = start
    while number > end if step < 0 else number < end:
        if len(result) >= _MOST_VALUES:
            raise FunctionError(
                "more than 1024 values were generated; either decrease the difference between start and end or use a "
                "smaller step"
            )
        result.append(number)
        number = add(number, step)
    return ListValue(result, NUMBER)


def reverse(items: Any) -> Value:
    if isinstance(items, TupleValue):
        return TupleValue(reversed(items))
    if isinstance(items, (ListValue, SetValue)):
        return ListValue(reversed(items), items.element)
    raise FunctionError(f"can only reverse list or tuple values, not {type_name(type_of(items))}", 0)


def slice_of(items: Any, start: Decimal, end: Decimal) -> Value:
    if isinstance(items, SetValue):
        raise FunctionError(
            "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the "
            "ordering of the result is not important",
            0,
        )
    if not isinstance(items, (ListValue, TupleValue)):
        raise FunctionError("must be a list or tuple value", 0)
    first, last = (_bound(items, number, name, at) for number, name, at in ((start, "start", 1), (end, "end", 2)))
    if first > last:
        raise FunctionError("start index must not be greater than end index", 1)
    part = items[first:last]
    return TupleValue(part) if isinstance(items, TupleValue) else ListValue(part, items.element)


def _bound(items: Any, number: Decimal, name: str, index: int) -> int:
    result = whole(number, index, f"invalid {name} index: ")
    if result < 0:
        raise FunctionError(f"{name} index must not be less than zero", index)
    if result > len(items):
        raise FunctionError(f"{name} index must not be greater than the length of the list", index)
    return result


def sort(items: ListValue) -> ListValue:
    if None in items:
        raise FunctionError(f"given list element {items.index(None)} is null; a null string cannot be sorted")
    return string_list(sorted(items))


def transpose(mapping: MapValue) -> MapValue:
    result: dict[str, list[str]] = {}
    for key, items in mapping.items():
        if items is None or None in items:
            raise FunctionError("input must be a map of lists of strings")
        for item in items:
            result.setdefault(item, []).append(key)
    return MapValue({key: string_list(sorted(items)) for key, items in result.items()}, ListType(STRING))


def values(mapping: Any) -> Value:
    if isinstance(mapping, MapValue):
        return ListValue(mapping.values(), mapping.element)
    if isinstance(mapping, ObjectValue):
        return TupleValue(mapping.values())
    raise FunctionError("values() requires a map as the first argument")


def zipmap(names: ListValue, items: Any) -> Value:
    if not isinstance(items, (ListValue, TupleValue)):
        raise FunctionError("values argument must be a list or tuple value")
    if len(names) != len(items):
        raise FunctionError(f"number of keys ({len(names)}) does not match number of values ({len(items)})")
    if None in names:
        raise FunctionError(f"keys list has null value at index {names.index(None)}")
    pairs = dict(zip(names, items, strict=True))
    return MapValue(pairs, items.element) if isinstance(items, ListValue) else ObjectValue(pairs)


def _converted(value: Value, want: Any, index: int) -> Value:
    try:
        return convert(value, want)
    except ConversionError as error:
        raise FunctionError(str(error), index) from None
