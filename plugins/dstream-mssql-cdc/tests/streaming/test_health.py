"""What a run says of the capture job, of its own lag, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reader_process import FAST, Line, Reader, ids
from source_database import PATIENCE, SourceDatabase, until

from dstream_mssql_cdc.stream import health as health_module
from dstream_mssql_cdc.stream.health import Health
from dstream_mssql_cdc.stream.pulse import Pulse

Start = Callable[..., Reader]


# -- the capture job


def test_a_capture_job_that_never_ran(database: SourceDatabase, start: Start) -> None:
    database.control.stop_capture(database.name)
    database.table(rows=1)
    reader = start()
    text = reader.says("capture job", level="warning")
    assert "sp_cdc_start_job" in reader.process.stderr or "waits for the capture job" in text


def test_a_capture_job_that_is_silent(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    database.capture()
    database.control.stop_capture(database.name)
    database.control.clock(20 * 60)
    reader = start()
    text = reader.says("the capture job is silent", level="warning")
    assert "sp_cdc_help_jobs" in text


def test_errors_of_the_log_scan(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    database.control.capture_error(database.name, 22859, "the column 'v' could not be altered")
    reader = start()
    text = reader.says("22859", "could not be altered", level="warning")
    assert "sys.dm_cdc_errors" in text


def test_a_capture_job_that_is_far_behind(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    database.control.stop_capture(database.name)
    database.fill("Orders", 2, 2)
    database.control.clock(600)
    database.capture()
    reader = start(latency_warning="5m")
    reader.says("more than 300 s behind the log", level="warning")


def test_a_user_who_may_not_see_the_views_is_told_once(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    database.control.error(300, "VIEW DATABASE STATE permission was denied", pattern="dm_cdc_errors", count=0)
    reader = start()
    assert ids(reader.take(1)) == [1]
    reader.says("are not watched", level="info")


class Answers:
    """In place of a session: answers by what the statement speaks of."""

    def __init__(self) -> None:
        self.local = datetime(2026, 1, 1, 12)  # noqa: DTZ001  the server's times have no zone
        self.newest = self.local
        self.latency = 0
        self.errors: list[tuple[datetime, int, str]] = []

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if "lsn_time_mapping" in sql:
            return [(self.newest, self.local)]
        if "dm_cdc_errors" in sql:
            return [error for error in self.errors if error[0] > parameters[0]]
        return [(self.latency,)]


class Said:
    """In place of the log."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str, *arguments: object) -> None:
        self.warnings.append(message % arguments)

    info = debug = warning


def test_each_thing_is_said_once_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "LOOK_SECONDS", 0.0)
    answers: Any = Answers()
    said: Any = Said()
    health = Health(said, 10.0)

    def look() -> list[str]:
        said.warnings.clear()
        health.look(answers, Pulse(b"\1" * 10, answers.local, answers.local, ()))
        return list(said.warnings)

    assert look() == []
    answers.newest -= timedelta(minutes=16)
    assert "silent" in look()[0]
    assert look() == []
    answers.newest = answers.local
    assert look() == []
    answers.newest -= timedelta(minutes=16)
    assert len(look()) == 1, "it is said again when it comes again"
    answers.newest = answers.local
    answers.errors.append((answers.local, 22859, "stopped"))
    assert "22859" in look()[0]
    assert look() == []
    answers.errors.append((answers.local + timedelta(seconds=1), 1205, "deadlock"))
    assert ["1205" in text for text in look()] == [True]
    answers.latency = 11
    assert "more than 10 s behind" in look()[0]
    assert look() == []


# -- lag and rows


def test_progress_tells_rows_by_table_and_no_lag_where_there_is_none(database: SourceDatabase, start: Start) -> None:
    database.table(rows=2)
    database.table("Lines", rows=1)
    reader = start()
    reader.take(3)
    database.fill("Orders", 3, 5)
    reader.take(3)
    report = until(
        lambda: next((numbers for numbers in reader.progress if numbers.get("rows") == 6), None), "a report of six rows"
    )
    assert report["tables"] == 2
    assert report["lag_seconds"] == 0
    by_table: dict[str, int] = {}
    for numbers in reader.progress:
        by_table |= {name: value for name, value in numbers.items() if name.startswith("rows ")}
    assert by_table == {"rows dbo.Orders": 5, "rows dbo.Lines": 1}


def test_lag_and_a_warning_while_changes_wait(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never", latency_warning="1s")
    reader.begins()
    hang = database.control.hang(pattern="SELECT TOP.*_CT", count=0, database=database.name)
    database.fill("Orders", 1, 1)
    reader.says("changes are delivered", "after their commit", level="warning")
    assert max(numbers["lag_seconds"] for numbers in reader.progress) >= 1
    database.control.clear_faults(hang)
    assert ids(reader.take(1)) == [1]
    reader.says("changes are delivered in time again")


def test_a_table_that_changes_seldom_is_not_late(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.table("Busy")
    reader = start(snapshot="never", latency_warning="5m")
    reader.begins("dbo.Orders", "dbo.Busy")
    database.fill("Orders", 1, 1)
    reader.take(1)
    time.sleep(0.2)
    database.control.clock(8 * 3600)  # a night
    hang = database.control.hang(pattern=r"SELECT TOP.*_CT", count=0, database=database.name)
    database.fill("Busy", 1, 1)
    database.fill("Orders", 2, 2)
    until(lambda: database.control.fired(hang), "the first page after the night")
    count = len(reader.progress)
    until(lambda: len(reader.progress) >= count + 2, "two more reports")
    assert max(numbers["lag_seconds"] for numbers in reader.progress) < 60
    assert not [text for text in reader.messages("warning") if "after their commit" in text]


# -- the end, in order


def ended(reader: Reader, how: str) -> float:
    """Seconds until it has ended with 0, asked so."""
    began = time.monotonic()
    if how == "stop":
        assert reader.stop() == 0, reader.process.stderr
    else:
        reader.process.signal(signal.SIGTERM)
        reader.drain()
        reader.process.close_stdin()
        assert reader.process.wait() == 0, reader.process.stderr
    return time.monotonic() - began


@pytest.mark.parametrize("how", ["stop", "SIGTERM"])
def test_in_the_middle_of_a_snapshot(database: SourceDatabase, start: Start, how: str) -> None:
    database.table(rows=5000)
    reader = start(snapshot_chunk_rows=50)
    first = reader.take(60)
    assert ended(reader, how) < 5
    first = list(reader.lines)
    assert len(first) < 5000
    again = start(snapshot_chunk_rows=1000)
    rest: list[Line] = again.take(5000 - len(first))
    assert sorted(ids(first) + ids(rest)) == list(range(1, 5001)), "nothing is lost, and nothing comes twice"


@pytest.mark.parametrize("how", ["stop", "SIGTERM"])
def test_in_the_middle_of_a_big_page(database: SourceDatabase, start: Start, how: str) -> None:
    database.table()
    database.fill("Orders", 1, 20000)
    database.capture()
    reader = start(snapshot="never", batch_size=20000)
    reader.take(10)
    assert ended(reader, how) < 5
    first = list(reader.lines)
    again = start(snapshot="never")
    rest = again.take(20000 - len(first))
    assert sorted(ids(first) + ids(rest)) == list(range(1, 20001))


HANGING = {"pages": ("SELECT TOP.*_CT", 3), "chunks": (r"SELECT TOP.*\] AS t", 2), "look": ("fn_cdc_get_max_lsn", 1)}


@pytest.mark.parametrize(("pattern", "queries"), HANGING.values(), ids=list(HANGING))
def test_while_queries_hang(database: SourceDatabase, start: Start, pattern: str, queries: int) -> None:
    for number in range(3):
        database.table(f"T{number}", rows=1)
        database.fill(f"T{number}", 2, 2)
    hang = database.control.hang(pattern=pattern, count=0, database=database.name)
    reader = start(snapshot="initial" if "AS t" in pattern else "never")
    until(lambda: database.control.fired(hang) >= queries, "the queries")
    assert ended(reader, "stop") < 9, "it waited for what hangs"


def test_lines_that_are_not_acknowledged_come_again(database: SourceDatabase, start: Start) -> None:
    database.table()
    database.fill("Orders", 1, 10)
    database.capture()
    reader = start(snapshot="never")
    first = reader.take(10, ack=False)
    reader.process.ack(4)
    reader.stored(lambda kept: kept and kept["dbo.Orders"].changes.sequence != bytes(10), "four lines")
    reader.kill()
    again = start(snapshot="never")
    second = again.take(6)
    assert ids(second) == [5, 6, 7, 8, 9, 10]
    assert [line["metadata"]["MessageID"] for line in second] == [line["metadata"]["MessageID"] for line in first[4:]]


# -- by hand


def test_it_works_alone(database: SourceDatabase, tmp_path: Path) -> None:
    """`echo '{…}' | dstream-mssql-cdc`."""
    database.table(rows=3)
    options = {"db_connection_string": database.connection_string, "tables": ["Orders"], "snapshot": "only", **FAST}
    program = Path(sys.executable).with_name("dstream-mssql-cdc")
    done = subprocess.run(
        [program],
        input=json.dumps(options).encode() + b"\n",
        capture_output=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env={**os.environ, "DSTREAM_STATE_DIR": str(tmp_path / "state")},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rows = [line["data"] for line in lines if "data" in line]
    assert rows == [{"id": number, "v": f"row {number}"} for number in (1, 2, 3)]


def test_it_works_alone_and_goes_on_until_it_is_told_to_end(database: SourceDatabase, tmp_path: Path) -> None:
    database.table(rows=1)
    options = {"db_connection_string": database.connection_string, "tables": ["Orders"], **FAST}
    program = Path(sys.executable).with_name("dstream-mssql-cdc")
    environment = {**os.environ, "DSTREAM_STATE_DIR": str(tmp_path / "state")}
    command = f"echo '{json.dumps(options)}' | {program}"
    process = subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE, cwd=tmp_path, env=environment)
    assert process.stdout is not None
    try:
        lines = [json.loads(process.stdout.readline())]
        if "data" not in lines[0]:
            lines = [json.loads(process.stdout.readline())]
        database.fill("Orders", 2, 2)
        lines.append(json.loads(process.stdout.readline()))
        assert [line["data"]["id"] for line in lines] == [1, 2]
    finally:
        for session in database.sessions():
            database.control.kill(session)
        subprocess.run(["pkill", "-P", str(process.pid)], check=False)
        process.wait(PATIENCE)
        process.stdout.close()
