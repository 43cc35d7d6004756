"""A client's session: its settings, its transaction, and the way every statement runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import Isolation, Module, Relation, Row, StatementKind
from dstream_sandbox.sqlserver.engine.ddl import Definitions
from dstream_sandbox.sqlserver.engine.principals import Login
from dstream_sandbox.sqlserver.engine.reading import Reader
from dstream_sandbox.sqlserver.engine.security import Security
from dstream_sandbox.sqlserver.engine.statement import Statement
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.engine.transactions import Transaction
from dstream_sandbox.sqlserver.engine.writing import Writer
from dstream_sandbox.sqlserver.errors import CancelledError, KilledError, SqlError, not_supported
from dstream_sandbox.sqlserver.results import Item
from dstream_sandbox.sqlserver.types import SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.server import Server


class Session(Definitions, Security):
    """See `api.Session` and `seam.Session`."""

    def __init__(
        self, server: Server, spid: int, login: Login, database: Database, application: str, host: str
    ) -> None:
        self.server = server
        self.spid = spid
        self.login = login
        self.database = database
        self.application = application
        self.host = host
        self.login_time = server.wall.now()
        self.last_request = self.login_time
        self.reader = Reader(self)
        self.writer = Writer(self)
        self.transaction: Transaction | None = None
        self.current: Statement | None = None
        self.claimed: list[tuple[Table, Any]] = []
        self.temporary: dict[str, Table] = {}
        self.deadlock_victim = False
        self.running = False
        self.closed = False
        self.statement_text = ""
        self._first_database = database
        self._flag = ""
        self._latch = threading.Lock()
        self._settings()

    def _settings(self) -> None:
        self.isolation: Isolation = "read committed"
        self.lock_timeout = -1
        self.xact_abort = False
        self.implicit_transactions = False
        self.nocount = False
        self.rowcount_limit = 0
        self.language_name = "us_english"
        self.options: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.identity: Any = None
        self.identity_insert: Any = None
        self.try_depth = 0

    # --- who and where ------------------------------------------------------------------------------------------------

    @property
    def database_name(self) -> str:
        """The current database's name."""
        return self.database.name

    @property
    def login_name(self) -> str:
        """The login's name."""
        return self.login.name

    @property
    def user_name(self) -> str:
        """The user in the current database."""
        return self.user_in(self.database)

    @property
    def deadlock_priority(self) -> int:
        """SET DEADLOCK_PRIORITY: -10 to 10."""
        priority = self.options.get("deadlock_priority", 0)
        names = {"low": -5, "normal": 0, "high": 5}
        return names.get(str(priority).lower(), 0) if not isinstance(priority, int) else priority

    def use(self, database: str) -> None:
        """See `api.Session.use`."""
        self.database = self.server.open_database(self.login, database)

    def resolve(self, database: str | None, schema: str | None, name: str) -> Relation | Module:
        """See `api.Session.resolve`."""
        if name.startswith("#"):
            table = self.temporary.get(name.lower())
            if table is not None:
                return table
        else:
            home = self.database if database is None else self.server.open_database(self.login, database)
            for tried in (schema,) if schema else self._search_path(home):
                found = home.relation(tried, name)
                if found is not None:
                    return found
        if schema is not None and schema.lower() in ("sys", "information_schema"):
            raise not_supported(f"catalog view {schema}.{name}")  # or there is none: SQL Server has hundreds
        shown = ".".join(part for part in (database, schema, name) if part)
        raise SqlError(208, f"Invalid object name '{shown}'.", state=1, ends_batch=True)

    def _search_path(self, database: Database) -> Sequence[str]:
        user = database.principals.all.get(self.user_in(database).lower())
        default = (user.default_schema if user else None) or "dbo"
        return (default,) if default.lower() == "dbo" else (default, "dbo")

    def user_in(self, database: Database) -> str:
        """The name of the user that the login is in a database."""
        user = database.principals.user_of(self.login)
        return "guest" if user is None else user.name

    # --- being asked to stop ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See `api.Session.check`."""
        if self._flag == "killed":
            raise KilledError
        if self._flag == "cancelled":
            raise CancelledError

    def cancel(self) -> None:
        """See `seam.Session.cancel`."""
        with self._latch:
            if self.running and not self._flag:
                self._flag = "cancelled"
        self.server.waits.wake()

    def end(self) -> bool:
        """As KILL: what runs raises KilledError; False when nothing runs (the caller closes the session)."""
        with self._latch:
            self._flag = "killed"
            running = self.running
        self.server.waits.wake()
        return running

    def sleep(self, seconds: float) -> None:
        """See `api.Session.sleep`."""
        waits = self.server.waits
        deadline = time.monotonic() + seconds
        with waits.condition, waits.sleeping(self):
            while (left := deadline - time.monotonic()) > 0:
                self.check()
                waits.condition.wait(left)
        self.check()

    def kill(self, spid: int) -> None:
        """See `api.Session.kill`."""
        if not self.login.may("ALTER ANY CONNECTION"):
            raise SqlError(6102, "User does not have permission to use the KILL statement.", severity=14)
        if spid == self.spid:
            raise SqlError(6104, "Cannot use KILL to kill your own process.")
        if not self.server.kill(spid):
            raise SqlError(6106, f"Process ID {spid} is not an active process ID.")

    # --- batches ------------------------------------------------------------------------------------------------------

    def execute(
        self, text: str, parameters: Mapping[str, tuple[SqlType, Any]] | None = None, outputs: Collection[str] = ()
    ) -> Iterator[Item]:
        """See `seam.Session.execute`."""
        with self._latch:
            if self._flag == "cancelled":
                self._flag = ""
            self.running = True
        self.last_request = self.server.wall.now()
        self.statement_text = text
        self.try_depth = 0
        try:
            self.check()
            yield from self.server.execute_batch(self, text, parameters or {}, outputs)
            self._end_batch()
        finally:
            self._leave()

    def _end_batch(self) -> None:
        if self.transaction is not None and self.transaction.doomed:
            self.abort()
            raise SqlError(
                3998,
                "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.",
                state_of_transaction="rolled back",
            )

    def _leave(self) -> None:
        with self._latch:
            self.running = False
            killed = self._flag == "killed"
            if self._flag == "cancelled":
                self._flag = ""
        if killed:
            self.close()
        elif self.transaction is not None and self.transaction.doomed:
            self.abort()

    def reset(self) -> None:
        """See `seam.Session.reset`."""
        self.abort()
        self._drop_temporary()
        self.server.applocks.release_owner(self)
        self._settings()
        self.database = self._first_database

    def close(self) -> None:
        """See `seam.Session.close`."""
        if self.closed:
            return
        self.closed = True
        self.abort()
        self._drop_temporary()
        self.server.applocks.release_owner(self)
        self.server.forget_session(self)

    def _drop_temporary(self) -> None:
        self.temporary.clear()

    # --- transactions -------------------------------------------------------------------------------------------------

    _nesting = 0

    @property
    def trancount(self) -> int:
        """@@TRANCOUNT: 1 in a statement of its own that writes, as in triggers, is not counted."""
        return self._nesting if self.transaction is not None and self.transaction.explicit else 0

    @property
    def xact_state(self) -> int:
        """XACT_STATE()."""
        if self.trancount == 0 or self.transaction is None:
            return 0
        return -1 if self.transaction.doomed else 1

    @property
    def transaction_id(self) -> int:
        """The open transaction's number."""
        return self.transaction.id if self.transaction is not None and self.transaction.explicit else 0

    def begin(self, name: str = "") -> int:
        """See `api.Transactions.begin`."""
        transaction = self.transaction
        if transaction is not None and transaction.explicit:
            self._nesting += 1
            return 0
        if transaction is None:
            transaction = self.transaction = self.server.new_transaction(self, explicit=True)
        transaction.explicit = True
        transaction.name = name
        self._nesting = 1
        return transaction.id

    def commit(self) -> int:
        """See `api.Transactions.commit`."""
        transaction = self.transaction
        if transaction is None or not transaction.explicit:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        if transaction.doomed:
            raise uncommittable()
        if self._nesting > 1:
            self._nesting -= 1
            return 0
        self._nesting = 0
        self.transaction = None
        self.server.commit(transaction)
        self._rejoin()
        return transaction.id

    def rollback(self, name: str = "") -> int:
        """See `api.Transactions.rollback`."""
        transaction = self.transaction
        if transaction is None or not transaction.explicit:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        if name and name.lower() != transaction.name.lower():
            for at in range(len(transaction.savepoints) - 1, -1, -1):
                if transaction.savepoints[at][0] == name.lower():
                    if transaction.doomed:
                        raise SqlError(
                            3931, "The current transaction cannot be committed and cannot be rolled back to a savepoint. "
                            "Roll back the entire transaction.",
                        )  # fmt: skip
                    transaction.undo_to(transaction.savepoints[at][1])
                    del transaction.savepoints[at + 1 :]
                    return 0
            raise SqlError(6401, f"Cannot roll back {name}. No transaction or savepoint of that name was found.")
        self.abort()
        self._rejoin()
        return transaction.id

    def save(self, name: str) -> None:
        """See `api.Transactions.save`."""
        transaction = self.transaction
        if transaction is None or not transaction.explicit:
            raise SqlError(628, "Cannot issue SAVE TRANSACTION when there is no active transaction.")
        if transaction.doomed:
            raise uncommittable()
        transaction.savepoints.append((name.lower(), transaction.mark()))

    def abort(self) -> None:
        """Rolls the whole transaction back, if there is one."""
        transaction, self.transaction = self.transaction, None
        self._nesting = 0
        if transaction is not None:
            self.server.abandon(transaction)
        self.release_claims()

    def doom(self) -> None:
        """Undoes everything and lets go of the locks, but keeps the transaction: it can only be rolled back (in TRY)."""
        transaction = self.transaction
        if transaction is not None:
            transaction.undo_all()
            transaction.doomed = True
            self.server.let_go(transaction)

    def _rejoin(self) -> None:
        """A statement that goes on after its transaction has ended (COMMIT in a procedure) gets one of its own."""
        if self.current is not None:
            self.current.rejoin()

    def required_transaction(self) -> Transaction:
        """The transaction that a statement runs in."""
        if self.transaction is None:
            raise not_supported("reading or writing outside of session.statement()")
        return self.transaction

    def statement(self, kind: StatementKind = "") -> Statement:
        """See `api.Session.statement`."""
        return Statement(self, kind)

    def statement_moment(self) -> int:
        """The moment that the statement reads at (READ_COMMITTED_SNAPSHOT)."""
        return self.server.commits.hold(self)

    def release_claims(self) -> None:
        """Gives up rows that a statement was to change, and its snapshot."""
        if self.claimed:
            for table, row in self.claimed:
                table.claims.pop(row, None)
            self.claimed.clear()
            self.server.waits.wake()
        self.server.release_moment(self)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def insert(self, table: Relation, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """See `api.Session.insert`."""
        target = self.writable(table)
        self.require("INSERT", target)
        return self.writer.insert(target, rows)

    def scan_for_update(
        self, table: Relation, low: Sequence[Any] | None = None, high: Sequence[Any] | None = None
    ) -> Iterator[tuple[Any, Row]]:
        """See `api.Session.scan_for_update`."""
        return self.reader.scan_for_update(self.writable(table), low, high)

    def update(
        self, table: Relation, changes: Sequence[tuple[Any, Sequence[Any]]], columns: Iterable[str]
    ) -> list[tuple[Row, Row]]:
        """See `api.Session.update`."""
        target = self.writable(table)
        self.require("UPDATE", target, columns)
        return self.writer.update(target, changes)

    def delete(self, table: Relation, rows: Sequence[Any]) -> list[Row]:
        """See `api.Session.delete`."""
        target = self.writable(table)
        self.require("DELETE", target)
        return self.writer.delete(target, rows)

    def merge(
        self,
        table: Relation,
        inserts: Iterable[Sequence[Any]],
        updates: Sequence[tuple[Any, Sequence[Any]]],
        deletes: Sequence[Any],
    ) -> None:
        """See `api.Session.merge`."""
        self.writer.merge(self.writable(table), inserts, updates, deletes)

    def writable(self, table: Any) -> Table:
        """The table, if it is one whose rows can be changed."""
        if isinstance(table, Table):
            return table
        name = getattr(table, "name", "?")
        if getattr(table, "schema", "").lower() == "cdc":
            raise not_supported(f"changing rows of cdc.{name}")
        raise SqlError(259, "Ad hoc updates to system catalogs are not allowed.")


def uncommittable() -> SqlError:
    """3930."""
    return SqlError(
        3930,
        "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the "
        "transaction.",
    )
