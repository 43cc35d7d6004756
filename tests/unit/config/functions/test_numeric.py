"""Functions for numbers, row by row as Terraform answers, but exact where it computes with doubles."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS
from dstream_core.config.values import TupleValue

GIVES = [
    ("abs(-12.4)", "12.4"),
    ('abs("-2")', "2"),
    ("abs(0)", "0"),
    ("ceil(-1.5)", "-1"),
    ("ceil(1.0000000001)", "2"),
    ("ceil(-0.5)", "0"),
    ("floor(-1.5)", "-2"),
    ("floor(0.5)", "0"),
    ("floor(12345678901234567890123456789.5)", "12345678901234567890123456789"),
    ("log(8, 2)", "3"),
    ("log(1000, 10)", "2.9999999999999996"),
    ('max(1, "5", 3)', "5"),
    ("max(0.1, 0.1000000000000000000000000001)", "0.1000000000000000000000000001"),
    ("min([3, 1, 2]...)", "1"),
    ('parseint("ff", 16)', "255"),
    ('parseint("FF", 16)', "255"),
    ('parseint("-1011", 2)', "-11"),
    ('parseint("+5", 10)', "5"),
    ('parseint("z", 36)', "35"),
    ('parseint("z", 62)', "35"),
    ('parseint("Z", 62)', "61"),
    ('parseint("99999999999999999999999999999999999999999999", 10)', "99999999999999999999999999999999999999999999"),
    ("pow(2, 10)", "1024"),
    ("pow(3, 40)", "12157665459056928801"),
    ("pow(2, 100) + 1", "1267650600228229401496703205377"),
    ("pow(2, 0.5)", "1.4142135623730951"),
    ("pow(1.1, 2)", "1.2100000000000002"),
    ("pow(2, -1)", "0.5"),
    ("pow(0, 0)", "1"),
    ("pow(-1, 1000001)", "-1"),
    ("pow(-1, 1e30)", "1"),
    ("abs(-12345678901234567890123456789.5)", "12345678901234567890123456789.5"),
    ("ceil(12345678901234567890123456789.5)", "12345678901234567890123456790"),
    ("signum(-13)", "-1"),
    ("signum(0)", "0"),
    ("signum(344)", "1"),
    ('sum([1, "2", 3.5])', "6.5"),
    ("sum([0.1, 0.2])", "0.3"),
    ("sum(toset([1, 1, 2]))", "3"),
]

FAILS = [
    ("min()", "must pass at least one number"),
    ("max()", "must pass at least one number"),
    ('floor("a")', "a number is required"),
    ("log(0, 2)", "not positive"),
    ("log(2, 1)", "base"),
    ("pow(0, -1)", "not a finite number"),
    ("pow(-8, 0.5)", "not a finite number"),
    ("pow(10, 5000)", "too large"),
    ("pow(10, 1e30)", "too large"),
    ("pow(1.5, 1e9)", "not a finite number"),
    ('parseint("1_000", 10)', "cannot parse the string as a base 10 integer"),
    ('parseint("", 10)', "cannot parse the string"),
    ('parseint("-", 10)', "cannot parse the string"),
    ('parseint("ıı", 36)', "cannot parse the string"),
    ('parseint("٣", 10)', "cannot parse the string"),
    ('parseint("0x1f", 16)', "cannot parse the string"),
    ('parseint("12", 63)', "base must be a whole number between 2 and 62 inclusive"),
    ("parseint(12, 10)", "first argument must be a string, not number"),
    ("signum(-0.5)", "value must be a whole number"),
    ("sum([])", "cannot sum an empty list"),
    ("sum({})", "cannot sum an empty list"),
    ("sum({ a = 1 })", "argument must be list, set, or tuple. Received object"),
    ('sum("a")', "cannot sum noniterable"),
    ("sum([1, null])", "argument must be list, set, or tuple of number values"),
    ('sum([1, "x"])', "argument must be list, set, or tuple of number values"),
]


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


@given(st.integers(-99, 99), st.integers(0, 200))
def test_whole_powers_are_exact(base: int, exponent: int) -> None:
    assert FUNCTIONS["pow"].invoke([Decimal(base), Decimal(exponent)]) == Decimal(base**exponent)


@given(st.integers(min_value=-(10**60), max_value=10**60), st.integers(2, 36))
def test_integers_of_any_size_are_read_in_any_base(number: int, base: int) -> None:
    digits, rest = "", abs(number)
    while rest or not digits:
        rest, digit = divmod(rest, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    text = "-" * (number < 0) + digits
    assert FUNCTIONS["parseint"].invoke([text, Decimal(base)]) == number


@given(st.lists(st.decimals(-(10**9), 10**9, places=6), min_size=1))
def test_sums_are_exact(numbers: list[Decimal]) -> None:
    assert FUNCTIONS["sum"].invoke([TupleValue(numbers)]) == sum(numbers)
    assert FUNCTIONS["min"].invoke(numbers) <= FUNCTIONS["max"].invoke(numbers)  # type: ignore[operator]  # numbers
