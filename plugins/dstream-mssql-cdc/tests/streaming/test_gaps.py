"""Changes that are gone before they were read, and positions that do not grow old."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reader_process import Reader, as_table, changes, ids, kinds
from source_database import SourceDatabase, until

from dstream_core.testing import ProviderProcess
from dstream_mssql_cdc.catalog.values import Table
from dstream_mssql_cdc.position import ChangePosition, TablePosition
from dstream_mssql_cdc.stream.reading import CHECKPOINT_SECONDS, move_forward
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream

Start = Callable[..., Reader]
GONE = "dbo.Orders: changes are gone"
BEYOND = "lies beyond the database's last change"
ADVICE = 'on_gap = \\"snapshot\\"'


def stopped_at_three_rows(start: Start) -> None:
    reader = start()
    reader.take(3)
    reader.snapshots_done()
    assert reader.stop() == 0


def test_cleaned_up_while_down_fails_with_the_position_and_what_to_do(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    stopped_at_three_rows(start)
    database.fill("Orders", 4, 4)
    database.clean_up()
    database.fill("Orders", 5, 5)
    again = start()
    assert again.failure() == 1
    assert again.lines == [], "nothing goes out behind a gap"
    said = again.process.stderr
    assert GONE in said
    assert ADVICE in said
    assert f"the change table begins at 0x{database.low_marks()['dbo_Orders'].hex()}" in said
    assert "@retention" in said


def test_cleaned_up_while_down_is_what_check_says_first(database: SourceDatabase, start: Start, tmp_path: Path) -> None:
    database.table(rows=3)
    stopped_at_three_rows(start)
    database.fill("Orders", 4, 4)
    database.clean_up()
    command = [Path(sys.executable).with_name("dstream-mssql-cdc")]
    options = {"db_connection_string": database.connection_string}
    with ProviderProcess(command, "input", options, verb="check", state_dir=tmp_path / "state") as process:
        process.wait_ready()
        said = str(process.result())
    assert "dbo.Orders" in said
    assert "on_gap" in said


def test_cleaned_up_while_down_with_snapshot_delivers_the_rows_again(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    stopped_at_three_rows(start)
    database.sql("INSERT INTO dbo.Orders VALUES (4, N'row 4'); DELETE FROM dbo.Orders WHERE id = 1")
    database.clean_up()
    again = start(on_gap="snapshot")
    assert ids(again.take(3)) == [2, 3, 4]
    assert kinds(again.lines) == ["Snapshot"] * 3
    again.says(GONE, "its rows are delivered again", level="warning")
    database.fill("Orders", 5, 5)
    assert ids(again.take(1)) == [5]


@pytest.mark.parametrize("tables", [1, 5], ids=["one table", "five tables"])
def test_cleaned_up_while_running_and_behind(database: SourceDatabase, start: Start, tables: int) -> None:
    for number in range(tables - 1):
        database.table(f"Other{number}")
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    hang = database.control.hang(pattern="SELECT TOP.*dbo_Orders_CT", count=0, database=database.name)
    database.fill("Orders", 2, 2)
    until(lambda: database.control.fired(hang), "the page")
    database.clean_up("dbo_Orders")
    database.control.clear_faults(hang)
    assert reader.failure() == 1
    assert GONE in reader.process.stderr
    assert ids(reader.lines) == [1]


def test_cleaned_up_between_a_page_and_the_look_at_its_beginning(database: SourceDatabase, start: Start) -> None:
    """The page that was read before may lack rows: it is not taken."""
    database.table(rows=1)
    reader = start(on_gap="snapshot")
    reader.take(1)
    reader.snapshots_done()
    hang = database.control.hang(
        pattern="SELECT start_lsn FROM cdc.change_tables WHERE", count=0, database=database.name
    )
    database.fill("Orders", 2, 2)
    until(lambda: database.control.fired(hang), "the look")
    database.clean_up()
    database.control.clear_faults(hang)
    assert kinds(reader.take(2)) == ["Snapshot"] * 2


def test_cleaned_up_during_a_snapshot_is_told_in_the_middle(database: SourceDatabase, start: Start) -> None:
    database.table(rows=50)
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=2, database=database.name)
    reader = start(snapshot_chunk_rows=10)
    reader.take(20)
    until(lambda: database.control.fired(hang), "the third chunk")
    database.fill("Orders", 51, 51)
    database.clean_up()
    database.control.clear_faults(hang)
    assert reader.failure() == 1
    assert GONE in reader.process.stderr
    assert len(reader.lines) == 30, "it went on for longer than the chunk"


def test_cleaned_up_during_a_snapshot_begins_it_again(database: SourceDatabase, start: Start) -> None:
    database.table(rows=50)
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=2, database=database.name)
    reader = start(snapshot_chunk_rows=10, on_gap="snapshot")
    reader.take(20)
    until(lambda: database.control.fired(hang), "the third chunk")
    database.sql("DELETE FROM dbo.Orders WHERE id = 50")
    database.clean_up()
    database.control.clear_faults(hang)
    reader.take(10 + 49)
    reader.snapshots_done()
    assert set(ids(reader.lines[-49:])) == set(range(1, 50))
    (second,) = {line["metadata"]["LSN"] for line in reader.lines[-49:]}
    assert second > reader.lines[0]["metadata"]["LSN"]


def test_cleaned_up_while_a_snapshot_is_taken_again(database: SourceDatabase, start: Start) -> None:
    """The changes go on where they stood before it, so those must be there too."""
    database.table(rows=30)
    reader = start()
    reader.take(30)
    reader.snapshots_done()
    assert reader.stop() == 0
    database.fill("Orders", 31, 31)
    database.capture()
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=1, database=database.name)
    again = start(snapshot_chunk_rows=10, snapshot_again={"Orders": "1"})
    again.take(10)
    until(lambda: database.control.fired(hang), "the second chunk")
    database.clean_up()
    database.control.clear_faults(hang)
    assert again.failure() == 1
    assert GONE in again.process.stderr
    assert len(again.lines) == 20


def test_retention_that_takes_only_what_was_read_is_no_gap(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    for number in range(2, 6):
        database.fill("Orders", number, number)
        assert ids(reader.take(1)) == [number]
        reader.stored(lambda kept: kept["dbo.Orders"].changes.lsn >= database.maximum(), "the change")
        database.control.cleanup(database.name, "", database.maximum())
    assert reader.stop() == 0


# -- restored


@pytest.mark.parametrize("tables", [1, 5], ids=["one table", "five tables"])
def test_a_restored_database_is_told(database: SourceDatabase, start: Start, tables: int) -> None:
    for number in range(tables - 1):
        database.table(f"Other{number}")
    database.table(rows=1)
    database.capture()
    token = database.control.backup(database.name)
    reader = start()
    reader.take(1)
    database.fill("Orders", 2, 2)
    reader.take(1)
    reader.stored(
        lambda kept: kept["dbo.Orders"].changes and kept["dbo.Orders"].changes.lsn >= database.maximum(), "it"
    )
    assert reader.stop() == 0
    database.control.restore(token)
    again = start()
    assert again.failure() == 1
    assert "dbo.Orders: the position" in again.process.stderr
    assert BEYOND in again.process.stderr
    assert "the database was restored" in again.process.stderr
    third = start(on_gap="snapshot")
    assert ids(third.take(1)) == [1]
    assert kinds(third.lines) == ["Snapshot"]


def test_restored_while_running(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    database.capture()
    token = database.control.backup(database.name)
    reader = start(on_gap="snapshot")
    reader.take(1)
    database.fill("Orders", 2, 3)
    reader.take(2)
    database.control.restore(token)
    assert kinds(reader.take(1)) == ["Snapshot"]
    database.fill("Orders", 4, 4)
    assert ids(reader.take(1)) == [4]
    reader.says(BEYOND, level="warning")


# -- the position of a table without changes


def test_the_checkpoint_of_an_idle_table_moves_forward(database: SourceDatabase, start: Start) -> None:
    for name in ("Idle", "Idle2", "Idle3", "Busy"):
        database.table(name)
    database.fill("Busy", 4, 4)
    database.capture()
    reader = start(snapshot="never")
    reader.take(1)
    reader.stored(lambda kept: len(kept) == 4, "all")
    reader.begins("dbo.Busy")
    assert reader.stop() == 0
    database.fill("Busy", 1, 3)
    database.capture()
    again = start(snapshot="never")
    again.take_until(lambda _: ids(again.lines)[-3:] == [1, 2, 3])
    again.stored(
        lambda kept: all(position.changes.lsn >= database.maximum() for position in kept.values()), "all at the maximum"
    )
    assert again.stop() == 0
    database.control.cleanup(database.name, "", database.maximum())
    third = start(snapshot="never")
    third.begins("dbo.Idle")
    database.fill("Idle", 1, 1)
    assert ids(third.take(1)) == [1], "an idle table is no gap"


class Emitted:
    """In place of what the threads share: takes note of positions that go out."""

    def __init__(self) -> None:
        self.positions: list[TablePosition] = []

    def emit_position(self, stream: TableStream, position: TablePosition) -> bool:
        self.positions.append(position)
        stream.position, stream.checkpointed = position, time.monotonic()
        return True


def test_while_it_runs_it_moves_once_in_a_while() -> None:
    emitted: Any = Emitted()
    table = Table("dbo", "Idle", 1, (), (), ())
    stream = TableStream(table, TablePosition(ChangePosition.behind(bytes(10))), Phase.CHANGES, None)
    stream.checkpointed = time.monotonic()
    for number in range(1, 4):
        move_forward(emitted, stream, bytes([number] * 10))
    assert emitted.positions == []
    stream.checkpointed -= CHECKPOINT_SECONDS
    move_forward(emitted, stream, bytes([9] * 10))
    move_forward(emitted, stream, bytes([10] * 10))
    assert [position.changes for position in emitted.positions] == [ChangePosition.behind(bytes([9] * 10))]
    assert stream.changes == ChangePosition.behind(bytes([10] * 10))


def test_what_the_destination_has_in_the_end(database: SourceDatabase, start: Start) -> None:
    database.table(rows=5)
    stopped_at_three = start()
    stopped_at_three.take(5)
    stopped_at_three.snapshots_done()
    stopped_at_three.stop()
    database.sql("UPDATE dbo.Orders SET v = N'new' WHERE id < 3; DELETE FROM dbo.Orders WHERE id = 5")
    again = start()
    again.take(3)
    assert len(changes(again.lines)) == 3
    table = as_table([*stopped_at_three.lines, *again.lines])
    assert {number: row["v"] for number, row in table.items()} == {1: "new", 2: "new", 3: "row 3", 4: "row 4"}
