"""Waiting for other sessions: locks of tables, rows that open transactions have written, application locks; deadlocks.

A row has no lock object: who meets one that an open transaction has written waits for that transaction's end. All waits go
through one condition of the server, and each waiting session says for whom it waits, which is the graph that deadlocks
are found in.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.errors import SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

SHARED = "S"
WRITES = "IX"
EXCLUSIVE = "X"

_COMPATIBLE = {(SHARED, SHARED), (WRITES, WRITES)}
_STRENGTH = {SHARED: {SHARED}, WRITES: {WRITES}, EXCLUSIVE: {SHARED, WRITES, EXCLUSIVE}}


class Waits:
    """The server's waiting room."""

    def __init__(self) -> None:
        self.condition = threading.Condition(threading.RLock())
        self._waiting: dict[Session, set[Session]] = {}
        self._sleeping: set[Session] = set()

    def wake(self) -> None:
        """Something was let go (or a session is to look at its flags): everyone who waits looks again."""
        with self.condition:
            if self._waiting or self._sleeping:
                self.condition.notify_all()

    @contextlib.contextmanager
    def sleeping(self, session: Session) -> Iterator[None]:
        """A session waits for the time only; call with the condition held."""
        self._sleeping.add(session)
        try:
            yield
        finally:
            self._sleeping.discard(session)

    def until_free(self, session: Session, blockers: Callable[[], Iterable[Session]], timeout_ms: int) -> bool:
        """Waits until `blockers()` is empty.

        Args:
            session: Who waits.
            blockers: Sessions in the way now; called with the condition held. May take what it wanted once nobody is.
            timeout_ms: -1: for ever.

        Returns:
            False: the time was over.

        Raises:
            SqlError: 1205, this session was chosen as the victim of a deadlock.
        """
        deadline = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000
        with self.condition:
            try:
                while True:
                    session.check()
                    inway = {other for other in blockers() if other is not session}
                    if not inway:
                        return True
                    self._waiting[session] = inway
                    self._find_deadlock(session)
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return False
                    self.condition.wait(left)
                    if session.deadlock_victim:
                        raise _deadlock(session)
            finally:
                self._waiting.pop(session, None)
                session.deadlock_victim = False

    def blocker_of(self, session: Session) -> int:
        """The spid that a session waits for, 0 for none: `blocking_session_id`."""
        return min((other.spid for other in self._waiting.get(session, ())), default=0)

    def _find_deadlock(self, start: Session) -> None:
        cycle = self._cycle(start)
        if not cycle:
            return
        victim = min(cycle, key=lambda s: (s.deadlock_priority, s is not start))
        if victim is start:
            raise _deadlock(start)
        victim.deadlock_victim = True
        self.condition.notify_all()

    def _cycle(self, start: Session) -> list[Session]:
        path: list[Session] = []
        seen: set[Session] = set()

        def visit(session: Session) -> bool:
            path.append(session)
            for other in self._waiting.get(session, ()):
                if other is start:
                    return True
                if other not in seen:
                    seen.add(other)
                    if visit(other):
                        return True
            path.pop()
            return False

        return path if visit(start) else []


def _deadlock(session: Session) -> SqlError:
    return SqlError(
        1205,
        f"Transaction (Process ID {session.spid}) was deadlocked on lock resources with another process and has been chosen as "
        "the deadlock victim. Rerun the transaction.",
        severity=13,
        state=51,
        ends_batch=True,
        state_of_transaction="rolled back",
    )


def timed_out() -> SqlError:
    """1222."""
    return SqlError(1222, "Lock request time out period exceeded.", state=56)


class TableLock:
    """Locks of one table, held by transactions until they end."""

    __slots__ = ("holders",)

    def __init__(self) -> None:
        self.holders: dict[Any, set[str]] = {}

    def blockers(self, transaction: Any, mode: str) -> list[Session]:
        """Sessions whose locks are in the way of one in that mode."""
        return [
            holder.session
            for holder, modes in self.holders.items()
            if holder is not transaction and any((held, mode) not in _COMPATIBLE for held in modes)
        ]

    def holds(self, transaction: Any, mode: str) -> bool:
        """Whether the transaction has that much already."""
        modes = self.holders.get(transaction)
        return modes is not None and any(mode in _STRENGTH[held] for held in modes)


def acquire(waits: Waits, lock: TableLock, transaction: Any, mode: str, session: Session) -> None:
    """Takes a table's lock (1222, 1205 when it cannot be had)."""
    if lock.holds(transaction, mode):
        return

    def blockers() -> list[Session]:
        inway = lock.blockers(transaction, mode)
        if not inway:
            lock.holders.setdefault(transaction, set()).add(mode)
            transaction.locks.add(lock)
        return inway

    with waits.condition:
        if not blockers():
            return
    if not waits.until_free(session, blockers, session.lock_timeout):
        raise timed_out()
