"""Which tables are read, and that they do not stand in each other's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from reader_process import Line, Reader, as_table, changes, ids, kinds
from source_database import SourceDatabase, until

Start = Callable[..., Reader]


def tables_of(lines: list[Line]) -> set[str]:
    return {f"{line['metadata']['SchemaName']}.{line['metadata']['TableName']}" for line in lines}


@contextmanager
def writing(database: SourceDatabase, statement: Callable[[int], str]) -> Iterator[list[int]]:
    """An application that goes on writing; gives the numbers it has written."""
    written: list[int] = []
    ended = threading.Event()

    def write() -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute(statement(len(written)))
                written.append(len(written))
                ended.wait(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()


def test_a_table_that_matches_later_is_picked_up(database: SourceDatabase, start: Start) -> None:
    database.sql("CREATE SCHEMA sales")
    database.table("Orders", rows=1, schema="sales")
    database.table("Other", rows=1)
    reader = start(tables=["sales.*", "!sales.Audit"])
    assert tables_of(reader.take(1)) == {"sales.Orders"}
    database.table("Audit", rows=1, schema="sales")
    database.table("Lines", rows=2, schema="sales")
    lines = reader.take(2)
    assert tables_of(lines) == {"sales.Lines"}
    assert kinds(lines) == ["Snapshot"] * 2
    reader.says("sales.Lines: captured from now on")
    database.fill("Orders", 2, 2, schema="sales")
    database.fill("Lines", 3, 3, schema="sales")
    assert tables_of(reader.take(2)) == {"sales.Orders", "sales.Lines"}
    assert reader.nothing_comes()


def test_the_first_table_may_come_later(database: SourceDatabase, start: Start) -> None:
    reader = start(tables=["Ord*"])
    database.table(rows=1)
    assert ids(reader.take(1)) == [1]


def test_tables_that_are_not_captured_are_told_all_at_once(database: SourceDatabase, start: Start) -> None:
    database.table("A", captured=False)
    database.table("B c", captured=False)
    database.table("C")
    reader = start(tables=["A", "B c", "C"], ready=False)
    refusal = reader.process.refusal()
    for name in ("A", "B c"):
        assert f"@source_name = N'{name}'" in f"{refusal.message} {refusal.hint}"
    assert reader.process.wait() == 2


NAMES = [
    ("dbo", "Order Lines"),
    ("dbo", "a.b"),
    ("we ird", "[x]y]"),
    ("dbo", "it's %d"),
    ("Größe", "Ünï_日本"),
    ("dbo", '"q"'),
]


def test_names_of_every_kind(database: SourceDatabase, start: Start) -> None:
    for schema in {schema for schema, _ in NAMES} - {"dbo"}:
        database.sql(f"CREATE SCHEMA [{schema}]")
    for number, (schema, name) in enumerate(NAMES):
        table = f"[{schema}].[{name.replace(']', ']]')}]"
        column = f"[{name.replace(']', ']]')} %s]"
        database.sql(f"CREATE TABLE {table} (id int NOT NULL, {column} int NOT NULL, PRIMARY KEY ({column}))")
        database.sql(f"INSERT INTO {table} VALUES ({number}, 1), ({number}, 2), ({number}, 3)")
        database.enable(name.replace("'", "''"), f"i{number}", schema=schema)
    reader = start(snapshot_chunk_rows=1)
    rows = reader.take(3 * len(NAMES))
    assert {(line["metadata"]["SchemaName"], line["metadata"]["TableName"]) for line in rows} == set(NAMES)
    for number, (schema, name) in enumerate(NAMES):
        database.sql(f"DELETE FROM [{schema}].[{name.replace(']', ']]')}] WHERE [{name.replace(']', ']]')} %s] = 2")
        (line,) = reader.take(1)
        assert line["data"] == {"id": number, f"{name} %s": 2}
        assert line["metadata"]["Key"] == {f"{name} %s": 2}


def test_a_name_in_other_letters(database: SourceDatabase, start: Start) -> None:
    database.table("Orders", rows=1)
    reader = start(tables=["DBO.oRDERS"])
    assert tables_of(reader.take(1)) == {"dbo.Orders"}


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_a_table_added_later_is_snapshotted_alone_while_the_others_stream(
    database: SourceDatabase, start: Start, connections: int
) -> None:
    database.table("Busy", rows=1)
    reader = start(snapshot_chunk_rows=10, max_connections=connections)
    reader.take(1)
    reader.snapshots_done("dbo.Busy")
    database.control.delay(30, pattern=r"TOP \(10\)", count=0, database=database.name)
    with writing(database, lambda n: f"INSERT INTO dbo.Busy (id, v) VALUES ({n + 100}, N'x')"):
        database.table("Late", rows=300)
        lines = reader.take_until(lambda taken: len(ids(taken, "Late")) == 300)
    rows = [index for index, line in enumerate(lines) if line["metadata"]["TableName"] == "Late"]
    between = [line for line in lines[rows[0] : rows[-1]] if line["metadata"]["TableName"] == "Busy"]
    assert len(between) >= 5, "the other table waited"
    assert {line["metadata"]["OperationType"] for line in between} == {"Insert"}
    assert not any(line["metadata"]["Snapshot"] for line in between)


def test_one_table_again_while_the_others_stream(database: SourceDatabase, start: Start) -> None:
    database.table(rows=30)
    database.table("Lines", rows=2)
    first = start()
    first.take(32)
    first.snapshots_done("dbo.Orders", "dbo.Lines")
    assert first.stop() == 0
    database.sql("UPDATE dbo.Orders SET v = N'newer' WHERE id = 1")
    hang = database.control.hang(pattern=r"TOP \(10\)", skip=1, database=database.name)
    again = start(snapshot_again={"Orders": "1"}, snapshot_chunk_rows=10)
    again.take(10)
    until(lambda: database.control.fired(hang), "the second chunk")
    database.fill("Lines", 3, 3)
    assert tables_of(again.take(1)) == {"dbo.Lines"}
    database.control.clear_faults(hang)
    again.take(20 + 1)
    assert kinds(again.lines[-1:]) == ["Update"], "what changed before the snapshot is read as well"
    assert as_table([line for line in again.lines if line["metadata"]["TableName"] == "Orders"])[1]["v"] == "newer"
    again.snapshots_done()
    assert again.stop() == 0
    third = start(snapshot_again={"Orders": "1"}, snapshot_chunk_rows=10)
    assert third.nothing_comes(), "the same value asks once"
    assert third.stop() == 0
    fourth = start(snapshot_again={"Orders": "2"})
    assert len(fourth.take(30)) == 30


def test_no_row_goes_out_before_the_identity_of_its_snapshot_is_stored(database: SourceDatabase, start: Start) -> None:
    """It is in the ids of the rows: were it lost, they would come again with others."""
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    database.fill("Orders", 2, 2)
    assert ids(reader.take(1, ack=False)) == [2]
    database.table("Late", rows=2)
    reader.says("dbo.Late: delivering its rows")
    assert reader.nothing_comes(0.5), "its identity stands behind a line that is not acknowledged"
    reader.acknowledge()
    first = reader.take(2, ack=False)
    reader.kill()
    again = start()
    second = again.take(2)
    assert [line["metadata"]["MessageID"] for line in second] == [line["metadata"]["MessageID"] for line in first]


def test_several_tables_are_snapshotted_at_the_same_time(database: SourceDatabase, start: Start) -> None:
    names = [database.table(f"T{number}", rows=1) for number in range(4)]
    hangs = [database.control.hang(pattern=rf"SELECT TOP.*\[{name}\] AS t", database=database.name) for name in names]
    start(snapshot_tables=3, max_connections=8)
    until(lambda: sum(database.control.fired(hang) for hang in hangs) == 3, "three at the same time")
    time.sleep(0.2)
    assert sum(database.control.fired(hang) for hang in hangs) == 3


def test_snapshots_leave_a_connection_to_changes(database: SourceDatabase, start: Start) -> None:
    database.table("Busy", rows=1)
    names = [database.table(f"T{number}", rows=1) for number in range(4)]
    for name in names:
        database.control.hang(pattern=rf"SELECT TOP.*\[{name}\] AS t", database=database.name)
    reader = start(snapshot_tables=8, max_connections=4, tables=["Busy"])
    reader.take(1)
    reader.snapshots_done("dbo.Busy")
    assert reader.stop() == 0
    again = start(snapshot_tables=8, max_connections=4)
    again.begins(*(f"dbo.{name}" for name in names))
    database.fill("Busy", 2, 2)
    assert ids(again.take(1)) == [2]


# -- a snapshot and those who write meanwhile


@pytest.mark.parametrize("isolation", [True, False], ids=["snapshot isolation", "repeatable read"])
def test_the_destination_equals_the_source_in_the_end(database: SourceDatabase, start: Start, isolation: bool) -> None:
    database.allow_snapshot_isolation(isolation)
    database.table(rows=300)
    database.control.delay(10, pattern=r"TOP \(20\)", count=0, database=database.name)
    reader = start(snapshot_chunk_rows=20, batch_size=7)

    def statement(n: int) -> str:
        return (
            f"UPDATE dbo.Orders SET v = N'new {n}' WHERE id % 7 = {n % 7} AND id < 250; "
            f"DELETE FROM dbo.Orders WHERE id = {n * 3 + 1}; "
            f"INSERT INTO dbo.Orders VALUES ({1000 - n}, N'made'); UPDATE dbo.Orders SET id = -id WHERE id = {n * 5 + 3}"
        )

    with writing(database, statement) as written:
        reader.take(300)
        until(lambda: len(written) > 20, "twenty writes")
    source = {row[0]: {"id": row[0], "v": row[1]} for row in database.sql("SELECT id, v FROM dbo.Orders")}
    reader.take_until(lambda _: as_table(reader.lines) == source)
    assert changes(reader.lines)


def test_a_snapshot_that_is_killed_goes_on_and_repeats_only_what_was_not_stored(
    database: SourceDatabase, start: Start
) -> None:
    database.table(rows=100)
    database.table("Lines", rows=100)
    delivered: list[Line] = []
    kills = 0
    database.control.delay(20, pattern=r"TOP \(10\)", count=0, database=database.name)
    while len({line["metadata"]["MessageID"] for line in delivered}) < 200:
        reader = start(snapshot_chunk_rows=10)
        delivered += reader.take(35 if kills < 4 else 200 - len(delivered))
        reader.rows_stored(len(delivered))
        reader.kill()
        kills += 1
        assert kills < 8
    assert kills >= 4
    assert len(delivered) == 200, "stored chunks came again"
    assert sorted(ids(delivered, "Orders")) == sorted(ids(delivered, "Lines")) == list(range(1, 101))
