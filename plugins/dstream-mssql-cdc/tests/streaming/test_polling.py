"""How often the database is asked, with what, and over how many sessions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from reader_process import Reader, ids
from source_database import SourceDatabase

Start = Callable[..., Reader]
PULSE = "fn_cdc_get_max_lsn"


def statements(database: SourceDatabase, after: int = 0) -> list[str]:
    """What the input sent to this database."""
    found = [one for one in database.control.statements(after) if one.get("database") == database.name]
    return [one["text"] for one in found if "EXEC sys.sp_cdc" not in one["text"]]


@pytest.mark.parametrize("tables", [1, 60])
def test_an_idle_pass_is_one_query_for_all_tables_together(database: SourceDatabase, start: Start, tables: int) -> None:
    names = [database.table(f"T{number}", rows=1) for number in range(tables)]
    database.capture()
    reader = start(tables_interval="1h", snapshot_tables=10)
    reader.take(tables)
    reader.snapshots_done(*(f"dbo.{name}" for name in names))
    time.sleep(0.3)  # what the snapshots left behind is over
    database.control.clear_statements()
    time.sleep(1.0)
    sent = statements(database)
    passes = [text for text in sent if PULSE in text]
    assert len(passes) >= 10
    assert sent == passes, set(sent) - set(passes)


def test_sixty_tables_take_no_more_sessions_than_allowed(database: SourceDatabase, start: Start) -> None:
    names = [database.table(f"T{number}", rows=3) for number in range(60)]
    database.control.forget_most_connections()
    before = database.control.connections()["current"]
    reader = start(max_connections=3, snapshot_tables=10)
    reader.take(180)
    for name in names:
        database.fill(name, 4, 4)
    reader.take(60)
    assert database.control.most_connections() - before <= 3
    sent = statements(database)
    assert not [text for text in sent if re.search("NOLOCK|READ UNCOMMITTED", text, re.IGNORECASE)]


def test_tables_without_changes_are_not_read_when_others_change(database: SourceDatabase, start: Start) -> None:
    names = [database.table(f"T{number}") for number in range(20)]
    database.capture()
    reader = start(tables_interval="1h")
    reader.snapshots_done(*(f"dbo.{name}" for name in names))
    database.control.clear_statements()
    for number in range(1, 11):
        database.fill("T7", number, number)
        reader.take(1)
    pages = [text for text in statements(database) if text.startswith("SELECT TOP")]
    assert pages
    assert all("T7" in text for text in pages)


def test_pauses_grow_in_silence_and_are_short_again_at_the_first_change(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.capture()
    reader = start(poll_interval="20ms", max_poll_interval="700ms", tables_interval="1h")
    reader.snapshots_done()
    time.sleep(2.5)
    database.control.clear_statements()
    time.sleep(1.5)
    assert 1 <= len([text for text in statements(database) if PULSE in text]) <= 4
    database.fill("Orders", 1, 1)
    reader.take(1)
    database.control.clear_statements()
    time.sleep(0.25)
    assert len([text for text in statements(database) if PULSE in text]) >= 5


def test_a_table_that_changes_all_the_time_is_looked_at_once_in_an_interval(
    database: SourceDatabase, start: Start
) -> None:
    database.table()
    database.capture()
    reader = start(poll_interval="400ms", max_poll_interval="400ms", tables_interval="1h")
    reader.snapshots_done()
    database.control.clear_statements()
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < 2:
        number += 1
        database.fill("Orders", number, number)
        time.sleep(0.01)
    passes = [text for text in statements(database) if PULSE in text]
    assert len(passes) <= 2 * (time.monotonic() - began) / 0.36 + 3
    assert ids(reader.take(number)) == list(range(1, number + 1))


def test_full_pages_follow_each_other_without_a_pause(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.fill("Orders", 1, 400)
    database.capture()
    reader = start(snapshot="never", batch_size=10, poll_interval="2s", max_poll_interval="2s")
    began = time.monotonic()
    assert ids(reader.take(400)) == list(range(1, 401))
    assert time.monotonic() - began < 2, "forty pages took a pause"


def test_a_page_has_a_limit_in_bytes_too(database: SourceDatabase, start: Start) -> None:
    database.table(columns="id int NOT NULL PRIMARY KEY, v nvarchar(max) NULL")
    for number in range(1, 201):
        database.sql(f"INSERT INTO dbo.Orders VALUES ({number}, REPLICATE(CAST(N'x' AS nvarchar(max)), 30000))")
    database.capture()
    database.control.clear_statements()
    reader = start(snapshot="never", batch_bytes=1_000_000)
    assert ids(reader.take(200)) == list(range(1, 201))
    pages = [text for text in statements(database) if text.startswith("SELECT TOP (") and "_CT" in text]
    assert len(pages) >= 4, "six million bytes came as one page"
