"""Values in rows: one encoder per column, made once per result."""

from __future__ import annotations

import datetime as dt
import decimal
import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.errors import not_supported
from dstream_sandbox.sqlserver.results import Column
from dstream_sandbox.sqlserver.tds.collations import wire_collation
from dstream_sandbox.sqlserver.tds.typeinfo import (
    BINARIES,
    CLR,
    DECIMALS,
    SCALED,
    SIZED,
    TEXTS,
    precision_bytes,
    type_info,
    wire_type,
)
from dstream_sandbox.sqlserver.types import (
    MAX,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    DateTime2,
    DateTimeOffset,
    SqlType,
    Variant,
)

Encoder: TypeAlias = Callable[[Any], bytes]
"""From a Python value, None included, to its bytes in a ROW token."""

EPOCH_1900 = dt.date(1900, 1, 1).toordinal() - 1
"""Days from 0001-01-01 to where datetime counts from."""

_DIGITS = decimal.Context(prec=100)
"""Wide enough that no digit of decimal(38) is lost."""

_SHORT_NULL = b"\xff\xff"
_PLP_NULL = b"\xff" * 8
_TEXT_POINTER = b"\x10" + b"dummy textptr\x00\x00\x00" + b"dummyTS\x00"


def encoder(sql_type: SqlType, version: int) -> Encoder:
    """The encoder of a column of this type for a client of this TDS version.

    Raises:
        SqlError: The wire does not know the type (50001).
    """
    if wire_type(sql_type, version) != sql_type:
        return _as_text(sql_type)
    name = sql_type.name
    if name in _NUMBERS:
        return _fixed(_NUMBERS[name])
    if name in DECIMALS:
        return _decimal(sql_type)
    if name in SCALED:
        return _scaled(sql_type)
    if name in TEXTS or name in BINARIES or name in ("timestamp", "xml") or name in CLR:
        return _variable(sql_type)
    if name in _OTHERS:
        return _OTHERS[name](sql_type)
    raise not_supported(f"the type {name} in a result")


def encoders(columns: Sequence[Column], version: int) -> list[Encoder]:
    """Those of all columns."""
    return [encoder(column.type, version) for column in columns]


def _fixed(layout: struct.Struct) -> Encoder:
    pack = layout.pack
    size = layout.size - 1

    def encode(value: Any) -> bytes:
        return b"\x00" if value is None else pack(size, value)

    return encode


_NUMBERS = {
    "bit": struct.Struct("<BB"),
    "tinyint": struct.Struct("<BB"),
    "smallint": struct.Struct("<Bh"),
    "int": struct.Struct("<Bi"),
    "bigint": struct.Struct("<Bq"),
    "real": struct.Struct("<Bf"),
    "float": struct.Struct("<Bd"),
}


def _decimal(sql_type: SqlType) -> Encoder:
    size = precision_bytes(sql_type.precision or 18)
    scale = sql_type.scale or 0
    scaleb = _DIGITS.scaleb
    positive, negative = bytes([size, 1]), bytes([size, 0])

    def encode(value: decimal.Decimal | None) -> bytes:
        if value is None:
            return b"\x00"
        number = int(scaleb(value, scale))
        if number < 0:
            return negative + (-number).to_bytes(size - 1, "little")
        return positive + number.to_bytes(size - 1, "little")

    return encode


def _money(sql_type: SqlType) -> Encoder:
    small = sql_type.name == "smallmoney"
    scaleb = _DIGITS.scaleb
    pack = struct.Struct("<Bi" if small else "<BiI").pack

    def encode(value: decimal.Decimal | None) -> bytes:
        if value is None:
            return b"\x00"
        number = int(scaleb(value, 4))
        return pack(4, number) if small else pack(8, number >> 32, number & 0xFFFFFFFF)

    return encode


def _datetime(_: SqlType) -> Encoder:
    pack = struct.Struct("<BiI").pack

    def encode(value: DateTime2 | None) -> bytes:
        if value is None:
            return b"\x00"
        # 1/300 s: 100,000 ticks are three of them. Half of one is rounded up.
        units = (value[1] * 3 + 50_000) // 100_000
        days = value[0] - EPOCH_1900
        return pack(8, days + 1, 0) if units == 25_920_000 else pack(8, days, units)

    return encode


def _smalldatetime(_: SqlType) -> Encoder:
    pack = struct.Struct("<BHH").pack

    def encode(value: DateTime2 | None) -> bytes:
        if value is None:
            return b"\x00"
        # Up to 29.998 s go down, from 29.999 s on up.
        minutes = (value[1] + TICKS_PER_MINUTE // 2 + TICKS_PER_SECOND // 1000) // TICKS_PER_MINUTE
        days = value[0] - EPOCH_1900
        return pack(4, days + 1, 0) if minutes == 1440 else pack(4, days, minutes)

    return encode


def _date(_: SqlType) -> Encoder:
    def encode(value: dt.date | None) -> bytes:
        return b"\x00" if value is None else b"\x03" + (value.toordinal() - 1).to_bytes(3, "little")

    return encode


def time_bytes(scale: int) -> int:
    """Bytes of a time of day of this scale."""
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


def _scaled(sql_type: SqlType) -> Encoder:
    scale = 7 if sql_type.scale is None else sql_type.scale
    size = time_bytes(scale)
    unit: int = 10 ** (7 - scale)
    heads = {"time": bytes([size]), "datetime2": bytes([size + 3]), "datetimeoffset": bytes([size + 5])}
    head = heads[sql_type.name]

    def encode_time(value: int | None) -> bytes:
        return b"\x00" if value is None else head + (value // unit).to_bytes(size, "little")

    def encode_datetime2(value: DateTime2 | None) -> bytes:
        if value is None:
            return b"\x00"
        return head + (value[1] // unit).to_bytes(size, "little") + value[0].to_bytes(3, "little")

    def encode_offset(value: DateTimeOffset | None) -> bytes:
        if value is None:
            return b"\x00"
        time, day = (value[1] // unit).to_bytes(size, "little"), value[0].to_bytes(3, "little")
        return head + time + day + value[2].to_bytes(2, "little", signed=True)

    by_name: dict[str, Encoder] = {
        "time": encode_time,
        "datetime2": encode_datetime2,
        "datetimeoffset": encode_offset,
    }
    return by_name[sql_type.name]


def _raw(sql_type: SqlType) -> Callable[[Any], bytes]:
    """The value's bytes without a length."""
    name = sql_type.name
    if name in ("nchar", "nvarchar", "ntext", "xml"):
        return _utf16
    if name in ("char", "varchar", "text"):
        return _in_code_page(wire_collation(sql_type.collation).codec)
    return bytes


def _utf16(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def _in_code_page(codec: str) -> Callable[[str], bytes]:
    def encode(value: str) -> bytes:
        return value.encode(codec, "replace")

    return encode


def _variable(sql_type: SqlType) -> Encoder:
    raw = _raw(sql_type)
    if sql_type.length == MAX or sql_type.name == "xml" or sql_type.name in CLR:
        return _chunked(raw)
    if sql_type.name in ("char", "nchar", "binary"):
        return _padded(sql_type, raw)

    def encode(value: Any) -> bytes:
        if value is None:
            return _SHORT_NULL
        data = raw(value)
        return len(data).to_bytes(2, "little") + data

    return encode


def _padded(sql_type: SqlType, raw: Callable[[Any], bytes]) -> Encoder:
    """char, nchar and binary are as long as they were declared."""
    width = (sql_type.length or 1) * (2 if sql_type.name == "nchar" else 1)
    blank = {"char": b" ", "nchar": b" \x00", "binary": b"\x00"}[sql_type.name]

    def encode(value: Any) -> bytes:
        if value is None:
            return _SHORT_NULL
        data = raw(value)
        if len(data) < width:
            data += blank * ((width - len(data)) // len(blank))
        return len(data).to_bytes(2, "little") + data

    return encode


def _chunked(raw: Callable[[Any], bytes]) -> Encoder:
    pack = struct.Struct("<QI").pack

    def encode(value: Any) -> bytes:
        if value is None:
            return _PLP_NULL
        data = raw(value)
        if not data:
            return b"\x00" * 12
        return b"".join((pack(len(data), len(data)), data, b"\x00\x00\x00\x00"))

    return encode


def _long(sql_type: SqlType) -> Encoder:
    raw = _raw(sql_type)

    def encode(value: Any) -> bytes:
        if value is None:
            return b"\x00"
        data = raw(value)
        return b"".join((_TEXT_POINTER, len(data).to_bytes(4, "little"), data))

    return encode


def _guid(_: SqlType) -> Encoder:
    def encode(value: uuid.UUID | None) -> bytes:
        return b"\x00" if value is None else b"\x10" + value.bytes_le

    return encode


def _variant(_: SqlType) -> Encoder:
    def encode(value: Variant | None) -> bytes:
        if value is None or value.value is None:
            return b"\x00\x00\x00\x00"
        data = variant_bytes(value)
        return len(data).to_bytes(4, "little") + data

    return encode


_FIXED_TOKENS = {
    "bit": 0x32, "tinyint": 0x30, "smallint": 0x34, "int": 0x38, "bigint": 0x7F, "real": 0x3B, "float": 0x3E,
    "smallmoney": 0x7A, "money": 0x3C, "smalldatetime": 0x3A, "datetime": 0x3D,
}  # fmt: skip


def variant_bytes(value: Variant) -> bytes:
    """A sql_variant's base type, its properties, and the value.

    Raises:
        SqlError: Values of this type cannot be in a sql_variant.
    """
    base = value.type
    name = base.name
    if name in _FIXED_TOKENS:
        return bytes([_FIXED_TOKENS[name], 0]) + encoder(base, 0x74000004)(value.value)[1:]
    info = type_info(base)
    if name in ("uniqueidentifier", "date"):
        return bytes([info[0], 0]) + encoder(base, 0x74000004)(value.value)[1:]
    if name in SCALED:
        return bytes([info[0], 1, info[1]]) + encoder(base, 0x74000004)(value.value)[1:]
    if name in DECIMALS:
        return bytes([info[0], 2, info[2], info[3]]) + encoder(base, 0x74000004)(value.value)[1:]
    if name in TEXTS and base.length != MAX:
        return bytes([info[0], 7]) + info[3:8] + info[1:3] + encoder(base, 0x74000004)(value.value)[2:]
    if name in BINARIES and base.length != MAX:
        return bytes([info[0], 2]) + info[1:3] + encoder(base, 0x74000004)(value.value)[2:]
    raise not_supported(f"the type {base.declaration()} in a sql_variant")


def _as_text(sql_type: SqlType) -> Encoder:
    """The types of 2008 for clients that are older."""
    scale = 7 if sql_type.scale is None else sql_type.scale

    def encode(value: Any) -> bytes:
        if value is None:
            return _SHORT_NULL
        data = text_of(value, sql_type.name, scale).encode("utf-16-le")
        return len(data).to_bytes(2, "little") + data

    return encode


def text_of(value: Any, name: str, scale: int) -> str:
    """A date, time, datetime2 or datetimeoffset in the form of style 121."""
    if name == "date":
        return str(value.isoformat())
    if name == "time":
        return _clock(value, scale)
    if name == "datetimeoffset":
        local = value.local
        sign, minutes = "-" if value.offset_minutes < 0 else "+", abs(value.offset_minutes)
        return f"{local.date} {_clock(local.ticks, scale)} {sign}{minutes // 60:02}:{minutes % 60:02}"
    return f"{value.date} {_clock(value.ticks, scale)}"


def _clock(ticks: int, scale: int) -> str:
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:07}"[: len(text) + 1 + scale] if scale else text


_OTHERS: dict[str, Callable[[SqlType], Encoder]] = {
    "money": _money,
    "smallmoney": _money,
    "datetime": _datetime,
    "smalldatetime": _smalldatetime,
    "date": _date,
    "uniqueidentifier": _guid,
    "text": _long,
    "ntext": _long,
    "image": _long,
    "sql_variant": _variant,
}

__all__ = ["EPOCH_1900", "SIZED", "Encoder", "encoder", "encoders", "text_of", "time_bytes", "variant_bytes"]
