"""One statement: a transaction of its own when there is none, atomicity, and what an error does to the transaction."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import StatementKind
from dstream_sandbox.sqlserver.engine.transactions import Mark, Transaction
from dstream_sandbox.sqlserver.errors import CancelledError, KilledError, SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

_BEGIN_IMPLICITLY = frozenset({"select", "insert", "update", "delete", "merge", "ddl"})
_WRITES = frozenset({"insert", "update", "delete", "merge", "ddl"})


class Statement:
    """A context manager; see `api.Session.statement`."""

    __slots__ = ("_kind", "_mark", "_outer", "_own", "_session", "_transaction")

    def __init__(self, session: Session, kind: StatementKind) -> None:
        self._session = session
        self._kind = kind
        self._outer: Statement | None = None
        self._own = False
        self._mark: Mark | None = None
        self._transaction: Transaction | None = None

    def __enter__(self) -> None:
        session = self._session
        session.check()
        self._outer = session.current
        session.current = self
        if session.transaction is None:
            if session.implicit_transactions and self._kind in _BEGIN_IMPLICITLY:
                session.begin()
            else:
                session.transaction = session.server.new_transaction(session, explicit=False)
                self._own = True
        transaction = self._transaction = session.required_transaction()
        if self._kind in _WRITES:
            if transaction.doomed:
                session.current = self._outer
                raise _uncommittable()
            transaction.command += 1
            self._mark = transaction.mark()

    def rejoin(self) -> None:
        """The transaction that it ran in is over: it goes on in one of its own."""
        session = self._session
        if session.transaction is None:
            session.transaction = session.server.new_transaction(session, explicit=False)
            self._own = True
        self._transaction = session.transaction
        self._mark = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = self._session
        session.current = self._outer
        try:
            if error is None or isinstance(error, GeneratorExit):
                self._succeed()
            else:
                self._fail(error)
        finally:
            if self._outer is None:
                session.release_claims()

    def _succeed(self) -> None:
        session = self._session
        transaction = session.transaction
        if self._own and transaction is self._transaction and transaction is not None and not transaction.explicit:
            session.transaction = None
            session.server.commit(transaction)

    def _fail(self, error: BaseException) -> None:
        session = self._session
        transaction = session.transaction
        if transaction is None or transaction is not self._transaction:
            return
        if isinstance(error, KilledError) or (self._own and not transaction.explicit):
            session.abort()
            return
        if self._mark is not None:
            transaction.undo_to(self._mark)
        if isinstance(error, CancelledError):
            if session.xact_abort:
                session.abort()
            return
        self._punish(error, transaction)

    def _punish(self, error: BaseException, transaction: Transaction) -> None:
        """What becomes of the transaction that the statement failed in."""
        session = self._session
        wanted = error.state_of_transaction if isinstance(error, SqlError) else "rolled back"
        if wanted == "kept" and session.xact_abort:
            wanted = "rolled back"
        if wanted == "rolled back" and session.try_depth == 0:
            session.abort()
            if isinstance(error, SqlError) and error.ends_batch is None:
                error.ends_batch = True
        elif wanted == "rolled back" and isinstance(error, SqlError) and error.number in (1205, 3960, 3961):
            session.doom()
        elif wanted != "kept":
            transaction.doomed = True


def _uncommittable() -> SqlError:
    return SqlError(
        3930,
        "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the "
        "transaction.",
    )
