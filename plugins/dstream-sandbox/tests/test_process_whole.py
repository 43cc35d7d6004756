"""The wire with the engine behind it: what only both together can show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pymssql
import pytest
from python_tds import pytds

from dstream_sandbox.sqlserver.client import SqlServerSandbox


@pytest.fixture(scope="module")
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox(["shop"]) as running:
        running.control.sql("CREATE TABLE dbo.t (id int PRIMARY KEY, name nvarchar(50))", "shop")
        yield running


@pytest.fixture(autouse=True)
def empty(server: SqlServerSandbox) -> None:
    server.control.sql("DELETE FROM dbo.t", "shop")


def second_client(server: SqlServerSandbox, **more: Any) -> Any:
    return pytds.connect(server.host, "shop", server.user, server.password, port=server.port, **more)


def names(server: SqlServerSandbox) -> list[Any]:
    return [row[0] for row in server.control.sql("SELECT name FROM dbo.t ORDER BY id", "shop")]


def test_transactions_by_request(server: SqlServerSandbox) -> None:
    with second_client(server) as connection:
        cursor = connection.cursor()
        cursor.execute("INSERT dbo.t VALUES (%s, %s)", (1, "kept ж"))
        connection.commit()
        cursor.execute("INSERT dbo.t VALUES (%s, %s)", (2, "not kept"))
        connection.rollback()
    assert names(server) == ["kept ж"]


def test_output_parameters(server: SqlServerSandbox) -> None:
    server.control.sql(
        "CREATE OR ALTER PROCEDURE dbo.twice @a int, @b int OUTPUT AS BEGIN SET @b = 2 * @a; RETURN 3 END", "shop"
    )
    cursor = pymssql.connect(**server.pymssql("shop"), autocommit=True).cursor()
    _, doubled = cursor.callproc("dbo.twice", (21, pymssql.output(int)))
    assert (doubled, cursor.returnvalue) == (42, 3)


def test_a_client_that_goes_away_leaves_nothing_behind(server: SqlServerSandbox) -> None:
    connection = pymssql.connect(**server.pymssql("shop"))
    connection.cursor().execute("INSERT dbo.t VALUES (1, N'x')")
    connection.close()
    deadline = time.monotonic() + 10
    while server.control.connections()["current"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names(server) == []


def test_attention_ends_a_wait(server: SqlServerSandbox) -> None:
    with second_client(server, timeout=0.3, autocommit=True) as connection:
        started = time.monotonic()
        with pytest.raises(pytds.TimeoutError):
            connection.cursor().execute("WAITFOR DELAY '00:00:30'")
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("by", ["statement", "verb"])
def test_kill_ends_what_runs_and_its_connection(server: SqlServerSandbox, by: str) -> None:
    victim = pymssql.connect(**server.pymssql("shop"), autocommit=True)
    cursor = victim.cursor()
    cursor.execute("SELECT @@SPID")
    ((spid,),) = cursor.fetchall()
    failed = threading.Event()

    def wait() -> None:
        try:
            cursor.execute("WAITFOR DELAY '00:00:30'")
        except pymssql.Error:
            failed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    if by == "statement":
        pymssql.connect(**server.pymssql("shop"), autocommit=True).cursor().execute(f"KILL {spid}")
    else:
        server.control.kill(spid)
    assert failed.wait(10)
    thread.join()


def test_a_cut_after_the_commit_and_before_its_answer(server: SqlServerSandbox) -> None:
    server.control.fault("rst", pattern="INSERT", place="byte", position=0)
    cursor = pymssql.connect(**server.pymssql("shop"), autocommit=True).cursor()
    with pytest.raises(pymssql.Error):
        cursor.execute("INSERT dbo.t VALUES (7, N'done all the same')")
    assert names(server) == ["done all the same"]


def test_a_cut_before_the_statement(server: SqlServerSandbox) -> None:
    server.control.fault("rst", pattern="INSERT")
    cursor = pymssql.connect(**server.pymssql("shop"), autocommit=True).cursor()
    with pytest.raises(pymssql.Error):
        cursor.execute("INSERT dbo.t VALUES (7, N'never')")
    assert names(server) == []
