"""Arithmetic, bit operators and concatenation, by the operands' types."""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Evaluate, Frame, Row
from dstream_sandbox.sqlserver.language.conversions import converter, implicit_converter
from dstream_sandbox.sqlserver.language.conversions.numbers import quantum, to_real
from dstream_sandbox.sqlserver.language.messages import (
    divide_by_zero,
    expression_overflow,
    incompatible,
    invalid_operand,
    operand_clash,
)
from dstream_sandbox.sqlserver.language.rules import (
    CONTEXT,
    EXACT,
    NUMBERS,
    RANK,
    as_decimal,
    common_type,
    concatenated,
    decimal_result,
)
from dstream_sandbox.sqlserver.types import (
    DATETIME,
    FLOAT,
    INTEGER_RANGES,
    MONEY_RANGES,
    SqlType,
    decimal,
)

_WORDS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
    "&": "'&'",
    "|": "'|'",
    "^": "'^'",
}
_PYTHON: dict[str, Callable[[Any, Any], Any]] = {"+": op.add, "-": op.sub, "*": op.mul}


def converted(expression: Compiled, target: SqlType) -> Compiled:
    """The expression as another type, by the conversion that is made without being asked for."""
    if expression.null:
        return replace(expression, type=target, null=False, nullable=True)
    convert = implicit_converter(expression.type, target)
    if convert is None:
        return expression
    inner = expression.evaluate

    def evaluate(row: Row, frame: Frame) -> Any:
        value = inner(row, frame)
        return None if value is None else convert(value)

    if expression.literal and expression.value is not None:
        return _converted_literal(expression, target, convert)
    return replace(expression, type=target, evaluate=evaluate, column=None, literal=False, computed=True)


def _converted_literal(expression: Compiled, target: SqlType, convert: Callable[[Any], Any]) -> Compiled:
    """A constant is converted once; one that cannot be fails when it is looked at, as in SQL Server."""
    try:
        value = convert(expression.value)
    except SqlError:
        inner = expression.value
        return replace(expression, type=target, evaluate=lambda row, frame: convert(inner), literal=False)
    return replace(expression, type=target, evaluate=lambda row, frame: value, value=value)


def binary(symbol: str, left: Compiled, right: Compiled) -> Compiled:
    """`left symbol right`.

    Raises:
        SqlError: 402, 8117, 206: the operator does not take these types.
    """
    left, right = _without_nulls(left, right)
    if symbol in "&|^":
        return _bits(symbol, left, right)
    if symbol == "+" and _joins(left.type) and _joins(right.type):
        return _concatenation(left, right)
    type_ = _result_type(symbol, left, right)
    if type_.name in INTEGER_RANGES:
        return _integers(symbol, converted(left, type_), converted(right, type_), type_)
    if type_.name in ("float", "real"):
        return _floats(symbol, converted(left, type_), converted(right, type_), type_)
    if type_.name == "datetime":
        return _datetimes(symbol, converted(left, type_), converted(right, type_))
    return _decimals(symbol, _exact(left, type_), _exact(right, type_), type_)


def _without_nulls(left: Compiled, right: Compiled) -> tuple[Compiled, Compiled]:
    if left.null:
        left = replace(left, type=right.type, null=False)
    if right.null:
        right = replace(right, type=left.type, null=False)
    return left, right


def _joins(type_: SqlType) -> bool:
    return (type_.is_character or type_.is_binary) and type_.name not in ("text", "ntext", "image", "timestamp")


def _digits(operand: Compiled) -> SqlType:
    """The decimal type of an exact number; an integer constant has as many digits as it has."""
    if operand.literal and operand.type.name in INTEGER_RANGES and operand.value is not None:
        return decimal(len(str(abs(operand.value))))
    return as_decimal(operand.type)


def _result_type(symbol: str, one: Compiled, other: Compiled) -> SqlType:
    left, right = one.type, other.type
    for type_ in (left, right):
        if (
            type_.name not in NUMBERS
            and not type_.is_character
            and type_.name not in ("datetime", "smalldatetime", "binary", "varbinary")
        ):
            if left.name != right.name:
                raise operand_clash(right, left) if RANK[left.name] < RANK[right.name] else operand_clash(left, right)
            raise invalid_operand(type_, _WORDS[symbol])
    high = left if RANK[left.name] <= RANK[right.name] else right
    if high.name in ("datetime", "smalldatetime"):
        if symbol not in "+-":
            raise incompatible(left, right, _WORDS[symbol])
        return DATETIME
    if high.is_character or high.is_binary or high.name == "bit":
        raise incompatible(left, right, _WORDS[symbol]) if high.name != "bit" else invalid_operand(high, _WORDS[symbol])
    if high.name in ("decimal", "numeric"):
        if left.name not in EXACT or right.name not in EXACT:
            return high
        return decimal_result(symbol, _digits(one), _digits(other))
    if high.name in ("float", "real") and symbol == "%":
        raise incompatible(left, right, _WORDS[symbol])
    return high


def _exact(expression: Compiled, result: SqlType) -> Compiled:
    """Decimals go into the operation as they are; integers as decimals; texts as the other operand's type."""
    if expression.type.name in EXACT and expression.type.name not in INTEGER_RANGES and expression.type.name != "bit":
        return expression
    if expression.type.name in EXACT and result.name not in MONEY_RANGES:
        return converted(expression, _digits(expression))
    return converted(expression, result)


def _result(type_: SqlType, evaluate: Evaluate, *operands: Compiled) -> Compiled:
    return Compiled(type_, evaluate, any(o.nullable for o in operands), depends=any(o.depends for o in operands))


def _integers(symbol: str, left: Compiled, right: Compiled, type_: SqlType) -> Compiled:
    low, high = INTEGER_RANGES[type_.name]
    a, b = left.evaluate, right.evaluate
    python = _PYTHON.get(symbol) or (_quotient if symbol == "/" else _remainder)

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        if x is None or y is None:
            return None
        value = python(x, y)
        if low <= value <= high:
            return value
        raise expression_overflow(type_)

    return _result(type_, evaluate, left, right)


def _quotient(x: int, y: int) -> int:
    """Towards zero."""
    if y == 0:
        raise divide_by_zero()
    return abs(x) // abs(y) if (x < 0) == (y < 0) else -(abs(x) // abs(y))


def _remainder(x: int, y: int) -> int:
    """With the sign of the dividend."""
    if y == 0:
        raise divide_by_zero()
    return abs(x) % abs(y) if x >= 0 else -(abs(x) % abs(y))


def _floats(symbol: str, left: Compiled, right: Compiled, type_: SqlType) -> Compiled:
    a, b = left.evaluate, right.evaluate
    python = _PYTHON.get(symbol) or _float_quotient
    shape = to_real if type_.name == "real" else None

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        if x is None or y is None:
            return None
        value = python(x, y)
        if value - value != 0:  # infinite, or no number
            raise expression_overflow(FLOAT)
        return value if shape is None else shape(value)

    return _result(type_, evaluate, left, right)


def _float_quotient(x: float, y: float) -> float:
    if y == 0:
        raise divide_by_zero()
    return x / y


def _decimals(symbol: str, left: Compiled, right: Compiled, type_: SqlType) -> Compiled:
    a, b = left.evaluate, right.evaluate
    compute = {
        "+": CONTEXT.add,
        "-": CONTEXT.subtract,
        "*": CONTEXT.multiply,
        "/": CONTEXT.divide,
        "%": CONTEXT.remainder,
    }[symbol]
    money = type_.name in MONEY_RANGES
    unit = quantum(4 if money else type_.scale or 0)
    low, high = MONEY_RANGES[type_.name] if money else (-(Decimal(10) ** 38), Decimal(10) ** 38)
    digits = 38 if money else (type_.precision or 38)
    limit = Decimal(10) ** (digits - (0 if money else type_.scale or 0))
    divides = symbol in "/%"
    rounding = ROUND_HALF_UP

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        if x is None or y is None:
            return None
        if divides and not y:
            raise divide_by_zero()
        value = compute(x, y).quantize(unit, rounding, CONTEXT)
        if not (low <= value <= high) or abs(value) >= limit:
            raise expression_overflow(type_ if money else SqlType("numeric"))
        return value or abs(value)

    return _result(type_, evaluate, left, right)


def _datetimes(symbol: str, left: Compiled, right: Compiled) -> Compiled:
    """Datetime + number of days, as it always was."""
    as_days = decimal(38, 18)
    days_of = converter(DATETIME, as_days)
    back = implicit_converter(as_days, DATETIME)
    a, b = left.evaluate, right.evaluate
    python = _PYTHON[symbol]

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        if x is None or y is None or back is None:
            return None
        return back(python(days_of(x), days_of(y)))

    return _result(DATETIME, evaluate, left, right)


def _concatenation(left: Compiled, right: Compiled) -> Compiled:
    if left.type.is_character != right.type.is_character:
        raise incompatible(left.type, right.type, "add")
    type_ = concatenated(left.type, right.type)
    a, b = left.evaluate, right.evaluate
    limit = None if type_.is_max else (4000 if type_.is_unicode else 8000)

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        return None if x is None or y is None else (x + y)[:limit]

    return _result(type_, evaluate, left, right)


def _bits(symbol: str, left: Compiled, right: Compiled) -> Compiled:
    types = (left.type, right.type)
    integers = [t for t in types if t.is_integer or t.name == "bit"]
    if not integers or any(not (t.is_integer or t.name == "bit" or t.name in ("binary", "varbinary")) for t in types):
        raise incompatible(*types, _WORDS[symbol])
    type_ = integers[0] if len(integers) == 1 else common_type(*types)
    a, b = converted(left, type_).evaluate, converted(right, type_).evaluate
    python: Callable[[Any, Any], Any] = {"&": op.and_, "|": op.or_, "^": op.xor}[symbol]

    def evaluate(row: Row, frame: Frame) -> Any:
        x, y = a(row, frame), b(row, frame)
        return None if x is None or y is None else python(x, y)

    return _result(type_, evaluate, left, right)


def unary(symbol: str, operand: Compiled) -> Compiled:
    """`-x`, `+x`, `~x`."""
    if operand.null or symbol == "+":
        return operand
    type_ = operand.type
    inner = operand.evaluate
    if symbol == "~":
        return _complement(operand)
    if type_.name not in NUMBERS or type_.name == "bit":
        raise invalid_operand(type_, "minus")
    if operand.literal:
        value = _negative(operand.value)
        return replace(operand, value=value, evaluate=lambda row, frame: value)
    low = INTEGER_RANGES.get(type_.name, (None, None))[0]

    def evaluate(row: Row, frame: Frame) -> Any:
        value = inner(row, frame)
        if value is None:
            return None
        if low is not None and (value == low or low == 0):
            if value:
                raise expression_overflow(type_)
            return value
        return _negative(value)

    return _result(type_, evaluate, operand)


def _negative(value: Any) -> Any:
    """Python's own minus would round decimals to its context."""
    if isinstance(value, Decimal):
        return value.copy_negate() if value else value
    return -value


def _complement(operand: Compiled) -> Compiled:
    type_ = operand.type
    if type_.name not in INTEGER_RANGES and type_.name != "bit":
        raise invalid_operand(type_, "'~'")
    inner = operand.evaluate
    mask = {"tinyint": 0xFF}.get(type_.name)

    def evaluate(row: Row, frame: Frame) -> Any:
        value = inner(row, frame)
        if value is None:
            return None
        if type_.name == "bit":
            return not value
        return ~value if mask is None else ~value & mask

    return _result(type_, evaluate, operand)
