"""Leases by application locks: killed sessions, copies that stand still, copies that come and go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest
from holders import Holder, take_over_from_one_that_stands_still_and_one_that_is_killed
from sql_servers import TestServer

from dstream_core.api import Log, TemporaryError
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.leases.shared_leases import SharedLeases
from dstream_mssql_cdc.leases.sqlserver import LockBackend
from dstream_mssql_cdc.shared_tables import checkpoint_tables

TABLES = ["dbo.Orders", "dbo.Items", "sales.a'b]%s", "dbo." + "é" * 128]
LEASE = 3.0


class Copy:
    """A copy of a task."""

    def __init__(self, settings: ConnectionSettings, member: str, log: Log, lease: float = LEASE) -> None:
        self.pool = ConnectionPool(settings, 2)
        tables = checkpoint_tables("cdc_offsets")
        self.backend = LockBackend(self.pool, tables, "g1", "Shop", "task", member, lease)
        self.leases = SharedLeases(self.backend, member, log)

    def turn(self) -> None:
        for name in self.leases.should_release():
            self.leases.release(name)

    def stop(self) -> None:
        self.leases.stop()
        self.pool.close()


@pytest.fixture
def copies(fresh: TestServer) -> Iterator[Callable[..., Copy]]:
    reading, writing = os.pipe()
    log = Log(structured=False, descriptor=writing)
    made: list[Copy] = []

    def begin(member: str, *, start: bool = True, lease: float = LEASE) -> Copy:
        made.append(Copy(fresh.settings, member, log, lease))
        if start:
            made[-1].leases.start(TABLES)
        return made[-1]

    yield begin
    for copy in made:
        copy.stop()
    os.close(reading)
    os.close(writing)


def until(condition: Callable[[], bool], *turning: Copy, seconds: float = 15.0) -> float:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() < begin + seconds
        for copy in turning:
            copy.turn()
        time.sleep(0.02)
    return time.monotonic() - begin


def counts(*copies: Copy) -> list[int]:
    held = [set(copy.leases.held()) for copy in copies]
    assert len(set().union(*held)) == sum(map(len, held)), "a table has two readers"
    return [len(each) for each in held]


def epochs(*copies: Copy) -> dict[str, int]:
    return {name: epoch or 0 for copy in copies for name, epoch in copy.leases.held().items()}


def test_a_table_has_one_holder_and_each_taking_a_larger_epoch(copies: Callable[..., Copy]) -> None:
    one, two = (copies(name, start=False, lease=60.0).backend for name in "12")
    for backend in (one, two):
        backend.join()
        backend.members()
    assert set(one.free(TABLES)) == set(TABLES)
    first = one.take(TABLES)
    assert set(first) == set(TABLES)
    assert one.members() == two.members() == {"1", "2"}
    assert (list(two.free(TABLES)), two.take(TABLES)) == ([], {})
    assert one.renew(TABLES).kept == set(TABLES)
    one.release(TABLES[:2])
    assert list(two.free(TABLES)) == TABLES[:2]
    second = two.take(TABLES[:2])
    assert all(second[name].epoch > first[name].epoch for name in TABLES[:2])
    assert all(taken.wait == 0.0 for taken in second.values()), "what was given back can be used at once"
    one.leave()
    assert two.members() == {"2"}


def test_shares_are_handed_over_when_a_copy_comes_and_taken_when_it_goes(copies: Callable[..., Copy]) -> None:
    one = copies("1")
    until(lambda: counts(one) == [4])
    two = copies("2")
    until(lambda: counts(one, two) == [2, 2], one, two)
    two.leases.stop()
    until(lambda: counts(one, two) == [4, 0], one, seconds=LEASE)


def test_a_killed_session_is_noticed_and_nobody_reads_twice(copies: Callable[..., Copy]) -> None:
    one, two = copies("1"), copies("2")
    until(lambda: counts(one, two) == [2, 2], one, two)
    before = epochs(one, two)
    with two.pool.lend("test") as connection:
        sessions = connection.query("SELECT session_id FROM sys.dm_exec_sessions WHERE program_name LIKE '%leases%'")
        assert len(sessions) == 2
        for (number,) in sessions:
            connection.execute(f"KILL {number}")

    def all_taken_anew() -> bool:
        now = epochs(one, two)
        return counts(one, two) == [2, 2] and all(now[name] > epoch for name, epoch in before.items())

    until(all_taken_anew, one, two)


def test_a_copy_that_came_back_is_not_taken_for_dead_on_an_old_look(copies: Callable[..., Copy]) -> None:
    """It takes a table between another one's look at who is alive and that one's look at who has what."""
    one, two = (copies(name, start=False, lease=2.0).backend for name in "12")
    for backend in (one, two):
        backend.join()
    two.members()
    time.sleep(two.duration + 0.1)  # the first one is away
    assert two.members() == {"2"}
    assert one.members() >= {"1"}
    one.free(TABLES)
    taken = one.take(TABLES)
    assert set(taken) == set(TABLES)
    assert list(two.free(TABLES)) == []
    assert one.renew(TABLES).kept == set(TABLES)


def test_giving_back_what_went_with_a_session_is_no_failure(copies: Callable[..., Copy]) -> None:
    """It would be tried again for one table after the other, and nothing be taken meanwhile."""
    one = copies("1", start=False, lease=60.0)
    one.backend.join()
    one.backend.members()
    one.backend.free(TABLES)
    assert set(one.backend.take(TABLES)) == set(TABLES)
    held = one.backend._connection
    assert held is not None
    with one.pool.lend("test") as connection:
        session = held.query("SELECT @@SPID")[0][0]
        connection.execute(f"KILL {session}")
    with pytest.raises(TemporaryError):
        held.query("SELECT 1")
    one.backend.release(TABLES)
    one.backend.free(TABLES)
    assert set(one.backend.take(TABLES)) == set(TABLES)


def test_a_copy_that_stands_still_is_passed_over_though_its_session_lives(copies: Callable[..., Copy]) -> None:
    one = copies("1", start=False)
    one.backend.join()
    one.backend.members()
    one.backend.free(TABLES)
    taken = one.backend.take(TABLES)
    assert set(taken) == set(TABLES)  # and from now on it does nothing, as if stopped
    two = copies("2")
    took = until(lambda: counts(two) == [4], two)
    assert took <= LEASE * 1.2
    assert all(two.leases.held()[name] > each.epoch for name, each in taken.items())  # type: ignore[operator]  # with leases no epoch is None
    assert one.backend.renew(TABLES).lost == set(TABLES)


def test_a_copy_that_dies_is_followed_within_the_lease(copies: Callable[..., Copy]) -> None:
    one, two = copies("1"), copies("2")
    until(lambda: counts(one, two) == [2, 2], one, two)
    one.leases._stopped.set()  # its thread ends and its session with it, and nothing is given back
    one.leases._thread.join()
    one.backend._close()
    until(lambda: counts(two) == [4], two, seconds=LEASE * 1.2)


def test_a_killed_process_is_followed_within_the_lease_and_a_stopped_one_knows_when_it_wakes(fresh: TestServer) -> None:
    begun: list[Holder] = []

    def start() -> Holder:
        begun.append(Holder(server=asdict(fresh.settings), lease=6.0, tables=TABLES))
        return begun[-1]

    try:
        take_over_from_one_that_stands_still_and_one_that_is_killed(start, 6.0)
    finally:
        for holder in begun:
            holder.end()
