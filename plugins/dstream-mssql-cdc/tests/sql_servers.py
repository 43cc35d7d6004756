"""A SQL Server for tests, the sandbox's or a real one, and what tests do on it beside the input."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pymssql

from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.connect import Connection, connect
from dstream_mssql_cdc.connection.settings import ConnectionSettings

REAL = "DSTREAM_TEST_MSSQL"
"""Connection string of a real SQL Server, as a member of sysadmin: the tests then run against it."""

PATIENCE = 60.0
"""Seconds until something must have happened."""


@dataclass
class TestServer:
    """A server, and a database of its own on it.

    Attributes:
        settings: how to reach the database as its owner.
        sandbox: the process, None for a real server.
    """

    __test__ = False

    settings: ConnectionSettings
    sandbox: Any = None

    @property
    def database(self) -> str:
        return self.settings.database or ""

    @property
    def connection_string(self) -> str:
        here = self.settings
        password = (here.password or "").replace('"', '""')
        return f'Server={here.host},{here.port};Database={here.database};User ID={here.user};Password="{password}"'

    def options(self, **more: Any) -> MssqlCdcOptions:
        """Options that reach the database."""
        return MssqlCdcOptions.model_validate({"db_connection_string": self.connection_string, **more})

    def raw(self, database: str | None = None) -> pymssql.Connection:
        """A connection that is not ours."""
        here = self.settings
        return pymssql.connect(
            server=here.host,
            port=str(here.port),
            user=here.user,
            password=here.password,
            database=self.database if database is None else database,
            autocommit=True,
            login_timeout=15,
        )

    def connect(self, purpose: str = "test", **changes: Any) -> Connection:
        """A connection of ours."""
        return connect(replace(self.settings, **changes), purpose=purpose)

    def captured(self) -> None:
        """Waits until the capture job has caught up with every write before now."""
        marker = f"dstream_marker_{uuid.uuid4().hex[:8]}"
        sql(self, f"CREATE TABLE dbo.{marker} (Id int PRIMARY KEY)")
        enable(self, "dbo", marker)
        sql(self, f"INSERT dbo.{marker} VALUES (1)")
        wait_for(lambda: sql(self, f"SELECT 1 FROM cdc.dbo_{marker}_CT"), "the capture job")
        sql(self, f"EXEC sys.sp_cdc_disable_table N'dbo', N'{marker}', N'dbo_{marker}'; DROP TABLE dbo.{marker}")


def sql(server: TestServer, text: str, database: str | None = None) -> list[tuple[Any, ...]]:
    """Runs T-SQL as the administrator and gives the rows of the last result that has any columns."""
    connection = server.raw(database)
    try:
        cursor = connection.cursor()
        cursor.execute(text)
        rows: list[tuple[Any, ...]] = []
        while True:
            if cursor.description is not None:
                rows = cursor.fetchall()
            if not cursor.nextset():
                return rows
    finally:
        connection.close()


def drop_database(host: TestServer, name: str) -> None:
    """Drops a database as soon as its last session has ended."""

    def dropped() -> bool:
        try:
            sql(host, f"DROP DATABASE {name}", "master")
        except pymssql.Error as error:
            if "3702" in str(error):  # in use: a session that was closed a moment ago
                return False
            raise
        return True

    wait_for(dropped, f"the end of the sessions in {name}")


def enable(server: TestServer, schema: str, name: str, **more: str) -> None:
    """Captures a table."""
    given = {"source_schema": schema, "source_name": name, **more}
    arguments = ", ".join(f"@{key} = N'{value.replace(chr(39), chr(39) * 2)}'" for key, value in given.items())
    role = "" if "role_name" in more else ", @role_name = NULL"
    sql(server, f"EXEC sys.sp_cdc_enable_table {arguments}{role}")


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true answer of a condition."""
    deadline = time.monotonic() + patience
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come within {patience:g} s"
        time.sleep(0.02)
