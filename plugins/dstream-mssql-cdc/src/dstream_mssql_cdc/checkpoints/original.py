"""The checkpoint table of the Go provider, `cdc_offsets`: whose row is whose, and what its positions mean. Pure.

That one reads `__$start_lsn > last_lsn OR (__$start_lsn = last_lsn AND __$seqval > last_seq)` in the order of these two
columns. Ours has four, so neither position says exactly what the other does. Both ways, what is not certain to have been
delivered is delivered again: never more than one transaction, and never skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dstream_mssql_cdc.catalog.names import folded
from dstream_mssql_cdc.position import LAST, ZERO, ChangePosition, TablePosition
from dstream_mssql_cdc.sql import quoted

DEFAULT_SCHEMA = "dbo."


@dataclass(frozen=True)
class Offset:
    """A row of the table.

    Attributes:
        lsn: `last_lsn`; empty for NULL.
        sequence: `last_seq`; empty for NULL.
    """

    lsn: bytes
    sequence: bytes


def names_of(table: str) -> tuple[str, ...]:
    """What the Go provider may call a table, the likeliest first; it knows schema dbo only.

    Args:
        table: `schema.table`.
    """
    schema, _, name = table.partition(".")
    full = (table, f"{quoted(schema)}.{quoted(name)}")
    if not table.startswith(DEFAULT_SCHEMA):
        return full
    return (name, *full, quoted(name))


def rows_of(tables: Iterable[str], rows: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Which rows belong to which table.

    Args:
        tables: each `schema.table`.
        rows: the values of `table_name`.

    Returns:
        Tables that have rows. A row in the very spelling of one table is that table's; a row in another case belongs to
        the one table that it can mean.
    """
    tables = list(tables)
    exact = {name: table for table in reversed(tables) for name in reversed(names_of(table))}
    exact |= {table: table for table in tables}  # `a.b`: table b of schema a rather than table `a.b` of dbo
    meant: dict[str, set[str]] = {}
    for name, table in exact.items():
        meant.setdefault(folded(name), set()).add(table)
    found: dict[str, list[str]] = {}
    for row in rows:
        candidates = {exact[row]} if row in exact else meant.get(folded(row), set())
        if len(candidates) == 1:
            found.setdefault(candidates.pop(), []).append(row)
    return {table: tuple(sorted(names)) for table, names in found.items()}


def from_original(offset: Offset) -> dict[str, Any]:
    """Where we go on from a row of the Go provider.

    All of its last transaction is read again: of rows that share `__$seqval`, as the two of a key update do, it may have
    delivered one only. Without a position it begins with the first change there is, and so do we, without a snapshot.

    Raises:
        ValueError: that is no position.
    """
    for value in (offset.lsn, offset.sequence):
        if value and len(value) != len(ZERO):
            raise ValueError(f"0x{value.hex()} has {len(value)} bytes, a log sequence number has {len(ZERO)}")
    if not offset.lsn or offset.lsn == ZERO:
        return TablePosition().document()
    return TablePosition(ChangePosition(offset.lsn)).document()


def to_original(document: Mapping[str, Any]) -> Offset | None:
    """Where the Go provider may go on from our position; None: nowhere yet, since only a snapshot has begun.

    Raises:
        ValueError: that is no position.
    """
    changes = TablePosition.parse(dict(document)).changes
    if changes is None:
        return None
    return Offset(changes.lsn, LAST if changes >= ChangePosition.behind(changes.lsn) else ZERO)


def resumed(
    document: dict[str, Any] | None, written: Offset | None, rows: Mapping[str, Offset]
) -> dict[str, Any] | None:
    """Where a table goes on.

    Args:
        document: our own position, as stored; None if there is none.
        written: what we wrote into its rows last; None: nothing yet.
        rows: its rows as they are.

    Returns:
        Our own position if the rows are as we left them. If they are not, the Go provider has read on, or somebody has
        set them by hand: then they count. None if they were there and were removed: it begins anew.

    Raises:
        ValueError: a row holds no position.
    """
    if written is None:
        if document is not None or not rows:
            return document
        return from_original(min(rows.values(), key=_order))
    if not rows:
        return None
    moved = [offset for offset in rows.values() if offset != written]
    if not moved:
        return document
    newer = from_original(min(moved, key=_order))
    kept = {name: value for name, value in (document or {}).items() if name not in {"changes", "instance"}}
    return kept | newer


def _order(offset: Offset) -> tuple[bytes, bytes]:
    return offset.lsn, offset.sequence
