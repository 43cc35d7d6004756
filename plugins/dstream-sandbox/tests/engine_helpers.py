"""Tables, rows and change rows through the engine's Python interface, without the language."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from dstream_sandbox.sqlserver.engine.api import DEFAULT as DEFAULT
from dstream_sandbox.sqlserver.engine.api import ColumnSpec, IndexSpec, TableSpec
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import RowSet
from dstream_sandbox.sqlserver.types import SqlType

PASSWORD = "Secret-1"


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[Server]:
    """A server with a database Shop."""
    server = Server("sa", PASSWORD, **settings)
    try:
        server.add_database("Shop").snapshot_allowed = True
        yield server
    finally:
        server.close()


def connect(server: Server, user: str = "sa", database: str = "Shop") -> Session:
    """A session."""
    return server.login(user, PASSWORD, database, "test", "here")


def create(
    session: Session,
    name: str,
    columns: str,
    key: str = "id",
    indexes: Sequence[IndexSpec] = (),
    schema: str = "dbo",
    **specs: Any,
) -> Table:
    """A table from `"id int, name nvarchar(20)"`; a column is NOT NULL only in the key. `specs`: more of one column."""
    made = []
    for part in columns.split(", "):
        column, _, kind = part.partition(" ")
        made.append(ColumnSpec(column, SqlType.parse(kind), **specs.get(column, {})))
    keys = [IndexSpec(f"PK_{name}", [(one, False) for one in key.split()], "primary key")] if key else []
    with session.statement("ddl"):
        session.create_table(TableSpec(schema, name, made, [*keys, *indexes]))
    found = session.resolve(None, schema, name)
    assert isinstance(found, Table)
    return found


def insert(session: Session, table: Table, *rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Inserts rows by one statement."""
    with session.statement("insert"):
        return session.insert(table, rows)


def update(session: Session, table: Table, change: Callable[[tuple[Any, ...]], Sequence[Any] | None]) -> int:
    """Changes rows by one statement: `change` gives the new row, or None to leave it."""
    with session.statement("update"):
        found = [(number, change(row)) for number, row in session.scan_for_update(table)]
        changes = [(number, row) for number, row in found if row is not None]
        return len(session.update(table, changes, [column.name for column in table.columns]))


def delete(session: Session, table: Table, which: Callable[[tuple[Any, ...]], bool] = lambda row: True) -> int:
    """Deletes rows by one statement."""
    with session.statement("delete"):
        return len(session.delete(table, [number for number, row in session.scan_for_update(table) if which(row)]))


def select(session: Session, schema: str, name: str, low: Any = None, high: Any = None) -> list[tuple[Any, ...]]:
    """All rows of a relation."""
    with session.statement("select"):
        relation = session.resolve(None, schema, name)
        session.require("SELECT", relation, [column.name for column in relation.columns])
        return list(relation.scan(session, low, high))  # type: ignore[union-attr]  no views here


def records(session: Session, schema: str, name: str) -> list[dict[str, Any]]:
    """The same as dicts."""
    relation = session.resolve(None, schema, name)
    names = [column.name for column in relation.columns]
    return [dict(zip(names, row, strict=True)) for row in select(session, schema, name)]


def call(session: Session, procedure: str, **arguments: Any) -> list[Any]:
    """Runs a system procedure: its items."""
    found = session.database.procedure("sys", procedure)
    assert found is not None, procedure
    return list(found(session, {f"@{name}": value for name, value in arguments.items()}))  # type: ignore[operator,arg-type]  # the object is there


def result(session: Session, procedure: str, **arguments: Any) -> list[dict[str, Any]]:
    """The rows of a procedure's result set."""
    (rows,) = [item for item in call(session, procedure, **arguments) if isinstance(item, RowSet)]
    names = [column.name for column in rows.columns]
    return [dict(zip(names, row, strict=True)) for row in rows.rows]


def scalar(session: Session, name: str, *arguments: Any, schema: str | None = "sys") -> Any:
    """A scalar function's value."""
    with session.statement("select"):
        return session.database.scalar_function(schema, name)(session, *arguments)  # type: ignore[misc,operator,arg-type]  # the object is there


@contextlib.contextmanager
def refused(number: int) -> Iterator[Any]:
    """The block ends with this error."""
    with pytest.raises(SqlError) as caught:
        yield caught
    assert caught.value.number == number, caught.value


class Aside(threading.Thread):
    """Runs something in another thread; `wait` gives its result or raises its error."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001  raised again in `wait`
            self._error = error

    def wait(self, seconds: float = 10) -> Any:
        """Its result."""
        self.join(seconds)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._result
