"""Whatever breaks: what passes is tried again from the last emitted position, what does not ends the run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from reader_process import Line, Reader, as_table, ids
from source_database import SourceDatabase, until

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.tds.faults import Action, Place

Start = Callable[..., Reader]

TRANSACTION = """
BEGIN TRANSACTION;
INSERT INTO dbo.Orders (id, v) VALUES (1, N'a'), (2, N'b'), (3, N'c');
UPDATE dbo.Orders SET v = v + N'!';
UPDATE dbo.Orders SET id = 9 WHERE id = 1;
DELETE FROM dbo.Orders WHERE id = 2;
COMMIT;
"""
LINES = 3 + 3 + 2 + 1
ROWS = 3 + 6 + 2 + 1
FINAL = {3: {"id": 3, "v": "c!"}, 9: {"id": 9, "v": "a!"}}
PAGE = r"SELECT TOP.*_CT"


def check(lines: list[Line]) -> None:
    """Every change once, in order, and what they lead to."""
    assert len(lines) == LINES
    places = [tuple(line["metadata"][name] for name in ("LSN", "CommandID", "Seq", "OperationID")) for line in lines]
    assert places == sorted(set(places))
    assert as_table(lines) == FINAL


# -- the connection ends somewhere in a page

CUTS: list[tuple[Action, Place, int]] = [
    *[("fin", "row", row) for row in range(ROWS + 1)],
    *[("rst", "row", row) for row in range(0, ROWS + 1, 3)],
    *[("rst", "byte", byte) for byte in (0, 1, 7, 8, 9, 100, 333, 700, 1001)],
    *[("fin", "byte", byte) for byte in (5, 500, 900)],
    ("fin", "end", 0),
    ("rst", "end", 0),
]


def test_a_connection_that_ends_anywhere_in_a_page(database: SourceDatabase, start: Start) -> None:
    """One transaction for each place; nothing is lost and nothing comes twice, since no page is emitted in part."""
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    for action, place, position in CUTS:
        fault = database.control.fault(
            action,
            place=place,
            position=position,
            pattern=PAGE,
            database=database.name,
        )
        database.sql(TRANSACTION)
        check(reader.take(LINES))
        assert database.control.fired(fault) == 1, f"{action} at {place} {position} never came about"
        database.sql("DELETE FROM dbo.Orders")
        reader.take(2)
    assert reader.stop() == 0


@pytest.mark.parametrize("page", [2, 3, 5])
def test_small_pages_and_a_cut_at_every_row(database: SourceDatabase, start: Start, page: int) -> None:
    database.table()
    reader = start(snapshot="never", batch_size=page)
    reader.begins()
    for skip in range(5):
        fault = database.control.fault("rst", place="row", position=1, skip=skip, pattern=PAGE, database=database.name)
        database.sql(TRANSACTION)
        check(reader.take(LINES))
        database.sql("DELETE FROM dbo.Orders")
        reader.take(2)
        database.control.clear_faults(fault)


def test_a_connection_that_ends_anywhere_in_a_chunk_of_a_snapshot(database: SourceDatabase, start: Start) -> None:
    database.table(rows=60)
    for row in range(6):
        database.control.fault(
            "rst", place="row", position=row, skip=2 * row, pattern=r"TOP \(5\)", database=database.name
        )
    reader = start(snapshot_chunk_rows=5)
    assert ids(reader.take(60)) == list(range(1, 61)), "rows were lost or came twice"
    assert reader.nothing_comes()
    pauses = [float(text.rpartition(" in ")[2].removesuffix(" s")) for text in reader.messages("warning")]
    assert len(pauses) == 6
    assert max(pauses) <= 0.4, "failures with progress between them are not failures in a row"


# -- errors that pass

PASSING = {
    "deadlock": (1205, "Transaction (Process ID 51) was deadlocked on lock resources"),
    "lock time-out": (1222, "Lock request time out period exceeded."),
    "failover": (40613, "Database 'x' on server 'y' is not currently available."),
    "service": (40197, "The service has encountered an error processing your request."),
    "throttled": (10928, "Resource ID : 1. The request limit for the database is 180"),
    "recovery": (922, "Database 'x' is being recovered. Waiting until recovery is finished."),
    "replica": (983, "Unable to access availability database 'x'"),
    "memory": (701, "There is insufficient system memory"),
}
WHERE: dict[str, dict[str, Any]] = {
    "in place of a page": {"pattern": PAGE},
    "in the middle of a page": {"pattern": PAGE, "place": "row", "position": 4},
    "at the look": {"pattern": "fn_cdc_get_max_lsn"},
    "at the low mark": {"pattern": "SELECT start_lsn FROM cdc.change_tables WHERE"},
}


def test_what_passes_is_tried_again(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    for place in WHERE.values():
        for number, message in PASSING.values():
            fault = database.control.error(number, message, database=database.name, **place)
            database.sql(TRANSACTION)
            check(reader.take(LINES))
            until(partial(database.control.fired, fault), f"error {number}")
            database.sql("DELETE FROM dbo.Orders")
            reader.take(2)
    said = reader.messages("warning")
    assert any("error 1205" in text and "trying again" in text for text in said)
    assert reader.stop() == 0


def test_deadlocks_in_a_snapshot(database: SourceDatabase, start: Start) -> None:
    database.table(rows=60)
    for skip in range(4):
        database.control.error(
            1205, "deadlocked", pattern=r"TOP \(20\)", place="row", position=skip * 5, skip=skip, database=database.name
        )
    reader = start(snapshot_chunk_rows=20)
    assert ids(reader.take(60)) == list(range(1, 61))


# -- errors that stay

STAYING = {
    "permission": (
        229,
        "The SELECT permission was denied on the object 'dbo_Orders_CT', database 'x', schema 'cdc'.",
        2,
        "GRANT SELECT",
    ),
    "no such object": (208, "Invalid object name 'cdc.dbo_Orders_CT'.", 1, "Invalid object name"),
    "no such column": (207, "Invalid column name 'v'.", 1, "Invalid column name"),
    "out of range": (313, "An insufficient number of arguments were supplied", 1, "insufficient number"),
    "log scan": (22859, "Log Scan process failed in processing log records.", 1, "Log Scan process failed"),
    "syntax": (102, "Incorrect syntax near 'x'.", 1, "Incorrect syntax"),
}


@pytest.mark.parametrize(("number", "message", "code", "said"), STAYING.values(), ids=list(STAYING))
@pytest.mark.parametrize("row", [None, 4], ids=["at the start", "in mid-stream"])
def test_what_stays_ends_the_run_with_its_message(
    database: SourceDatabase, start: Start, number: int, message: str, code: int, said: str, row: int | None
) -> None:
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    where: dict[str, Any] = {} if row is None else {"place": "row", "position": row}
    database.control.error(number, message, pattern=PAGE, count=0, database=database.name, **where)
    database.sql(TRANSACTION)
    assert reader.failure() == code, reader.process.stderr
    assert said in reader.process.stderr
    assert f"error {number}" in reader.process.stderr


def test_an_error_of_many_tables_asked_at_once_is_not_the_end(database: SourceDatabase, start: Start) -> None:
    """A table that was dropped in the moment between the look and the question."""
    for number in range(5):
        database.table(f"T{number}")
    reader = start(snapshot="never")
    reader.begins("dbo.T0", "dbo.T4")
    fault = database.control.error(
        208, "Invalid object name 'cdc.gone_CT'.", pattern="UNION ALL.*EXISTS", database=database.name
    )
    database.fill("T3", 1, 1)
    assert ids(reader.take(1)) == [1]
    assert database.control.fired(fault) == 1
    assert reader.stop() == 0


# -- sessions and the server


def test_our_sessions_are_killed(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never")
    reader.begins()
    for number in range(1, 11):
        for session in until(database.sessions, "a session"):
            database.control.kill(session)
        database.fill("Orders", number, number)
        assert ids(reader.take(1)) == [number]
    reader.says("trying again", level="warning")
    reader.says("the database answers again")


def test_the_server_is_restarted(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    for number in range(2, 5):
        database.control.restart(300)
        database.fill("Orders", number, number)
        assert ids(reader.take(1)) == [number]


def test_a_server_that_is_away_for_a_while(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    database.control.stop_listening()
    database.control.close_connections()
    reader.says("trying again", level="warning")
    database.fill("Orders", 2, 2)
    assert reader.nothing_comes(0.5)
    database.control.listen()
    assert ids(reader.take(1)) == [2]


def test_a_query_that_hangs_is_given_up(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never", query_timeout="1s")
    reader.begins()
    database.control.hang(pattern=PAGE, database=database.name)
    database.sql(TRANSACTION)
    check(reader.take(LINES))
    reader.says("changes of dbo.Orders", "trying again", level="warning")


def test_a_look_that_hangs_is_given_up(database: SourceDatabase, start: Start) -> None:
    database.table()
    reader = start(snapshot="never", query_timeout="1s")
    reader.begins()
    fault = database.control.hang(pattern="fn_cdc_get_max_lsn", database=database.name)
    until(lambda: database.control.fired(fault), "the look")
    database.sql(TRANSACTION)
    check(reader.take(LINES))


# -- logins

REFUSED_FOR_NOW = {
    "recovery": (4060, 'Cannot open database "Shop" requested by the login. The login failed.'),
    "start": (18401, "Login failed for user 'sa'. Reason: Server is in script upgrade mode."),
    "failover": (40613, "Database 'x' on server 'y' is not currently available."),
    "full": (10929, "Resource ID: 1. The minimum guarantee is 0"),
}


@pytest.mark.parametrize(("number", "message"), REFUSED_FOR_NOW.values(), ids=list(REFUSED_FOR_NOW))
def test_a_login_that_is_refused_for_a_while(database: SourceDatabase, start: Start, number: int, message: str) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    fault = database.control.refuse_logins(number, message, database=database.name)
    for session in until(database.sessions, "a session"):
        database.control.kill(session)
    until(lambda: database.control.fired(fault) >= 2 or reader.process.poll() is not None, "two refusals")
    database.control.clear_faults(fault)
    database.fill("Orders", 2, 2)
    assert ids(reader.take(1)) == [2]


def test_a_login_that_is_wrong_ends_the_run(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()
    database.control.refuse_logins(18456, "Login failed for user 'sa'.", state=8)
    for session in until(database.sessions, "a session"):
        database.control.kill(session)
    assert reader.failure() == 2
    assert "Login failed" in reader.process.stderr


def test_a_database_that_is_dropped_ends_the_run(database: SourceDatabase, start: Start) -> None:
    database.table(rows=1)
    reader = start()
    reader.take(1)
    reader.snapshots_done()

    def dropped() -> bool:
        for session in database.sessions():
            database.control.kill(session)
        try:
            database.control.sql(f"DROP DATABASE [{database.name}]")
        except SqlError as error:
            if error.number != 3702:  # in use
                raise
            return False
        return True

    until(dropped, "nobody uses it any more")
    assert reader.failure() == 2, reader.process.stderr
    assert f"no database {database.name}" in reader.process.stderr


def test_our_sessions_are_killed_during_a_snapshot(database: SourceDatabase, start: Start) -> None:
    database.table(rows=40)
    hangs = [database.control.hang(pattern=r"TOP \(10\)", skip=skip, database=database.name) for skip in (1, 3)]
    reader = start(snapshot_chunk_rows=10)
    for hang in hangs:
        until(partial(database.control.fired, hang), "a chunk")
        for session in database.sessions():
            database.control.kill(session)
        database.control.clear_faults(hang)
    assert ids(reader.take(40)) == list(range(1, 41))
    assert reader.nothing_comes()
