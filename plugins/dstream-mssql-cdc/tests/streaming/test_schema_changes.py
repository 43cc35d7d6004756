"""Capture instances come and go: every change is read once, with the columns of the instance that knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from reader_process import Line, Reader, changes, ids
from source_database import SourceDatabase, until

Start = Callable[..., Reader]


@dataclass(frozen=True)
class Alteration:
    """A change of the table's columns, and what rows look like before and after the second instance is made."""

    statement: str
    before: str
    """Inserts row `{id}` through the old columns."""
    after: str
    old: frozenset[str]
    new: frozenset[str]
    said: str


ALTERATIONS = {
    "added": Alteration(
        "ALTER TABLE dbo.Orders ADD note nvarchar(20) NULL",
        "INSERT INTO dbo.Orders (id, v) VALUES ({id}, N'old')",
        "INSERT INTO dbo.Orders (id, v, note) VALUES ({id}, N'new', N'note')",
        frozenset({"id", "v"}),
        frozenset({"id", "v", "note"}),
        "new columns note",
    ),
    "dropped": Alteration(
        "ALTER TABLE dbo.Orders DROP COLUMN v",
        "INSERT INTO dbo.Orders (id, v) VALUES ({id}, N'old')",
        "INSERT INTO dbo.Orders (id) VALUES ({id})",
        frozenset({"id", "v"}),
        frozenset({"id"}),
        "without v",
    ),
    "renamed": Alteration(
        "ALTER TABLE dbo.Orders DROP COLUMN v; ALTER TABLE dbo.Orders ADD w nvarchar(50) NULL",
        "INSERT INTO dbo.Orders (id, v) VALUES ({id}, N'old')",
        "INSERT INTO dbo.Orders (id, w) VALUES ({id}, N'new')",
        frozenset({"id", "v"}),
        frozenset({"id", "w"}),
        "new columns w",
    ),
}


def alter(database: SourceDatabase, alteration: Alteration, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Rows 1 to 3 through the old columns, 4 between the change of the table and the new instance, 5 to 7 behind it."""
    for number in (1, 2, 3):
        database.sql(alteration.before.format(id=number))
    database.sql(alteration.statement)
    database.sql(alteration.after.format(id=4))
    database.enable("Orders", "orders_v2")
    meanwhile()
    for number in (5, 6, 7):
        database.sql(alteration.after.format(id=number))


def check(lines: list[Line], alteration: Alteration) -> None:
    """Every row once, in order, those of the new instance with its columns."""
    assert ids(lines) == [1, 2, 3, 4, 5, 6, 7]
    assert len({line["metadata"]["MessageID"] for line in lines}) == 7
    assert [set(line["data"]) for line in lines] == [alteration.old] * 4 + [alteration.new] * 3


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=list(ALTERATIONS))
@pytest.mark.parametrize("page", [1, 1000], ids=["row by row", "one page"])
def test_the_second_instance_is_made_while_the_reader_runs(
    database: SourceDatabase, start: Start, alteration: Alteration, page: int
) -> None:
    database.table()
    reader = start(batch_size=page, snapshot="never")
    reader.begins()
    alter(database, alteration)
    check(reader.take(7), alteration)
    assert reader.nothing_comes()
    assert alteration.said in reader.says("orders_v2 begins at")
    database.fill("Orders", 8, 7)  # nothing
    database.sql(alteration.after.format(id=8))
    assert ids(reader.take(1)) == [8]
    assert "@capture_instance = N'dbo_Orders'" in reader.says("dbo_Orders is not read any more", "sp_cdc_disable_table")


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=list(ALTERATIONS))
def test_it_is_made_while_the_reader_is_down(database: SourceDatabase, start: Start, alteration: Alteration) -> None:
    database.table()
    reader = start(snapshot="never")
    reader.stored(lambda kept: "dbo.Orders" in kept, "a first one")
    assert reader.stop() == 0
    alter(database, alteration)
    check(start(snapshot="never").take(7), alteration)


def test_it_is_made_while_the_reader_is_far_behind(database: SourceDatabase, start: Start) -> None:
    alteration = ALTERATIONS["added"]
    database.table()
    hang = database.control.hang(pattern="dbo_Orders_CT", count=0, database=database.name)
    reader = start(snapshot="never", batch_size=2)
    until(lambda: database.control.fired(hang), "the first page")
    alter(database, alteration)
    reader.says("orders_v2 begins at")
    database.control.clear_faults(hang)
    check(reader.take(7), alteration)


def test_it_is_made_while_the_capture_job_lags(database: SourceDatabase, start: Start) -> None:
    alteration = ALTERATIONS["added"]
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    database.control.stop_capture(database.name)
    alter(database, alteration)
    reader.says("orders_v2 begins at")
    assert reader.nothing_comes()
    database.control.start_capture(database.name)
    check(reader.take(7), alteration)
    assert reader.nothing_comes()


def test_it_is_made_during_the_snapshot(database: SourceDatabase, start: Start) -> None:
    database.table(rows=30)
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=1, database=database.name)
    reader = start(snapshot_chunk_rows=10)
    reader.take(10)
    until(lambda: database.control.fired(hang), "the second chunk")
    database.fill("Orders", 31, 31)
    database.sql("ALTER TABLE dbo.Orders ADD note nvarchar(20) NULL")
    database.enable("Orders", "orders_v2")
    database.sql("INSERT INTO dbo.Orders (id, v, note) VALUES (32, N'new', N'note')")
    database.capture()
    database.control.clear_faults(hang)
    lines = reader.take_until(lambda taken: len(changes(taken)) == 2)
    assert set(ids(lines)) == set(range(11, 33))
    assert [set(line["data"]) for line in changes(lines)] == [{"id", "v"}, {"id", "v", "note"}]
    database.sql("UPDATE dbo.Orders SET note = N'x' WHERE id = 1")
    (update,) = reader.take(1)
    assert update["data"] == {"id": 1, "v": "row 1", "note": "x"}


def test_a_snapshot_that_is_cut_between_two_instances_does_not_crawl(database: SourceDatabase, start: Start) -> None:
    database.table(rows=200)
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=1, database=database.name)
    reader = start(snapshot_chunk_rows=10)
    reader.take(10)
    reader.rows_stored(10)
    reader.kill()
    database.enable("Orders", "orders_v2")
    database.capture()
    database.control.clear_faults(hang)
    again = start(snapshot_chunk_rows=10, tables_interval="1h")
    assert ids(again.take(190)) == list(range(11, 201))
    looks = [text for text in database.control.statements() if "cdc.captured_columns" in text["text"]]
    assert len(looks) <= 6, "the catalog was read again and again"


def test_an_older_instance_that_goes_too_early_is_a_gap(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never")
    database.fill("Orders", 1, 1)
    reader.take(1)
    reader.stored(lambda kept: kept["dbo.Orders"].instance, "the first change")
    assert reader.stop() == 0
    database.fill("Orders", 2, 2)
    database.enable("Orders", "orders_v2")
    database.capture()
    database.disable("Orders", "dbo_Orders")
    again = start(snapshot="never")
    assert again.failure() == 1
    assert "dbo.Orders: changes are gone" in again.process.stderr
    assert "the capture instance dbo_Orders was disabled before all its changes were read" in again.process.stderr
    third = start(snapshot="never", on_gap="snapshot")
    assert sorted(ids(third.take(2))) == [1, 2]


def test_an_older_instance_that_was_read_to_its_end_may_go(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    alter(database, ALTERATIONS["added"])
    reader.take(7)
    reader.says("dbo_Orders is not read any more")
    database.disable("Orders", "dbo_Orders")
    database.fill("Orders", 8, 8)
    assert ids(reader.take(1)) == [8]


def test_a_column_that_is_added_and_not_captured_is_told_with_the_call(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start()
    reader.snapshots_done()
    database.sql("ALTER TABLE dbo.Orders ADD note nvarchar(20) NULL")
    text = reader.says("note is not captured by dbo_Orders", level="warning")
    assert "sp_cdc_enable_table" in text
    assert "@capture_instance = N'dbo_Orders_v2'" in text
    database.sql("INSERT INTO dbo.Orders (id, v, note) VALUES (1, N'a', N'b')")
    assert reader.take(1)[0]["data"] == {"id": 1, "v": "a"}
    assert len([one for one in reader.messages("warning") if "not captured" in one]) == 1


# -- capture is disabled


def test_disabled_while_running_ends_the_run(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.table("Lines")
    reader = start()
    reader.snapshots_done("dbo.Orders", "dbo.Lines")
    database.disable("Orders")
    assert reader.failure() == 2
    assert "dbo.Orders: change data capture was disabled while the table was read" in reader.process.stderr
    assert "sp_cdc_enable_table" in reader.process.stderr


@pytest.mark.parametrize("tables", [1, 5], ids=["one table", "five tables"])
def test_disabled_with_on_gap_snapshot_the_others_stream_on(
    database: SourceDatabase, start: Start, tables: int
) -> None:
    others = [database.table(f"Other{number}") for number in range(tables)]
    database.table(rows=1)
    reader = start(on_gap="snapshot")
    reader.take(1)
    reader.snapshots_done("dbo.Orders", *(f"dbo.{name}" for name in others))
    database.disable("Orders")
    reader.says("dbo.Orders", "disabled", level="warning")
    database.fill(others[-1], 1, 1)
    (line,) = reader.take(1)
    assert line["metadata"]["TableName"] == others[-1]
    database.fill("Orders", 2, 2)
    database.enable("Orders")
    again = reader.take(2)
    assert sorted(ids(again, "Orders")) == [1, 2]
    assert not changes(again)
    database.fill("Orders", 3, 3)
    assert ids(reader.take(1)) == [3]


def test_disabled_and_enabled_again_while_down_is_a_gap(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    assert reader.stop() == 0
    database.disable("Orders")
    database.fill("Orders", 2, 2)
    database.enable("Orders")
    again = start()
    assert again.failure() == 1
    assert "dbo.Orders: changes are gone" in again.process.stderr


def test_disabled_and_enabled_again_at_once_while_running_is_a_gap(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start(poll_interval="500ms", max_poll_interval="500ms")
    reader.take(1)
    reader.snapshots_done()
    database.sql(
        "EXEC sys.sp_cdc_disable_table N'dbo', N'Orders', N'all'; INSERT INTO dbo.Orders VALUES (2, N'lost'); "
        "EXEC sys.sp_cdc_enable_table N'dbo', N'Orders', @role_name = NULL"
    )
    assert reader.failure() == 1
    assert "dbo.Orders: changes are gone" in reader.process.stderr


def test_disabled_for_the_whole_database(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start()
    reader.snapshots_done()
    database.sql("EXEC sys.sp_cdc_disable_db")
    assert reader.failure() == 2
    assert "change data capture is not enabled" in reader.process.stderr
    assert "sp_cdc_enable_db" in reader.process.stderr


def test_a_table_that_is_dropped(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.table("Lines")
    reader = start()
    reader.snapshots_done("dbo.Orders", "dbo.Lines")
    database.sql("DROP TABLE dbo.Orders")
    assert reader.failure() == 2
    assert "dbo.Orders" in reader.process.stderr
