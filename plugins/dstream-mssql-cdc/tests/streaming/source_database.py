"""The source in these tests: a database of the sandbox, and what an application does with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pymssql

from dstream_sandbox.sqlserver.client import SqlServerSandbox

PATIENCE = 20.0
"""Seconds until something must have happened."""


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The first true answer of a condition."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return answer


class SourceDatabase:
    """A database with change data capture on.

    Args:
        sandbox: the server.
        name: of the database; it is made.
        snapshot_isolation: whether it allows that.
    """

    def __init__(self, sandbox: SqlServerSandbox, name: str, *, snapshot_isolation: bool = True):
        self.sandbox = sandbox
        self.control = sandbox.control
        self.name = name
        self.control.sql(f"CREATE DATABASE [{name}]")
        if snapshot_isolation:
            self.allow_snapshot_isolation(True)
        self.sql("EXEC sys.sp_cdc_enable_db")

    @property
    def connection_string(self) -> str:
        return self.sandbox.connection_string(self.name)

    def allow_snapshot_isolation(self, allowed: bool) -> None:
        self.control.sql(f"ALTER DATABASE [{self.name}] SET ALLOW_SNAPSHOT_ISOLATION {'ON' if allowed else 'OFF'}")

    def sql(self, text: str) -> list[list[Any]]:
        """Rows of the last result; binary values as `0x…`."""
        return self.control.sql(text, self.name)

    def connect(self) -> pymssql.Connection:
        """A session of an application."""
        return pymssql.connect(**self.sandbox.pymssql(self.name), autocommit=True, appname="application")

    def table(
        self,
        name: str = "Orders",
        columns: str = "id int NOT NULL PRIMARY KEY, v nvarchar(50) NULL",
        *,
        rows: int = 0,
        schema: str = "dbo",
        captured: bool = True,
    ) -> str:
        """A captured table with rows 1 to `rows`, of which none is a change."""
        self.sql(f"CREATE TABLE [{schema}].[{name}] ({columns})")
        self.fill(name, 1, rows, schema=schema)
        if captured:
            self.enable(name, schema=schema)
        return name

    def fill(self, name: str, first: int, last: int, *, schema: str = "dbo") -> None:
        """Rows with these ids, in one transaction."""
        for begin in range(first, last + 1, 500):
            values = ", ".join(f"({number}, N'row {number}')" for number in range(begin, min(begin + 500, last + 1)))
            self.sql(f"INSERT INTO [{schema}].[{name}] (id, v) VALUES {values}")

    def enable(self, name: str, instance: str = "", *, schema: str = "dbo", more: str = "") -> None:
        named = f", @capture_instance = N'{instance}'" if instance else ""
        self.sql(
            f"EXEC sys.sp_cdc_enable_table @source_schema = N'{schema}', @source_name = N'{name}', "
            f"@role_name = NULL{named}{more}"
        )

    def disable(self, name: str, instance: str = "all", *, schema: str = "dbo") -> None:
        self.sql(f"EXEC sys.sp_cdc_disable_table N'{schema}', N'{name}', N'{instance}'")

    def capture(self) -> None:
        """Everything written before is in the change tables when this returns."""
        self.control.capture_once(self.name)

    def maximum(self) -> bytes:
        """The last commit that was captured."""
        return bytes.fromhex(self.sql("SELECT sys.fn_cdc_get_max_lsn()")[0][0][2:])

    def low_marks(self) -> dict[str, bytes]:
        """By capture instance: the first commit that it holds."""
        rows = self.sql("SELECT capture_instance, start_lsn FROM cdc.change_tables")
        return {name: bytes.fromhex(lsn[2:]) for name, lsn in rows}

    def clean_up(self, instance: str = "") -> None:
        """The cleanup job takes everything up to now, of one capture instance or all.

        It leaves none that was read a moment ago in peace, as a real one does: name the instance if others are read.
        """
        self.capture()
        self.control.cleanup(self.name, instance, b"\xff" * 10)

    def sessions(self, application: str = "dstream") -> list[int]:
        """Sessions of the input in this database."""
        return [
            session["spid"]
            for session in self.control.connections()["sessions"]
            if session["application"].startswith(application) and session["database"] == self.name
        ]

    def end(self) -> None:
        """Nothing of this test disturbs the next one."""
        self.control.clear_faults()
        self.control.clear_statements()
        self.control.clock(0.0, 0)
        with contextlib.suppress(Exception):  # the test may have taken it away
            self.control.stop_capture(self.name)
