"""The classes that hold values, their types, their equality and the text of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, TypeAlias

from dstream_core.config.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
)

Value: TypeAlias = "bool | str | Decimal | TupleValue | ListValue | SetValue | ObjectValue | MapValue | None"


class TupleValue(list[Any]):
    """What `[a, b]` makes: each element keeps its own type."""

    __slots__ = ()


class ListValue(list[Any]):
    """A list whose elements all have the type `element`."""

    __slots__ = ("element",)

    def __init__(self, items: Iterable[Any] = (), element: Type = DYNAMIC):
        super().__init__(items)
        self.element = element


class SetValue(list[Any]):
    """A set whose elements all have the type `element`: sorted as cty iterates sets, without duplicates."""

    __slots__ = ("element",)

    def __init__(self, items: Iterable[Any] = (), element: Type = DYNAMIC):
        unique: list[Any] = []
        for item in sorted(items, key=cmp_to_key(_compare)):
            if not unique or not equal(unique[-1], item):
                unique.append(item)
        super().__init__(unique)
        self.element = element


class ObjectValue(dict[str, Any]):
    """What `{ a = b }` makes: each attribute keeps its own type; iterates in the order of its keys."""

    __slots__ = ()

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()):
        super().__init__(sorted(dict(items).items(), key=_first))


class MapValue(dict[str, Any]):
    """A map whose elements all have the type `element`; iterates in the order of its keys."""

    __slots__ = ("element",)

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), element: Type = DYNAMIC):
        super().__init__(sorted(dict(items).items(), key=_first))
        self.element = element


def _first(item: tuple[str, Any]) -> str:
    return item[0]


def type_of(value: Value) -> Type:
    """The type of a value; null is `dynamic`, for it may become anything."""
    match value:
        case None:
            return DYNAMIC
        case bool():
            return BOOL
        case str():
            return STRING
        case Decimal():
            return NUMBER
        case TupleValue():
            return TupleType(tuple(map(type_of, value)))
        case ListValue():
            return ListType(value.element)
        case SetValue():
            return SetType(value.element)
        case ObjectValue():
            return ObjectType({name: type_of(of) for name, of in value.items()})
        case MapValue():
            return MapType(value.element)
    raise TypeError(f"not a configuration value: {type(value).__name__}")


def equal(left: Value, right: Value) -> bool:
    """Equality as cty has it: of one type and of one value (`"1"` is not 1, a list is no tuple); null equals null."""
    if left is None or right is None:
        return left is right
    if isinstance(left, (bool, str, Decimal)) or isinstance(right, (bool, str, Decimal)):
        return type(left) is type(right) and left == right
    if type(left) is not type(right) or len(left) != len(right):
        return False
    if not isinstance(left, (TupleValue, ObjectValue)) and left.element != right.element:  # type: ignore[union-attr]  # the classes are the same, and every one left has an element type
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return all(map(equal, left, right))


def number_text(number: Decimal) -> str:
    """The number as HCL puts it into a string: no exponent, no digit more than needed."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _compare(left: Value, right: Value) -> int:
    if left is None or right is None:  # null sorts last
        return (left is None) - (right is None)
    if isinstance(left, (bool, str, Decimal)) and type(left) is type(right):
        return (left > right) - (left < right)  # type: ignore[operator]  # both are of one class, which has an order
    first, second = _sort_text(left), _sort_text(right)
    return (first > second) - (first < second)


def _sort_text(value: Value) -> str:
    match value:
        case None:
            return "~"
        case bool():
            return "T" if value else "F"
        case Decimal():
            return number_text(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case MapValue():
            return "{" + "".join(f"{_sort_text(key)}:{_sort_text(of)};" for key, of in value.items()) + "}"
        case ObjectValue():
            return "<" + "".join(f"{_sort_text(of)};" for of in value.values()) + ">"
        case TupleValue():
            return "<" + "".join(f"{_sort_text(of)};" for of in value) + ">"
        case _:
            return "[" + "".join(f"{_sort_text(of)};" for of in value) + "]"
