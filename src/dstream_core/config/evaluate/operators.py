"""The operators on values; what can go wrong is an `OperationError` that says which operand is to blame."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dstream_core.config.values import BOOL, NUMBER, ConversionError, NumberRangeError, Type, convert, equal, numbers


class OperationError(ValueError):
    """An operator cannot work on its operands.

    Args:
        code: the diagnostic's code.
        message: what is wrong, without any value.
        side: 0 for the left operand, 1 for the right, None for the operation as a whole.
    """

    def __init__(self, code: str, message: str, side: int | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.side = side


_NUMERIC: dict[str, Callable[[Decimal, Decimal], Decimal | bool]] = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
    "%": numbers.remainder,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_SIDES = ("left", "right")


def binary(operator: str, left: Any, right: Any) -> Any:
    """The value of an operator other than `&&` and `||`.

    Raises:
        OperationError: an operand is of the wrong type or null, or there is no result.
    """
    if operator == "==":
        return equal(left, right)
    if operator == "!=":
        return not equal(left, right)
    first = operand(operator, left, NUMBER, 0)
    second = operand(operator, right, NUMBER, 1)
    try:
        return _NUMERIC[operator](first, second)
    except ZeroDivisionError:
        raise OperationError("expression/division-by-zero", "This divides by zero.", 1) from None
    except NumberRangeError as error:
        raise OperationError("expression/number-range", f"This cannot be computed: {error}.") from None


def unary(operator: str, value: Any) -> Any:
    """`-` or `!` applied to a value.

    Raises:
        OperationError: the operand is of the wrong type or null.
    """
    if operator == "-":
        return numbers.negate(operand(operator, value, NUMBER, 0))
    return not operand(operator, value, BOOL, 0)


def operand(operator: str, value: Any, wanted: Type, side: int) -> Any:
    """An operand as the operator wants it.

    Raises:
        OperationError: it is null or does not convert.
    """
    if value is None:
        raise OperationError("expression/null", f'An operand of "{operator}" is null.', side)
    return converted(operator, value, wanted, side)


def converted(operator: str, value: Any, wanted: Type, side: int) -> Any:
    """An operand of the right type, or null.

    Raises:
        OperationError: it does not convert.
    """
    try:
        return convert(value, wanted)
    except ConversionError as error:
        hint = " Only numbers are ordered." if operator in ("<", "<=", ">", ">=") else ""
        raise OperationError(
            "expression/operand", f'The {_SIDES[side]} operand of "{operator}" is unsuitable: {error}.{hint}'
            if operator != "!" else f'The operand of "!" is unsuitable: {error}.', side
        ) from None  # fmt: skip
