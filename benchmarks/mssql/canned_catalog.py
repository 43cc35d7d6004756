"""What the catalog says of the canned table, by the statement that asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from dstream_mssql_cdc.catalog import queries
from dstream_mssql_cdc.stream import health, pulse
from dstream_sandbox.sqlserver.results import Column, RowSet
from dstream_sandbox.sqlserver.types import DateTime2, SqlType

TABLE_ID, CHANGE_TABLE_ID = 1001, 1002
INSTANCE = "dbo_Orders"
CHANGE_TABLE = f"{INSTANCE}_CT"

TABLE_COLUMNS: tuple[tuple[Any, ...], ...] = (
    ("Id", "int", 4, 10, 0, False),
    ("Customer", "nvarchar", 80, 0, 0, False),
    ("Amount", "decimal", 9, 18, 2, False),
    ("Placed", "datetime2", 7, 23, 3, False),
    ("Note", "varchar", 100, 0, 0, True),
    ("Paid", "bit", 1, 1, 0, False),
)
"""Name, type, max_length, precision, scale, is_nullable."""
OWN_COLUMNS: tuple[tuple[Any, ...], ...] = (
    ("__$start_lsn", "binary", 10, 0, 0, False),
    ("__$end_lsn", "binary", 10, 0, 0, True),
    ("__$seqval", "binary", 10, 0, 0, False),
    ("__$operation", "int", 4, 10, 0, False),
    ("__$update_mask", "varbinary", 128, 0, 0, True),
)
COMMAND_COLUMN = ("__$command_id", "int", 4, 10, 0, True)

Answer = Callable[[], RowSet]


def catalog_answers(newest: bytes, oldest: bytes) -> dict[str, Answer]:
    """Results by the statement, or by how it begins.

    Args:
        newest: the last commit.
        oldest: before the first one.
    """
    guid = uuid.UUID("b4a1f1f0-0000-4000-8000-000000000001")
    table = [("dbo", "Orders", TABLE_ID)]
    fixed: dict[str, list[tuple[Any, ...]]] = {
        queries.DATABASE: [
            (
                "bench",
                True,
                1,
                "ONLINE",
                False,
                "Latin1_General_CI_AS",
                guid,
                "16.0.1000.6",
                3,
                "Developer",
                "CANNED",
                0,
            )
        ],
        queries.INSTANCES: [(TABLE_ID, INSTANCE, CHANGE_TABLE_ID, oldest, None, False, _now(), CHANGE_TABLE)],
        queries.CHANGE_TABLES_COLUMNS: _columns(CHANGE_TABLE_ID, (*OWN_COLUMNS, *TABLE_COLUMNS, COMMAND_COLUMN)),
        queries.CAPTURED_COLUMNS: [(CHANGE_TABLE_ID, name, False, kind) for name, kind, *_ in TABLE_COLUMNS],
        queries.CAPTURED_TABLES: table,
        queries.ALL_TABLES: table,
        queries.CAPTURED_TABLES_COLUMNS: _columns(TABLE_ID, TABLE_COLUMNS),
        queries.CAPTURED_TABLES_KEYS: [(TABLE_ID, "Id")],
        queries.CHANGE_TABLE_RIGHTS: [(TABLE_ID, 1)],
        queries.TABLE_RIGHTS: [(TABLE_ID, 1)],
        queries.ROW_COUNTS: [(TABLE_ID, 1)],
        "SELECT USER_NAME()": [("dbo",)],
        pulse.LOW_MARKS: [(CHANGE_TABLE_ID, oldest)],
        pulse.LOW_MARK.partition("%s")[0]: [(oldest,)],
        health.LATENCY: [(0,)],
    }
    answers = {text: _answer(rows) for text, rows in fixed.items()}
    answers[pulse.PULSE] = lambda: _rows([(newest, _now(), _now(), 1, CHANGE_TABLE_ID, oldest, oldest)])
    answers[health.NEWEST_ENTRY] = lambda: _rows([(_now(), _now())])
    answers[health.ERRORS.partition("%s")[0]] = lambda: RowSet([Column("n", SqlType.parse("int"))], [])
    return answers


def _answer(rows: list[tuple[Any, ...]]) -> Answer:
    return lambda: _rows(rows)


def _columns(owner: int, columns: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        (
            owner,
            name,
            kind,
            length,
            precision,
            scale,
            nullable,
            False,
            "Latin1_General_CI_AS" if "char" in kind else None,
        )
        for name, kind, length, precision, scale, nullable in columns
    ]


def _now() -> DateTime2:
    return DateTime2.of(datetime.now(UTC))


_TYPES = {
    bool: "bit",
    int: "int",
    str: "nvarchar(128)",
    bytes: "varbinary(128)",
    DateTime2: "datetime",
    uuid.UUID: "uniqueidentifier",
    type(None): "nvarchar(128)",
}


def _rows(rows: list[tuple[Any, ...]]) -> RowSet:
    columns = [
        Column(f"c{place}", SqlType.parse(_TYPES[type(next((v for v in values if v is not None), None))]))
        for place, values in enumerate(zip(*rows, strict=True))
    ]
    return RowSet(columns, rows)
