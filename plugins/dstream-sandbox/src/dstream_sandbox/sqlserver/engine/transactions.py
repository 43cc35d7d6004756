"""A transaction: what it wrote, how that is undone, what it holds, and what the log says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from dstream_sandbox.sqlserver.engine.locks import TableLock
from dstream_sandbox.sqlserver.engine.storage import Stamp, Values
from dstream_sandbox.sqlserver.types import DateTime2

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

Undo = tuple[Any, ...]
"""A function and its arguments: called in reverse order when the transaction, or a part of it, is rolled back."""

DELETE, INSERT, BEFORE, AFTER = 1, 2, 3, 4


class LogRecord(NamedTuple):
    """One changed row of a captured table, as the log has it.

    Attributes:
        lsn: Its place in the log.
        table: The source table.
        columns: The table's columns as they were then.
        operation: DELETE, INSERT or AFTER (an update, both images).
        before: Values before, None for an insert.
        after: Values after, None for a delete.
        command: The number of the statement in the transaction, from 1.
    """

    lsn: int
    table: Any
    columns: Any
    operation: int
    before: Values | None
    after: Values | None
    command: int


class Mark(NamedTuple):
    """A point in a transaction that can be rolled back to."""

    undo: int
    records: dict[Any, int]


class Transaction:
    """An open transaction of a session."""

    __slots__ = (
        "applocks", "began", "command", "commit_actions", "doomed", "explicit", "id", "isolation", "leftovers", "locks", "name", "read_at",
        "records", "savepoints", "session", "stamp", "undo", "wrote",
    )  # fmt: skip

    def __init__(self, session: Session, number: int, explicit: bool) -> None:
        self.session = session
        self.id = number
        self.began: DateTime2 | None = None
        self.explicit = explicit
        self.isolation = session.isolation
        self.stamp = Stamp(None, self)
        self.undo: list[Undo] = []
        self.records: dict[Database, list[LogRecord]] = {}
        self.locks: set[TableLock] = set()
        self.applocks: set[Any] = set()
        self.savepoints: list[tuple[str, Mark]] = []
        self.read_at: int | None = None
        self.command = 0
        self.doomed = False
        self.name = ""
        self.wrote: set[Database] = set()
        self.commit_actions: list[Callable[[int], None]] = []
        self.leftovers: list[Any] = []

    def mark(self) -> Mark:
        """Where it stands now."""
        return Mark(len(self.undo), {database: len(records) for database, records in self.records.items()})

    def undo_to(self, mark: Mark) -> None:
        """Takes back all that was done since."""
        while len(self.undo) > mark.undo:
            entry = self.undo.pop()
            entry[0](*entry[1:])
        for database, records in self.records.items():
            del records[mark.records.get(database, 0) :]

    def undo_all(self) -> None:
        """Takes back everything."""
        self.undo_to(Mark(0, {}))

    def record(
        self,
        database: Database,
        table: Any,
        operation: int,
        before: Values | None,
        after: Values | None,
        lsn: int | None = None,
    ) -> int:
        """Writes a change of a captured table to the log; gives its LSN."""
        place = database.log.next() if lsn is None else lsn
        records = self.records.get(database)
        if records is None:
            records = self.records[database] = []
            self.began = self.began or database.server.now()
        records.append(LogRecord(place, table, table.columns, operation, before, after, self.command))
        return place
