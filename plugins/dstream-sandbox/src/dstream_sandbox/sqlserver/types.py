"""SQL Server's data types and the Python values that stand for their values.

| SQL Server | Python |
|---|---|
| NULL | None |
| bit | bool |
| tinyint, smallint, int, bigint | int |
| decimal, numeric, money, smallmoney | Decimal, with exactly the type's scale (money: 4) |
| float, real | float |
| char, varchar, text, nchar, nvarchar, ntext, xml, sysname | str |
| binary, varbinary, image, timestamp (rowversion) | bytes |
| uniqueidentifier | uuid.UUID |
| date | dt.date |
| time | int: `Ticks` of 100 ns since midnight |
| datetime, smalldatetime, datetime2 | DateTime2 |
| datetimeoffset | DateTimeOffset |
| sql_variant | Variant |
| hierarchyid, geography, geometry | bytes: the serialised form that goes over the wire |
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple, TypeAlias

MAX = -1
"""The length of varchar(max), nvarchar(max) and varbinary(max)."""

DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"

Ticks: TypeAlias = int
"""A time of day in units of 100 ns since midnight."""

TICKS_PER_SECOND = 10_000_000
TICKS_PER_MINUTE = 60 * TICKS_PER_SECOND
TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND


class DateTime2(NamedTuple):
    """A date with a time of day (datetime, smalldatetime, datetime2); orders as SQL Server orders them."""

    days: int
    """Days since 0001-01-01 (which is 0)."""
    ticks: Ticks
    """100 ns since midnight."""

    @classmethod
    def of(cls, value: dt.datetime) -> DateTime2:
        """From a datetime, whose time zone is not looked at."""
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return cls(value.toordinal() - 1, seconds * TICKS_PER_SECOND + value.microsecond * 10)

    @classmethod
    def from_ticks(cls, ticks: int) -> DateTime2:
        """From 100 ns since the start of 0001-01-01."""
        return cls(*divmod(ticks, TICKS_PER_DAY))

    @property
    def date(self) -> dt.date:
        """The day."""
        return dt.date.fromordinal(self.days + 1)

    @property
    def total_ticks(self) -> int:
        """100 ns since the start of 0001-01-01."""
        return self.days * TICKS_PER_DAY + self.ticks

    def datetime(self) -> dt.datetime:
        """The nearest datetime at or before (microseconds)."""
        return dt.datetime.combine(self.date, dt.time()) + dt.timedelta(microseconds=self.ticks // 10)


class DateTimeOffset(NamedTuple):
    """A moment in UTC with the offset it was written in; only the moment counts in comparisons (`moment`)."""

    utc_days: int
    utc_ticks: Ticks
    offset_minutes: int

    @property
    def moment(self) -> tuple[int, int]:
        """What comparisons, keys and groups go by: two values of the same moment are equal whatever their offsets."""
        return (self.utc_days, self.utc_ticks)

    @property
    def local(self) -> DateTime2:
        """The date and time that a clock showed there."""
        ticks = self.utc_days * TICKS_PER_DAY + self.utc_ticks + self.offset_minutes * TICKS_PER_MINUTE
        return DateTime2.from_ticks(ticks)

    @classmethod
    def of_local(cls, local: DateTime2, offset_minutes: int) -> DateTimeOffset:
        """From what a clock shows at an offset."""
        utc = DateTime2.from_ticks(local.total_ticks - offset_minutes * TICKS_PER_MINUTE)
        return cls(utc.days, utc.ticks, offset_minutes)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A data type with its parameters.

    Attributes:
        name: Base name in lower case as `sys.types` has it (`timestamp`, never `rowversion`; `nvarchar` for `sysname`).
        length: Characters (char, nchar families) or bytes (binary family); None where it does not apply, `MAX` for (max).
        precision: Digits of decimal and numeric.
        scale: Digits after the point of decimal and numeric; of the second's fraction of time, datetime2, datetimeoffset.
        collation: Of character types, when it is not the default; no part of equality.
    """

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    collation: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str, default_length: int = 1) -> SqlType:
        """Reads a declaration such as `decimal(18,2)`, `nvarchar(max)`, `[datetime2] (3)`, `double precision`.

        Args:
            text: The declaration.
            default_length: Of character and binary types without a length: 1 in declarations, 30 in CAST and CONVERT.

        Raises:
            ValueError: When there is no such type, or its parameters are not possible.
        """
        return _parse(text, default_length)

    def declaration(self) -> str:
        """The text in which one declares it, `decimal(18,2)`."""
        if self.name in _LENGTHS and self.length is not None:
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        if self.name in ("decimal", "numeric"):
            return f"{self.name}({self.precision},{self.scale})"
        if self.name in TIME_SCALES and self.scale is not None:
            return f"{self.name}({self.scale})"
        return self.name

    @property
    def is_character(self) -> bool:
        """char, varchar, text and their national forms."""
        return self.name in CHARACTER

    @property
    def is_unicode(self) -> bool:
        """nchar, nvarchar, ntext, xml."""
        return self.name in UNICODE

    @property
    def is_binary(self) -> bool:
        """binary, varbinary, image, timestamp."""
        return self.name in BINARY

    @property
    def is_integer(self) -> bool:
        """tinyint, smallint, int, bigint."""
        return self.name in INTEGERS

    @property
    def is_max(self) -> bool:
        """A (max) type."""
        return self.length == MAX

    def with_collation(self, collation: str | None) -> SqlType:
        """The same type under a collation."""
        return replace(self, collation=collation)

    @property
    def max_length(self) -> int:
        """Bytes of a value at most, as `sys.columns.max_length` has it (-1 for (max); 16 for text, ntext, image)."""
        if self.length == MAX:
            return MAX
        if self.name in ("nchar", "nvarchar"):
            return 2 * (self.length or 1)
        if self.length is not None:
            return self.length
        if self.name in ("decimal", "numeric"):
            return decimal_bytes(self.precision or 18)
        if self.name in TIME_SCALES:
            return _time_bytes(self.name, 7 if self.scale is None else self.scale)
        return _FIXED_BYTES[self.name]


@dataclass(frozen=True, slots=True)
class Variant:
    """A value of sql_variant: it carries its own base type."""

    type: SqlType
    value: Value


Value: TypeAlias = (
    bool | int | Decimal | float | str | bytes | uuid.UUID | dt.date | DateTime2 | DateTimeOffset | Variant | None
)
"""Any value of the table at the top of this module."""

Row: TypeAlias = tuple[Value, ...]

INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
CHARACTER = frozenset({"char", "varchar", "text", "nchar", "nvarchar", "ntext"})
UNICODE = frozenset({"nchar", "nvarchar", "ntext", "xml"})
BINARY = frozenset({"binary", "varbinary", "image", "timestamp"})
TIME_SCALES = frozenset({"time", "datetime2", "datetimeoffset"})
DATES = frozenset({"date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset"})
CLR = frozenset({"hierarchyid", "geography", "geometry"})

INTEGER_RANGES = {
    "tinyint": (0, 255),
    "smallint": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}

MONEY_RANGES = {
    "money": (Decimal("-922337203685477.5808"), Decimal("922337203685477.5807")),
    "smallmoney": (Decimal("-214748.3648"), Decimal("214748.3647")),
}

SYSTEM_TYPE_IDS = {
    "image": 34, "text": 35, "uniqueidentifier": 36, "date": 40, "time": 41, "datetime2": 42, "datetimeoffset": 43,
    "tinyint": 48, "smallint": 52, "int": 56, "smalldatetime": 58, "real": 59, "money": 60, "datetime": 61,
    "float": 62, "sql_variant": 98, "ntext": 99, "bit": 104, "decimal": 106, "numeric": 108, "smallmoney": 122,
    "bigint": 127, "hierarchyid": 240, "geometry": 240, "geography": 240, "varbinary": 165, "varchar": 167,
    "binary": 173, "char": 175, "timestamp": 189, "nvarchar": 231, "nchar": 239, "xml": 241,
}  # fmt: skip
"""`sys.types.system_type_id` of each base type."""

USER_TYPE_IDS = {**SYSTEM_TYPE_IDS, "hierarchyid": 128, "geometry": 129, "geography": 130}
"""`sys.types.user_type_id` of each base type; sysname is 256."""

_LENGTHS = frozenset({"char", "varchar", "nchar", "nvarchar", "binary", "varbinary"})

_FIXED_BYTES = {
    "bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "money": 8, "smallmoney": 4, "float": 8, "real": 4,
    "text": 16, "ntext": 16, "image": 16, "date": 3, "datetime": 8, "smalldatetime": 4, "uniqueidentifier": 16,
    "xml": -1, "sql_variant": 8016, "hierarchyid": 892, "geography": -1, "geometry": -1, "timestamp": 8,
}  # fmt: skip

_SYNONYMS = {
    "rowversion": "timestamp",
    "sysname": "nvarchar(128)",
    "integer": "int",
    "dec": "decimal",
    "double precision": "float",
    "character": "char",
    "character varying": "varchar",
    "char varying": "varchar",
    "national character": "nchar",
    "national char": "nchar",
    "national character varying": "nvarchar",
    "national char varying": "nvarchar",
    "national text": "ntext",
    "binary varying": "varbinary",
}

_DECLARATION = re.compile(
    r"^\s*(?:\[?sys\]?\.)?\[?([a-z_0-9 ]+?)\]?\s*(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$", re.IGNORECASE
)

_NAMES = frozenset(_FIXED_BYTES) | _LENGTHS | TIME_SCALES | {"decimal", "numeric"}


def decimal_bytes(precision: int) -> int:
    """Bytes that a decimal of this precision takes, as the documentation's table has it."""
    return 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17


def _time_bytes(name: str, scale: int) -> int:
    time = 3 if scale <= 2 else 4 if scale <= 4 else 5
    return time + {"time": 0, "datetime2": 3, "datetimeoffset": 5}[name]


def _parse(text: str, default_length: int) -> SqlType:
    match = _DECLARATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not the declaration of a type")
    name, first, second = " ".join(match[1].lower().split()), match[2], match[3]
    name = _SYNONYMS.get(name, name)
    if "(" in name:
        if first is not None:
            raise ValueError(f"{text!r}: this type takes no length")
        return _parse(name, default_length)
    if name not in _NAMES:
        raise ValueError(f"there is no type {match[1]!r}")
    if second is not None and name not in ("decimal", "numeric"):
        raise ValueError(f"{text!r}: {name} takes no second parameter")
    if name in _LENGTHS:
        return SqlType(name, length=_length(name, first, default_length))
    if first is not None and first.lower() == "max":
        raise ValueError(f"{text!r}: {name} cannot be (max)")
    number = None if first is None else int(first)
    return _parse_number(name, number, None if second is None else int(second), text)


def _length(name: str, given: str | None, default: int) -> int:
    if given is None:
        return default
    if given.lower() == "max":
        if name not in ("varchar", "nvarchar", "varbinary"):
            raise ValueError(f"{name} cannot be (max)")
        return MAX
    length = int(given)
    if not 1 <= length <= (4000 if name.startswith("n") else 8000):
        raise ValueError(f"{name} cannot have the length {length}")
    return length


def _parse_number(name: str, first: int | None, second: int | None, text: str) -> SqlType:
    if name in ("decimal", "numeric"):
        precision, scale = 18 if first is None else first, second or 0
        if not (1 <= precision <= 38 and scale <= precision):
            raise ValueError(f"{text!r}: the precision is 1 to 38, and the scale at most the precision")
        return SqlType(name, precision=precision, scale=scale)
    if name in TIME_SCALES:
        scale = 7 if first is None else first
        if scale > 7:
            raise ValueError(f"{text!r}: the scale is 0 to 7")
        return SqlType(name, scale=scale)
    if name == "float":
        if first is not None and not 1 <= first <= 53:
            raise ValueError(f"{text!r}: 1 to 53")
        return SqlType("real" if first is not None and first <= 24 else "float")
    if first is not None:
        raise ValueError(f"{text!r}: {name} takes no parameter")
    return SqlType(name)


BIT = SqlType("bit")
TINYINT = SqlType("tinyint")
SMALLINT = SqlType("smallint")
INT = SqlType("int")
BIGINT = SqlType("bigint")
FLOAT = SqlType("float")
REAL = SqlType("real")
MONEY = SqlType("money")
DATE = SqlType("date")
TIME = SqlType("time", scale=7)
DATETIME = SqlType("datetime")
SMALLDATETIME = SqlType("smalldatetime")
DATETIME2 = SqlType("datetime2", scale=7)
DATETIMEOFFSET = SqlType("datetimeoffset", scale=7)
UNIQUEIDENTIFIER = SqlType("uniqueidentifier")
SYSNAME = SqlType("nvarchar", length=128)
LSN = SqlType("binary", length=10)
XML = SqlType("xml")
SQL_VARIANT = SqlType("sql_variant")
HIERARCHYID = SqlType("hierarchyid")
TIMESTAMP = SqlType("timestamp")


def varchar(length: int) -> SqlType:
    """The type varchar of this length; `MAX` for (max)."""
    return SqlType("varchar", length=length)


def nvarchar(length: int) -> SqlType:
    """The type nvarchar of this length; `MAX` for (max)."""
    return SqlType("nvarchar", length=length)


def varbinary(length: int) -> SqlType:
    """The type varbinary of this length; `MAX` for (max)."""
    return SqlType("varbinary", length=length)


def decimal(precision: int, scale: int = 0) -> SqlType:
    """The type decimal of these digits."""
    return SqlType("decimal", precision=precision, scale=scale)
