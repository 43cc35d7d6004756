"""What happens to a value on its way into a column, a variable or a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.language.conversions.convert import implicit_converter
from dstream_sandbox.sqlserver.language.conversions.texts import to_code_page, units
from dstream_sandbox.sqlserver.language.messages import truncated
from dstream_sandbox.sqlserver.types import MAX, SqlType

Assign = Callable[[Any], Any]


def assigner(source: SqlType, target: SqlType, table: str, column: str) -> Assign | None:
    """Into a column: a text or binary that is too long is an error (2628), blanks and zeros at its end do not count.

    Args:
        source: The type of the values.
        target: The column's type.
        table: For the message.
        column: For the message.

    Returns:
        The function over values that are not NULL; None when they are as they must be.

    Raises:
        SqlError: 257 or 206, the types do not go together.
    """
    if target.length in (MAX, None) or source.name == "sql_variant":
        return implicit_converter(source, target)
    if source.is_character and target.is_character:
        return _text(source, target, table, column)
    if source.is_binary and target.is_binary:
        return _binary(source, target, table, column)
    return implicit_converter(source, target)


def _text(source: SqlType, target: SqlType, table: str, column: str) -> Assign | None:
    length = target.length or 1
    narrow = source.is_unicode and not target.is_unicode
    pad = target.name in ("char", "nchar")
    short = source.length is not None and 0 < source.length <= length
    if short and not narrow and not (pad and source != target):
        return None

    def assign(text: str) -> str:
        if narrow:
            text = to_code_page(text)
        if units(text) > length:
            if units(text.rstrip(" ")) > length:
                raise truncated(table, column, text[:length])
            text = text[:length]
        return text.ljust(length) if pad else text

    return assign


def _binary(source: SqlType, target: SqlType, table: str, column: str) -> Assign | None:
    length = target.length or 1
    pad = target.name == "binary"

    def assign(data: bytes) -> bytes:
        if len(data) > length:
            if len(data.rstrip(b"\0")) > length:
                raise truncated(table, column, data[:length].hex())
            data = data[:length]
        return data.ljust(length, b"\0") if pad else data

    return assign if source != target else None


def fit(source: SqlType, target: SqlType) -> Assign | None:
    """Into a variable or parameter: a text that is too long is cut without a word."""
    return implicit_converter(source, target)
