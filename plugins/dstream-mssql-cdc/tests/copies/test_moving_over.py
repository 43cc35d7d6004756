"""From the Go provider to this one and back, with its configuration, its table of positions, and the real processes.

Its reading is played as the facts of it say: rows in the order of `(__$start_lsn, __$seqval)`, its position that of the
last row it printed, wherever in a transaction that was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from writing import until

from dstream_mssql_cdc.checkpoints.original import Offset
from dstream_sandbox.sqlserver.client import SqlServerSandbox

pytestmark = pytest.mark.long

CONFIGURATION = """
task "orders" {
  type = "providers"
  input {
    provider = "mssql-cdc"
    config {
      db_connection_string = "{{ env "SOURCE" }}"
      poll_interval        = "5s"
      max_poll_interval    = "5m"
      tables               = ["Orders", "dbo.Items", "Late"]
      envelope             = "original"
      lock_config {
        type              = "azure_blob"
        connection_string = "{{ env "LOCKS" }}"
        container_name    = "{{ env "CONTAINER" }}"
      }
    }
  }
  output {
    provider = "file"
    config {
      path     = "out.jsonl"
      envelope = true
    }
  }
}
"""
OFFSETS = """CREATE TABLE cdc_offsets (table_name nvarchar(255) PRIMARY KEY, last_lsn varbinary(10),
last_seq varbinary(10), updated_at datetime DEFAULT GETDATE())"""
METADATA = {"TableName", "LSN", "Seq", "OperationID", "OperationType"}
Change = tuple[str, str, int, int]
"""LSN, Seq, OperationID, Id."""
ZERO = Offset(bytes(10), bytes(10))


class Shop:
    """A database that the Go provider has read from."""

    def __init__(self, server: SqlServerSandbox) -> None:
        self.control = server.control
        self.control.sql("CREATE DATABASE Shop")
        self.sql("EXEC sys.sp_cdc_enable_db")
        self.sql(OFFSETS)
        for table in ("Orders", "Items", "Late"):
            self.sql(f"CREATE TABLE dbo.{table} (Id int PRIMARY KEY, Name nvarchar(20))")
            self.sql(f"INSERT dbo.{table} VALUES (1, N'was there')")
            self.sql(
                f"EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'{table}', @role_name = NULL"
            )

    def sql(self, text: str) -> list[list[Any]]:
        return self.control.sql(text, "Shop")

    def change(self, table: str, first: int) -> None:
        """Two transactions of three statements each; in the second, keys change."""
        self.sql(
            f"BEGIN TRAN INSERT dbo.{table} VALUES ({first}, N'a'), ({first + 1}, N'b') "
            f"UPDATE dbo.{table} SET Name = N'c' WHERE Id >= {first} INSERT dbo.{table} VALUES ({first + 2}, N'd') COMMIT"
        )
        self.sql(
            f"BEGIN TRAN UPDATE dbo.{table} SET Id = Id + 10 WHERE Id >= {first} "
            f"DELETE dbo.{table} WHERE Id = {first + 10} UPDATE dbo.{table} SET Name = N'e' WHERE Id > {first} COMMIT"
        )

    def changes(self, table: str, behind: Offset = ZERO) -> list[Change]:
        """What the Go provider reads behind a position, in its order."""
        rows = self.sql(
            f"SELECT CONVERT(varchar(40), __$start_lsn, 2), CONVERT(varchar(40), __$seqval, 2), __$operation, Id "
            f"FROM cdc.dbo_{table}_CT WHERE __$operation IN (1, 2, 4) ORDER BY __$start_lsn, __$seqval"
        )
        found = [(lsn.lower(), sequence.lower(), operation, key) for lsn, sequence, operation, key in rows]
        return [each for each in found if each[:2] > (behind.lsn.hex(), behind.sequence.hex())]

    def captured(self, table: str, count: int) -> list[Change]:
        until(lambda: len(self.changes(table)) >= count, "the capture job")
        return self.changes(table)

    def offset(self, name: str) -> Offset:
        [row] = self.sql(
            "SELECT CONVERT(varchar(40), last_lsn, 2), CONVERT(varchar(40), last_seq, 2) FROM dbo.cdc_offsets "
            f"WHERE table_name = N'{name}'"
        )
        return Offset(bytes.fromhex(row[0]), bytes.fromhex(row[1]))

    def store(self, name: str, last: Change) -> None:
        """As the Go provider does."""
        values = f"last_lsn = 0x{last[0]}, last_seq = 0x{last[1]}, updated_at = GETDATE()"
        self.sql(
            f"UPDATE dbo.cdc_offsets SET {values} WHERE table_name = N'{name}' IF @@ROWCOUNT = 0 INSERT "
            f"dbo.cdc_offsets (table_name, last_lsn, last_seq) VALUES (N'{name}', 0x{last[0]}, 0x{last[1]})"
        )


class Run:
    """`dstream run` until somebody ends it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        with (folder / "run.log").open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("dstream"), "run", "orders"],
                cwd=folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def lines(self, table: str) -> list[Change]:
        path = self.folder / "out.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        assert all(line["metadata"].keys() == METADATA for line in lines)
        return [
            (each["LSN"], each["Seq"], each["OperationID"], line["data"]["Id"])
            for line in lines
            if (each := line["metadata"])["TableName"] == table
        ]

    def delivered(self, table: str, changes: list[Change]) -> None:
        until(lambda: set(changes) <= set(self.lines(table)), f"the changes of {table}\n{self.log}", 20)

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log


@pytest.fixture
def shop() -> Iterator[tuple[Shop, SqlServerSandbox]]:
    with SqlServerSandbox() as server:
        yield Shop(server), server


def test_a_pipeline_of_the_original_goes_on_here_and_there(
    tmp_path: Path, shop: tuple[Shop, SqlServerSandbox], azurite: str
) -> None:
    database, server = shop
    for table in ("Orders", "Items", "Late"):
        database.change(table, 2)
    orders, items = database.captured("Orders", 11), database.captured("Items", 11)
    inside = next(n for n, each in enumerate(orders) if each[0] == orders[-1][0]) + 1
    assert 0 < inside < len(orders) - 1, "in the middle of the second transaction"
    database.store("Orders", orders[inside])
    database.store("dbo.Items", items[4])
    (tmp_path / "dstream.hcl").write_text(CONFIGURATION)
    address = f"server={server.host},{server.port};user id={server.user};password={server.password}"
    environment = {
        "SOURCE": f"{address};database=Shop;encrypt=disable",
        "LOCKS": azurite,
        "CONTAINER": f"locks-{uuid4().hex}",
    }

    run = Run(tmp_path, environment)
    try:
        run.delivered("Orders", orders[inside + 1 :])
        run.delivered("Items", items[5:])
        until(lambda: len(run.lines("Late")) > 1, "the table that was new", 20)
    finally:
        run.end()
    check_repeats(run.lines("Orders"), orders, inside)
    check_repeats(run.lines("Items"), items, 4)
    assert (bytes(10).hex(), 2, 1) in {(each[1], each[2], each[3]) for each in run.lines("Late")}, "its snapshot"

    for name, table in (("Orders", "Orders"), ("dbo.Items", "Items")):
        assert database.changes(table, database.offset(name)) == [], "the Go provider would repeat or skip"
        database.change(table, 50)
    new = database.captured("Orders", len(orders) + 11)[len(orders) :]
    assert database.changes("Orders", database.offset("Orders")) == new
    database.store("Orders", new[1])  # it has read on

    before = len(run.lines("Orders"))
    run = Run(tmp_path, environment)
    try:
        run.delivered("Orders", new[2:])
        run.delivered("Items", database.changes("Items")[len(items) :])
    finally:
        run.end()
    again = run.lines("Orders")[before:]
    assert {each[0] for each in again if each in new[:2]} <= {new[1][0]}
    assert not set(again) & set(orders)


def check_repeats(lines: list[Change], changes: list[Change], last: int) -> None:
    """Everything behind the position is there; before it, nothing but what its transaction has."""
    assert set(changes[last + 1 :]) <= set(lines) <= {each for each in changes if each[0] >= changes[last][0]}
    assert len(lines) == len(set(lines))
    assert 1 not in {key for *_, key in lines}, "a row of a snapshot"
