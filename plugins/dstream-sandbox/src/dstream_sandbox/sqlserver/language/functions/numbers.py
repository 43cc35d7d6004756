"""Mathematical functions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled
from dstream_sandbox.sqlserver.language.conversions.numbers import quantum
from dstream_sandbox.sqlserver.language.functions.build import Builder, applied, check_count, strict
from dstream_sandbox.sqlserver.language.messages import divide_by_zero, expression_overflow, invalid_operand
from dstream_sandbox.sqlserver.language.rules import CONTEXT, NUMBERS
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import FLOAT, INT, INTEGER_RANGES, SqlType

_WIDENED = {"tinyint": "int", "smallint": "int", "smallmoney": "money", "real": "float", "bit": "float"}


def _number(compiler: Any, node: Call, index: int = 0) -> Compiled:
    """A number; integers below int become int, texts float."""
    operand: Compiled = compiler.value(node.arguments[index])
    if operand.type.is_character:
        return converted(operand, FLOAT)
    if operand.type.name not in NUMBERS:
        raise invalid_operand(operand.type, node.names[-1].lower())
    wider = _WIDENED.get(operand.type.name)
    return operand if wider is None else converted(operand, SqlType(wider))


def _same_type(function: Callable[[Any], Any]) -> Builder:
    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 1, 1)
        operand = _number(compiler, node)
        return applied(operand.type, _checked(operand.type, function), [operand])

    return build


def _checked(type_: SqlType, function: Callable[..., Any]) -> Callable[..., Any]:
    low, high = INTEGER_RANGES.get(type_.name, (None, None))
    if low is None or high is None:
        return function

    def checked(*values: Any) -> Any:
        result = function(*values)
        if low <= result <= high:
            return result
        raise expression_overflow(type_)

    return checked


def _absolute(value: Any) -> Any:
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def _sign(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Decimal((value > 0) - (value < 0)).quantize(
            Decimal(1).scaleb(int(value.as_tuple().exponent)), context=CONTEXT
        )
    return type(value)((value > 0) - (value < 0))


def _whole(rounding: str, of_float: Callable[[float], int]) -> Builder:
    """CEILING and FLOOR: decimals keep their digits before the point, with scale 0."""

    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 1, 1)
        operand = _number(compiler, node)
        type_ = operand.type
        if type_.name in ("decimal", "numeric"):
            result = SqlType(type_.name, precision=type_.precision, scale=0)
            return applied(result, lambda v: v.quantize(Decimal(1), rounding, CONTEXT), [operand])
        if type_.name == "money":
            return applied(
                type_,
                lambda v: v.quantize(Decimal(1), rounding, CONTEXT).quantize(quantum(4), context=CONTEXT),
                [operand],
            )
        if type_.name == "float":
            return applied(type_, lambda v: float(of_float(v)), [operand])
        return operand

    return build


def _round(compiler: Any, node: Call) -> Compiled:
    """ROUND(x, length [, function]); the type stays, decimals keep their scale."""
    check_count(node, 2, 3)
    operand = _number(compiler, node)
    length = [converted(compiler.value(a), INT) for a in node.arguments[1:]]
    type_ = operand.type

    def rounded(value: Any, digits: int, cut: int = 0) -> Any:
        mode = ROUND_DOWN if cut else ROUND_HALF_UP
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if digits >= -int(exact.as_tuple().exponent):
            return value  # there is nothing behind that place
        result = exact.quantize(Decimal(1).scaleb(-digits), mode, CONTEXT) if digits > -38 else Decimal(0)
        if isinstance(value, float):
            return float(result)
        if isinstance(value, int):
            return int(result)
        scale = 4 if type_.name == "money" else type_.scale or 0
        if result and type_.name != "money" and result.adjusted() >= (type_.precision or 38) - scale:
            raise expression_overflow(SqlType("numeric"))
        return result.quantize(quantum(scale), context=CONTEXT)

    return applied(type_, _checked(type_, rounded), [operand, *length])


def _power(compiler: Any, node: Call) -> Compiled:
    """POWER: of the first argument's type; it is computed in float, as SQL Server does."""
    check_count(node, 2, 2)
    operand = _number(compiler, node)
    exponent = converted(compiler.value(node.arguments[1]), FLOAT)
    type_ = operand.type
    if type_.name in ("decimal", "numeric"):
        type_ = SqlType("decimal", precision=38, scale=type_.scale)

    def power(value: Any, n: float) -> Any:
        if isinstance(value, int) and n == int(n) and n >= 0:
            return value ** int(n) if n < 1000 or abs(value) < 2 else 2**63
        try:
            result = math.pow(value, n)
        except ZeroDivisionError:
            raise divide_by_zero() from None
        except (OverflowError, ValueError):
            raise SqlError(3623, "An invalid floating point operation occurred.") from None
        if isinstance(value, int):
            return int(result)
        return (
            Decimal(result).quantize(quantum(type_.scale or 4), ROUND_HALF_UP, CONTEXT)
            if isinstance(value, Decimal)
            else result
        )

    return applied(type_, _checked(type_, power), [operand, exponent])


def _floating(function: Callable[..., float], count: int = 1, least: int | None = None) -> Builder:
    def guarded(*values: float) -> float:
        try:
            return function(*values)
        except (ValueError, OverflowError, ZeroDivisionError):
            raise SqlError(3623, "An invalid floating point operation occurred.") from None

    return strict(FLOAT, [FLOAT] * count, guarded, least)


def _rand(compiler: Any, node: Call) -> Compiled:
    check_count(node, 0, 1)
    if node.arguments:
        seed = converted(compiler.value(node.arguments[0]), INT)
        return applied(FLOAT, lambda n: random.Random(n).random(), [seed])  # noqa: S311  RAND is not for secrets
    return Compiled(FLOAT, lambda row, frame: random.random(), False, depends=False)  # noqa: S311  RAND is not for secrets


FUNCTIONS: dict[str, Builder] = {
    "ABS": _same_type(_absolute),
    "SIGN": _same_type(_sign),
    "CEILING": _whole(ROUND_CEILING, math.ceil),
    "FLOOR": _whole(ROUND_FLOOR, math.floor),
    "ROUND": _round,
    "POWER": _power,
    "SQRT": _floating(math.sqrt),
    "SQUARE": _floating(lambda x: x * x),
    "EXP": _floating(math.exp),
    "LOG": _floating(math.log, 2, 1),
    "LOG10": _floating(math.log10),
    "PI": strict(FLOAT, [], lambda: math.pi),
    "SIN": _floating(math.sin),
    "COS": _floating(math.cos),
    "TAN": _floating(math.tan),
    "ATAN": _floating(math.atan),
    "ASIN": _floating(math.asin),
    "ACOS": _floating(math.acos),
    "ATN2": _floating(math.atan2, 2),
    "DEGREES": _floating(math.degrees),
    "RADIANS": _floating(math.radians),
    "RAND": _rand,
}
