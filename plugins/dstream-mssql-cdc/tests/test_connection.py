"""Sessions on a server: settings, errors by kind, results, transactions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sql_servers import TestServer, sql, wait_for

from dstream_core.api import ConfigurationError, TemporaryError
from dstream_mssql_cdc.connection.connect import Connection, connect
from dstream_mssql_cdc.connection.errors import (
    BusyError,
    ConnectionLostError,
    SetupError,
    StatementError,
    UnreachableError,
    number_of,
)
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.connection.settings import ConnectionSettings

sandbox_only = pytest.mark.skipif("os.environ.get('DSTREAM_TEST_MSSQL')", reason="needs a server that can be broken")


@pytest.fixture
def connection(server: TestServer) -> Iterator[Connection]:
    opened = server.connect()
    yield opened
    opened.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- opening


def test_the_session_s_name_and_settings(connection: Connection, server: TestServer) -> None:
    assert connection.query("SELECT DB_NAME(), APP_NAME(), @@TRANCOUNT") == [(server.database, "dstream: test", 0)]


def test_failures_to_open_are_told_apart_in_any_order(server: TestServer) -> None:
    here = server.settings
    wrong = [
        (replace(here, password="wrong"), SetupError, "mssql/login"),
        (replace(here, host="127.0.0.1", port=closed_port()), UnreachableError, "mssql/unreachable"),
        (replace(here, database="no such [database]"), SetupError, "mssql/no-such-database"),
        (replace(here, host="127.0.0.1", port=closed_port()), UnreachableError, "mssql/unreachable"),
        (replace(here, host="no-such-host.invalid"), SetupError, "mssql/unknown-host"),
        (replace(here, user="nobody"), SetupError, "mssql/login"),
        (replace(here, database="gone"), SetupError, "mssql/no-such-database"),
    ]
    for settings, kind, code in wrong:
        with pytest.raises(kind) as caught:
            connect(settings)
        assert caught.value.code == code
        assert caught.value.hint
        assert (here.password or "-") not in f"{caught.value.message} {caught.value.hint}"
    connect(here).close()


def test_a_login_without_a_user_in_the_database(server: TestServer) -> None:
    sql(server, "CREATE LOGIN stranger WITH PASSWORD = N'Stranger;1', CHECK_POLICY = OFF", "master")
    try:
        with pytest.raises(SetupError) as caught:
            server.connect(user="stranger", password="Stranger;1")
    finally:
        sql(server, "DROP LOGIN stranger", "master")
    assert caught.value.code == "mssql/no-database-access"
    assert f"USE [{server.database}]; CREATE USER [stranger] FOR LOGIN [stranger]" in (caught.value.hint or "")


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = ConnectionSettings("127.0.0.1", silent.getsockname()[1], database="d", user="u", login_timeout=1)
        with pytest.raises(UnreachableError) as caught:
            connect(settings)
    assert "says nothing" in caught.value.message


def test_an_instance_whose_browser_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dstream_mssql_cdc.connection.addresses._BROWSER_WAIT", 0.05)
    with pytest.raises(UnreachableError) as caught:
        connect(ConnectionSettings("127.0.0.1", instance="EXPRESS", database="d", user="u"))
    assert caught.value.code == "mssql/browser"
    assert "TCP port" in (caught.value.hint or "")


def test_an_instance_by_its_browser(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"ServerName;HERE;InstanceName;EXPRESS;IsClustered;No;Version;16.0;tcp;{server.settings.port};;".encode()
    answer = b"\x05" + len(body).to_bytes(2, "little") + body
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as browser:
        browser.bind(("127.0.0.1", 0))
        browser.settimeout(10)
        asked: list[bytes] = []

        def serve() -> None:
            question, client = browser.recvfrom(1000)
            asked.append(question)
            browser.sendto(answer, client)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setattr("dstream_mssql_cdc.connection.addresses.BROWSER_PORT", browser.getsockname()[1])
        server.connect(host="127.0.0.1", port=None, instance="EXPRESS").close()
        thread.join(10)
    assert asked == [b"\x04EXPRESS\0"]


# -- encryption


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ConnectionSettings, str]]:
    """A server that encrypts, and the file of its certificate."""
    from dstream_sandbox.sqlserver.client import SqlServerSandbox  # noqa: PLC0415  not needed beside a real server

    with SqlServerSandbox(tls="available") as sandbox:
        path = Path(tmp_path_factory.mktemp("tls"), "certificate.pem")
        path.write_text(sandbox.certificate)
        yield (
            ConnectionSettings(
                sandbox.host, sandbox.port, database="master", user=sandbox.user, password=sandbox.password
            ),
            str(path),
        )


@sandbox_only
def test_encryption_and_certificates(encrypting: tuple[ConnectionSettings, str]) -> None:
    here, certificate = encrypting
    checked = replace(here, encrypt="require", trust_server_certificate=False)
    for settings in (
        here,
        replace(here, encrypt="require"),
        replace(checked, certificate_authority=certificate),
        replace(checked, certificate_authority=certificate, certificate_host="localhost"),
    ):
        connect(settings).close()
    for settings, why in (
        (checked, "self-signed"),
        (replace(checked, certificate_authority=certificate, certificate_host="other.example"), "other.example"),
    ):
        with pytest.raises(SetupError) as caught:
            connect(settings)
        assert caught.value.code == "mssql/certificate"
        assert why in caught.value.message
    with pytest.raises(SetupError) as caught:
        connect(replace(checked, certificate_authority="/nowhere.pem"))
    assert caught.value.code == "mssql/no-authorities"


@sandbox_only
def test_encryption_that_the_server_does_not_have(server: TestServer) -> None:
    with pytest.raises(SetupError) as caught:
        server.connect(encrypt="require")
    assert caught.value.code == "mssql/encryption"


# -- statements


def test_values_and_parameters(connection: Connection) -> None:
    lsn = bytes(range(10))
    row = connection.query(
        "SELECT CONVERT(binary(10), %s), %s, CONVERT(decimal(38, 10), %s), N'100%%', %s",
        bytearray(lsn),
        "it's [ü] %s %d 中 🚂",
        Decimal("1234567890.0123456789"),
        None,
    )
    assert row == [(lsn, "it's [ü] %s %d 中 🚂", Decimal("1234567890.0123456789"), "100%", None)]


def test_rows_come_in_blocks_and_the_rest_is_given_up(connection: Connection, server: TestServer) -> None:
    sql(server, "CREATE TABLE dbo.Many (Id int PRIMARY KEY, Name nvarchar(100))")
    for start in range(0, 3000, 500):
        rows = ", ".join(f"({number}, N'row {number}')" for number in range(start, start + 500))
        sql(server, f"INSERT dbo.Many VALUES {rows}")
    text = "SELECT Id, Name FROM dbo.Many ORDER BY Id"

    assert [len(block) for block in connection.rows(text, size=1300)] == [1300, 1300, 400]
    assert [len(block) for block in connection.rows(text, size=1500)] == [1500, 1500]
    first = next(connection.rows(text, size=10))
    assert first[9] == (9, "row 9")
    assert connection.query("SELECT COUNT(*) FROM dbo.Many") == [(3000,)]
    abandoned = connection.rows(text, size=10)
    next(abandoned)
    assert connection.query("SELECT 1") == [(1,)]
    abandoned.close()
    assert connection.query("SELECT 2") == [(2,)]
    assert not connection.broken


def test_counts_of_rows(connection: Connection) -> None:
    connection.execute("CREATE TABLE dbo.Counted (Id int PRIMARY KEY)")
    assert connection.execute("INSERT dbo.Counted VALUES (1), (2), (3)") == 3
    assert connection.execute("UPDATE dbo.Counted SET Id = Id + 10 WHERE Id > %s", 1) == 2
    assert connection.execute("DELETE dbo.Counted WHERE Id = 99") == 0


def test_an_error_in_a_later_statement_is_not_lost(connection: Connection) -> None:
    with pytest.raises(StatementError):
        connection.query("SELECT 1; SELECT * FROM dbo.NoSuchTable")
    assert connection.query("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("text", "number"),
    [("SELECT * FROM dbo.NoSuchTable", 208), ("SELECT NoSuchColumn FROM sys.tables", 207), ("SELEC 1", None)],
)
def test_errors_of_statements(connection: Connection, text: str, number: int | None) -> None:
    with pytest.raises(StatementError) as caught:
        connection.query(text)
    assert number is None or number_of(caught.value) == number
    assert caught.value.message.startswith("test: ")
    assert not connection.broken
    assert connection.query("SELECT 1") == [(1,)]


def test_transactions(connection: Connection, server: TestServer) -> None:
    connection.execute("CREATE TABLE dbo.Kept (Id int PRIMARY KEY)")
    connection.begin()
    connection.execute("INSERT dbo.Kept VALUES (1)")
    connection.rollback()
    connection.begin()
    connection.execute("INSERT dbo.Kept VALUES (2)")
    connection.commit()
    assert sql(server, "SELECT Id FROM dbo.Kept") == [(2,)]
    connection.begin()
    with pytest.raises(StatementError):
        connection.execute("INSERT dbo.Kept VALUES (2)")  # XACT_ABORT ends the transaction
    connection.rollback()
    assert connection.query("SELECT @@TRANCOUNT") == [(0,)]


def test_snapshots(connection: Connection, server: TestServer) -> None:
    connection.execute("CREATE TABLE dbo.Seen (Id int PRIMARY KEY)")
    connection.begin_snapshot()
    with pytest.raises(StatementError) as caught:
        connection.query("SELECT COUNT(*) FROM dbo.Seen")
    assert number_of(caught.value) == 3952
    connection.rollback()
    sql(server, f"ALTER DATABASE [{server.database}] SET ALLOW_SNAPSHOT_ISOLATION ON", "master")
    connection.begin_snapshot()
    assert connection.query("SELECT COUNT(*) FROM dbo.Seen") == [(0,)]
    sql(server, "INSERT dbo.Seen VALUES (1)")
    assert connection.query("SELECT COUNT(*) FROM dbo.Seen") == [(0,)]
    connection.commit()
    assert connection.query("SELECT COUNT(*) FROM dbo.Seen") == [(1,)]


# -- what ends a session


def test_a_killed_session(connection: Connection, server: TestServer) -> None:
    number = connection.query("SELECT @@SPID")[0][0]
    sql(server, f"KILL {number}", "master")
    with pytest.raises(ConnectionLostError):
        wait_for(lambda: not connection.query("SELECT 1"), "the end of the session", 10)
    assert connection.broken
    with pytest.raises(ConnectionLostError):
        connection.query("SELECT 1")


@pytest.fixture(scope="module")
def numbers(server: TestServer) -> str:
    """A table with the numbers from 0 to 1999."""
    sql(server, "CREATE TABLE dbo.Numbers (Id int PRIMARY KEY)")
    for start in range(0, 2000, 500):
        rows = ", ".join(f"({number})" for number in range(start, start + 500))
        sql(server, f"INSERT dbo.Numbers VALUES {rows}")
    return "dbo.Numbers"


@sandbox_only
@pytest.mark.parametrize("kind", ["rst", "fin"])
@pytest.mark.parametrize("position", [0, 1, 700, 1999])
def test_a_cut_at_a_row_is_never_taken_for_the_end(server: TestServer, numbers: str, kind: str, position: int) -> None:
    connection = server.connect()
    text = f"SELECT Id FROM {numbers} ORDER BY Id"
    server.sandbox.control.fault(kind, pattern="SELECT Id FROM dbo.Numbers", place="row", position=position)
    seen: list[int] = []
    with pytest.raises(ConnectionLostError):
        seen.extend(number for block in connection.rows(text, size=100) for (number,) in block)
    assert len(seen) <= position
    assert connection.broken
    server.sandbox.control.clear_faults()


@sandbox_only
def test_a_query_that_takes_too_long(server: TestServer) -> None:
    connection = server.connect(query_timeout=1)
    server.sandbox.control.fault("hang", pattern="SELECT 4711", place="start")
    with pytest.raises(TemporaryError):
        connection.query("SELECT 4711")
    assert connection.broken
    server.sandbox.control.clear_faults()


@sandbox_only
@pytest.mark.parametrize(
    ("number", "kind"),
    [(1205, BusyError), (40613, BusyError), (229, ConfigurationError), (22859, StatementError)],
)
def test_errors_by_number(server: TestServer, number: int, kind: type[Exception]) -> None:
    connection = server.connect()
    server.sandbox.control.fault("error", pattern="SELECT 4712", number=number, message="made up")
    with pytest.raises(kind) as caught:
        connection.query("SELECT 4712")
    assert number_of(caught.value) == number
    server.sandbox.control.clear_faults()
    assert connection.query("SELECT 1") == [(1,)]
    connection.close()


@sandbox_only
def test_the_pool_goes_on_after_a_restart(server: TestServer) -> None:
    pool = ConnectionPool(server.settings, 2)
    with pool.lend("first") as connection:
        assert connection.query("SELECT 1") == [(1,)]
    server.sandbox.control.close_connections()
    with pytest.raises(ConnectionLostError), pool.lend("second") as connection:
        connection.query("SELECT 1")
    with pool.lend("third") as connection:
        assert connection.query("SELECT 1") == [(1,)]
    assert pool.open == 1
    pool.close()
