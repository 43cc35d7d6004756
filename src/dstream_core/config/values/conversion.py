"""Conversion of a value to a type, and the one type that several types convert to, by the rules of cty.

Conversion may lose nothing silently: a string becomes a number only if it is one, an object only loses attributes that
the wanted type does not know.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, cast

from dstream_core.config.values.data import (
    ListValue,
    MapValue,
    ObjectValue,
    SetValue,
    TupleValue,
    Value,
    number_text,
    type_of,
)
from dstream_core.config.values.numbers import NumberRangeError, bounded
from dstream_core.config.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    PrimitiveType,
    SetType,
    TupleType,
    Type,
    constraint_name,
    has_dynamic,
    type_name,
    without_optional,
)

_NUMBER_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)
_SAFE = {(NUMBER, STRING), (BOOL, STRING)}
_UNSAFE = {(STRING, NUMBER), (STRING, BOOL)}


class ConversionError(ValueError):
    """A value does not convert to a type.

    Args:
        message: the reason in the words of HCL, such as `a number is required`.
        path: the keys and indexes that lead to the offending element.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()):
        self.reason = message
        self.path = path
        super().__init__("".join(f"{_step(step)}: " for step in path) + message)

    def inside(self, step: str | int) -> ConversionError:
        """The same error seen from the value that holds the offending one under `step`."""
        return ConversionError(self.reason, (step, *self.path))


def _step(step: str | int) -> str:
    return f"element {step}" if isinstance(step, int) else f'element "{step}"'


def parse_number(text: str) -> Decimal:
    """The number that a string holds in decimal notation.

    Raises:
        ConversionError: it holds none, or one of more than 4,000 digits.
    """
    if not _NUMBER_TEXT.fullmatch(text):
        raise ConversionError("a number is required")
    try:
        number = Decimal(text)
        return bounded(number) if number else Decimal(0)
    except NumberRangeError as error:
        raise ConversionError(str(error)) from None


def convert(value: Value, want: Type) -> Value:
    """The value as one of type `want`; null stays null.

    Raises:
        ConversionError: there is no such conversion, or not for this value.
    """
    if value is None or want == DYNAMIC:
        return value
    got = type_of(value)
    if got == want:
        return value
    if not convertible(got, want):
        raise ConversionError(mismatch(got, want))
    converted: Value = _apply(value, want)
    return converted


def convertible(got: Type, want: Type, *, safe: bool = False) -> bool:
    """Whether values of type `got` can convert to `want`: with `safe` every one of them, else perhaps some."""
    if want == DYNAMIC or (got == DYNAMIC and not safe):
        return True
    match got, want:
        case PrimitiveType(), PrimitiveType():
            return got == want or (got, want) in _SAFE or (not safe and (got, want) in _UNSAFE)
        case ObjectType(), ObjectType():
            return _object_convertible(got, want, safe)
        case TupleType(elements=have), TupleType(elements=need):
            return len(have) == len(need) and all(convertible(h, n, safe=safe) for h, n in zip(have, need, strict=True))
        case ((ListType() | SetType()), ListType() | SetType()):
            loses = isinstance(got, ListType) and isinstance(want, SetType)
            return not (safe and loses) and convertible(got.element, want.element, safe=safe)
        case MapType(), MapType():
            return convertible(got.element, want.element, safe=safe)
        case TupleType(elements=have), ListType(element=element) | SetType(element=element):
            return _all_convertible(have, element, safe)
        case ObjectType(attributes=attributes), MapType(element=element):
            return _all_convertible(tuple(attributes.values()), element, safe)
        case MapType(element=element), ObjectType(attributes=attributes, optional=optional):
            return not safe and all(name in optional or convertible(element, of) for name, of in attributes.items())
    return False


def _object_convertible(got: ObjectType, want: ObjectType, safe: bool) -> bool:
    for name, of in want.attributes.items():
        if name not in got.attributes:
            if name not in want.optional:
                return False
        elif not convertible(got.attributes[name], of, safe=safe):
            return False
    return True


def _all_convertible(have: Sequence[Type], element: Type, safe: bool) -> bool:
    if element == DYNAMIC and have:
        common = unify(have, safe=safe)
        if common is None or (common == DYNAMIC and any(of != DYNAMIC for of in have)):
            return False
        element = common
    return all(convertible(of, element, safe=safe) for of in have)


def _apply(value: Any, want: Type) -> Any:
    """Convert a value whose type is known to be convertible."""
    if value is None or want == DYNAMIC:
        return value
    match want:
        case PrimitiveType():
            return _primitive(value, want)
        case ListType(element=element):
            return ListValue(*_elements(value, element))
        case SetType(element=element):
            return SetValue(*_elements(value, element))
        case MapType(element=element):
            items, common = _elements(value, element)
            return MapValue(zip(value, items, strict=True), common)
        case TupleType(elements=elements):
            return TupleValue(
                _at(step, convert, item, of) for step, (item, of) in enumerate(zip(value, elements, strict=True))
            )
        case ObjectType():
            return _object(value, want)


def _primitive(value: Any, want: Type) -> Any:
    if want == STRING:
        if isinstance(value, bool):
            return "true" if value else "false"
        return number_text(value) if isinstance(value, Decimal) else value
    if want == NUMBER:
        return parse_number(value) if isinstance(value, str) else value
    if isinstance(value, bool):
        return value
    if value in ("true", "1", "false", "0"):
        return value in ("true", "1")
    lower = str(value).lower()
    if lower in ("true", "false"):
        raise ConversionError(f'a bool is required; to convert from string, use lowercase "{lower}"')
    raise ConversionError("a bool is required")


def _elements(value: Any, element: Type) -> tuple[list[Any], Type]:
    """The elements converted to one type, and that type with nothing dynamic left in it where that is possible."""
    items, steps = (list(value.values()), list(value)) if isinstance(value, dict) else (list(value), range(len(value)))
    if element == DYNAMIC and isinstance(value, (ListValue, SetValue, MapValue)):
        element = value.element
    elif element == DYNAMIC and items:
        element = unify([type_of(item) for item in items]) or DYNAMIC
    items = [_at(step, convert, item, element) for step, item in zip(steps, items, strict=True)]
    if items and has_dynamic(element):
        common = unify([type_of(item) for item in items if item is not None])
        if common is not None:
            items = [_at(step, convert, item, common) for step, item in zip(steps, items, strict=True)]
            element = common
    return items, without_optional(element)


def _object(value: Any, want: ObjectType) -> ObjectValue:
    items = {}
    for name, of in want.attributes.items():
        if name in value:
            items[name] = _at(name, convert, value[name], of)
        elif name in want.optional:
            items[name] = None
        else:
            raise ConversionError(f'map has no element for required attribute "{name}"')
    return ObjectValue(items)


def _at(step: str | int, function: Callable[[Any, Type], Any], value: Any, want: Type) -> Any:
    try:
        return function(value, want)
    except ConversionError as error:
        raise error.inside(step) from None


def mismatch(got: Type, want: Type) -> str:
    """Why no value of type `got` becomes one of type `want`, worded as HCL words it."""
    match got, want:
        case ObjectType(), ObjectType():
            return _object_mismatch(got, want)
        case (TupleType(), ListType(element=element) | SetType(element=element)) | (
            ObjectType(),
            MapType(element=element),
        ):
            kind = type(want).__name__.removesuffix("Type").lower()
            if element == DYNAMIC:
                return f"all {kind} elements must have the same type"
            return _element_mismatch(cast(TupleType | ObjectType, got), element)
        case ((ListType() | SetType()), ListType() | SetType()):
            kind = type(want).__name__.removesuffix("Type").lower()
            return f"incorrect {kind} element type: {mismatch(got.element, want.element)}"
        case MapType(), MapType():
            return f"incorrect map element type: {mismatch(got.element, want.element)}"
    if (
        want == STRING
        or isinstance(got, PrimitiveType) != isinstance(want, PrimitiveType)
        or {got, want} == {BOOL, NUMBER}
    ):
        return f"{constraint_name(want)} required, but have {type_name(got)}"
    return f"{constraint_name(want)} required"


def _object_mismatch(got: ObjectType, want: ObjectType) -> str:
    missing = sorted(name for name in want.attributes if name not in got.attributes and name not in want.optional)
    if missing:
        quoted = [f'"{name}"' for name in missing]
        if len(quoted) == 1:
            return f"attribute {quoted[0]} is required"
        comma = "," if len(quoted) > 2 else ""
        return f"attributes {', '.join(quoted[:-1])}{comma} and {quoted[-1]} are required"
    for name, of in want.attributes.items():
        if name in got.attributes and not convertible(got.attributes[name], of):
            return f'attribute "{name}": {mismatch(got.attributes[name], of)}'
    return "incorrect object attributes"


def _element_mismatch(got: TupleType | ObjectType, element: Type) -> str:
    named: Iterable[tuple[str | int, Type]] = (
        enumerate(got.elements) if isinstance(got, TupleType) else got.attributes.items()
    )
    for step, of in named:
        if not convertible(of, element):
            return f"{_step(step)}: {mismatch(of, element)}"
    return f"all elements must be {constraint_name(element)}"


def unify(types: Sequence[Type], *, safe: bool = False) -> Type | None:
    """The one type that all the given types convert to, or None.

    Args:
        types: at least one type, else the answer is None.
        safe: only by conversions that cannot fail.
    """
    if not types:
        return None
    kinds = {type(of) if of != DYNAMIC else None for of in types}
    dynamic = None in kinds
    kinds.discard(None)
    if len(kinds) == 1 and (built := _BUILDERS.get(next(iter(kinds)) or PrimitiveType)):  # all of one compound kind
        return DYNAMIC if dynamic else built(types, safe)
    for one, many in ((TupleType, ListType), (ObjectType, MapType)):
        if kinds == {one, many}:
            common = _unify_mixed(types, one, many, safe)
            if common is not None:
                return common
    if kinds >= {ObjectType, TupleType}:
        return None
    for want in sorted(types, key=cmp_to_key(_preference)):
        if all(of == want or convertible(of, want, safe=safe) for of in types):
            return want
    return None


def _unify_mixed(types: Sequence[Type], one: type[Type], many: type[Type], safe: bool) -> Type | None:
    """Lists with tuples, or maps with objects: the structural ones first become the collection."""
    parts = [of for each in types if isinstance(each, one) for of in _parts(each)]
    element = unify(parts, safe=safe)
    if element is None:
        return None
    collection: Any = many
    common = unify([collection(element) if isinstance(of, one) else of for of in types], safe=safe)
    return common if isinstance(common, many) else None


def _parts(type_: Type) -> list[Type]:
    if isinstance(type_, TupleType):
        return list(type_.elements)
    return list(type_.attributes.values()) if isinstance(type_, ObjectType) else []


def _unify_objects(types: Sequence[Any], safe: bool) -> Type | None:
    if all(of.attributes.keys() == types[0].attributes.keys() for of in types):
        attributes = {}
        for name in types[0].attributes:
            common = unify([of.attributes[name] for of in types], safe=safe)
            if common is None:
                return None
            attributes[name] = common
        return ObjectType(attributes)
    element = unify([part for of in types for part in _parts(of)], safe=safe)
    return None if element is None else MapType(element)


def _unify_tuples(types: Sequence[Any], safe: bool) -> Type | None:
    if all(len(of.elements) == len(types[0].elements) for of in types):
        elements = []
        for across in zip(*(of.elements for of in types), strict=True):
            common = unify(across, safe=safe)
            if common is None:
                return None
            elements.append(common)
        return TupleType(tuple(elements))
    element = unify([part for of in types for part in _parts(of)], safe=safe)
    return None if element is None else ListType(element)


def _unify_collections(types: Sequence[Any], safe: bool) -> Type | None:
    element = unify([of.element for of in types], safe=safe)
    return None if element is None else type(types[0])(element)


_BUILDERS: dict[type[Type], Callable[[Sequence[Any], bool], Type | None]] = {
    ListType: _unify_collections,
    SetType: _unify_collections,
    MapType: _unify_collections,
    TupleType: _unify_tuples,
    ObjectType: _unify_objects,
}


def _preference(left: Any, right: Any) -> int:
    """Order for `unify`: what the others rather convert to comes first."""
    rank: dict[type, int] = {ListType: 0, TupleType: 1, SetType: 2, MapType: 0, ObjectType: 1}
    if DYNAMIC in (left, right):
        return int(left == DYNAMIC) - int(right == DYNAMIC)
    match left, right:
        case PrimitiveType(), PrimitiveType():
            return int(right == STRING) - int(left == STRING)
        case (ListType(), ListType()) | (SetType(), SetType()) | (MapType(), MapType()):
            return _preference(left.element, right.element)
        case ((SetType() | ListType() | TupleType()), SetType() | ListType() | TupleType()):
            return rank[type(left)] - rank[type(right)]
        case (MapType(), ObjectType()) | (ObjectType(), MapType()):
            return rank[type(left)] - rank[type(right)]
    return 0


def normalised(text: str) -> str:
    """The string in Unicode's composed form, as every string value is."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
