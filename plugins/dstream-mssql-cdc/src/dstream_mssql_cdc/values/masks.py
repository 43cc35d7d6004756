"""Masks for personal data: what a column's JSON values become before anything leaves the process."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import msgspec

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.patterns import ColumnPatterns
from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.values.types import BINARY_TYPES, TEXT_TYPES

Mask = Callable[[Any], Any]
"""Makes the masked value of a JSON value, which is not None: NULL stays NULL."""


class Masks:
    """The masks that the options ask for.

    Where several mean a column, the one that tells least is used: `redact`, then `hash`, then `truncate`.

    Args:
        options: the options.

    Raises:
        ConfigurationError: `mssql/pattern`, a pattern is none.
    """

    def __init__(self, options: MssqlCdcOptions):
        masks = options.masks
        self._redact = ColumnPatterns(masks.redact)
        self._hash = ColumnPatterns(masks.hash)
        self._truncate = [(ColumnPatterns([text]), length) for text, length in masks.truncate.items()]
        self._replacement = masks.redact_with
        self._salt = b"" if masks.salt is None else masks.salt.get_secret_value().encode()

    def of(self, table: Table, column: Column) -> Mask | None:
        """The column's mask, None if it has none.

        Raises:
            ConfigurationError: `mssql/mask`, its values cannot be truncated; or it is part of the primary key, and
                rows would become one that are not.
        """
        names = (table.schema, table.name, column.name)
        if self._redact.matches(*names):
            _refuse_key(table, column, "redact")
            return redacted(self._replacement)
        if self._hash.matches(*names):
            return hashed(self._salt)
        lengths = [length for pattern, length in self._truncate if pattern.matches(*names)]
        if lengths:
            _refuse_key(table, column, "truncate")
            _refuse_other_types(table, column)
            return truncated(min(lengths))
        return None


def hashed(salt: bytes) -> Mask:
    """The hexadecimal HMAC-SHA-256 of the value's text, which is what stands in JSON without quotes."""
    keyed = hmac.new(salt, digestmod="sha256")

    def mask(value: Any) -> str:
        digest = keyed.copy()
        digest.update(text_of(value).encode())
        return digest.hexdigest()

    return mask


def redacted(replacement: str) -> Mask:
    """The same text for every value."""
    return lambda _: replacement


def truncated(length: int) -> Mask:
    """The first characters, or bytes; of characters outside the basic plane none is cut in halves."""
    return lambda value: value[:length]


def text_of(value: Any) -> str:
    """The value as it stands in JSON, without quotes and escapes."""
    if type(value) is str:
        return value
    written = msgspec.json.encode(value)
    return str(msgspec.json.decode(written)) if written.startswith(b'"') else written.decode()


def _refuse_key(table: Table, column: Column, mask: str) -> None:
    if column.name in table.primary_key:
        raise ConfigurationError(
            f"{table.qualified}: {column.name} is part of the primary key and cannot be masked by {mask}: "
            "different rows would have the same key",
            code="mssql/mask",
            hint=f'use hash for it, or leave it out: columns = {{ exclude = ["{table.qualified}.{column.name}"] }}',
        )


def _refuse_other_types(table: Table, column: Column) -> None:
    if column.type not in TEXT_TYPES | BINARY_TYPES:
        raise ConfigurationError(
            f"{table.qualified}: {column.name} is {column.declaration or column.type}, which cannot be truncated",
            code="mssql/mask",
            hint="truncate is for text and binary columns; use hash or redact for others",
        )
