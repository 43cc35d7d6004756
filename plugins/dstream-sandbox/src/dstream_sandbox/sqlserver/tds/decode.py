"""Parameters of remote procedure calls: TYPE_INFO and value, into a type and a Python value."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from dstream_sandbox.sqlserver.errors import not_supported
from dstream_sandbox.sqlserver.tds.collations import codec_of
from dstream_sandbox.sqlserver.tds.encode import EPOCH_1900, time_bytes
from dstream_sandbox.sqlserver.tds.packets import ProtocolError
from dstream_sandbox.sqlserver.tds.typeinfo import Token
from dstream_sandbox.sqlserver.types import MAX, DateTime2, DateTimeOffset, SqlType, Variant

_DIGITS = Context(prec=100)
_PLP_NULL = 0xFFFFFFFFFFFFFFFF


class Cursor:
    """Reads a message from its start to its end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    @property
    def ended(self) -> bool:
        """Whether everything was read."""
        return self.at >= len(self._data)

    def take(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            ProtocolError: The message ends before.
        """
        piece = self._data[self.at : self.at + count]
        if len(piece) < count:
            raise ProtocolError("a message that ends early")
        self.at += count
        return piece

    def number(self, layout: str) -> Any:
        """One value of a struct format (`<H`, …)."""
        (value,) = struct.unpack(layout, self.take(struct.calcsize(layout)))
        return value

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def peek(self, count: int) -> bytes:
        """The next bytes, which stay; fewer at the end."""
        return self._data[self.at : self.at + count]

    def short_text(self) -> str:
        """B_VARCHAR."""
        return self.take(2 * self.byte()).decode("utf-16-le", "surrogatepass")

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data) - self.at)


_FIXED: dict[int, tuple[str, int]] = {
    Token.INT1: ("tinyint", 1),
    Token.BIT: ("bit", 1),
    Token.INT2: ("smallint", 2),
    Token.INT4: ("int", 4),
    Token.INT8: ("bigint", 8),
    Token.FLT4: ("real", 4),
    Token.FLT8: ("float", 8),
    Token.MONEY: ("money", 8),
    Token.MONEY4: ("smallmoney", 4),
    Token.DATETIME: ("datetime", 8),
    Token.DATETIM4: ("smalldatetime", 4),
}
_SIZED: dict[int, dict[int, str]] = {
    Token.INTN: {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"},
    Token.BITN: {1: "bit"},
    Token.FLTN: {4: "real", 8: "float"},
    Token.MONEYN: {4: "smallmoney", 8: "money"},
    Token.DATETIMN: {4: "smalldatetime", 8: "datetime"},
    Token.GUID: {16: "uniqueidentifier"},
}
_DECIMALS = {
    Token.DECIMALN: "decimal",
    Token.NUMERICN: "numeric",
    Token.LEGACY_DECIMAL: "decimal",
    Token.LEGACY_NUMERIC: "numeric",
}
_SCALED: dict[int, str] = {Token.TIMEN: "time", Token.DATETIME2N: "datetime2", Token.DATETIMEOFFSETN: "datetimeoffset"}
_TEXTS: dict[int, tuple[str, int]] = {
    Token.BIGVARCHAR: ("varchar", 1),
    Token.BIGCHAR: ("char", 1),
    Token.NVARCHAR: ("nvarchar", 2),
    Token.NCHAR: ("nchar", 2),
}
_BINARIES: dict[int, str] = {Token.BIGVARBINARY: "varbinary", Token.BIGBINARY: "binary"}
_LEGACY: dict[int, str] = {
    Token.LEGACY_VARCHAR: "varchar",
    Token.LEGACY_CHAR: "char",
    Token.LEGACY_VARBINARY: "varbinary",
    Token.LEGACY_BINARY: "binary",
}
_LONGS: dict[int, str] = {Token.TEXT: "text", Token.NTEXT: "ntext", Token.IMAGE: "image"}


def read_typed(cursor: Cursor) -> tuple[SqlType, Any]:
    """A parameter's type and value.

    Raises:
        ProtocolError: These bytes are none.
        SqlError: A kind of parameter that is not supported: table-valued ones (50001).
    """
    token = cursor.byte()
    if token in _FIXED:
        name, size = _FIXED[token]
        return SqlType(name), number_of(name, cursor.take(size))
    if token in _SIZED:
        return _sized(cursor, token)
    if token in _DECIMALS:
        return _decimal(cursor, _DECIMALS[Token(token)])
    if token in _SCALED or token == Token.DATEN:
        return _temporal(cursor, token)
    if token in _TEXTS or token in _BINARIES:
        return _variable(cursor, token)
    return _rare(cursor, token)


def _rare(cursor: Cursor, token: int) -> tuple[SqlType, Any]:
    if token in _LEGACY:
        return _legacy(cursor, _LEGACY[token])
    if token in _LONGS:
        return _long(cursor, _LONGS[token])
    if token == Token.NULL:
        return SqlType("nvarchar", length=1), None
    if token == Token.XML:
        return _xml(cursor)
    if token == Token.SSVARIANT:
        cursor.take(4)
        return SqlType("sql_variant"), _variant(cursor)
    if token == Token.UDT:
        cursor.short_text()
        cursor.short_text()
        name = cursor.short_text()
        return SqlType(name.lower()), _chunked(cursor)
    if token == Token.TABLE:
        raise not_supported("table-valued parameters")
    raise ProtocolError(f"unknown type 0x{token:02X} of a parameter")


def _sized(cursor: Cursor, token: int) -> tuple[SqlType, Any]:
    declared = cursor.byte()
    size = cursor.byte()
    name = _SIZED[token].get(size or declared)
    if name is None:
        raise ProtocolError(f"a value of {size} bytes of type 0x{token:02X}")
    raw = cursor.take(size)
    return SqlType(name), number_of(name, raw) if size else None


_LAYOUTS = {"tinyint": "<B", "smallint": "<h", "int": "<i", "bigint": "<q", "real": "<f", "float": "<d", "bit": "<?"}


def number_of(name: str, raw: bytes) -> Any:
    """A value of a type of fixed size."""
    if name in _LAYOUTS:
        return struct.unpack(_LAYOUTS[name], raw)[0]
    return _OTHERS[name](raw)


def _money(raw: bytes) -> Decimal:
    high, low = struct.unpack("<iI", raw)
    return Decimal((high << 32) | low).scaleb(-4, _DIGITS)


def _smallmoney(raw: bytes) -> Decimal:
    return Decimal(struct.unpack("<i", raw)[0]).scaleb(-4, _DIGITS)


def datetime_ticks(units: int) -> int:
    """A datetime's time of day: 1/300 s, shown (and compared with datetime2) as 100 ns."""
    return (units * 100_000 * 2 + 3) // 6


def _datetime(raw: bytes) -> DateTime2:
    days, units = struct.unpack("<iI", raw)
    return DateTime2(EPOCH_1900 + days, datetime_ticks(units))


def _smalldatetime(raw: bytes) -> DateTime2:
    days, minutes = struct.unpack("<HH", raw)
    return DateTime2(EPOCH_1900 + days, minutes * 600_000_000)


_OTHERS: dict[str, Callable[[bytes], Any]] = {
    "money": _money,
    "smallmoney": _smallmoney,
    "datetime": _datetime,
    "smalldatetime": _smalldatetime,
    "uniqueidentifier": lambda raw: uuid.UUID(bytes_le=raw),
}


def _decimal(cursor: Cursor, name: str) -> tuple[SqlType, Any]:
    cursor.byte()
    precision, scale = cursor.byte(), cursor.byte()
    raw = cursor.take(cursor.byte())
    return SqlType(name, precision=precision, scale=scale), _decimal_value(raw, scale) if raw else None


def _decimal_value(raw: bytes, scale: int) -> Decimal:
    number = int.from_bytes(raw[1:], "little")
    return Decimal(number if raw[0] else -number).scaleb(-scale, _DIGITS)


def _temporal(cursor: Cursor, token: int) -> tuple[SqlType, Any]:
    if token == Token.DATEN:
        raw = cursor.take(cursor.byte())
        return SqlType("date"), _date(raw) if raw else None
    scale = cursor.byte()
    raw = cursor.take(cursor.byte())
    name = _SCALED[token]
    return SqlType(name, scale=scale), _scaled_value(name, raw, scale) if raw else None


def _date(raw: bytes) -> dt.date:
    return dt.date.fromordinal(int.from_bytes(raw, "little") + 1)


def _scaled_value(name: str, raw: bytes, scale: int) -> Any:
    size = time_bytes(scale)
    ticks = int.from_bytes(raw[:size], "little") * 10 ** (7 - scale)
    if name == "time":
        return ticks
    days = int.from_bytes(raw[size : size + 3], "little")
    if name == "datetime2":
        return DateTime2(days, ticks)
    return DateTimeOffset(days, ticks, int.from_bytes(raw[size + 3 :], "little", signed=True))


def _variable(cursor: Cursor, token: int) -> tuple[SqlType, Any]:
    declared = cursor.number("<H")
    if token in _BINARIES:
        raw = _bytes(cursor, declared)
        return SqlType(_BINARIES[token], length=MAX if declared == 0xFFFF else max(declared, 1)), raw
    name, width = _TEXTS[token]
    codec = codec_of(cursor.take(5))
    length = MAX if declared == 0xFFFF else max(declared // width, 1)
    return SqlType(name, length=length), _text(_bytes(cursor, declared), "utf-16-le" if width == 2 else codec)


def _bytes(cursor: Cursor, declared: int) -> bytes | None:
    if declared == 0xFFFF:
        return _chunked(cursor)
    size = cursor.number("<H")
    return None if size == 0xFFFF else cursor.take(size)


def _text(raw: bytes | None, codec: str) -> str | None:
    if raw is None:
        return None
    return raw.decode(codec, "surrogatepass" if codec == "utf-16-le" else "replace")


def _chunked(cursor: Cursor) -> bytes | None:
    total = cursor.number("<Q")
    if total == _PLP_NULL:
        return None
    parts = []
    while size := cursor.number("<I"):
        parts.append(cursor.take(size))
    return b"".join(parts)


def _legacy(cursor: Cursor, name: str) -> tuple[SqlType, Any]:
    declared = cursor.byte()
    raw = cursor.take(cursor.byte())
    value = raw if name.endswith("binary") else raw.decode("cp1252", "replace")
    return SqlType(name, length=max(declared, 1)), value


def _long(cursor: Cursor, name: str) -> tuple[SqlType, Any]:
    cursor.take(4)
    codec = "" if name == "image" else codec_of(cursor.take(5))
    size = cursor.number("<i")
    if size < 0:
        return SqlType(name), None
    raw = cursor.take(size)
    if name == "image":
        return SqlType(name), raw
    return SqlType(name), _text(raw, "utf-16-le" if name == "ntext" else codec)


def _xml(cursor: Cursor) -> tuple[SqlType, Any]:
    if cursor.byte():  # A schema collection is named.
        cursor.short_text()
        cursor.short_text()
        cursor.take(2 * cursor.number("<H"))
    raw = _chunked(cursor)
    if raw is None:
        return SqlType("xml"), None
    if raw[:2] == b"\xff\xfe":
        return SqlType("xml"), raw[2:].decode("utf-16-le", "surrogatepass")
    return SqlType("xml"), raw.decode("utf-16-le", "surrogatepass")


def _variant(cursor: Cursor) -> Variant | None:
    size = cursor.number("<I")
    if not size:
        return None
    inner = Cursor(cursor.take(size))
    token, properties = inner.byte(), inner.take(inner.byte())
    return Variant(*_variant_value(token, properties, inner.rest()))


def _variant_value(token: int, properties: bytes, raw: bytes) -> tuple[SqlType, Any]:
    if token in _FIXED:
        name, _ = _FIXED[token]
        return SqlType(name), number_of(name, raw)
    if token == Token.GUID:
        return SqlType("uniqueidentifier"), uuid.UUID(bytes_le=raw)
    if token == Token.DATEN:
        return SqlType("date"), _date(raw)
    if token in _SCALED:
        return SqlType(_SCALED[token], scale=properties[0]), _scaled_value(_SCALED[token], raw, properties[0])
    if token in _DECIMALS:
        precision, scale = properties
        return SqlType(_DECIMALS[Token(token)], precision=precision, scale=scale), _decimal_value(raw, scale)
    if token in _TEXTS:
        name, width = _TEXTS[token]
        codec = "utf-16-le" if width == 2 else codec_of(properties[:5])
        return SqlType(name, length=max(len(raw) // width, 1)), _text(raw, codec)
    if token in _BINARIES:
        return SqlType(_BINARIES[token], length=max(len(raw), 1)), raw
    raise ProtocolError(f"unknown type 0x{token:02X} in a sql_variant")
