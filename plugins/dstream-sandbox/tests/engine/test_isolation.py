"""Who sees and waits for what: isolation levels, locks, time-outs, deadlocks, cancels."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from engine_helpers import Aside, connect, create, delete, insert, refused, running, select, update

from dstream_sandbox.sqlserver.engine.api import AlterTable, ColumnSpec
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import CancelledError, KilledError
from dstream_sandbox.sqlserver.types import INT


@pytest.fixture
def server() -> Iterator[Server]:
    with running(capture=False) as started:
        yield started


@pytest.fixture
def one(server: Server) -> Session:
    return connect(server)


@pytest.fixture
def two(server: Server) -> Session:
    return connect(server)


@pytest.fixture
def table(one: Session) -> Table:
    made = create(one, "T", "id int, n int")
    insert(one, made, (1, 10), (2, 20), (3, 30))
    return made


def rows(session: Session) -> list[tuple[int, ...]]:
    return select(session, "dbo", "T")


def until_blocked(server: Server, session: Session) -> None:
    deadline = time.monotonic() + 5
    while not server.waits.blocker_of(session):
        assert time.monotonic() < deadline, "it does not wait"
        time.sleep(0.002)


def test_read_committed_waits_for_the_writer(server: Server, one: Session, two: Session, table: Table) -> None:
    one.begin()
    update(one, table, lambda row: (row[0], 11) if row[0] == 1 else None)
    reading = Aside(lambda: rows(two))
    until_blocked(server, two)
    one.commit()
    assert reading.wait()[0] == (1, 11)


def test_what_is_rolled_back_was_never_seen(server: Server, one: Session, two: Session, table: Table) -> None:
    one.begin()
    insert(one, table, (0, 0))
    delete(one, table, lambda row: row[0] == 2)
    reading = Aside(lambda: rows(two))
    until_blocked(server, two)
    one.rollback()
    assert reading.wait() == [(1, 10), (2, 20), (3, 30)]


def test_lock_timeout_ends_a_wait(one: Session, two: Session, table: Table) -> None:
    one.begin()
    delete(one, table, lambda row: row[0] == 1)
    two.lock_timeout = 20
    with refused(1222):
        rows(two)
    with refused(1222):
        update(two, table, lambda row: (row[0], 0))
    two.lock_timeout = 0
    with refused(1222):
        insert(two, table, (1, 1))


def test_writers_of_different_rows_do_not_wait(one: Session, two: Session, table: Table) -> None:
    one.begin()
    two.begin()
    insert(one, table, (7, 7))
    insert(two, table, (8, 8))
    one.commit()
    two.commit()
    assert [row[0] for row in rows(one)] == [1, 2, 3, 7, 8]


def test_snapshot_sees_the_moment_of_its_first_read(server: Server, one: Session, two: Session, table: Table) -> None:
    two.isolation = "snapshot"
    two.begin()
    insert(one, table, (4, 40))
    assert len(rows(two)) == 4
    insert(one, table, (5, 50))
    update(one, table, lambda row: (row[0] + 100, 0))
    delete(one, table, lambda row: row[0] == 101)
    assert rows(two) == [(1, 10), (2, 20), (3, 30), (4, 40)]
    insert(two, table, (6, 60))
    assert [row[0] for row in rows(two)] == [1, 2, 3, 4, 6]
    two.commit()
    assert [row[0] for row in rows(two)] == [6, 102, 103, 104, 105]
    assert table.shape.store.count == 5, "old versions are forgotten"


def test_snapshot_does_not_wait_and_conflicts_with_later_writers(one: Session, two: Session, table: Table) -> None:
    two.isolation = "snapshot"
    two.begin()
    one.begin()
    update(one, table, lambda row: (row[0], 99) if row[0] == 1 else None)
    assert rows(two)[0] == (1, 10)
    one.commit()
    with refused(3960):
        update(two, table, lambda row: (row[0], 98) if row[0] == 1 else None)
    assert two.trancount == 0


def test_snapshot_must_be_allowed_and_chosen_before_the_transaction(server: Server, one: Session, table: Table) -> None:
    one.begin()
    one.isolation = "snapshot"
    with refused(3951):
        rows(one)
    one.rollback()
    one.alter_database("Shop", "allow_snapshot_isolation", False)
    with refused(3952):
        rows(one)


def test_a_changed_definition_ends_older_snapshots(one: Session, two: Session, table: Table) -> None:
    two.isolation = "snapshot"
    two.begin()
    rows(two)
    with one.statement("ddl"):
        one.alter_table(table, [AlterTable("add column", ColumnSpec("more", INT))])
    with refused(3961):
        rows(two)


def test_read_committed_snapshot_reads_the_statements_moment(
    server: Server, one: Session, two: Session, table: Table
) -> None:
    one.alter_database("Shop", "read_committed_snapshot", True)
    one.begin()
    update(one, table, lambda row: (row[0], 0))
    with two.statement("select"):
        scan = table.scan(two)
        assert next(scan) == (1, 10)
        one.commit()
        assert list(scan) == [(2, 20), (3, 30)]
    assert rows(two)[0] == (1, 0)


def test_repeatable_read_keeps_writers_out(server: Server, one: Session, two: Session, table: Table) -> None:
    one.isolation = "repeatable read"
    one.begin()
    rows(one)
    writing = Aside(lambda: insert(two, table, (9, 9)))
    until_blocked(server, two)
    assert len(rows(one)) == 3
    one.commit()
    writing.wait()


def test_dirty_reads_are_refused_by_name(one: Session, table: Table) -> None:
    with refused(50001), one.statement("select"):
        list(table.scan(one, hints=("nolock",)))
    one.isolation = "read uncommitted"
    with refused(50001):
        rows(one)


def test_of_two_that_wait_for_each_other_one_is_the_victim(
    server: Server, one: Session, two: Session, table: Table
) -> None:
    one.begin()
    two.begin()
    update(one, table, lambda row: (row[0], 1) if row[0] == 1 else None)
    with two.statement("update"):
        two.update(table, [(number, (3, 3)) for number, _ in two.scan_for_update(table, (3,), (3,))], ["n"])

    def crosswise() -> None:
        with one.statement("update"):
            one.update(table, [(number, (3, 1)) for number, _ in one.scan_for_update(table, (3,), (3,))], ["n"])

    waiting = Aside(crosswise)
    until_blocked(server, one)
    with refused(1205), two.statement("update"):
        list(two.scan_for_update(table, (1,), (1,)))
    assert two.trancount == 0
    waiting.wait()
    one.commit()
    assert rows(two) == [(1, 1), (2, 20), (3, 1)]


def test_the_session_of_lower_priority_is_the_victim(server: Server, one: Session, two: Session, table: Table) -> None:
    one.options["deadlock_priority"] = "low"
    for session, key in ((one, 1), (two, 3)):
        session.begin()
        with session.statement("update"):
            session.update(
                table, [(number, (key, 0)) for number, _ in session.scan_for_update(table, (key,), (key,))], ["n"]
            )
    waiting = Aside(lambda: rows(one))
    until_blocked(server, one)
    assert rows(two)[0] == (1, 10)
    with refused(1205):
        waiting.wait()


def test_an_update_waits_for_what_another_reads_to_change(
    server: Server, one: Session, two: Session, table: Table
) -> None:
    def add_one(session: Session) -> None:
        for _ in range(200):
            update(session, table, lambda row: (row[0], row[1] + 1) if row[0] == 1 else None)

    threads = [Aside(lambda session=session: add_one(session)) for session in (one, two)]  # type: ignore[misc]  # mypy cannot infer this lambda
    for thread in threads:
        thread.wait(30)
    assert rows(one)[0] == (1, 410)


def test_a_cancel_ends_a_wait_and_a_kill_the_session(server: Server, one: Session, two: Session, table: Table) -> None:
    one.begin()
    delete(one, table)
    two.running = True
    waiting = Aside(lambda: rows(two))
    until_blocked(server, two)
    two.cancel()
    with pytest.raises(CancelledError):
        waiting.wait()
    two._leave()
    two.running = True
    waiting = Aside(lambda: rows(two))
    until_blocked(server, two)
    killed: list[int] = []
    server.on_kill = killed.append
    one.kill(two.spid)
    with pytest.raises(KilledError):
        waiting.wait()
    two._leave()
    assert killed == [two.spid]
    assert two.closed
    with refused(6106):
        one.kill(two.spid)
    with refused(6104):
        one.kill(one.spid)


def test_killing_an_idle_session_rolls_back(server: Server, one: Session, two: Session, table: Table) -> None:
    two.begin()
    delete(two, table)
    assert server.kill(two.spid)
    assert len(rows(one)) == 3


def test_many_writers_and_snapshot_readers_agree(server: Server, table: Table) -> None:
    """Money moves between rows; every snapshot sees the same sum."""

    def move(seed: int) -> None:
        session = connect(server)
        for turn in range(60):
            first, second = ((turn + seed) % 3 + 1, (turn * 2 + seed + 1) % 3 + 1)
            session.begin()
            try:
                for key, amount in sorted([(first, 5), (second, -5)]):
                    with session.statement("update"):
                        found = list(session.scan_for_update(table, (key,), (key,)))
                        session.update(table, [(number, (key, row[1] + amount)) for number, row in found], ["n"])
                session.rollback() if turn % 5 == 0 else session.commit()
            except BaseException as error:
                if getattr(error, "number", 0) != 1205:
                    raise

    def look() -> None:
        session = connect(server)
        session.isolation = "snapshot"
        for _ in range(100):
            assert sum(row[1] for row in rows(session)) == 60

    for thread in [*(Aside(lambda seed=seed: move(seed)) for seed in range(3)), Aside(look)]:  # type: ignore[misc]  # mypy cannot infer this lambda
        thread.wait(30)
