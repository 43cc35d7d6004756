"""A change table in memory that understands what `ChangeQuery` asks, and rows for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from dstream_mssql_cdc.catalog.values import CaptureInstance, Column, Database, Table
from dstream_mssql_cdc.config import MssqlCdcOptions

Row = tuple[Any, ...]
NAMES = {"__$start_lsn": 0, "__$command_id": 1, "__$seqval": 2, "__$operation": 3}

DATABASE = Database("SRV", "Shop", "b6a7", 16, "Latin1_General_CI_AS", True, True, 3)
ID = Column("Id", "int", "int", 4, 10, 0, nullable=False)
NAME = Column("Name", "nvarchar", "nvarchar(50)", 100)
TOTAL = Column("Total", "decimal", "decimal(18,2)", 9, 18, 2)


def options(**values: Any) -> MssqlCdcOptions:
    """The options, given those that matter."""
    return MssqlCdcOptions.model_validate(
        {"server": "localhost", "database": "Shop", "user": "u", "password": "p", **values}
    )


def table(*columns: Column, key: Sequence[str] = ("Id",), commands: bool = True, name: str = "Orders") -> Table:
    """A table with one capture instance of all its columns."""
    columns = columns or (ID, NAME, TOTAL)
    instance = CaptureInstance(f"dbo_{name}", 7, lsn(0), columns, commands, None, False, f"dbo_{name}_CT")
    return Table("dbo", name, 5, columns, tuple(key), (instance,))


def without_key(of: Table) -> Table:
    """The same table without a primary key."""
    return replace(of, primary_key=())


def lsn(number: int) -> bytes:
    """A log sequence number."""
    return number.to_bytes(10, "big")


def change(
    commit: int,
    command: int | None,
    sequence: int,
    operation: int,
    *values: Any,
    mask: int | None = None,
    committed: str | None = "2026-11-21 04:34:46.123",
) -> Row:
    """A row as `ChangeQuery` selects it."""
    bits = 2 ** len(values) - 1 if mask is None else mask
    return (
        lsn(commit),
        command,
        lsn(sequence),
        operation,
        bits.to_bytes(max((len(values) + 7) // 8, 1), "big"),
        committed,
        lsn(commit + 1000),
        *values,
    )


def lines_of(blocks: bytes) -> list[dict[str, Any]]:
    """The envelopes."""
    return [msgspec.json.decode(line) for line in blocks.splitlines()]


class ChangeTable:
    """Answers the statements of a `ChangeQuery` by what their text says, as a server would.

    Args:
        rows: as `change` makes them, in any order.
    """

    def __init__(self, rows: Sequence[Row]):
        self._rows = list(rows)
        self.statements: list[str] = []

    def rows(self, sql: str, *parameters: Any, size: int, weigh: object = None) -> Iterator[list[Row]]:
        """See `RowSource`."""
        self.statements.append(sql)
        assert sql.replace("%%", "").count("%s") == len(parameters)
        where, _, order = sql.partition(" WHERE ")[2].partition(" ORDER BY ")
        limit, *values = parameters
        keys = [NAMES[name] for name in re.findall(r"\[([^\]]+)\]", order)]
        found = [row for row in self._rows if _holds(where, values, row)]
        found.sort(key=lambda row: [(row[key] is not None, row[key]) for key in keys])
        found = found[:limit]
        for first in range(0, len(found), size):
            yield found[first : first + size]


class _Null:
    """Compares as NULL does: nothing is true of it."""

    def __eq__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return False

    __ge__ = __lt__ = __le__ = __gt__
    __hash__ = None  # type: ignore[assignment]  never in a set


def _holds(where: str, values: Sequence[Any], row: Row) -> bool:
    text = re.sub(r"c\.\[([^\]]+)\] IS NULL", lambda found: f"isinstance(row[{NAMES[found[1]]}], Null)", where)
    text = re.sub(r"c\.\[([^\]]+)\]", lambda found: f"row[{NAMES[found[1]]}]", text)
    text = text.replace(" = ", " == ").replace("<>", "!=").replace(" AND ", " and ").replace(" OR ", " or ")
    given = [bytes(value) if isinstance(value, bytearray) else value for value in values]
    assert bytes not in map(type, values), "pymssql sends bytes that happen to be ASCII as varchar"
    numbers = iter(range(len(given)))
    text = re.sub("%s", lambda _: f"given[{next(numbers)}]", text)
    nulled = [_Null() if value is None else value for value in row]
    return bool(eval(text, {"row": nulled, "given": given, "Null": _Null}))
