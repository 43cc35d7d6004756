"""What pymssql raises, as errors that the retry loop understands."""

from __future__ import annotations

import pymssql
import pytest

from dstream_core.api import ConfigurationError, DStreamError, TemporaryError
from dstream_mssql_cdc.connection.diagnosis import database_error, login_error
from dstream_mssql_cdc.connection.errors import (
    BusyError,
    ConnectionLostError,
    SetupError,
    StatementError,
    classify,
    number_and_text,
    number_of,
)
from dstream_mssql_cdc.connection.numbers import CONNECTION_LOST, SETTINGS_WRONG, TEMPORARY
from dstream_mssql_cdc.connection.settings import ConnectionSettings

SETTINGS = ConnectionSettings("sql", database="Shop", user="reader", password="hunter2")
ADDED = b"DB-Lib error message 20018, severity 16:\nGeneral SQL Server error: Check messages from the SQL Server\n"


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (1205, BusyError, "mssql/deadlock"),
        (1222, BusyError, "mssql/lock-timeout"),
        (20003, ConnectionLostError, "mssql/query-timeout"),
        (20004, ConnectionLostError, "mssql/connection-lost"),
        (20006, ConnectionLostError, "mssql/connection-lost"),
        (20017, ConnectionLostError, "mssql/connection-lost"),
        (20047, ConnectionLostError, "mssql/connection-lost"),
        (596, ConnectionLostError, "mssql/connection-lost"),
        (40613, BusyError, "mssql/busy"),
        (983, BusyError, "mssql/busy"),
        (922, BusyError, "mssql/busy"),
        (229, SetupError, "mssql/permission"),
        (916, SetupError, "mssql/no-database-access"),
        (208, StatementError, "mssql/statement"),
        (102, StatementError, "mssql/statement"),
    ],
)
def test_by_number(number: int, kind: type[DStreamError], code: str) -> None:
    found = classify(pymssql.OperationalError(number, b"Something about 'x'." + ADDED), "reading")

    assert (type(found), found.code, number_of(found)) == (kind, code, number)
    assert found.message == f"reading: Something about 'x'. (error {number})"


def test_what_passes_ends_with_75_and_what_does_not_with_2() -> None:
    for number in CONNECTION_LOST | TEMPORARY:
        assert isinstance(classify(pymssql.OperationalError(number, b"x")), TemporaryError)
    for number in SETTINGS_WRONG:
        assert isinstance(classify(pymssql.OperationalError(number, b"x")), ConfigurationError)
    assert not (CONNECTION_LOST | TEMPORARY) & SETTINGS_WRONG.keys()


def test_every_hint_takes_the_names_of_the_message() -> None:
    for number in SETTINGS_WRONG:
        hint = classify(pymssql.OperationalError(number, b"User 'anna', database \"Shop\".")).hint
        assert hint
        assert "{0}" not in hint
    assert "ALTER LOGIN [anna] ENABLE" in (classify(pymssql.OperationalError(18470, b"for user 'anna'")).hint or "")


def test_an_error_without_number_means_that_the_session_is_gone() -> None:
    found = classify(pymssql.InterfaceError("Not connected to any MS SQL server"))
    assert isinstance(found, ConnectionLostError)


def test_a_failure_to_connect_is_wrapped_once_more() -> None:
    assert number_and_text(pymssql.OperationalError((18456, b"Login failed"))) == (18456, "Login failed")


@pytest.mark.parametrize(
    ("rows", "kind", "code"),
    [
        ([], SetupError, "mssql/no-such-database"),
        ([("RECOVERING", 0)], TemporaryError, "mssql/database-unavailable"),
        ([("RESTORING", None)], TemporaryError, "mssql/database-unavailable"),
        ([("OFFLINE", 0)], SetupError, "mssql/database-offline"),
        ([("ONLINE", 0)], SetupError, "mssql/no-database-access"),
        ([("ONLINE", 1)], TemporaryError, "mssql/unreachable"),
    ],
)
def test_databases_that_do_not_open(rows: list[tuple[object, ...]], kind: type[DStreamError], code: str) -> None:
    found = database_error(rows, SETTINGS)
    assert isinstance(found, kind)
    assert found.code == code
    assert "Shop" in found.message


def test_logins_that_fail() -> None:
    refused = login_error(18456, "Login failed for user 'reader'.", SETTINGS)
    assert isinstance(refused, SetupError)
    assert "reader" in refused.message
    assert "hunter2" not in refused.message
    assert isinstance(login_error(18461, "single user mode", SETTINGS), SetupError)
    assert isinstance(login_error(40613, "not currently available", SETTINGS), TemporaryError)
    assert isinstance(login_error(20002, "connection failed", SETTINGS), TemporaryError)
