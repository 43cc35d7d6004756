"""Types of expressions: "Data type precedence" and "Precision, scale, and length"."""

from __future__ import annotations

import decimal
from dataclasses import replace

from dstream_sandbox.sqlserver.language.messages import operand_clash
from dstream_sandbox.sqlserver.types import CLR, DATES, MAX, SqlType

CONTEXT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)
"""Wide enough for products of two decimals of 38 digits; SQL Server rounds half away from zero."""

_ORDER = (
    "hierarchyid", "geography", "geometry", "sql_variant", "xml", "datetimeoffset", "datetime2", "datetime", "smalldatetime",
    "date", "time", "float", "real", "decimal", "numeric", "money", "smallmoney", "bigint", "int", "smallint", "tinyint", "bit",
    "ntext", "text", "image", "timestamp", "uniqueidentifier", "nvarchar", "nchar", "varchar", "char", "varbinary", "binary",
)  # fmt: skip

RANK = {name: rank for rank, name in enumerate(_ORDER)}
"""The lower, the higher the precedence."""

NUMBERS = frozenset(
    {"float", "real", "decimal", "numeric", "money", "smallmoney", "bigint", "int", "smallint", "tinyint", "bit"}
)
EXACT = NUMBERS - {"float", "real"}

_AS_DECIMAL = {
    "bit": (1, 0),
    "tinyint": (3, 0),
    "smallint": (5, 0),
    "int": (10, 0),
    "bigint": (19, 0),
    "money": (19, 4),
    "smallmoney": (10, 4),
}


def as_decimal(type_: SqlType) -> SqlType:
    """The decimal type that holds every value of an exact number type."""
    if type_.name in ("decimal", "numeric"):
        return type_
    precision, scale = _AS_DECIMAL[type_.name]
    return SqlType("decimal", precision=precision, scale=scale)


def common_type(left: SqlType, right: SqlType) -> SqlType:
    """The type in which two values are compared, and which CASE, UNION and COALESCE have.

    Raises:
        SqlError: 206, no value of one can become one of the other.
    """
    if left == right:
        return left if left.collation else right
    if left.is_character and right.is_character:
        return _common_text(left, right)
    if left.is_binary and right.is_binary:
        return _common_binary(left, right)
    high, low = (left, right) if RANK[left.name] <= RANK[right.name] else (right, left)
    _check(high, low)
    if high.name in ("decimal", "numeric") and low.name in EXACT:
        return _common_decimal(high, as_decimal(low))
    if high.scale is not None and low.scale is not None and high.name in DATES and low.name in DATES:
        return replace(high, scale=max(high.scale, low.scale))
    if high.name in ("datetime2", "datetimeoffset") and low.name in ("datetime", "smalldatetime"):
        return replace(high, scale=max(high.scale or 0, 3 if low.name == "datetime" else 0))
    return high


def _check(high: SqlType, low: SqlType) -> None:
    """Pairs that nothing converts."""
    if high.name in CLR and low.name != high.name and not low.is_character and not low.is_binary:
        raise operand_clash(low, high)
    if high.name in DATES and low.name in NUMBERS and high.name not in ("datetime", "smalldatetime"):
        raise operand_clash(low, high)
    if (high.name == "time" and low.name == "date") or (high.name == "date" and low.name == "time"):
        raise operand_clash(low, high)
    if high.name == "uniqueidentifier" and low.name in NUMBERS:
        raise operand_clash(low, high)
    if high.name in NUMBERS and low.name == "uniqueidentifier":
        raise operand_clash(low, high)


def _length(left: SqlType, right: SqlType) -> int:
    a, b = left.length or MAX, right.length or MAX
    return MAX if MAX in (a, b) else max(a, b)


def _common_text(left: SqlType, right: SqlType) -> SqlType:
    name = min(left.name, right.name, key=RANK.__getitem__)
    if {left.name, right.name} == {"nchar", "varchar"}:
        name = "nvarchar"
    collation = left.collation or right.collation
    if name in ("text", "ntext"):
        return SqlType(name, collation=collation)
    length = _length(left, right)
    if length == MAX:
        name = "nvarchar" if name.startswith("n") else "varchar"
    return SqlType(name, length=length, collation=collation)


def _common_binary(left: SqlType, right: SqlType) -> SqlType:
    name = min(left.name, right.name, key=RANK.__getitem__)
    if name == "image":
        return SqlType(name)
    sized = [replace(t, name="binary", length=8) if t.name == "timestamp" else t for t in (left, right)]
    if name == "timestamp":
        return left if left.name == right.name else SqlType("varbinary", length=_length(*sized))
    return SqlType(name, length=_length(*sized))


def _common_decimal(left: SqlType, right: SqlType) -> SqlType:
    scale = max(left.scale or 0, right.scale or 0)
    whole = max((left.precision or 18) - (left.scale or 0), (right.precision or 18) - (right.scale or 0))
    return _limited(left.name, whole + scale, scale, keep=False)


def _limited(name: str, precision: int, scale: int, keep: bool) -> SqlType:
    """Cuts to 38 digits.

    "In multiplication and division, we need precision - scale places to store the integral part of the result. The scale
    might be reduced: to min(scale, 38 - (precision - scale)) if the integral part is less than 32; it is not reduced below 6
    …"; in addition, subtraction and set operators the integral part is kept at the cost of the scale.
    """
    if precision <= 38:
        return SqlType(name, precision=precision, scale=scale)
    whole = precision - scale
    if not keep:
        return SqlType(name, precision=38, scale=max(min(scale, 38 - whole), 0))
    if whole < 32:
        return SqlType(name, precision=38, scale=min(scale, 38 - whole))
    return SqlType(name, precision=38, scale=min(scale, 6))


def decimal_result(operator: str, left: SqlType, right: SqlType) -> SqlType:
    """The type of `left operator right` for decimals, as the table of "Precision, scale, and length" has it."""
    p1, s1 = left.precision or 18, left.scale or 0
    p2, s2 = right.precision or 18, right.scale or 0
    if operator in "+-":
        scale = max(s1, s2)
        return _limited("numeric", scale + max(p1 - s1, p2 - s2) + 1, scale, keep=False)
    if operator == "*":
        return _limited("numeric", p1 + p2 + 1, s1 + s2, keep=True)
    if operator == "/":
        scale = max(6, s1 + p2 + 1)
        return _limited("numeric", p1 - s1 + s2 + scale, scale, keep=True)
    scale = max(s1, s2)
    return SqlType("numeric", precision=min(p1 - s1, p2 - s2) + scale, scale=scale)


def concatenated(left: SqlType, right: SqlType) -> SqlType:
    """The type of two texts or two binaries one behind the other; (max) only if one of them is."""
    common = common_type(left, right)
    if left.length == MAX or right.length == MAX or None in (left.length, right.length):
        return replace(common, length=MAX)
    name = {"nchar": "nvarchar", "char": "varchar", "binary": "varbinary"}.get(common.name, common.name)
    limit = 4000 if name == "nvarchar" else 8000
    return replace(common, name=name, length=min((left.length or 0) + (right.length or 0), limit))
