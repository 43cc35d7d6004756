"""Functions for numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from dstream_core.config.functions.model import Function, FunctionError, Parameter, numbers, parameters, whole
from dstream_core.config.functions.model import is_sequence as _is_sequence
from dstream_core.config.values import (
    NUMBER,
    ConversionError,
    MapValue,
    NumberRangeError,
    ObjectValue,
    bounded,
    convert,
    type_name,
    type_of,
)
from dstream_core.config.values.numbers import add

AREA = "Numbers"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOT_NUMBERS = "argument must be list, set, or tuple of number values"
_MOST_DIGITS = 4_000


def absolute(number: Decimal) -> Decimal:
    return number.copy_abs()


def ceil(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING) or Decimal(0)  # never -0


def floor(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_FLOOR) or Decimal(0)


def smallest(*items: Decimal) -> Decimal:
    if not items:
        raise FunctionError("must pass at least one number")
    return min(items)


def greatest(*items: Decimal) -> Decimal:
    if not items:
        raise FunctionError("must pass at least one number")
    return max(items)


def logarithm(number: Decimal, base: Decimal) -> Decimal:
    """Computed with doubles, as the reference does; its infinities have no JSON and are errors here."""
    if number <= 0:
        raise FunctionError("the logarithm of a number that is not positive is not finite", 0)
    if base <= 0 or base == 1:
        raise FunctionError("the base of a logarithm must be positive and not 1", 1)
    return _from_double(math.log(_double(number, 0)) / math.log(_double(base, 1)))


def power(number: Decimal, exponent: Decimal) -> Decimal:
    """Exact for whole numbers, as all arithmetic on them is; with doubles for the rest, as the reference does."""
    if exponent >= 0 and number == number.to_integral_value() and exponent == exponent.to_integral_value():
        return _whole_power(number, exponent)
    try:
        return _from_double(math.pow(_double(number, 0), _double(exponent, 1)))
    except (OverflowError, ValueError):
        raise FunctionError("the result is not a finite number") from None


def _whole_power(number: Decimal, exponent: Decimal) -> Decimal:
    if not exponent:
        return Decimal(1)
    if abs(number) <= 1:  # where a huge exponent must not become huge work
        return number if int(exponent) % 2 else number.copy_abs()
    if number.adjusted() * exponent > _MOST_DIGITS or exponent > 4 * _MOST_DIGITS:
        raise FunctionError("the result is too large")
    return _in_range(Decimal(int(number) ** int(exponent)))


def parse_integer(text: Any, base: Decimal) -> Decimal:
    if not isinstance(text, str):
        raise FunctionError(f"first argument must be a string, not {type_name(type_of(text))}", 0)
    radix = whole(base, 1)
    if not 2 <= radix <= 62:
        raise FunctionError("base must be a whole number between 2 and 62 inclusive", 1)
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if radix <= 36:  # up to there letters of both cases count alike
        digits = digits.lower() if digits.isascii() else digits
    values = [_DIGITS.find(digit) for digit in digits]
    if not values or len(values) > _MOST_DIGITS or not all(0 <= value < radix for value in values):
        # without the text: it may be secret
        raise FunctionError(f"cannot parse the string as a base {radix} integer", 0)
    total = 0
    for value in values:
        total = total * radix + value
    return _in_range(Decimal(-total if text[0] == "-" else total))


def signum(number: Decimal) -> Decimal:
    value = whole(number)
    return Decimal((value > 0) - (value < 0))


def total(items: Any) -> Decimal:
    if not _is_sequence(items):
        if isinstance(items, (MapValue, ObjectValue)) and items:
            kind = type_name(type_of(items))
            raise FunctionError(f"argument must be list, set, or tuple. Received {kind}", 0)
        raise FunctionError("cannot sum an empty list" if items == {} else "cannot sum noniterable", 0)
    if not items:
        raise FunctionError("cannot sum an empty list", 0)
    result = Decimal(0)
    for item in _numbers(items):
        result = add(result, item)
    return result


def _numbers(items: Any) -> Iterator[Decimal]:
    for item in items:
        if item is None:
            raise FunctionError(_NOT_NUMBERS, 0)
        try:
            number = convert(item, NUMBER)
        except ConversionError:
            raise FunctionError(_NOT_NUMBERS, 0) from None
        assert isinstance(number, Decimal)
        yield number


def _double(number: Decimal, index: int) -> float:
    result = float(number)
    if math.isinf(result):
        raise FunctionError("the number is too large", index)
    return result


def _from_double(number: float) -> Decimal:
    if not math.isfinite(number):
        raise FunctionError("the result is not a finite number")
    return _in_range(Decimal(repr(number)) + 0)


def _in_range(number: Decimal) -> Decimal:
    try:
        return bounded(number)
    except NumberRangeError as error:
        raise FunctionError(str(error)) from None


_ANY_NUMBERS = Parameter("numbers", NUMBER)

FUNCTIONS = (
    Function("abs", numbers("num"), None, absolute, "The number without its sign.", (("abs(-12.4)", "12.4"),), AREA),
    Function("ceil", numbers("num"), None, ceil, "The next whole number upwards.", (("ceil(5.1)", "6"),), AREA),
    Function("floor", numbers("num"), None, floor, "The next whole number downwards.", (("floor(-4.5)", "-5"),), AREA),
    Function(
        "log",
        numbers("num", "base"),
        None,
        logarithm,
        "The logarithm of a number to a base, with the precision of a double.",
        (("log(16, 2)", "4"),),
        AREA,
    ),
    Function("max", (), _ANY_NUMBERS, greatest, "The greatest of the numbers.", (("max(12, 54, 3)", "54"),), AREA),
    Function("min", (), _ANY_NUMBERS, smallest, "The smallest of the numbers.", (("min(12, 54, 3)", "3"),), AREA),
    Function(
        "parseint",
        parameters("number", ("base", NUMBER)),
        None,
        parse_integer,
        "The integer that a string holds in a base from 2 to 62; letters beyond base 36 count by case, small first.",
        (('parseint("FF", 16)', "255"), ('parseint("-1011", 2)', "-11")),
        AREA,
    ),
    Function(
        "pow",
        numbers("num", "power"),
        None,
        power,
        "A number raised to a power: exact for whole numbers, else with the precision of a double.",
        (("pow(3, 2)", "9"), ("pow(2, 64)", "18446744073709551616")),
        AREA,
    ),
    Function(
        "signum",
        numbers("num"),
        None,
        signum,
        "-1, 0 or 1 by the sign of a whole number.",
        (("signum(-13)", "-1"),),
        AREA,
    ),
    Function(
        "sum",
        parameters("list"),
        None,
        total,
        "The sum of the numbers in a list, set or tuple that is not empty.",
        (("sum([10, 13, 6, 4.5])", "33.5"),),
        AREA,
    ),
)
