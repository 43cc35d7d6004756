"""Binaries from anything."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions.dates import EPOCH_DAYS, to_thirds
from dstream_sandbox.sqlserver.language.messages import error_converting
from dstream_sandbox.sqlserver.types import CLR, INTEGERS, MAX, DateTime2, SqlType

_SIZES = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}


def shaper(target: SqlType) -> Callable[[bytes], bytes]:
    """Cuts on the right and pads with zeros on the right, as CAST does between texts and binaries."""
    if target.name == "timestamp":
        return lambda data: data[:8].ljust(8, b"\0")
    if target.length in (MAX, None):
        return lambda data: data
    length = target.length or 1
    if target.name == "binary":
        return lambda data: data[:length].ljust(length, b"\0")
    return lambda data: data[:length]


def _number_shaper(target: SqlType) -> Callable[[bytes], bytes]:
    """Numbers are cut and padded on the left."""
    if target.length in (MAX, None) and target.name != "timestamp":
        return lambda data: data
    length = 8 if target.name == "timestamp" else target.length or 1
    if target.name == "varbinary":
        return lambda data: data[-length:]
    return lambda data: data[-length:].rjust(length, b"\0")


def to_binary(source: SqlType, target: SqlType, style: int | None) -> Callable[[Any], Any] | None:
    """The conversion of values that are not NULL to a binary type; None if there is none."""
    shape = shaper(target)
    if source.is_binary or source.name in CLR:
        return shape
    if source.is_character:
        return _of_text(source, target, style, shape)
    if source.name == "uniqueidentifier":
        return lambda value: shape(value.bytes_le)
    number = _number_bytes(source)
    if number is None:
        return None
    cut = _number_shaper(target)
    return lambda value: cut(number(value))


def _number_bytes(source: SqlType) -> Callable[[Any], bytes] | None:
    if source.name in INTEGERS or source.name == "bit":
        size = _SIZES[source.name]
        return lambda value: int(value).to_bytes(size, "big", signed=value < 0)
    if source.name in ("money", "smallmoney"):
        size = 8 if source.name == "money" else 4
        return lambda value: int(value.scaleb(4)).to_bytes(size, "big", signed=True)
    if source.name in ("float", "real"):
        return struct.Struct(">d" if source.name == "float" else ">f").pack
    if source.name == "datetime":
        return _datetime_bytes
    if source.name == "date":
        return lambda value: (value.toordinal() - 1).to_bytes(3, "little") if isinstance(value, dt.date) else b""
    return None


def _datetime_bytes(value: DateTime2) -> bytes:
    return (value.days - EPOCH_DAYS).to_bytes(4, "big", signed=True) + to_thirds(value.ticks).to_bytes(4, "big")


def _of_text(
    source: SqlType, target: SqlType, style: int | None, shape: Callable[[bytes], bytes]
) -> Callable[[str], bytes]:
    if style in (None, 0):
        encoding = "utf-16-le" if source.is_unicode else "cp1252"
        return lambda text: shape(text.encode(encoding, "replace"))
    if style not in (1, 2):
        raise SqlError(281, f"{style} is not a valid style number when converting from {source.name} to {target.name}.")

    def convert(text: str) -> bytes:
        digits = text.rstrip(" ")
        if style == 1:
            if not digits[:2].lower() == "0x":
                raise error_converting(source, target)
            digits = digits[2:]
        try:
            return shape(bytes.fromhex(digits if len(digits) % 2 == 0 or style == 2 else "0" + digits))
        except ValueError:
            raise error_converting(source, target) from None

    return convert
