"""Pages cut at every row boundary of what a server really writes into a change table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from dstream_mssql_cdc.catalog.read import read_database, read_tables
from dstream_mssql_cdc.changes import ChangeReader
from dstream_mssql_cdc.connection.connection import Connection
from dstream_mssql_cdc.position import LAST, ZERO, ChangePosition

TRANSACTIONS = [
    ["INSERT INTO dbo.Orders (id, note) VALUES (1, N'a'), (2, N'b'), (3, N'c')"],
    [
        "UPDATE dbo.Orders SET note = note + N'!'",
        "UPDATE dbo.Orders SET id = 9 WHERE id = 1",
        "DELETE FROM dbo.Orders WHERE id = 2",
        "INSERT INTO dbo.Orders (id, note) VALUES (2, NULL)",
        "UPDATE dbo.Orders SET id = id + 10",
    ],
    ["UPDATE dbo.Orders SET note = N'last' WHERE id = 12"],
]
ROWS = 3 + (6 + 2 + 1 + 1 + 6) + 2
FINAL = {12: "last", 13: "c!", 19: "a!"}


@dataclass
class Written:
    """A table with changes, and what reads them."""

    connection: Connection
    reader: ChangeReader


@pytest.fixture(scope="module")
def written(cdc_database: Callable[[], Any]) -> Written:
    made = cdc_database()
    connection = made.connect()
    connection.execute("CREATE TABLE dbo.Orders (id int NOT NULL PRIMARY KEY, note nvarchar(20) NULL)")
    made.capture(connection, "Orders", "orders")
    for statements in TRANSACTIONS:
        connection.begin()
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    made.wait_for_rows(connection, "orders_CT", ROWS)
    (table,) = read_tables(connection)
    return Written(connection, ChangeReader(read_database(connection), table, table.instances[0], made.options()))


def read_all(written: Written, rows: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after = ChangePosition.behind(ZERO)
    for _ in range(ROWS + 1):
        page = list(written.reader.read(written.connection, after, LAST, rows, 2**20, None))
        lines += [msgspec.json.decode(line) for block in page for line in block.lines.splitlines()]
        if not page or not page[-1].full:
            return lines
        after = page[-1].position
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("rows", range(1, ROWS + 2))
def test_every_page_size_gives_the_same_lines(written: Written, rows: int) -> None:
    assert read_all(written, rows) == read_all(written, 1000)


def test_the_lines_lead_to_the_table(written: Written) -> None:
    table: dict[int, str | None] = {}
    lines = read_all(written, 2)
    for line in lines:
        metadata, data = line["metadata"], line["data"]
        match metadata["OperationType"]:
            case "Delete":
                assert table.pop(data["id"]) == data["note"]
            case "Insert":
                assert data["id"] not in table
                table[data["id"]] = data["note"]
            case "Update":
                assert table[data["id"]] == metadata["Before"]["note"]
                assert metadata["Changed"] == ["note"]
                table[data["id"]] = data["note"]
    assert table == FINAL
    assert len({line["metadata"]["MessageID"] for line in lines}) == len(lines)
    assert len({line["metadata"]["LSN"] for line in lines}) == len(TRANSACTIONS)
    assert all(line["metadata"]["CommitTime"].endswith("Z") for line in lines)
