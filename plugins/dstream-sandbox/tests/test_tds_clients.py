"""Unmodified clients: batches, calls, attention, transactions, big requests, TLS."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymssql
import pytest
from conftest import Wire
from fake_engine import FakeSession, Parameters
from python_tds import pytds

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Column, Done, ErrorItem, Item, RowSet
from dstream_sandbox.sqlserver.types import BIGINT, INT, SqlType, nvarchar


def eventually(what: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.005)


def ask(cursor: Any, text: str) -> list[Any]:
    cursor.execute(text)
    return list(cursor.fetchall())


def second_client(wire: Wire, **more: Any) -> Any:
    given = {
        "password": "secret",
        "database": "db1",
        "autocommit": True,
        "login_timeout": 10,
        "port": wire.server.port,
        **more,
    }
    return pytds.connect("127.0.0.1", user="sa", **given)


# -- logins


def test_a_login_says_who_and_where(wire: Wire) -> None:
    wire.cursor(appname="my app", database="Ünïcode db")
    assert wire.engine.logins[-1][:4] == ("sa", "secret", "Ünïcode db", "my app")
    (session,) = wire.server.connections()["sessions"]
    assert (session["application"], session["database"], session["encrypted"]) == ("my app", "Ünïcode db", False)
    assert session["tds_version"] == "74000004"


@pytest.mark.parametrize("password", ["pässwörd", "日本", "a;b}}c'\"", "x" * 120])
def test_passwords_of_all_kinds(wire: Wire, password: str) -> None:
    wire.engine.credentials = ("sa", password)
    assert wire.cursor(password=password) is not None


def test_a_wrong_password_is_refused(wire: Wire) -> None:
    with pytest.raises(pytds.Error, match="Login failed for user 'sa'"):
        second_client(wire, password="wrong")
    with pytest.raises(pymssql.OperationalError):
        wire.connect(password="wrong")


def test_a_database_that_is_not_there(wire: Wire) -> None:
    with pytest.raises(pytds.Error, match="Cannot open database"):
        second_client(wire, database="nowhere")
    eventually(lambda: wire.server.connections()["current"] == 0)


def test_read_only_intent_is_seen(wire: Wire) -> None:
    wire.cursor(read_only=True)
    assert wire.server.connections()["sessions"][0]["read_only"]


def test_too_old_a_client_is_told_so(wire: Wire) -> None:
    with pytest.raises(pymssql.OperationalError):
        wire.connect(tds_version="7.1")


def test_what_is_no_tds_is_disconnected(wire: Wire) -> None:
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x12\x01\x00\x09\x00\x00\x00\x00\x00",
        b"\x01\x01\x00\x08\x00\x00\x00\x00",
    ):
        with socket.create_connection(("127.0.0.1", wire.server.port), 10) as raw:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(100) == b""
    assert wire.cursor() is not None


# -- batches


def test_several_results_of_a_batch(wire: Wire) -> None:
    cursor = wire.cursor()
    cursor.execute("several")
    assert cursor.fetchall() == [(1,), (2,)]
    assert cursor.nextset()
    assert cursor.fetchall() == []
    assert cursor.nextset()
    assert cursor.fetchall() == [(None,)]
    assert not cursor.nextset()


def test_rows_affected_are_told(wire: Wire) -> None:
    wire.engine.answers["update"] = lambda *_: iter([Done(42, "update")])
    cursor = wire.cursor()
    cursor.execute("update")
    assert cursor.rowcount == 42


def test_an_error_ends_a_batch_and_not_the_connection(wire: Wire) -> None:
    cursor = wire.cursor()
    with pytest.raises(pymssql.OperationalError) as failed:
        cursor.execute("fail(1205)")
    assert failed.value.args[0] == 1205
    cursor.execute("numbers(1)")
    assert len(cursor.fetchall()) == 1


def test_an_error_after_rows(wire: Wire) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise SqlError(8134, "Divide by zero error encountered.")

    wire.engine.answers["half"] = lambda *_: iter([RowSet([Column("n", INT)], rows())])
    cursor = wire.cursor()
    with pytest.raises(pymssql.Error, match="Divide by zero"):
        ask(cursor, "half")
    cursor.execute("numbers(1)")
    assert len(cursor.fetchall()) == 1


def test_an_error_in_the_middle_of_a_batch_that_goes_on(wire: Wire) -> None:
    items: list[Item] = [ErrorItem(SqlError(2627, "duplicate")), RowSet([Column("n", INT)], [(1,)])]
    wire.engine.answers["goes on"] = lambda *_: iter(items)
    with second_client(wire) as connection:
        cursor = connection.cursor()
        with pytest.raises(pytds.IntegrityError, match="duplicate"):
            cursor.execute("goes on")
    assert wire.engine.sessions[-1].closed.wait(10)


def test_a_fatal_error_ends_the_connection(wire: Wire) -> None:
    cursor = wire.cursor()
    with pytest.raises(pymssql.Error):
        cursor.execute("fatal fail(823)")
    assert wire.engine.sessions[-1].closed.wait(10)


def test_messages_arrive(wire: Wire) -> None:
    got: list[Any] = []
    connection = wire.connect()
    connection._conn.set_msghandler(lambda *message: got.append(message))
    connection.cursor().execute("print")
    assert any(b"hello" in message[-1] for message in got)


def test_the_database_changes(wire: Wire) -> None:
    cursor = wire.cursor()
    cursor.execute("use [other]")
    assert wire.server.connections()["sessions"][0]["database"] == "other"


@pytest.mark.parametrize("size", [0, 1, 4000, 4088, 4089, 100_000, 3_000_000])
def test_a_batch_of_any_size(wire: Wire, size: int) -> None:
    cursor = wire.cursor()
    text = "numbers(1) -- " + "ж" * size
    cursor.execute(text)
    assert len(cursor.fetchall()) == 1
    assert wire.engine.sessions[-1].executed[-1][0] == text


@pytest.mark.parametrize("packet_size", [512, 513, 4096, 8000, 32767])
def test_packet_sizes_are_negotiated(wire: Wire, packet_size: int) -> None:
    with second_client(wire, blocksize=packet_size) as connection:
        cursor = connection.cursor()
        cursor.execute("numbers(3000)")
        assert cursor.fetchall() == [(n, f"number {n}") for n in range(3000)]
        assert wire.server.connections()["sessions"][0]["packet_size"] == packet_size


def test_rows_are_streamed_in_bounded_memory(wire: Wire) -> None:
    cursor = wire.cursor()
    cursor.execute("numbers(300000)")
    count = 0
    while rows := cursor.fetchmany(5000):
        assert rows[0] == (count, f"number {count}")
        count += len(rows)
    assert count == 300_000


# -- attention, and clients that go away


def test_attention_stops_rows_without_an_end(wire: Wire) -> None:
    connection = wire.connect()
    cursor = connection.cursor()
    cursor.execute("slow")
    assert len(cursor.fetchmany(10)) == 10
    cursor.execute("numbers(2)")  # cancels what is left
    assert len(cursor.fetchall()) == 2
    assert wire.engine.sessions[-1].cancelled.is_set() is False


def test_attention_stops_what_waits(wire: Wire) -> None:
    with second_client(wire, timeout=0.3) as connection:
        cursor = connection.cursor()
        started = time.monotonic()
        with pytest.raises(pytds.TimeoutError):
            cursor.execute("wait")
        assert time.monotonic() - started < 5
    session = wire.engine.sessions[-1]
    assert session.closed.wait(10)


def test_attention_after_the_answer_is_acknowledged(wire: Wire) -> None:
    with second_client(wire) as connection:
        cursor = connection.cursor()
        for _ in range(50):
            cursor.execute("numbers(20)")
            cursor.fetchone()
            cursor.cancel()
        cursor.execute("numbers(1)")
        assert cursor.fetchall() == [(0, "number 0")]


def test_a_client_that_goes_away_ends_what_it_asked_for(wire: Wire) -> None:
    connection = wire.connect()
    connection.cursor().execute("slow")
    session = wire.engine.sessions[-1]
    connection.close()
    assert session.closed.wait(10)

    waiting = pytds.connect("127.0.0.1", "db1", "sa", "secret", port=wire.server.port, timeout=0.2, autocommit=True)
    with pytest.raises(pytds.TimeoutError):
        waiting.cursor().execute("wait")
    waiting.close()
    assert wire.engine.sessions[-1].closed.wait(10)


def test_many_clients_at_once(wire: Wire) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with pymssql.connect(**wire.arguments()) as connection:
                cursor = connection.cursor()
                for _ in range(20):
                    cursor.execute("numbers(50)")
                    assert len(cursor.fetchall()) == 50
        except BaseException as error:  # noqa: BLE001  told by the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    eventually(lambda: wire.server.connections()["current"] == 0)
    assert wire.server.connections()["accepted"] == 16


# -- calls


def test_parameters_of_a_statement(wire: Wire) -> None:
    with second_client(wire) as connection:
        connection.cursor().execute("numbers(1) %s %s %s", (5, "жx", pytds.Binary(b"\x00")))
    text, parameters = wire.engine.sessions[-1].executed[-1]
    assert text == "numbers(1) @P1 @P2 @P3"
    assert [value for _, value in parameters.values()] == [5, "жx", b"\x00"]


def test_a_procedure_with_output_and_status(wire: Wire) -> None:
    cursor = wire.cursor()
    output = pymssql.output(int, 5)
    cursor.callproc("dbo.proc", (1, "x", output))
    assert cursor.fetchall() == [(3,)]
    assert wire.engine.sessions[-1].executed[-1][0] == "EXEC [dbo].[proc] @__1, @__2, @__3 OUTPUT"

    result = cursor.callproc("dbo.quiet", (1, pymssql.output(int, 5)))
    assert cursor.returnvalue == 7
    assert result[1] == 42


def test_a_procedure_that_fails(wire: Wire) -> None:
    def fail(_session: FakeSession, _text: str, _parameters: Parameters) -> Iterator[Item]:
        raise SqlError(2812, "Could not find stored procedure 'dbo.gone'.")
        yield

    wire.engine.answers = {"[gone]": fail, **wire.engine.answers}
    cursor = wire.cursor()
    with pytest.raises(pymssql.Error) as failed:
        cursor.callproc("dbo.gone", ())
    assert failed.value.args[0] == 2812
    cursor.execute("numbers(1)")
    assert len(cursor.fetchall()) == 1


def test_a_big_parameter(wire: Wire) -> None:
    with second_client(wire) as connection:
        connection.cursor().execute("numbers(1) %s %s", ("ж" * 1_000_000, pytds.Binary(b"\x00\xff" * 500_000)))
    _, parameters = wire.engine.sessions[-1].executed[-1]
    (_, text), (sql_type, data) = parameters.values()
    assert text == "ж" * 1_000_000
    assert (sql_type, data) == (SqlType("varbinary", length=-1), b"\x00\xff" * 500_000)


def test_bulk_load_is_refused(wire: Wire) -> None:
    wire.engine.rows("SELECT TOP", [Column("a", INT)], [])
    wire.engine.answers["insert bulk"] = lambda *_: iter([Done()])
    with second_client(wire) as connection, pytest.raises(pytds.Error, match="bulk load"):
        connection.cursor().copy_to(
            data=[[1], [2]], table_or_view="t", columns=[pytds.Column("a", type=pytds.tds_types.IntType())]
        )


# -- transactions


def test_transactions_by_request(wire: Wire) -> None:
    with second_client(wire, autocommit=False) as connection:
        connection.cursor().execute("numbers(1)")
        connection.commit()
    texts = [text for text, _ in wire.engine.sessions[-1].executed]
    assert any("BEGIN TRANSACTION" in text for text in texts)
    assert any("COMMIT TRANSACTION" in text for text in texts)


# -- the journal


def test_statements_are_remembered(wire: Wire) -> None:
    cursor = wire.cursor()
    journal = wire.services.journal
    journal.clear()
    cursor.execute("numbers(1)")
    cursor.fetchall()
    cursor.execute("numbers(1)")
    cursor.fetchall()
    cursor.callproc("dbo.proc", (1,))
    assert [(seen["kind"], seen["text"]) for seen in journal.statements()] == [
        ("batch", "numbers(1)"),
        ("batch", "numbers(1)"),
        ("call", "EXEC dbo.proc"),
    ]
    assert journal.distinct() == {"numbers(1)": 2, "EXEC dbo.proc": 1}
    assert journal.by_session() == {wire.engine.sessions[-1].spid: 3}
    assert journal.total == 3


# -- TLS


@pytest.mark.parametrize(
    ("tls", "encryption", "encrypted"),
    [
        ("available", "off", False),
        ("available", "require", True),
        ("required", "request", True),
        ("available", "request", None),
    ],
)
def test_tls(wire_with: Callable[[Any], Wire], tls: Any, encryption: str, encrypted: bool | None) -> None:
    wire = wire_with(tls)
    cursor = wire.cursor(encryption=encryption)
    cursor.execute("numbers(5000)")
    assert len(cursor.fetchall()) == 5000
    cursor.execute("numbers(1) -- " + "ж" * 50_000)
    assert len(cursor.fetchall()) == 1
    cursor.execute("slow")
    cursor.fetchmany(10)
    cursor.execute("numbers(1)")
    assert len(cursor.fetchall()) == 1
    if encrypted is not None:
        assert wire.server.connections()["sessions"][0]["encrypted"] is encrypted


def test_a_client_that_insists_on_tls_goes_without_it(wire: Wire) -> None:
    with pytest.raises(pymssql.OperationalError):
        wire.connect(encryption="require")
    eventually(lambda: wire.server.connections()["current"] == 0)


# -- ends


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_restart_keeps_the_port(wire: Wire) -> None:
    cursor = wire.cursor()
    port = wire.server.port
    session = wire.engine.sessions[-1]
    restarting = threading.Thread(target=wire.server.restart, args=(300,))
    restarting.start()
    assert session.closed.wait(10)
    eventually(lambda: refused(port))
    restarting.join(20)
    with pytest.raises(pymssql.Error):
        cursor.execute("numbers(1)")
    again = wire.cursor()
    again.execute("numbers(1)")
    assert wire.server.port == port


def test_a_killed_session_is_cut_off(wire: Wire) -> None:
    cursor = wire.cursor()
    session = wire.engine.sessions[-1]
    assert wire.engine.kill(session.spid)
    assert session.closed.wait(10)
    with pytest.raises(pymssql.Error):
        cursor.execute("numbers(1)")
    eventually(lambda: not wire.server.kill(session.spid))


def test_nothing_is_left_after_the_end(wire_with: Callable[[Any], Wire]) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    wire = wire_with("off")
    cursor = wire.cursor()
    cursor.execute("slow")
    cursor.fetchmany(5)
    wire.server.close()
    eventually(lambda: {thread.ident for thread in threading.enumerate()} <= before)
    assert all(session.closed.is_set() for session in wire.engine.sessions)


def test_speed_of_rows(wire: Wire) -> None:
    """A floor far below what it does, so that a slip into slowness is seen and a busy machine is not."""
    columns = [
        Column("a", BIGINT), Column("b", INT), Column("c", nvarchar(50)), Column("d", SqlType.parse("varchar(50)")),
        Column("e", SqlType.parse("bit")), Column("f", SqlType.parse("varbinary(10)")),
    ]  # fmt: skip
    row = (123_456_789_012, 42, "a text of some length", "another one", True, b"0123456789")
    wire.engine.answers["fast"] = lambda *_: iter([RowSet(columns, itertools.repeat(row, 100_000))])
    cursor = wire.cursor()
    started = time.monotonic()
    cursor.execute("fast")
    count = 0
    while rows := cursor.fetchmany(1000):
        count += len(rows)
    assert count == 100_000
    assert time.monotonic() - started < 20
