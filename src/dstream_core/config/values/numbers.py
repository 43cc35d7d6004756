"""Numbers: decimals of high precision, never doubles, and integers exact whatever their size.

HCL computes with 512 bits, which is about 155 decimal digits. A quotient keeps all of them; what sums and products
make of it is rounded to a few digits less, so that `1 / 3 * 3 == 1` holds here as it does there.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal

NUMBER_CONTEXT = decimal.Context(
    prec=155,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-99_999,
    Emax=99_999,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_EXACT = decimal.Context(prec=10_000, Emin=-99_999, Emax=99_999, traps=[decimal.InvalidOperation, decimal.Overflow])
_SETTLED = decimal.Context(prec=150, Emin=-99_999, Emax=99_999, traps=[decimal.InvalidOperation, decimal.Overflow])
_MAX_DIGITS = 4_000  # Python refuses to write an integer of more than 4,300 digits in a linear time bound


class NumberRangeError(ValueError):
    """A number is larger or smaller than this language can carry."""


def bounded(number: Decimal) -> Decimal:
    """The number, if it can be written out in full.

    Raises:
        NumberRangeError: it is infinite, not a number, or would need more than 4,000 digits.
    """
    if not number.is_finite():
        raise NumberRangeError("the result is not a finite number")
    if number and (number.adjusted() > _MAX_DIGITS or -_exponent(number) > _MAX_DIGITS):
        raise NumberRangeError("the number needs more than 4,000 digits")
    return number


def add(left: Decimal, right: Decimal) -> Decimal:
    """Sum, exact between integers."""
    return _settle(left, right, _EXACT.add)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Difference, exact between integers."""
    return _settle(left, right, _EXACT.subtract)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Product, exact between integers."""
    return _settle(left, right, _EXACT.multiply)


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Quotient, exact where it is an integer.

    Raises:
        ZeroDivisionError: `right` is zero.
    """
    if not right:
        raise ZeroDivisionError
    if is_integer(left) and is_integer(right):
        whole, rest = _EXACT.divmod(left, right) if left.adjusted() < _MAX_DIGITS else (left, right)
        if not rest:
            return bounded(_EXACT.plus(whole))
    return bounded(NUMBER_CONTEXT.divide(left, right))


def remainder(left: Decimal, right: Decimal) -> Decimal:
    """What is left of `left` after taking `right` as often as it goes, with the sign of `left`.

    A remainder of a division by zero is `left` itself, as HCL has it.
    """
    if not right:
        return left
    return bounded(_EXACT.plus(_EXACT.remainder(left, right)))


def negate(number: Decimal) -> Decimal:
    """The number with the other sign; zero has none."""
    return number.copy_negate() if number else Decimal(0)


def is_integer(number: Decimal) -> bool:
    """Whether the number has no fractional part."""
    return _exponent(number) >= 0 or number == number.to_integral_value()


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def _settle(left: Decimal, right: Decimal, operation: Callable[[Decimal, Decimal], Decimal]) -> Decimal:
    try:
        result = operation(left, right)
    except decimal.Overflow:
        raise NumberRangeError("the number needs more than 4,000 digits") from None
    if not is_integer(left) or not is_integer(right):
        result = _SETTLED.plus(result)
    return bounded(result)
