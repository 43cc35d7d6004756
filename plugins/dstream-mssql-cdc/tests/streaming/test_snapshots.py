"""Rows that are there before the first change: modes, filters, keys of every kind, what their lines say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from reader_process import Reader, as_table, ids, kinds
from source_database import SourceDatabase

Start = Callable[..., Reader]


# -- the modes


def test_initial_delivers_the_rows_once_and_then_the_changes(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    reader = start()
    assert kinds(reader.take(3)) == ["Snapshot"] * 3
    database.fill("Orders", 4, 4)
    assert kinds(reader.take(1)) == ["Insert"]
    assert reader.stop() == 0
    again = start()
    database.fill("Orders", 5, 5)
    assert kinds(again.take(1)) == ["Insert"], "the rows came again"
    assert ids(again.lines) == [5]


def test_never_delivers_changes_only_from_the_first_that_is_still_there(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    database.fill("Orders", 4, 4)
    database.capture()
    reader = start(snapshot="never")
    assert ids(reader.take(1)) == [4]
    assert kinds(reader.lines) == ["Insert"]
    database.fill("Orders", 5, 5)
    assert ids(reader.take(1)) == [5]


def test_only_delivers_the_rows_and_ends(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    database.table("Lines", rows=2)
    reader = start(snapshot="only")
    assert reader.failure() == 0, reader.process.stderr
    assert kinds(reader.lines) == ["Snapshot"] * 5
    again = start(snapshot="only")
    assert (again.failure(), again.lines) == (0, [])


def test_after_only_the_changes_behind_the_rows_can_be_read(database: SourceDatabase, start: Start) -> None:
    database.table(rows=3)
    reader = start(snapshot="only")
    assert reader.failure() == 0
    database.fill("Orders", 4, 4)
    assert ids(start().take(1)) == [4]


@pytest.mark.parametrize(("gap", "expected"), [(False, [4]), (True, [1, 2, 3, 4])], ids=["no gap", "gap"])
def test_when_needed_is_initial_and_again_when_changes_were_lost(
    database: SourceDatabase, start: Start, gap: bool, expected: list[int]
) -> None:
    database.table(rows=3)
    reader = start(snapshot="when_needed")
    assert kinds(reader.take(3)) == ["Snapshot"] * 3
    reader.snapshots_done()
    assert reader.stop() == 0
    database.fill("Orders", 4, 4)
    if gap:
        database.clean_up()
    again = start(snapshot="when_needed")
    assert sorted(ids(again.take(len(expected)))) == expected
    assert again.nothing_comes()


# -- what the lines say


def test_rows_carry_the_lsn_that_changes_can_be_ordered_against(database: SourceDatabase, start: Start) -> None:
    database.table(rows=2)
    database.fill("Orders", 3, 3)
    database.capture()
    maximum = database.maximum()
    reader = start()
    rows = reader.take(3)
    (lsn,) = {line["metadata"]["LSN"] for line in rows}
    assert lsn == maximum.hex()
    assert {line["metadata"]["OperationType"] for line in rows} == {"Insert"}
    assert len({line["metadata"]["MessageID"] for line in rows}) == 3
    database.sql("UPDATE dbo.Orders SET v = N'new' WHERE id = 1")
    (change,) = reader.take(1)
    assert change["metadata"]["LSN"] > lsn
    assert change["metadata"]["Snapshot"] is False


def test_a_filter_says_which_rows_are_delivered(database: SourceDatabase, start: Start) -> None:
    database.table(rows=5)
    database.table("Lines", rows=2)
    reader = start(snapshot_where={"Orders": "v LIKE N'%[345]' AND id <> 4"}, snapshot_chunk_rows=1)
    lines = reader.take(4)
    assert ids(lines, "Orders") == [3, 5]
    assert ids(lines, "Lines") == [1, 2]
    database.fill("Orders", 6, 6)
    assert ids(reader.take(1)) == [6], "changes are not filtered"


def test_a_filter_that_is_no_condition_ends_the_run(database: SourceDatabase, start: Start) -> None:
    database.table(rows=5)
    reader = start(snapshot_where={"Orders": "nonsense = 1"})
    assert reader.failure() in (1, 2)
    assert "nonsense" in reader.process.stderr


def test_progress_tells_rows_of_about_how_many(database: SourceDatabase, start: Start) -> None:
    database.table(rows=40)
    database.control.delay(300, pattern=r"TOP \(10\)", count=0, place="end")
    reader = start(snapshot_chunk_rows=10)
    reader.take(40)
    reader.says("about 40")
    reader.says("40 rows delivered", level="info")
    reports = [numbers for numbers in reader.progress if "snapshot_rows" in numbers]
    assert reports
    assert {numbers["snapshot_rows_about"] for numbers in reports[1:]} <= {40}
    assert all(numbers["snapshot_tables"] == 1 for numbers in reports)


def test_progress_of_a_resumed_snapshot_still_knows_how_many_rows_there_are(
    database: SourceDatabase, start: Start
) -> None:
    database.table(rows=200)
    hang = database.control.hang(pattern=r"TOP \(50\)", skip=1)
    reader = start(snapshot_chunk_rows=50)
    reader.take(50)
    reader.rows_stored(50)
    reader.kill()
    database.control.release(hang)
    database.control.delay(700, pattern=r"TOP \(50\)", count=0)
    again = start(snapshot_chunk_rows=50)
    again.take(150)
    reports = [numbers for numbers in again.progress if numbers.get("snapshot_rows")]
    assert reports, again.progress
    assert {numbers["snapshot_rows_about"] for numbers in reports[1:]} == {200}


def test_without_snapshot_isolation_there_is_one_warning_for_each_table(database: SourceDatabase, start: Start) -> None:
    database.allow_snapshot_isolation(False)
    database.table(rows=10)
    reader = start(snapshot_chunk_rows=2)
    assert ids(reader.take(10)) == list(range(1, 11))
    database.fill("Orders", 11, 11)
    assert ids(reader.take(1)) == [11]
    warnings = [text for text in reader.messages("warning") if "ALLOW_SNAPSHOT_ISOLATION ON" in text]
    assert len(warnings) == 1, warnings
    assert any("REPEATABLE READ" in text for text in database.control.distinct_statements())


def test_isolation_taken_away_while_the_run_goes_on(database: SourceDatabase, start: Start) -> None:
    database.table(rows=2)
    reader = start(snapshot_chunk_rows=2)
    reader.take(2)
    database.allow_snapshot_isolation(False)
    database.table("Lines", rows=4)
    assert ids(reader.take(4)) == [1, 2, 3, 4]


# -- keys


@dataclass(frozen=True)
class Key:
    """A kind of primary key: columns, and the values of seven rows in the server's order or any."""

    columns: str
    key: str
    values: tuple[str, ...]


LETTERS = ("a", "B", "ä", "b''c", "%s", "Ω", " z")
KEYS = {
    "int": Key("a int NOT NULL", "a", ("-3", "0", "7", "2147483647", "-2147483648", "1", "2")),
    "bigint": Key("a bigint NOT NULL", "a", ("9007199254740993", "9007199254740992", "-1", "0", "1", "2", "3")),
    "composite": Key(
        "a int NOT NULL, b nvarchar(10) NOT NULL, c date NOT NULL",
        "a, b, c",
        tuple(f"{n % 2}, N'{'xy'[n % 3 == 0]}', '2026-01-{n + 1:02}'" for n in range(7)),
    ),
    "descending": Key("a int NOT NULL, b int NOT NULL", "a DESC, b", tuple(f"{n % 3}, {n}" for n in range(7))),
    "nvarchar": Key("a nvarchar(20) NOT NULL", "a", tuple(f"N'{text}'" for text in LETTERS)),
    "varchar": Key("a varchar(20) NOT NULL", "a", tuple(f"'{text}'" for text in ("a", "B", "é", "b''c", "%d", "_", "[x]"))),
    "char": Key("a char(6) NOT NULL", "a", tuple(f"'{text}'" for text in ("a", "ab", "b", "c  d", "0", "-", "z"))),
    "uniqueidentifier": Key(
        "a uniqueidentifier NOT NULL",
        "a",
        tuple(f"'{n * 37 % 7:08x}-0000-0000-0000-{(7 - n) * 5 % 7:012x}'" for n in range(7)),
    ),
    "datetime": Key("a datetime NOT NULL", "a", tuple(f"'2026-01-01T00:00:00.{n}'" for n in ("000", "003", "007", "010", "993", "997", "013"))),
    "datetime2": Key("a datetime2(7) NOT NULL", "a", tuple(f"'2026-01-01T00:00:00.000000{n}'" for n in range(7))),
    "datetimeoffset": Key(
        "a datetimeoffset(7) NOT NULL", "a", tuple(f"'2026-01-01T0{n}:00:00.0000001 +0{7 - n}:30'" for n in (1, 2, 3, 4, 5, 6, 0))
    ),
    "time": Key("a time(7) NOT NULL", "a", tuple(f"'00:00:00.000000{n}'" for n in range(7))),
    "smalldatetime": Key("a smalldatetime NOT NULL", "a", tuple(f"'2026-01-01T00:0{n}:00'" for n in range(7))),
    "binary": Key("a binary(4) NOT NULL", "a", ("0x00", "0x41424344", "0xff", "0x80", "0x7f", "0x27", "0x25")),
    "varbinary": Key("a varbinary(4) NOT NULL", "a", ("0x", "0x41424344", "0xff", "0x80", "0x7f", "0x27", "0x25")),
    "decimal": Key("a decimal(38,10) NOT NULL", "a", ("0.0000000001", "1234567890123456789012345678.0000000001", "-1", "0", "1", "2", "3.5")),
    "money": Key("a money NOT NULL", "a", ("922337203685477.5807", "-0.0001", "0", "1", "2", "3", "4")),
    "float": Key("a float NOT NULL", "a", ("0.1", "1e300", "-1e-300", "3", "0.30000000000000004", "2", "5")),
    "real": Key("a real NOT NULL", "a", ("0.1", "1e30", "-1e-30", "3", "0.3", "16777216", "5")),
    "bit and tinyint": Key("a bit NOT NULL, b tinyint NOT NULL", "a, b", ("0, 0", "0, 255", "1, 0", "1, 255", "1, 7", "0, 7", "0, 8")),
    "collation": Key(
        "a varchar(8) COLLATE Cyrillic_General_CI_AS NOT NULL", "a", tuple(f"'{letter}'" for letter in "abcdefz")
    ),
    "bracket": Key("[a]]%s' b] int NOT NULL", "[a]]%s' b]", tuple(map(str, range(7)))),
}  # fmt: skip


def make(database: SourceDatabase, name: str, key: Key) -> str:
    """The table with the rows."""
    table = name.replace(" ", "")
    database.sql(f"CREATE TABLE dbo.[{table}] ({key.columns}, n int NOT NULL, PRIMARY KEY ({key.key}))")
    for number, values in enumerate(key.values):
        database.sql(f"INSERT INTO dbo.[{table}] VALUES ({values}, {number})")
    database.enable(table)
    return table


def test_every_kind_of_key_is_gone_along_chunk_by_chunk(database: SourceDatabase, start: Start) -> None:
    """A chunk of one row each: every row is a place where the snapshot goes on."""
    tables = [make(database, name, key) for name, key in KEYS.items()]
    reader = start(snapshot_chunk_rows=1, snapshot="only")
    assert reader.failure() == 0, reader.process.stderr
    delivered = {
        table: sorted(line["data"]["n"] for line in reader.lines if line["metadata"]["TableName"] == table)
        for table in tables
    }
    assert delivered == {table: list(range(7)) for table in tables}
    chunks = [text for text in database.control.distinct_statements() if text.startswith("SELECT TOP (1) ")]
    assert len(chunks) == 8 * len(tables), "each chunk begins behind the last key of the one before"


def test_cut_snapshots_go_on_behind_the_stored_keys(database: SourceDatabase, start: Start) -> None:
    tables = [make(database, name, key) for name, key in KEYS.items()]
    hangs = [database.control.hang(pattern=rf"TOP \(2\).*\[{table}\]", skip=2) for table in tables]
    options = {"snapshot_chunk_rows": 2, "snapshot": "only", "max_connections": 50, "snapshot_tables": 40}
    reader = start(**options)
    first = reader.take(4 * len(tables))

    def all_stored(kept: Any) -> bool:
        return len(kept) == len(tables) and all(position.snapshot.rows == 4 for position in kept.values())

    reader.stored(all_stored, "four rows of each")
    reader.kill()
    for hang in hangs:
        database.control.clear_faults(hang)
    again = start(**options)
    assert again.failure() == 0
    for table in tables:
        rows = [line["data"]["n"] for line in [*first, *again.lines] if line["metadata"]["TableName"] == table]
        assert sorted(rows) == list(range(7)), table


def test_a_table_without_a_primary_key(database: SourceDatabase, start: Start) -> None:
    database.table("Log", "id int NULL, v nvarchar(50) NULL", rows=3)
    database.sql("INSERT INTO dbo.Log VALUES (3, N'row 3')")
    database.capture()
    reader = start()
    rows = reader.take(4)
    assert sorted(ids(rows)) == [1, 2, 3, 3]
    assert len({line["metadata"]["MessageID"] for line in rows}) == 4, "equal rows are told apart"
    database.sql("DELETE FROM dbo.Log WHERE id = 1")
    assert kinds(reader.take(1)) == ["Delete"]


def test_a_cut_snapshot_without_a_key_repeats_with_the_same_ids(database: SourceDatabase, start: Start) -> None:
    database.table("Log", "id int NULL, v nvarchar(50) NULL", rows=3)
    reader = start()
    first = reader.take(3, ack=False)
    reader.process.ack(1)
    reader.stored(lambda kept: kept["dbo.Log"].snapshot and kept["dbo.Log"].snapshot.rows == 1, "one row")
    reader.kill()
    again = start()
    second = again.take(3)
    assert [line["metadata"]["MessageID"] for line in first] == [line["metadata"]["MessageID"] for line in second]


def test_an_empty_table(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start()
    reader.stored(lambda kept: kept and kept["dbo.Orders"].snapshot.done, "done")
    database.fill("Orders", 1, 1)
    assert kinds(reader.take(1)) == ["Insert"]
    assert as_table(reader.lines) == {1: {"id": 1, "v": "row 1"}}
