"""The table of types, row by row, through a server: in a snapshot and in inserts, updates and deletes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from dstream_mssql_cdc.catalog.read import read_database, read_tables
from dstream_mssql_cdc.catalog.values import Database, Table
from dstream_mssql_cdc.changes import ChangeReader
from dstream_mssql_cdc.connection.connection import Connection
from dstream_mssql_cdc.position import LAST, ZERO, ChangePosition
from dstream_mssql_cdc.snapshot_rows import SnapshotEncoder
from dstream_mssql_cdc.values.examples import EXAMPLES, Example
from dstream_mssql_cdc.values.types import OLD_LOB_TYPES

MADE_BY_THE_SERVER = {"rowversion"}
CHANGES = 5
"""Rows in each change table: two inserts, an update's two, a delete."""


class Metadata(msgspec.Struct):
    OperationID: int
    Before: dict[str, msgspec.Raw] = {}
    Unavailable: list[str] = []


class Line(msgspec.Struct):
    data: dict[str, msgspec.Raw]
    metadata: Metadata


@dataclass
class Typed:
    """The database with a table per example."""

    make_options: Callable[..., Any]
    connection: Connection
    database: Database
    tables: dict[str, Table]
    snapshots: dict[str, list[tuple[Any, ...]]]


def name_of(example: Example) -> str:
    return f"T{EXAMPLES.index(example)}"


def encoder(typed: Typed, example: Example) -> SnapshotEncoder:
    return SnapshotEncoder(typed.database, typed.tables[name_of(example)], typed.make_options(**example.options))


@pytest.fixture(scope="module")
def typed(cdc_database: Callable[[], Any]) -> Typed:
    made = cdc_database()
    connection = made.connect()
    for example in EXAMPLES:
        name = name_of(example)
        connection.execute(f"CREATE TABLE dbo.{name} (id int NOT NULL PRIMARY KEY, v {example.declaration} , n int)")
        made.capture(connection, name, f"i_{name}")
        if example.type in MADE_BY_THE_SERVER:
            connection.execute(f"INSERT INTO dbo.{name} (id) VALUES (1)")
            connection.execute(f"INSERT INTO dbo.{name} (id) VALUES (2)")
        else:
            connection.execute(f"INSERT INTO dbo.{name} (id, v) VALUES (1, {example.literal})")
            connection.execute(f"INSERT INTO dbo.{name} (id, v) VALUES (2, NULL)")
    tables = {table.name: table for table in read_tables(connection)}
    typed = Typed(made.options, connection, read_database(connection), tables, {})
    for example in EXAMPLES:
        name = name_of(example)
        columns = ", ".join(encoder(typed, example).select_list)
        typed.snapshots[name] = connection.query(f"SELECT {columns} FROM dbo.{name} AS t ORDER BY t.id")
        connection.execute(f"UPDATE dbo.{name} SET n = 1 WHERE id = 1")
        connection.execute(f"DELETE FROM dbo.{name} WHERE id = 1")
    for example in EXAMPLES:
        made.wait_for_rows(connection, f"i_{name_of(example)}_CT", CHANGES)
    return typed


def changes(typed: Typed, example: Example, **options: Any) -> list[Line]:
    table = typed.tables[name_of(example)]
    given = typed.make_options(**{**example.options, **options})
    reader = ChangeReader(typed.database, table, table.instances[0], given)
    blocks = reader.read(typed.connection, ChangePosition.behind(ZERO), LAST, 100, 2**20, None)
    return [msgspec.json.decode(line, type=Line) for block in blocks for line in block.lines.splitlines()]


def matches(example: Example, value: msgspec.Raw) -> bool:
    if example.type in MADE_BY_THE_SERVER:
        return len(base64.b64decode(msgspec.json.decode(value))) == 8
    return bytes(value).decode() == example.json


def identifier(example: Example) -> str:
    return f"{example.declaration} {example.literal}"


@pytest.mark.parametrize("example", EXAMPLES, ids=identifier)
def test_in_a_snapshot(typed: Typed, example: Example) -> None:
    lines = encoder(typed, example).lines(typed.snapshots[name_of(example)], ZERO, "identity")
    filled, empty = (msgspec.json.decode(line, type=Line).data["v"] for line in lines.splitlines())
    assert matches(example, filled), bytes(filled)
    assert bytes(empty) == b"null" or example.type in MADE_BY_THE_SERVER


@pytest.mark.parametrize("example", EXAMPLES, ids=identifier)
def test_in_changes(typed: Typed, example: Example) -> None:
    insert, empty, update, delete = changes(typed, example)
    assert [line.metadata.OperationID for line in (insert, empty, update, delete)] == [2, 2, 4, 1]
    assert matches(example, insert.data["v"]), bytes(insert.data["v"])
    assert matches(example, update.data["v"]), bytes(update.data["v"])
    assert bytes(empty.data["v"]) == b"null" or example.type in MADE_BY_THE_SERVER
    before = update.metadata.Before["v"]
    assert matches(example, before) or "v" in update.metadata.Unavailable
    if example.type in OLD_LOB_TYPES:
        assert delete.metadata.Unavailable == ["v"]
    else:
        assert matches(example, delete.data["v"])


def test_alias_types_and_computed_columns(cdc_database: Callable[[], Any]) -> None:
    made = cdc_database()
    connection = made.connect()
    connection.execute("CREATE TYPE dbo.Amount FROM decimal(9,2) NOT NULL")
    connection.execute("CREATE TABLE dbo.A (id int NOT NULL PRIMARY KEY, v dbo.Amount, twice AS id * 2)")
    made.capture(connection, "A", "a")
    connection.execute("INSERT INTO dbo.A (id, v) VALUES (4, 1.5)")
    made.wait_for_rows(connection, "a_CT", 1)
    (table,) = read_tables(connection)
    database = read_database(connection)
    encoder = SnapshotEncoder(database, table, made.options())
    rows = connection.query(f"SELECT {', '.join(encoder.select_list)} FROM dbo.A AS t")
    (row,) = encoder.lines(rows, ZERO, "identity").splitlines()
    assert msgspec.json.decode(row)["data"] == {"id": 4, "v": "1.50", "twice": 8}
    reader = ChangeReader(database, table, table.instances[0], made.options())
    (block,) = reader.read(connection, ChangePosition.behind(ZERO), LAST, 100, 2**20, None)
    line = msgspec.json.decode(block.lines)
    assert line["data"] == {"id": 4, "v": "1.50", "twice": None}
    assert line["metadata"]["Unavailable"] == ["twice"]
