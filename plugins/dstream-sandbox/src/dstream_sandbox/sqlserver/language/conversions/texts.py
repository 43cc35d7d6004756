"""Texts from anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.clr.hierarchy import path_of
from dstream_sandbox.sqlserver.language.conversions.date_texts import writer
from dstream_sandbox.sqlserver.language.messages import error_converting, expression_overflow, overflow_converting
from dstream_sandbox.sqlserver.types import DATES, INTEGERS, MAX, SqlType


def units(text: str) -> int:
    """The length of a text in UTF-16 code units, in which SQL Server counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, length: int) -> str:
    """The first code units of a text; half a character is dropped."""
    if text.isascii() or units(text) <= length:
        return text[:length]
    return text.encode("utf-16-le", "surrogatepass")[: 2 * length].decode("utf-16-le", "ignore")


def to_code_page(text: str) -> str:
    """What is left of a text in varchar: code page 1252, with `?` for everything else."""
    return text if text.isascii() else text.encode("cp1252", "replace").decode("cp1252")


def shaper(target: SqlType) -> Callable[[str], str]:
    """Cuts and pads a text as CAST does."""
    length = MAX if target.length is None else target.length
    narrow = target.name in ("char", "varchar", "text")
    pad = target.name in ("char", "nchar")

    def shape(text: str) -> str:
        if narrow:
            text = to_code_page(text)
        if length != MAX and len(text) >= length:
            text = cut(text, length)
        return text.ljust(length) if pad else text

    return shape


def to_text(source: SqlType, target: SqlType, style: int | None) -> Callable[[Any], Any] | None:
    """The conversion of values that are not NULL to a character type; None if there is none."""
    shape = shaper(target)
    if source.is_character or source.name == "xml":
        return shape if not _fits(source, target) else lambda text: text
    if source.is_binary:
        return _of_binary(source, target, style, shape)
    write = _writer(source, target, style)
    if write is None:
        return None
    if target.length in (MAX, None):
        return write
    return _limited(write, source, target, shape)


def _fits(source: SqlType, target: SqlType) -> bool:
    """Whether nothing is to be done."""
    if target.name in ("char", "nchar") or (source.is_unicode and not target.is_unicode):
        return False
    return target.length in (MAX, None) or (source.length is not None and 0 < source.length <= (target.length or 0))


def _writer(source: SqlType, target: SqlType, style: int | None) -> Callable[[Any], str] | None:
    if source.name in DATES:
        return writer(source, style)
    if source.name in ("float", "real"):
        return float_writer(source, style or 0)
    if source.name in ("money", "smallmoney"):
        return _money_writer(style or 0)
    simple: dict[str, Callable[[Any], str]] = {
        "bit": lambda value: "1" if value else "0",
        "decimal": "{:f}".format,
        "numeric": "{:f}".format,
        "uniqueidentifier": lambda value: str(value).upper(),
        "hierarchyid": path_of,
    }
    return str if source.name in INTEGERS else simple.get(source.name)


def _limited(
    write: Callable[[Any], str], source: SqlType, target: SqlType, shape: Callable[[str], str]
) -> Callable[[Any], str]:
    """Numbers that do not fit are no longer the same numbers: `*` or an error ("Truncating and rounding results")."""
    length = target.length or 1
    cuts = source.name in DATES

    def convert(value: Any) -> str:
        text = write(value)
        if len(text) <= length or cuts:
            return shape(text)
        if source.name in ("int", "smallint", "tinyint") and not target.is_unicode:
            return shape("*")
        raise _no_room(source, target)

    return convert


def _no_room(source: SqlType, target: SqlType) -> SqlError:
    if source.name == "uniqueidentifier":
        return SqlError(8170, "Insufficient result space to convert uniqueidentifier value to char.", state=2)
    if source.name in ("money", "smallmoney"):
        return SqlError(234, f"There is insufficient result space to convert a money value to {target.name}.", state=2)
    if source.name in ("decimal", "numeric"):
        return overflow_converting(SqlType("numeric"), target)
    if source.name in ("float", "real"):
        return SqlError(232, f"Arithmetic overflow error for type {target.name}, value = {0:.6f}.", state=2)
    return expression_overflow(target)


def float_writer(source: SqlType, style: int) -> Callable[[float], str]:
    """Style 0: at most 6 digits; 1: 8 digits, always scientific; 2: 16; 3: 17, nothing lost ("float and real styles")."""
    if style == 0:
        return lambda value: _exponent(f"{value:.6g}")
    if style == 3:
        digits = 8 if source.name == "real" else 16
        return lambda value: _exponent(f"{value:.{digits}e}")
    if style in (1, 2):
        digits = 7 if style == 1 else 15
        return lambda value: _exponent(f"{value:.{digits}e}")
    raise SqlError(
        281, f"{style} is not a valid style number when converting from {source.name} to a character string."
    )


def _exponent(text: str) -> str:
    """SQL Server writes three digits of exponent: 1.23457e+006."""
    mantissa, sign, exponent = text.partition("e")
    if mantissa == "-0" and not sign:
        return "0"
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(3)}" if sign else text


def _money_writer(style: int) -> Callable[[Any], str]:
    """Style 0: two digits; 1: with commas; 2 and 126: four digits."""
    formats = {0: "{:.2f}", 1: "{:,.2f}", 2: "{:.4f}", 126: "{:.4f}"}
    if style not in formats:
        raise SqlError(281, f"{style} is not a valid style number when converting from money to a character string.")
    from_half_up = formats[style]

    def write(value: Any) -> str:
        if style in (0, 1):
            sign = -1 if value < 0 else 1
            cents = (abs(int(value.scaleb(4))) + 50) // 100
            value = type(value)(sign * cents).scaleb(-2)
        return from_half_up.format(value)

    return write


def _of_binary(
    source: SqlType, target: SqlType, style: int | None, shape: Callable[[str], str]
) -> Callable[[bytes], str]:
    """Style 0: the bytes are characters; 1: 0x and digits; 2: digits ("Binary styles")."""
    if style in (None, 0):
        if target.is_unicode:
            return lambda data: shape((data + b"\0" * (len(data) % 2)).decode("utf-16-le", "replace"))
        return lambda data: shape(data.decode("latin-1") if not data.isascii() else data.decode("ascii"))
    if style not in (1, 2):
        raise error_converting(source, target)
    if target.length in (MAX, None):
        return (lambda data: "0x" + data.hex().upper()) if style == 1 else lambda data: data.hex().upper()
    prefix = "0x" if style == 1 else ""
    room = (target.length or 0) - len(prefix)
    return lambda data: shape(prefix + data.hex().upper()[: room // 2 * 2])
