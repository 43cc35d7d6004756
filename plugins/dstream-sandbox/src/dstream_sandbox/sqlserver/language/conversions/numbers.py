"""Numbers from anything."""

from __future__ import annotations

import decimal
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.messages import (
    conversion_failed,
    error_converting,
    expression_overflow,
    overflow_converting,
)
from dstream_sandbox.sqlserver.language.rules import CONTEXT
from dstream_sandbox.sqlserver.types import INTEGER_RANGES, MONEY_RANGES, TICKS_PER_DAY, DateTime2, SqlType

_INTEGER = re.compile(r"\s*[+-]?\s*\d+\s*")
_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?\s*")
_MONEY = re.compile(r"\s*([+-]?)\s*[$£€¥]?\s*([+-]?)\s*(\d[\d,]*\.?\d*|\.\d+)?\s*")
_EPOCH = 693_595
"""Days from 0001-01-01 to 1900-01-01, where datetime counts from."""

_COLUMNS = {"tinyint": "INT1", "smallint": "INT2", "int": "int"}


def quantum(scale: int) -> Decimal:
    """0.01 for a scale of 2."""
    return Decimal(1).scaleb(-scale)


def to_number(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    """The conversion of values that are not NULL to a number type; None if there is none."""
    if target.name == "bit":
        return _to_bit(source)
    if target.name in INTEGER_RANGES:
        return _to_integer(source, target)
    if target.name in ("float", "real"):
        return _to_float(source, target)
    return _to_exact(source, target)


def _to_bit(source: SqlType) -> Callable[[Any], Any] | None:
    if source.is_character:
        return lambda text: _bit_of_text(text, source)
    if source.is_binary:
        return any
    if source.name in ("datetime", "smalldatetime"):
        return lambda value: bool(_days(value))
    return bool


def _bit_of_text(text: str, source: SqlType) -> bool:
    word = text.strip().lower()
    if word in ("true", "false"):
        return word == "true"
    if not word:
        return False
    if _INTEGER.fullmatch(word) is None:
        raise conversion_failed(text, source.name, SqlType("bit"))
    return int(word) != 0


def _to_integer(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    low, high = INTEGER_RANGES[target.name]

    def checked(value: int) -> int:
        if low <= value <= high:
            return value
        raise integer_overflow(source, target, value)

    if source.name in INTEGER_RANGES:
        source_low, source_high = INTEGER_RANGES[source.name]
        return (lambda value: value) if low <= source_low and source_high <= high else checked
    whole = _WHOLE.get(source.name)
    if whole is not None:
        return lambda value: checked(whole(value))
    if source.is_character:
        return lambda text: _integer_of_text(text, source, target)
    if source.is_binary:
        size = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}[target.name]
        signed = target.name != "tinyint"
        return lambda data: int.from_bytes(data[-size:], "big", signed=signed and len(data) >= size)
    return None


def _rounded(value: Decimal) -> int:
    """Money is rounded, where decimals are cut."""
    return int(value.quantize(Decimal(1), decimal.ROUND_HALF_UP, CONTEXT))


def _whole_days(value: DateTime2) -> int:
    return math.floor(_days(value) + Decimal("0.5"))


_WHOLE: dict[str, Callable[[Any], int]] = {
    "bit": int,
    "decimal": int,
    "numeric": int,
    "money": _rounded,
    "smallmoney": _rounded,
    "float": math.trunc,
    "real": math.trunc,
    "datetime": _whole_days,
    "smalldatetime": _whole_days,
}
"""How values of other types become whole numbers ("Truncating and rounding results")."""


def integer_overflow(source: SqlType, target: SqlType, value: Any) -> SqlError:
    """A number that an integer type cannot hold: 220, 232 or 8115 as the types are."""
    if source.name in INTEGER_RANGES and target.name in ("tinyint", "smallint"):
        return SqlError(220, f"Arithmetic overflow error for data type {target.name}, value = {value}.", state=2)
    if source.name in ("float", "real"):
        return SqlError(232, f"Arithmetic overflow error for type {target.name}, value = {float(value):.6f}.", state=3)
    if source.name in INTEGER_RANGES:
        return expression_overflow(target)
    return overflow_converting(source, target)


def _integer_of_text(text: str, source: SqlType, target: SqlType) -> int:
    if _INTEGER.fullmatch(text) is None:
        if not text.strip():
            return 0
        raise (
            error_converting(source, target)
            if target.name == "bigint"
            else conversion_failed(text, source.name, target)
        )
    value = int(text.replace(" ", ""))
    low, high = INTEGER_RANGES[target.name]
    if low <= value <= high:
        return value
    if target.name == "bigint":
        raise overflow_converting(SqlType("nvarchar"), target) if source.is_unicode else expression_overflow(target)
    number = 248 if target.name == "int" else 244
    hint = "" if target.name == "int" else " Use a larger integer column."
    raise SqlError(
        number,
        f"The conversion of the {source.name} value '{text}' overflowed an {_COLUMNS[target.name]} column.{hint}",
    )


def _to_float(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    if target.name == "real":
        wide = _to_float(source, SqlType("float"))
        return None if wide is None else lambda value: to_real(wide(value))
    if source.is_character:
        return lambda text: _float_of_text(text, source, target)
    if source.name in ("datetime", "smalldatetime"):
        return lambda value: float(_days(value))
    if source.is_binary:
        return None
    return float


def to_real(value: float) -> float:
    """The nearest number of single precision."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        raise SqlError(232, f"Arithmetic overflow error for type real, value = {value:.6f}.", state=2) from None


def _float_of_text(text: str, source: SqlType, target: SqlType) -> float:
    if _FLOAT.fullmatch(text) is None:
        if not text.strip():
            return 0.0
        raise error_converting(source, target)
    value = float(text.lower().replace("d", "e"))
    if math.isinf(value):
        raise expression_overflow(target)
    return value


def _to_exact(source: SqlType, target: SqlType) -> Callable[[Any], Any] | None:
    if source.is_character and target.name in MONEY_RANGES:
        return lambda text: fit_exact(_money_of_text(text), source, target)
    if source.is_character:
        return lambda text: fit_exact(_decimal_of_text(text, source, target), source, target)
    if source.name in ("datetime", "smalldatetime"):
        return lambda value: fit_exact(_days(value), source, target)
    if source.name in ("decimal", "numeric") and target.name in ("decimal", "numeric") and _holds(target, source):
        return lambda value: value
    if source.is_binary:
        if target.name not in MONEY_RANGES:
            return None
        return lambda data: fit_exact(
            Decimal(int.from_bytes(data[-8:], "big", signed=len(data) >= 8)).scaleb(-4), source, target
        )
    if source.name in ("float", "real"):
        return lambda value: fit_exact(_decimal_of_float(value), source, target)
    return lambda value: fit_exact(Decimal(value), source, target)


def _holds(target: SqlType, source: SqlType) -> bool:
    whole = (target.precision or 0) - (target.scale or 0) >= (source.precision or 0) - (source.scale or 0)
    return whole and target.scale == source.scale


def _decimal_of_float(value: float) -> Decimal:
    """SQL Server takes 17 significant digits of a float."""
    return Decimal(f"{value:.17g}") if abs(value) < 1e38 else Decimal(value)


def fit_exact(value: Decimal, source: SqlType, target: SqlType) -> Decimal:
    """Rounds to the scale of a decimal or money type.

    Raises:
        SqlError: 8115, it has more digits before the point than the type.
    """
    if target.name in MONEY_RANGES:
        rounded = value.quantize(quantum(4), decimal.ROUND_HALF_UP, CONTEXT)
        low, high = MONEY_RANGES[target.name]
        if low <= rounded <= high:
            return rounded
        raise overflow_converting(source, target) if source.name != "int" else expression_overflow(target)
    scale = target.scale or 0
    try:
        rounded = value.quantize(quantum(scale), decimal.ROUND_HALF_UP, CONTEXT)
    except decimal.InvalidOperation:
        raise overflow_converting(_named(source), _named(target)) from None
    if rounded.adjusted() >= (target.precision or 18) - scale and rounded:
        raise overflow_converting(_named(source), _named(target))
    return rounded or abs(rounded)


def _named(type_: SqlType) -> SqlType:
    """Messages say numeric for decimal."""
    return SqlType("numeric") if type_.name == "decimal" else type_


def _decimal_of_text(text: str, source: SqlType, target: SqlType) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
        raise error_converting(source, _named(target))
    return Decimal(text.strip())


def _money_of_text(text: str) -> Decimal:
    match = _MONEY.fullmatch(text)
    if match is None or (match[1] and match[2]):
        raise SqlError(235, "Cannot convert a char value to money. The char value has incorrect syntax.")
    return Decimal(f"{match[1]}{match[2]}{(match[3] or '0').replace(',', '')}")


def _days(value: DateTime2) -> Decimal:
    """Days since 1900-01-01 with their fraction."""
    return CONTEXT.divide(Decimal((value.days - _EPOCH) * TICKS_PER_DAY + value.ticks), Decimal(TICKS_PER_DAY))
