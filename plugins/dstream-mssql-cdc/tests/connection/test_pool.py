"""The pool, with sessions that only know whether they are open."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import BusyError, SetupError, UnreachableError
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.connection.settings import ConnectionSettings


class Session:
    def __init__(self, server: Server, purpose: str):
        self.server = server
        self.purpose = purpose
        self.broken = False
        self.in_transaction = False
        self.rolled_back = 0
        server.open += 1
        server.most = max(server.most, server.open)

    def rollback(self) -> None:
        self.rolled_back += 1
        self.in_transaction = False

    def close(self) -> None:
        self.broken = True
        self.server.open -= 1


class Server:
    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self.opened = 0
        self.error: DStreamError | None = None

    def connect(self, settings: ConnectionSettings, purpose: str) -> Connection:
        if self.error is not None:
            raise self.error
        self.opened += 1
        return cast("Connection", Session(self, purpose))

    def pool(self, limit: int) -> ConnectionPool:
        return ConnectionPool(ConnectionSettings("sql"), limit, self.connect)


@pytest.fixture
def remote() -> Server:
    return Server()


def test_who_wants_one_again_at_once_is_behind_those_who_wait(remote: Server) -> None:
    pool = remote.pool(1)
    order: list[str] = []

    def borrow() -> None:
        with pool.lend("other"):
            order.append("other")

    for _ in range(20):
        with pool.lend("first"):
            waiting = threading.Thread(target=borrow)
            waiting.start()
            while not pool.wanted:
                time.sleep(0.001)
        with pool.lend("again"):
            order.append("again")
        waiting.join(10)
    assert order == ["other", "again"] * 20


def test_a_session_is_used_again(remote: Server) -> None:
    pool = remote.pool(2)
    with pool.lend("one") as first:
        pass
    with pool.lend("two") as second:
        assert second is first
        assert second.purpose == "two"
    assert (remote.opened, pool.open) == (1, 1)
    pool.close()
    assert (remote.open, pool.open) == (0, 0)


def test_a_broken_one_is_not(remote: Server) -> None:
    pool = remote.pool(1)
    with pool.lend("one") as first:
        first.broken = True
    with pool.lend("two") as second:
        assert second is not first
    assert remote.opened == 2


def test_with_one_that_broke_the_idle_ones_go(remote: Server) -> None:
    pool = remote.pool(3)
    with pool.lend("one"), pool.lend("two") as second:
        pass
    with pool.lend("three") as third:
        third.broken = True
    assert (remote.open, pool.open) == (0, 0)
    assert second.broken


def test_nor_one_whose_use_failed_in_an_unknown_way(remote: Server) -> None:
    pool = remote.pool(1)
    with pytest.raises(ZeroDivisionError), pool.lend("one"):
        raise ZeroDivisionError
    assert (remote.open, pool.open) == (0, 0)
    with pytest.raises(TemporaryError), pool.lend("one"):
        raise BusyError("deadlock")
    assert (remote.open, pool.open) == (1, 1)


def test_a_transaction_does_not_outlive_its_use(remote: Server) -> None:
    pool = remote.pool(1)
    with pool.lend("one") as first:
        first.in_transaction = True
    assert cast("Session", first).rolled_back == 1


def test_more_than_the_limit_wait(remote: Server) -> None:
    pool = remote.pool(3)
    done: list[int] = []

    def work(number: int) -> None:
        for _ in range(30):
            with pool.lend(str(number)):
                time.sleep(0.0005)
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 10
    assert remote.most <= 3
    assert remote.opened <= 3


def test_waiting_can_end(remote: Server) -> None:
    pool = remote.pool(1)
    with pool.lend("one"), pytest.raises(BusyError) as caught, pool.lend("two", wait=0.01):
        pass
    assert caught.value.code == "mssql/no-connection-free"


def test_a_fresh_one_takes_the_place_of_an_idle_one(remote: Server) -> None:
    pool = remote.pool(1)
    with pool.lend("one") as first:
        pass
    with pool.lend("lock", fresh=True) as lock:
        assert lock is not first
        assert (remote.open, pool.open) == (1, 1)
    assert (remote.open, pool.open) == (0, 0)


def test_a_failure_to_open_gives_the_place_back(remote: Server) -> None:
    pool = remote.pool(1)
    remote.error = UnreachableError("away")
    for _ in range(3):
        with pytest.raises(UnreachableError), pool.lend("one", wait=1):
            pass
    remote.error = None
    with pool.lend("one", wait=1):
        assert pool.open == 1


def test_a_host_that_was_there_before_is_only_away(remote: Server) -> None:
    pool = remote.pool(2)
    remote.error = SetupError("no such host", code="mssql/unknown-host")
    with pytest.raises(SetupError), pool.lend("one"):
        pass
    remote.error = None
    with pool.lend("one") as lent:
        lent.broken = True
    remote.error = SetupError("no such host", code="mssql/unknown-host")
    with pytest.raises(UnreachableError), pool.lend("one"):
        pass


def test_after_closing_nothing_is_lent_and_what_comes_back_is_closed(remote: Server) -> None:
    pool = remote.pool(2)
    with pool.lend("one"):
        pool.close()
        with pytest.raises(UnreachableError), pool.lend("two"):
            pass
    assert (remote.open, pool.open) == (0, 0)


def test_waiting_ends_when_the_pool_is_closed(remote: Server) -> None:
    pool = remote.pool(1)
    failures: list[Any] = []

    def wait() -> None:
        try:
            with pool.lend("two"):
                pass
        except DStreamError as error:
            failures.append(error.code)

    with pool.lend("one"):
        thread = threading.Thread(target=wait)
        thread.start()
        pool.close()
        thread.join(5)
    assert failures == ["mssql/closed"]
