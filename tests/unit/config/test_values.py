"""Values and types: conversion, unification, equality, the text of numbers, sets."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.records import Record
from dstream_core.config.values import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    ListType,
    ListValue,
    MapType,
    MapValue,
    NumberRangeError,
    ObjectType,
    ObjectValue,
    SetType,
    SetValue,
    TupleType,
    TupleValue,
    Type,
    constraint_name,
    convert,
    convertible,
    equal,
    mismatch,
    number_text,
    numbers,
    parse_number,
    type_name,
    type_of,
    unify,
)


@pytest.mark.parametrize(
    ("value", "wanted", "result"),
    [
        (Decimal("1.50"), STRING, "1.5"),
        (True, STRING, "true"),
        ("5", NUMBER, Decimal(5)),
        (".5", NUMBER, Decimal("0.5")),
        ("-0", NUMBER, Decimal(0)),
        ("true", BOOL, True),
        ("0", BOOL, False),
        (None, NUMBER, None),
        (TupleValue([Decimal(1), "a", None]), ListType(DYNAMIC), ListValue(["1", "a", None], STRING)),
        (TupleValue([]), ListType(STRING), ListValue([], STRING)),
        (TupleValue(["b", "a", "b"]), SetType(DYNAMIC), SetValue(["a", "b"], STRING)),
        (ListValue(["1"], STRING), ListType(NUMBER), ListValue([Decimal(1)], NUMBER)),
        (SetValue(["a"], STRING), ListType(DYNAMIC), ListValue(["a"], STRING)),
        (ObjectValue({"b": True, "a": "x"}), MapType(DYNAMIC), MapValue({"a": "x", "b": "true"}, STRING)),
        (ObjectValue({"a": "1", "b": "x"}), ObjectType({"a": NUMBER}), ObjectValue({"a": Decimal(1)})),
        (ObjectValue({}), ObjectType({"a": NUMBER}, frozenset("a")), ObjectValue({"a": None})),
        (MapValue({"a": "1"}, STRING), ObjectType({"a": NUMBER}), ObjectValue({"a": Decimal(1)})),
        (TupleValue(["1", "2"]), TupleType((NUMBER, STRING)), TupleValue([Decimal(1), "2"])),
    ],
)
def test_convert(value: Any, wanted: Type, result: Any) -> None:
    converted = convert(value, wanted)
    assert converted == result
    assert type(converted) is type(result)
    assert type_of(converted) == type_of(result)


@pytest.mark.parametrize(
    ("value", "wanted", "message"),
    [
        ("a", NUMBER, "a number is required"),
        ("inf", NUMBER, "a number is required"),
        (" 1", NUMBER, "a number is required"),
        ("1e5000", NUMBER, "the number needs more than 4,000 digits"),
        ("yes", BOOL, "a bool is required"),
        ("True", BOOL, 'a bool is required; to convert from string, use lowercase "true"'),
        (True, NUMBER, "number required, but have bool"),
        (TupleValue([]), STRING, "string required, but have tuple"),
        (TupleValue(["1", "a"]), ListType(NUMBER), "element 1: a number is required"),
        (TupleValue([TupleValue([]), "a"]), ListType(DYNAMIC), "all list elements must have the same type"),
        (ObjectValue({"a": TupleValue([])}), MapType(STRING), 'element "a": string required, but have tuple'),
        (ObjectValue({}), ObjectType({"a": NUMBER}), 'attribute "a" is required'),
        (ObjectValue({}), ObjectType({"a": NUMBER, "b": NUMBER}), 'attributes "a" and "b" are required'),
        (
            ObjectValue({"a": TupleValue([])}),
            ObjectType({"a": NUMBER}),
            'attribute "a": number required, but have tuple',
        ),
        (MapValue({}, STRING), ObjectType({"a": STRING}), 'map has no element for required attribute "a"'),
        (
            ListValue([], STRING),
            ListType(ListType(STRING)),
            "incorrect list element type: list of string required, but have string",
        ),
        (TupleValue([]), MapType(STRING), "map of string required"),
    ],
)
def test_convert_refuses(value: Any, wanted: Type, message: str) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(value, wanted)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("types", "result"),
    [
        ([STRING, NUMBER], STRING),
        ([NUMBER, BOOL], None),
        ([NUMBER, DYNAMIC], NUMBER),
        ([TupleType(()), ObjectType({})], None),
        ([TupleType((NUMBER,)), TupleType((STRING,))], TupleType((STRING,))),
        ([TupleType((NUMBER,)), TupleType((STRING, BOOL))], ListType(STRING)),
        ([ListType(NUMBER), TupleType((STRING,))], ListType(STRING)),
        ([SetType(STRING), ListType(STRING)], ListType(STRING)),
        ([MapType(NUMBER), ObjectType({"a": STRING})], MapType(STRING)),
        ([ObjectType({"a": NUMBER}), ObjectType({"a": STRING})], ObjectType({"a": STRING})),
        ([ObjectType({"a": NUMBER}), ObjectType({"b": STRING})], MapType(STRING)),
        ([ObjectType({"a": NUMBER}), ObjectType({"a": BOOL})], None),
        ([ListType(NUMBER), DYNAMIC], DYNAMIC),
        ([], None),
    ],
)
def test_unify(types: list[Type], result: Type | None) -> None:
    assert unify(types) == result


def test_safe_conversions_cannot_fail() -> None:
    assert convertible(NUMBER, STRING, safe=True)
    assert not convertible(STRING, NUMBER, safe=True)
    assert not convertible(ListType(STRING), SetType(STRING), safe=True)
    assert not convertible(MapType(STRING), ObjectType({}), safe=True)


def test_equal_is_typed() -> None:
    assert equal(None, None)
    assert not equal(None, "")
    assert not equal("1", Decimal(1))
    assert not equal(True, Decimal(1))
    assert not equal(TupleValue(["a"]), ListValue(["a"], STRING))
    assert not equal(ListValue([], STRING), ListValue([], NUMBER))
    assert equal(ObjectValue({"a": TupleValue([None])}), ObjectValue({"a": TupleValue([None])}))
    assert not equal(ObjectValue({"a": "1"}), ObjectValue({"b": "1"}))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.50", "1.5"),
        ("100", "100"),
        ("1e3", "1000"),
        ("1e-7", "0.0000001"),
        ("-0", "0"),
        ("0.0", "0"),
        ("-1.0", "-1"),
    ],
)
def test_number_text(number: str, text: str) -> None:
    assert number_text(Decimal(number)) == text


def test_sets_are_sorted_without_duplicates_null_last() -> None:
    assert SetValue([Decimal(10), Decimal(9), Decimal(10)], NUMBER) == [9, 10]
    assert SetValue(["b", None, "a"], STRING) == ["a", "b", None]
    pair = ObjectValue({"a": Decimal(1)})
    assert SetValue([pair, ObjectValue({"a": Decimal(0)}), pair]) == [{"a": 0}, {"a": 1}]


def test_maps_and_objects_iterate_in_the_order_of_their_keys() -> None:
    assert list(ObjectValue({"b": 1, "a": 2})) == ["a", "b"]
    assert list(MapValue({"b": "1", "a": "2"}, STRING)) == ["a", "b"]


def test_names_of_types() -> None:
    assert type_name(ListType(MapType(BOOL))) == "list of map of bool"
    assert constraint_name(SetType(DYNAMIC)) == "set of any single type"
    assert constraint_name(DYNAMIC) == "any type"
    assert mismatch(STRING, ListType(STRING)) == "list of string required, but have string"


INTEGERS = st.integers(-(10**300), 10**300)


@given(INTEGERS, INTEGERS)
def test_integers_are_exact(left: int, right: int) -> None:
    assert numbers.add(Decimal(left), Decimal(right)) == left + right
    assert numbers.subtract(Decimal(left), Decimal(right)) == left - right
    assert numbers.multiply(Decimal(left), Decimal(right)) == left * right
    if right:
        assert numbers.divide(Decimal(left * right), Decimal(right)) == left
        assert numbers.remainder(Decimal(left), Decimal(right)) == abs(left) % abs(right) * (-1 if left < 0 else 1)


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**20))
def test_a_quotient_times_its_divisor_is_the_dividend(left: int, right: int) -> None:
    assert numbers.multiply(numbers.divide(Decimal(left), Decimal(right)), Decimal(right)) == left


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**30), max_value=10**30))
def test_the_text_of_a_number_is_the_number(number: Decimal) -> None:
    assert parse_number(number_text(number)) == number
    assert Fraction(number_text(number)) == Fraction(number)


def test_numbers_have_a_limit() -> None:
    with pytest.raises(NumberRangeError):
        numbers.multiply(Decimal("9" * 3000), Decimal("9" * 3000))
    with pytest.raises(ZeroDivisionError):
        numbers.divide(Decimal(1), Decimal(0))
    assert numbers.remainder(Decimal(5), Decimal(0)) == 5


def test_records() -> None:
    class Pair(Record):
        left: int
        right: int = 2

    assert Pair(1) == Pair(1, 2) == Pair(left=1, right=2)
    assert len({Pair(1), Pair(1, 2), Pair(2)}) == 2
    assert repr(Pair(1)) == "Pair(left=1, right=2)"
    with pytest.raises(AttributeError):
        Pair(1).left = 3  # type: ignore[misc]  # that is what is tested
    for arguments in ((), (1, 2, 3)):
        with pytest.raises((TypeError, AttributeError)):
            Pair(*arguments)
    with pytest.raises(TypeError):
        Pair(1, middle=3)  # type: ignore[call-arg]  # that is what is tested
