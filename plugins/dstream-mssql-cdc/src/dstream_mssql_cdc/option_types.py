"""Kinds of option values that several options share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, WithJsonSchema

from dstream_core.api import ConfigurationError, parse_duration
from dstream_mssql_cdc.catalog.names import parse_pattern


def _seconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    try:
        return parse_duration(value)
    except ConfigurationError as error:
        raise ValueError(error.message) from None


def _as_list(value: object) -> object:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _table_patterns(value: list[str]) -> list[str]:
    for text in value:
        parse_pattern(text, 2)
    return value


def _column_patterns(value: list[str]) -> list[str]:
    for text in value:
        parse_pattern(text, 3)
    return value


def _as_text(value: object) -> object:
    """A number as its text: `snapshot_again = { Orders = 2 }` means the same as `"2"`."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"type": ["string", "number"]})]
"""A duration: text such as `500ms` or `5s`, or a number of seconds."""

Size = Annotated[ByteSize, Field(gt=0), WithJsonSchema({"type": ["string", "integer"]})]
"""A number of bytes, as a number or as text such as `16MB` (10^6) or `16MiB` (2^20)."""

_TEXTS = WithJsonSchema({"type": ["array", "string"], "items": {"type": "string"}})

TablePatterns = Annotated[list[str], BeforeValidator(_as_list), AfterValidator(_table_patterns), _TEXTS]
"""A list of names and patterns of tables; a single text is a list of one."""

ColumnPatternList = Annotated[list[str], BeforeValidator(_as_list), AfterValidator(_column_patterns), _TEXTS]
"""A list of names and patterns of columns; a single text is a list of one."""

Token = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "integer"]})]
"""A text that is compared and never interpreted; a whole number is taken as its text."""
