"""Which conversion there is between two types, explicit or implicit."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from xml.parsers import expat

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.clr import hierarchy, spatial
from dstream_sandbox.sqlserver.language.conversions.binaries import to_binary
from dstream_sandbox.sqlserver.language.conversions.dates import to_date_or_time
from dstream_sandbox.sqlserver.language.conversions.numbers import to_number
from dstream_sandbox.sqlserver.language.conversions.texts import to_text
from dstream_sandbox.sqlserver.language.messages import not_allowed, not_implicit, operand_clash
from dstream_sandbox.sqlserver.language.rules import NUMBERS
from dstream_sandbox.sqlserver.types import CLR, DATES, SqlType, Variant

Conversion = Callable[[Any], Any]

_OLD_DATES = frozenset({"datetime", "smalldatetime"})
_LARGE = frozenset({"text", "ntext", "image"})


@lru_cache(maxsize=4096)
def converter(source: SqlType, target: SqlType, style: int | None = None) -> Conversion:
    """CONVERT for values that are not NULL.

    Args:
        source: The values' type.
        target: The type they become.
        style: CONVERT's third argument.

    Raises:
        SqlError: 529, there is no such conversion.
    """
    found = _conversion(source, target, style)
    if found is None:
        raise not_allowed(source, target)
    return found


@lru_cache(maxsize=4096)
def implicit_converter(source: SqlType, target: SqlType) -> Conversion | None:
    """The conversion that happens without being asked for; None when the values are as they must be.

    Raises:
        SqlError: 257, it has to be asked for; 206, there is none.
    """
    if source == target:
        return None
    if not _conversion_exists(source, target):
        raise operand_clash(source, target)
    if _must_be_explicit(source, target):
        raise not_implicit(source, target)
    return converter(source, target)


def _conversion_exists(source: SqlType, target: SqlType) -> bool:
    try:
        return _conversion(source, target, None) is not None
    except SqlError:
        return False


def _must_be_explicit(source: SqlType, target: SqlType) -> bool:
    """The squares of the conversion table that say "explicit"."""
    if source.name == "sql_variant":
        return target.name != "sql_variant"
    if target.is_binary and source.name not in CLR:
        return source.is_character or source.name in DATES or source.name in ("float", "real", "uniqueidentifier")
    if source.name in _OLD_DATES:
        return target.name in NUMBERS
    if source.name in ("money", "smallmoney"):
        return target.is_character
    if source.is_character and target.name in ("money", "smallmoney"):
        return False
    if source.is_binary and target.name == "uniqueidentifier":
        return False
    return source.name == "xml" and target.is_character


def _conversion(source: SqlType, target: SqlType, style: int | None) -> Conversion | None:
    if target.name == "sql_variant":
        return _to_variant(source)
    if source.name == "sql_variant":
        return lambda value: converter(value.type, target, style)(value.value)
    if target.is_character:
        return _to_text(source, target, style)
    if target.name in NUMBERS:
        return None if _no_number(source) else to_number(source, target)
    if target.name in DATES:
        return to_date_or_time(source, target, style)
    if target.is_binary:
        return to_binary(source, target, style)
    if target.name == "uniqueidentifier":
        return _to_guid(source)
    if target.name == "xml":
        return _to_xml(source)
    return _to_clr(source, target)


def _to_text(source: SqlType, target: SqlType, style: int | None) -> Conversion | None:
    if source.name in ("geography", "geometry"):
        kind = source.name
        shape = to_text(SqlType("nvarchar", length=-1), target, None)
        return None if shape is None else lambda value: shape(spatial.wkt_of(value, kind))
    if source.name == "image":
        return None
    return to_text(source, target, style)


def _no_number(source: SqlType) -> bool:
    if source.name in DATES:
        return source.name not in _OLD_DATES
    return source.name in CLR or source.name in _LARGE or source.name in ("uniqueidentifier", "xml")


def _to_variant(source: SqlType) -> Conversion | None:
    if source.name == "sql_variant":
        return lambda value: value
    if source.is_max or source.name in CLR or source.name in _LARGE or source.name in ("xml", "timestamp"):
        return None
    return lambda value: Variant(source, value)


_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})\}?")


def _to_guid(source: SqlType) -> Conversion | None:
    if source.name == "uniqueidentifier":
        return lambda value: value
    if source.is_binary and source.name != "image":
        return lambda data: uuid.UUID(bytes_le=data[:16].ljust(16, b"\0"))
    if not source.is_character:
        return None

    def convert(text: str) -> uuid.UUID:
        match = _GUID.match(text)  # what follows is not looked at
        if match is None:
            raise SqlError(
                8169, "Conversion failed when converting from a character string to uniqueidentifier.", state=2
            )
        return uuid.UUID(match[1])

    return convert


def _to_xml(source: SqlType) -> Conversion | None:
    if source.name == "xml":
        return lambda value: value
    if source.is_character:
        return check_xml
    if source.is_binary and source.name != "timestamp":
        return lambda data: check_xml(data.decode("utf-8" if data[:2] != b"\xff\xfe" else "utf-16"))
    return None


def check_xml(text: str) -> str:
    """The text, if it is well-formed; several elements and text beside them are taken as SQL Server takes them.

    Raises:
        SqlError: 9400 and following, it is not.
    """
    body = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    if re.match(r"\s*<!DOCTYPE", body):
        raise SqlError(
            6359,
            "Parsing XML with internal subset DTDs not allowed. Use CONVERT with style option 2 to enable limited internal subset DTD support.",
        )
    parser = expat.ParserCreate()
    try:
        parser.Parse(f"<x>{body}</x>", True)
    except expat.ExpatError as error:
        line, column = error.lineno, max(error.offset - 3, 0)
        raise SqlError(9400, f"XML parsing: line {line}, character {column}, {expat.ErrorString(error.code)}") from None
    return body


def _to_clr(source: SqlType, target: SqlType) -> Conversion | None:
    if source.name == target.name:
        return lambda value: value
    if source.is_binary and source.name != "image":
        return lambda data: data
    if not source.is_character:
        return None
    if target.name == "hierarchyid":
        return hierarchy.parse
    kind = target.name
    return lambda text: spatial.from_text(kind, text, 4326 if kind == "geography" else 0)
