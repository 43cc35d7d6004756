"""The writer's thread, the database that it writes to, and what is to be found in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymssql
from destination import Tables
from workload_model import Workload

from dstream_sandbox.sqlserver.client import SqlServerSandbox


@dataclass
class Writer:
    """Runs transactions in a thread of its own, with short pauses."""

    connection: pymssql.Connection
    workload: Workload
    pause: float = 0.002
    failure: BaseException | None = None
    _running: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                with self._lock:
                    self.execute(self.workload.transaction())
                self._ended.wait(self.pause)
        except BaseException as error:  # noqa: BLE001  the test fails with it
            self.failure = error

    def execute(self, text: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(text)

    def change_schema(self) -> None:
        with self._lock:
            for statement in self.workload.schema_changes():
                self.execute(statement)

    def end(self) -> None:
        self.stop()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def prepared(server: SqlServerSandbox, workload: Workload) -> pymssql.Connection:
    """The database with its tables and first rows, captured."""
    control = server.control
    control.sql("CREATE DATABASE Shop")
    control.sql("ALTER DATABASE Shop SET ALLOW_SNAPSHOT_ISOLATION ON")
    control.sql("EXEC sys.sp_cdc_enable_db", "Shop")
    control.sql("CREATE SCHEMA sales", "Shop")
    connection = pymssql.connect(**server.pymssql("Shop"), autocommit=True, appname="writer")
    with connection.cursor() as cursor:
        for table in workload.tables:
            cursor.execute(table.create())
        for _ in range(200):
            cursor.execute(workload.transaction())
        for table in workload.tables:
            cursor.execute(table.enable())
    return connection


def differences(workload: Workload, tables: Tables) -> list[str]:
    """Tables in which the destination is not what the writer left."""
    found = []
    for table in workload.tables:
        columns = [*table.identifiers, *(column.name for column in table.columns)]
        rows = tables[table.schema, table.name].values()
        have = sorted(([row.get(name) for name in columns] for row in rows), key=repr)
        if not table.key:
            # Nothing tells a row of the snapshot from the same row as a change: it may come as both.
            have = [row for index, row in enumerate(have) if index == 0 or have[index - 1] != row]
        want = sorted(([row[name] for name in columns] for row in table.rows.values()), key=repr)
        if have != want:
            missing = [row for row in want if row not in have][:3]
            surplus = [row for row in have if row not in want][:3]
            found.append(f"{table.schema}.{table.name}: missing {missing}, surplus {surplus}")
    return found
