"""The statements that read a table's rows: chunk by chunk along the primary key, or all of them in one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.sql import doubled, quoted

ALIAS = "t"
_BINARY = frozenset({"binary", "varbinary", "rowversion", "timestamp", "image"})


def chunk_query(
    table: Table,
    select_list: Sequence[str],
    condition: str,
    after: Sequence[Any] | None,
    rows: int,
    collation: str = "",
) -> tuple[str, list[Any]]:
    """The statement for the rows behind a key, in the key's order.

    Args:
        table: with a primary key.
        select_list: expressions over the alias `t`.
        condition: of the user's own, in T-SQL; empty: none.
        after: the last key delivered, in JSON; None: from the first.
        rows: at most.
        collation: of the database; a key column that has another one is compared in its own.

    Returns:
        The statement and its parameters.
    """
    key = [_required(table, name) for name in table.primary_key]
    conditions, parameters = [], []
    if after is not None:
        behind, values = _behind(key, after, collation)
        conditions.append(behind)
        parameters += values
    if condition:
        conditions.append(f"({doubled(condition)})")
    order = ", ".join(_column(column) for column in key)
    where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    text = (
        f"SELECT TOP (%s) {doubled(', '.join(select_list))}\nFROM {doubled(table.quoted)} AS {ALIAS}{where}\n"
        f"ORDER BY {order}"
    )
    return text, [rows, *parameters]


def whole_query(table: Table, select_list: Sequence[str], condition: str) -> str:
    """The statement, without parameters, for all rows of a table that has no key to go along."""
    where = f"\nWHERE ({condition})" if condition else ""
    return f"SELECT {', '.join(select_list)}\nFROM {table.quoted} AS {ALIAS}{where}"


def _behind(key: Sequence[Column], after: Sequence[Any], collation: str) -> tuple[str, list[Any]]:
    """`(a > x) OR (a = x AND b > y) …`: T-SQL compares no rows of values."""
    if len(key) == 1:
        return f"{_column(key[0])} > {_typed(key[0], collation)}", [_parameter(key[0], after[0])]
    # The first condition says nothing new: it is what an index can seek by.
    bound, parameters = f"{_column(key[0])} >= {_typed(key[0], collation)}", [_parameter(key[0], after[0])]
    alternatives = []
    for index, column in enumerate(key):
        equal = [f"{_column(earlier)} = {_typed(earlier, collation)}" for earlier in key[:index]]
        alternatives.append(" AND ".join([*equal, f"{_column(column)} > {_typed(column, collation)}"]))
        parameters += [_parameter(*pair) for pair in zip(key[: index + 1], after, strict=False)]
    return f"{bound} AND (" + " OR ".join(f"({text})" for text in alternatives) + ")", parameters


def _column(column: Column) -> str:
    return f"{ALIAS}.{doubled(quoted(column.name))}"


def _typed(column: Column, collation: str) -> str:
    """The parameter in the column's own type: another one would have the server convert, and order, the column.

    Text that is not Unicode would go through the code page of the database and lose what only the column's can hold.
    """
    declaration = "binary(8)" if column.type in ("rowversion", "timestamp") else column.declaration
    own = column.collation if column.type in ("char", "varchar") and column.collation != collation else None
    return f"CAST(%s{f' COLLATE {own}' if own else ''} AS {declaration})"


def _parameter(column: Column, value: Any) -> Any:
    if column.type in _BINARY:
        return bytearray(base64.b64decode(value))
    return repr(value) if isinstance(value, float) else value


def _required(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise AssertionError(f"{table.qualified} has no column {name}, which its key names")
    return column
