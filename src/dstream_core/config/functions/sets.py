"""Functions for sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from dstream_core.config.functions.model import Function, FunctionError, Parameter
from dstream_core.config.values import (
    DYNAMIC,
    ConversionError,
    ListType,
    ListValue,
    SetType,
    SetValue,
    TupleType,
    TupleValue,
    Type,
    convert,
    equal,
    type_of,
    unify,
)

AREA = "Sets"
_ANY_SET = SetType(DYNAMIC)
_MOST_COMBINATIONS = 1_000_000  # a product grows fast; this many tuples are already a mistake


def union(*sets: SetValue) -> SetValue:
    return _combined(sets, lambda left, right: [*left, *right])


def intersection(*sets: SetValue) -> SetValue:
    return _combined(sets, lambda left, right: [item for item in left if _has(right, item)])


def subtract(*sets: SetValue) -> SetValue:
    return _combined(sets, lambda left, right: [item for item in left if not _has(right, item)])


def product(*values: Any) -> ListValue | SetValue:
    """All combinations; in order as a list if all arguments have an order, else as a set."""
    if len(values) < 2:
        raise FunctionError("at least two arguments are required")
    elements = tuple(_element(value, index) for index, value in enumerate(values))
    ordered = not any(isinstance(value, SetValue) for value in values)
    total = 1
    for value in values:
        total *= len(value)
    if total > _MOST_COMBINATIONS:
        raise FunctionError(f"the product would have {total} elements")
    columns: list[Any] = [
        _converted(list_of(value), ListType(element), index)
        for index, (value, element) in enumerate(zip(values, elements, strict=True))
    ]
    rows = [TupleValue(row) for row in itertools.product(*columns)]
    return ListValue(rows, TupleType(elements)) if ordered else SetValue(rows, TupleType(elements))


def list_of(value: Any) -> Any:
    """A sequence as something that converts to a list: sets and tuples do, a list is one."""
    return TupleValue(value) if isinstance(value, SetValue) else value


def _element(value: Any, index: int) -> Type:
    if isinstance(value, (ListValue, SetValue)):
        return value.element
    if not isinstance(value, TupleValue):
        raise FunctionError("a set or a list is required", index)
    if not value:
        return DYNAMIC
    common = unify([type_of(item) for item in value])
    if common is None:
        raise FunctionError("all elements must be of the same type", index)
    return common


def _combined(sets: tuple[SetValue, ...], step: Callable[[Any, Any], list[Any]]) -> SetValue:
    # An empty set of no particular type converts to whatever the others hold.
    elements = [one.element for one in sets if one or one.element != DYNAMIC]
    if not elements:
        return SetValue((), DYNAMIC)
    common = unify(elements)
    if common is None:
        raise FunctionError("given sets must all have compatible element types")
    converted: list[Any] = [_converted(one, SetType(common), index) for index, one in enumerate(sets)]
    result = converted[0]
    for one in converted[1:]:
        result = SetValue(step(result, one), common)
    return SetValue(result, common)


def _has(items: SetValue, wanted: Any) -> bool:
    return any(equal(item, wanted) for item in items)


def _converted(value: Any, want: Type, index: int) -> Any:
    try:
        return convert(value, want)
    except ConversionError as error:
        raise FunctionError(str(error), index) from None


_FIRST = (Parameter("first_set", _ANY_SET),)
_OTHERS = Parameter("other_sets", _ANY_SET)

FUNCTIONS = (
    Function(
        "setintersection",
        _FIRST,
        _OTHERS,
        intersection,
        "The elements that all of the sets have.",
        (('setintersection(["a", "b"], ["b", "c"])', '["b"]'),),
        AREA,
    ),
    Function(
        "setproduct",
        (),
        Parameter("sets"),
        product,
        "All combinations of one element of each of the lists or sets.",
        (('setproduct(["a", "b"], [1])', '[["a", 1], ["b", 1]]'),),
        AREA,
    ),
    Function(
        "setsubtract",
        (Parameter("a", _ANY_SET), Parameter("b", _ANY_SET)),
        None,
        subtract,
        "The elements of the first set that the second does not have.",
        (('setsubtract(["a", "b"], ["b"])', '["a"]'),),
        AREA,
    ),
    Function(
        "setunion",
        _FIRST,
        _OTHERS,
        union,
        "The elements that at least one of the sets has.",
        (('setunion(["b", "a"], ["b"])', '["a", "b"]'),),
        AREA,
    ),
)
