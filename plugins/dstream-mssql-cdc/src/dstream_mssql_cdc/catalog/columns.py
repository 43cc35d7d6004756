"""A column from what the catalog says of it. Pure."""

from __future__ import annotations

from typing import Any

from dstream_mssql_cdc.catalog.values import Column

_BYTES_EACH = {"char": 1, "varchar": 1, "nchar": 2, "nvarchar": 2, "binary": 1, "varbinary": 1}
_WITH_SCALE = frozenset({"time", "datetime2", "datetimeoffset"})


def column_of(
    name: Any,
    type_name: Any,
    max_length: Any,
    precision: Any,
    scale: Any,
    nullable: Any,
    computed: Any,
    collation: Any,
) -> Column:
    """The column.

    Args:
        name: its name.
        type_name: base type.
        max_length: in bytes, -1 for `(max)`.
        precision: as `sys.columns` has it.
        scale: as `sys.columns` has it.
        nullable: 0 or 1.
        computed: 0 or 1.
        collation: None unless it is a text.
    """
    base = str(type_name).lower()
    length, digits, fraction = int(max_length or 0), int(precision or 0), int(scale or 0)
    return Column(
        name=str(name),
        type=base,
        declaration=declaration(base, length, digits, fraction),
        max_length=length,
        precision=digits,
        scale=fraction,
        nullable=bool(nullable),
        computed=bool(computed),
        collation=None if collation is None else str(collation),
    )


def declaration(base: str, max_length: int, precision: int, scale: int) -> str:
    """The type as it is declared, such as `decimal(18,2)`.

    Args:
        base: type name in lower case.
        max_length: in bytes, -1 for `(max)`.
        precision: digits in all.
        scale: digits behind the point, or of the second's fraction.
    """
    if base in _BYTES_EACH:
        return f"{base}({'max' if max_length < 0 else max_length // _BYTES_EACH[base]})"
    if base in ("decimal", "numeric"):
        return f"{base}({precision},{scale})"
    if base in _WITH_SCALE:
        return f"{base}({scale})"
    return base
