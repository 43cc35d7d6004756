"""Attributes, indexes and iteration of values."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from dstream_core.config.diagnostics import suggestion
from dstream_core.config.values import (
    NUMBER,
    STRING,
    ConversionError,
    ListType,
    ListValue,
    MapValue,
    ObjectType,
    ObjectValue,
    SetType,
    SetValue,
    TupleType,
    TupleValue,
    Type,
    convert,
    type_name,
    type_of,
)


class AccessError(ValueError):
    """A value has no such attribute or element."""

    def __init__(self, message: str, hint: str | None = None, code: str = "expression/index"):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def attribute(value: Any, name: str) -> Any:
    """`value.name`.

    Raises:
        AccessError: there is no such attribute; the hint has the nearest.
    """
    code = "expression/attribute"
    if value is None:
        raise AccessError("This value is null, so it has no attributes.", code=code)
    if isinstance(value, (ObjectValue, MapValue)):
        if name in value:
            return value[name]
        kind = "object" if isinstance(value, ObjectValue) else "map"
        raise AccessError(
            f'This {kind} has no attribute "{name}".', suggestion(name, value, listed="attributes it has"), code
        )
    found = type_of(value)
    hint = None
    if isinstance(found, (ListType, SetType, TupleType)):
        hint = f"Select one element, as in [0].{name}, or take it of all: [*].{name}."
    raise AccessError(f"A {type_name(found)} has no attributes.", hint, code)


def index(value: Any, key: Any) -> Any:
    """`value[key]`.

    Raises:
        AccessError: the value has no elements that are selected so, or none for this key.
    """
    if value is None:
        raise AccessError("This value is null, so it has no elements.")
    if key is None:
        raise AccessError("Null is no index.")
    if isinstance(value, (TupleValue, ListValue)):
        return _at(value, key)
    if isinstance(value, (ObjectValue, MapValue)):
        name = _converted(key, STRING)
        if name in value:
            return value[name]
        hint = suggestion(name, value, listed="keys it has")
        raise AccessError("This value has no element with this key.", hint)
    if isinstance(value, SetValue):
        raise AccessError("The elements of a set have no index.", "Make a list of it: tolist(…)[0].")
    raise AccessError(f"A {type_name(type_of(value))} has no elements.")


def _converted(key: Any, wanted: Type) -> Any:
    try:
        return convert(key, wanted)
    except ConversionError as error:
        raise AccessError(f"This is no index here: {error}.") from None


def _at(value: list[Any], key: Any) -> Any:
    number = _converted(key, NUMBER)
    if number != number.to_integral_value():
        raise AccessError("An index must be a whole number.", "A division is exact; floor() rounds it down.")
    if number < 0:
        raise AccessError("An index cannot be negative.", "The last element is element(list, length(list) - 1).")
    if number >= len(value):
        if not value:
            raise AccessError("There are no elements.")
        raise AccessError(f"There are only {len(value)} elements, counted from 0.")
    return value[int(number)]


def elements(collection: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and elements as a `for` goes through them: numbers for lists, the elements themselves for sets."""
    if isinstance(collection, dict):
        yield from collection.items()
    elif isinstance(collection, SetValue):
        yield from ((item, item) for item in collection)
    else:
        yield from ((Decimal(position), item) for position, item in enumerate(collection))


def difference(yes: Type, no: Type) -> str:
    """How the types of a conditional's two results differ, in words."""
    if isinstance(yes, ObjectType) and isinstance(no, ObjectType):
        for name in sorted(yes.attributes.keys() | no.attributes.keys()):
            if name not in no.attributes:
                return f'the value for true has the attribute "{name}", the one for false has not'
            if name not in yes.attributes:
                return f'the value for false has the attribute "{name}", the one for true has not'
            if yes.attributes[name] != no.attributes[name]:
                return f'in the attribute "{name}", {difference(yes.attributes[name], no.attributes[name])}'
    if isinstance(yes, TupleType) and isinstance(no, TupleType) and len(yes.elements) == len(no.elements):
        for position, (first, second) in enumerate(zip(yes.elements, no.elements, strict=True)):
            if first != second:
                return f"in element {position}, {difference(first, second)}"
    if type_name(yes) == type_name(no):
        return "they differ deep inside"
    return f"the value for true is {type_name(yes)}, the one for false is {type_name(no)}"
