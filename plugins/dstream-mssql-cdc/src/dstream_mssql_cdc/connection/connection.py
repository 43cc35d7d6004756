"""One session on the server, with the errors of `errors` and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import pymssql
from pymssql import _mssql

from dstream_mssql_cdc.connection.errors import ConnectionLostError, StatementError, classify
from dstream_mssql_cdc.connection.statements import rendered

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"]

BLOCK_ROWS = 1000
BLOCK_BYTES = 1024 * 1024
"""Of a block whose rows are weighed: it ends with the row that reaches so many."""

Weigh = Callable[[tuple[Any, ...]], int]
"""How large a row is, in bytes, about."""


class Connection:
    """A session, in autocommit mode unless a transaction was begun; for one thread at a time.

    Statements have `%s` where parameters go; with parameters, every other `%` is written `%%`.

    Args:
        raw: the open connection of pymssql.
        purpose: what it is for, in messages.
    """

    def __init__(self, raw: pymssql.Connection, purpose: str = ""):
        self._raw = raw
        self._results = 0  # results that were begun; the newest may be cancelled, and no other
        self._unread = False
        self.purpose = purpose
        self.broken = False
        """It cannot be used any more."""
        self.in_transaction = False
        """A transaction was begun here and not ended."""

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of the first result that has columns.

        Raises:
            DStreamError: see `errors`.
        """
        found: list[tuple[Any, ...]] | None = None
        cursor = self._begin(sql, parameters)
        with self._errors():
            while True:
                if cursor.description is not None:
                    rows = cursor.fetchall()
                    found = rows if found is None else found
                if not cursor.nextset():  # an error of a later statement comes up only there
                    break
        self._unread = False
        return found or []

    def rows(
        self, sql: str, *parameters: Any, size: int = BLOCK_ROWS, weigh: Weigh | None = None
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a result in blocks, as they arrive; what is not asked for is cancelled.

        Args:
            sql: the statement.
            parameters: its parameters.
            size: rows in a block, at most.
            weigh: for rows that may be large, so that a block has not many of these.

        Raises:
            DStreamError: see `errors`; what was yielded before is sound.
        """
        cursor = self._begin(sql, parameters)
        result = self._results
        try:
            while True:
                with self._errors():
                    block = _fetched(cursor, size, weigh) if cursor.description is not None else []
                if block:
                    yield block
                if not block or (weigh is None and len(block) < size):
                    break
            with self._errors():
                while cursor.nextset():
                    if cursor.description is not None:
                        cursor.fetchall()
            self._unread = False
        finally:
            if self._unread and result == self._results:
                self._cancel()

    def execute(self, sql: str, *parameters: Any) -> int:
        """Runs statements and reads whatever they return.

        Returns:
            How many rows the last of them that counts has changed; -1 if none did.
        """
        cursor = self._begin(sql, parameters)
        count = -1
        with self._errors():
            while True:
                if cursor.description is not None:
                    cursor.fetchall()
                else:
                    changed = self._raw._conn.rows_affected
                    count = changed if changed >= 0 else count
                if not cursor.nextset():
                    break
        self._unread = False
        return count

    def begin_snapshot(self) -> None:
        """Begins a transaction that sees the database as of its first read.

        The first read fails with 3952 where the database does not allow it.
        """
        self.begin("SNAPSHOT")

    def begin(self, isolation: Isolation = "READ COMMITTED") -> None:
        """Begins a transaction; its isolation level ends with it."""
        # before BEGIN: SNAPSHOT cannot be chosen inside a transaction (3951)
        self.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        self.execute("BEGIN TRANSACTION")
        self.in_transaction = True

    def commit(self) -> None:
        """Ends the transaction and keeps what it did."""
        self.execute("COMMIT TRANSACTION")
        self._ended()

    def rollback(self) -> None:
        """Ends the transaction, if the server has not done so itself, and undoes what it did."""
        try:
            self.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
        except StatementError:  # a server that knows queries only; whether there was a transaction, it says itself
            with suppress(StatementError):
                self.execute("ROLLBACK TRANSACTION")
        self._ended()

    def close(self) -> None:
        """Ends the session; whatever it holds (locks, a transaction) is given up."""
        self.broken = True
        with suppress(Exception):  # closing is all there was left to do
            self._raw.close()

    def _ended(self) -> None:
        self.in_transaction = False
        self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # it would leak into the next use

    def _begin(self, sql: str, parameters: tuple[Any, ...]) -> pymssql.Cursor:
        if self.broken:
            raise ConnectionLostError(f"{self.purpose or 'the connection'}: the session has ended")
        if self._unread:
            self._cancel()
        self._results += 1
        text = rendered(sql, parameters, _mssql.quote_simple_value)
        with self._errors():
            cursor = self._raw.cursor()
            self._unread = True
            cursor.execute(text)
        return cursor

    def _cancel(self) -> None:
        self._unread = False
        try:
            self._raw._conn.cancel()
        except Exception:  # noqa: BLE001  a session that cannot even cancel is of no use
            self.broken = True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (pymssql.Error, _mssql.MSSQLException) as error:
            self._unread = False  # pymssql has cancelled the rest
            found = classify(error, self.purpose)
            if isinstance(found, ConnectionLostError) or not self._alive():
                self.broken = True
            raise found from None
        except BaseException:
            self.broken = True  # nobody knows where the session stands
            raise

    def _alive(self) -> bool:
        try:
            return bool(self._raw._conn.connected)
        except pymssql.Error:
            return False


def _fetched(cursor: pymssql.Cursor, size: int, weigh: Weigh | None) -> list[tuple[Any, ...]]:
    if weigh is None:
        block: list[tuple[Any, ...]] = cursor.fetchmany(size)
        return block
    block, weight = [], 0
    while len(block) < size and weight < BLOCK_BYTES and (row := cursor.fetchone()) is not None:
        block.append(row)
        weight += weigh(row)
    return block
