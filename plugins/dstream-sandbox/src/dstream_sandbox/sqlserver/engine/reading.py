"""What a session sees of a table's rows, by its isolation level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.locks import EXCLUSIVE, SHARED, acquire, timed_out
from dstream_sandbox.sqlserver.engine.storage import StoredRow, Values
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.engine.transactions import Transaction
from dstream_sandbox.sqlserver.errors import SqlError, not_supported

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

_PLAIN_HINTS = frozenset({"readcommitted", "rowlock", "paglock", "forceseek", "forcescan", "nowait", "noexpand"})
_SHARED_HINTS = frozenset({"holdlock", "serializable", "repeatableread", "tablock"})
_EXCLUSIVE_HINTS = frozenset({"tablockx", "xlock", "updlock"})


class Reader:
    """Reads tables for one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def moment(self, database: Database) -> int | None:
        """The moment whose committed rows a statement sees; None: it reads the newest, and waits for open transactions.

        Raises:
            SqlError: 3951 and 3952 when SNAPSHOT cannot be used.
        """
        session = self._session
        if session.isolation == "snapshot":
            transaction = session.required_transaction()
            if transaction.isolation != "snapshot":
                raise SqlError(
                    3951,
                    f"Transaction failed in database '{database.name}' because the statement was run under snapshot isolation but the "
                    "transaction did not start in snapshot isolation. You cannot change the isolation level of the transaction to "
                    "snapshot after the transaction has started unless the transaction was originally started under snapshot "
                    "isolation level.",
                )
            if not database.snapshot_allowed:
                raise SqlError(
                    3952,
                    f"Snapshot isolation transaction failed accessing database '{database.name}' because snapshot isolation is not "
                    "allowed in this database. Use ALTER DATABASE to allow snapshot isolation.",
                    ends_batch=True,
                )
            if transaction.read_at is None:
                transaction.read_at = session.server.commits.hold(transaction)
            return transaction.read_at
        if session.isolation == "read uncommitted":
            raise not_supported("isolation level READ UNCOMMITTED")
        if session.isolation == "read committed" and database.read_committed_snapshot:
            return session.statement_moment()
        return None

    def scan(
        self, table: Table, low: Sequence[Any] | None, high: Sequence[Any] | None, hints: Sequence[str]
    ) -> Iterator[Row]:
        """The rows in order, lazily; what the isolation level needs is taken before the first."""
        moment = self.moment(table.database)
        self._lock(table, moment, hints)
        return self._rows(table, low, high, moment, "readpast" in hints)

    def check_hints(self, hints: Sequence[str]) -> None:
        """Refuses hints that are not known, NOLOCK first of all."""
        for hint in hints:
            if (
                hint not in _PLAIN_HINTS
                and hint not in _SHARED_HINTS
                and hint not in _EXCLUSIVE_HINTS
                and hint != "readpast"
            ):
                raise not_supported(f"table hint {hint.upper()}")

    def _lock(self, table: Table, moment: int | None, hints: Sequence[str]) -> None:
        session = self._session
        waits = session.server.waits
        transaction = session.required_transaction()
        mode = ""
        self.check_hints(hints)
        for hint in hints:
            if hint in _EXCLUSIVE_HINTS:
                mode = EXCLUSIVE
            elif hint in _SHARED_HINTS and mode == "":
                mode = SHARED
        if mode == "" and session.isolation in ("repeatable read", "serializable"):
            mode = SHARED
        if mode:
            acquire(waits, table.lock, transaction, mode, session)
        elif moment is None and table.lock.holders:
            # Shared locks of READ COMMITTED are let go at once: only those who hold the whole table are in the way.
            self._pass_whole(table, transaction)
        if moment is not None and table.altered_at > moment:
            raise SqlError(
                3961,
                f"Snapshot isolation transaction failed in database '{table.database.name}' because the object accessed by the "
                "statement has been modified by a DDL statement in another concurrent transaction since the start of this "
                "transaction. It is disallowed because the metadata is not versioned. A concurrent update to metadata can lead to "
                "inconsistency if mixed with snapshot isolation.",
                state_of_transaction="rolled back",
                ends_batch=True,
            )

    def _pass_whole(self, table: Table, transaction: Transaction) -> None:
        session = self._session

        def blockers() -> list[Session]:
            held = list(table.lock.holders.items())
            return [holder.session for holder, modes in held if holder is not transaction and EXCLUSIVE in modes]

        if blockers() and not session.server.waits.until_free(session, blockers, session.lock_timeout):
            raise timed_out()

    def _rows(
        self, table: Table, low: Sequence[Any] | None, high: Sequence[Any] | None, moment: int | None, skip: bool
    ) -> Iterator[Row]:
        shape = table.shape
        own = self._session.required_transaction().stamp
        for block in shape.store.walk(shape.bound(low, False), shape.bound(high, True)):
            self._session.check()
            if moment is not None:
                for row in block:
                    # The common case, without a call: the newest version is committed and old enough.
                    version = row.version
                    at = version[1].at
                    values = version[0] if at is not None and at <= moment else row.at(moment, own)
                    if values is not None:
                        yield values
                continue
            for row in block:
                version = row.version
                while version[1].at is None and version[1] is not own and not skip:
                    self.wait_for(row)
                    version = row.version
                values = version[0]
                if values is not None and (version[1].at is not None or version[1] is own):
                    yield values

    def wait_for(self, row: StoredRow) -> None:
        """Waits until no other open transaction has written the row (1222, 1205)."""
        session = self._session

        def blockers() -> list[Session]:
            owner = writer_of(row)
            return [] if owner is None else [owner.session]

        if not session.server.waits.until_free(session, blockers, session.lock_timeout):
            raise timed_out()

    def scan_for_update(
        self, table: Table, low: Sequence[Any] | None, high: Sequence[Any] | None
    ) -> Iterator[tuple[StoredRow, Row]]:
        """Rows that a statement may change; each stays claimed until the statement's end."""
        session = self._session
        transaction = session.required_transaction()
        moment = self.moment(table.database)
        self._lock(table, moment, ())
        moment = moment if session.isolation == "snapshot" else None
        shape = table.shape
        for block in shape.store.walk(shape.bound(low, False), shape.bound(high, True)):
            session.check()
            for row in block:
                values = (
                    row.at(moment, transaction.stamp) if moment is not None else self.claim(table, row, transaction)
                )
                if values is not None:
                    yield row, values

    def claim(self, table: Table, row: StoredRow, transaction: Transaction) -> Values | None:
        """Waits for others that write the row or are about to, and keeps it for this statement; gives its values."""
        session = self._session

        def in_the_way() -> Transaction | None:
            claimed = table.claims.get(row)
            if claimed is not None and claimed is not transaction:
                return claimed
            owner = writer_of(row)
            if owner is not None and owner is not transaction:
                return owner
            table.claims[row] = transaction
            session.claimed.append((table, row))
            return None

        def blockers() -> list[Session]:
            with table.shape.store.latch:
                other = in_the_way()
            return [] if other is None else [other.session]

        if blockers() and not session.server.waits.until_free(session, blockers, session.lock_timeout):
            raise timed_out()
        return row.version[0]


def writer_of(row: StoredRow) -> Transaction | None:
    """The open transaction that wrote the row's newest version."""
    stamp = row.version[1]
    return stamp.owner if stamp.at is None else None
