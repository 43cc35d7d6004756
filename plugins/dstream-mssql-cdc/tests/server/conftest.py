"""A SQL Server for the tests of this folder: a real one if `DSTREAM_TEST_MSSQL` says where, else a sandbox."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dstream_core.api import DStreamError
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.connect import connect
from dstream_mssql_cdc.connection.connection import Connection
from dstream_sandbox.sqlserver.client import SqlServerSandbox

CAPTURE_SECONDS = 60.0
"""The capture job of a real server looks every 5 seconds."""


class CdcDatabase:
    """A database of a test's own with change data capture on.

    Args:
        text: connection string of the server, without a database.
        name: of the database.
    """

    def __init__(self, text: str, name: str):
        self._text = text
        self.name = name
        self._opened: list[Connection] = []

    def options(self, **values: Any) -> MssqlCdcOptions:
        """Options that lead here."""
        return MssqlCdcOptions.model_validate({"db_connection_string": self._text, "database": self.name, **values})

    def connect(self, **values: Any) -> Connection:
        """A session, closed at the end."""
        connection = connect(connection_settings(self.options(**values)).settings, purpose="test")
        self._opened.append(connection)
        return connection

    def capture(self, connection: Connection, table: str, name: str) -> None:
        """Turns capture on for a table in dbo."""
        connection.execute(
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = %s, @role_name = NULL, "
            "@capture_instance = %s",
            table,
            name,
        )

    def wait_for_rows(self, connection: Connection, change_table: str, count: int) -> None:
        """Waits until the capture job has written that many rows."""
        deadline = time.monotonic() + CAPTURE_SECONDS
        while (found := connection.query(f"SELECT COUNT(*) FROM cdc.[{change_table}]")[0][0]) < count:
            assert time.monotonic() < deadline, f"{change_table} has {found} rows, not {count}"
            time.sleep(0.02)

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


@pytest.fixture(scope="module")
def server_text() -> Iterator[str]:
    """Connection string of the server."""
    if text := os.environ.get("DSTREAM_TEST_MSSQL"):
        yield text
        return
    with SqlServerSandbox() as sandbox:
        yield sandbox.connection_string()


def drop(admin: Connection, name: str) -> None:
    """Drops a database as soon as the sessions that were closed a moment ago have ended on the server too."""
    deadline = time.monotonic() + 30
    while True:
        try:
            admin.execute(f"DROP DATABASE [{name}]")
            return
        except DStreamError as error:
            if "3702" not in error.message or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def cdc_database(server_text: str) -> Iterator[Callable[[], CdcDatabase]]:
    """`cdc_database()`: an empty database with capture on."""
    made: list[CdcDatabase] = []
    master = CdcDatabase(server_text, "master")
    admin = master.connect()

    def make() -> CdcDatabase:
        database = CdcDatabase(server_text, f"test_{uuid.uuid4().hex[:12]}")
        admin.execute(f"CREATE DATABASE [{database.name}]")
        made.append(database)
        database.connect().execute("EXEC sys.sp_cdc_enable_db")
        return database

    yield make
    for database in made:
        database.close()
        admin.execute(f"ALTER DATABASE [{database.name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        drop(admin, database.name)
    master.close()
