"""At most so many sessions, whatever they are for."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection.connect import Connection, connect
from dstream_mssql_cdc.connection.errors import BusyError, UnreachableError
from dstream_mssql_cdc.connection.settings import ConnectionSettings

_IDLE_SECONDS = 300.0
"""Sessions that nobody needed for so long are closed; a firewall may have forgotten them already."""


class ConnectionPool:
    """Lends sessions to threads; never more than `limit` are open.

    Args:
        settings: how to open one.
        limit: how many may be open, idle ones and those that are kept for good too.
        open_one: opens one; `connect` unless a test says otherwise.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        limit: int,
        open_one: Callable[[ConnectionSettings, str], Connection] | None = None,
    ):
        self._settings = settings
        self._limit = limit
        self._open_one = open_one or (lambda chosen, purpose: connect(chosen, purpose=purpose))
        self._idle: list[tuple[float, Connection]] = []
        self._queue: deque[object] = deque()
        """Who waits, in order: whoever gives one back and wants it again at once is behind the others."""
        self._open = 0
        self._changed = threading.Condition()
        self._closed = False
        self._reached = False

    @property
    def limit(self) -> int:
        """How many sessions may be open."""
        return self._limit

    @property
    def on_replicas(self) -> bool:
        """Sessions may be with different readable secondaries, one of them behind another."""
        return self._settings.application_intent == "ReadOnly"

    @property
    def open(self) -> int:
        """How many sessions are open."""
        return self._open

    @property
    def wanted(self) -> int:
        """How many wait for one."""
        return len(self._queue)

    @contextmanager
    def lend(self, purpose: str, *, wait: float | None = None, fresh: bool = False) -> Iterator[Connection]:
        """Lends a session for a while; one that broke, or whose use failed in an unknown way, is not lent again.

        Args:
            purpose: what for; in messages.
            wait: seconds, at most, until one is free; None: as long as it takes.
            fresh: a session that nobody used before and nobody uses after, such as one that holds a lock; it counts
                as all others do.

        Raises:
            BusyError: `mssql/no-connection-free`, none was free in time.
            DStreamError: it cannot be opened.
        """
        connection = self._taken(purpose, wait, fresh)
        sound = False
        try:
            yield connection
            sound = True
        except DStreamError:
            sound = True  # whether it broke is written on it
            raise
        finally:
            self._give_back(connection, sound and not fresh)

    def close(self) -> None:
        """Closes all sessions; those that are lent, when they come back."""
        with self._changed:
            self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with self._changed:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
            self._changed.notify_all()
        for _, connection in idle:
            connection.close()

    def _taken(self, purpose: str, wait: float | None, fresh: bool) -> Connection:
        deadline = None if wait is None else time.monotonic() + wait
        turn = object()
        with self._changed:
            self._queue.append(turn)
            try:
                while self._queue[0] is not turn or not (self._closed or self._free()):
                    self._wait(purpose, deadline)
            finally:
                self._queue.remove(turn)
                self._changed.notify_all()
            if self._closed:
                raise UnreachableError(f"{purpose}: the connections are closed", code="mssql/closed")
            ready, spare = self._place(fresh)
        if ready is not None:
            ready.purpose = purpose
            return ready
        if spare is not None:
            spare.close()
        return self._opened(purpose)

    def _free(self) -> bool:
        # A fresh one takes the place of an idle one, if it must.
        return bool(self._idle) or self._open < self._limit

    def _place(self, fresh: bool) -> tuple[Connection | None, Connection | None]:
        """A session to lend; or none, and then a place is taken for a new one, perhaps from one that is to be closed."""
        if self._idle and not fresh:
            age, connection = self._idle.pop()
            return (connection, None) if time.monotonic() - age < _IDLE_SECONDS else (None, connection)
        if self._open < self._limit:
            self._open += 1
            return None, None
        return None, self._idle.pop(0)[1]

    def _wait(self, purpose: str, deadline: float | None) -> None:
        rest = None if deadline is None else deadline - time.monotonic()
        if (rest is not None and rest <= 0) or not self._changed.wait(rest):
            raise BusyError(
                f"{purpose}: all {self._limit} connections are in use",
                code="mssql/no-connection-free",
                hint="raise max_connections",
            )

    def _opened(self, purpose: str) -> Connection:
        try:
            connection = self._open_one(self._settings, purpose)
        except DStreamError as error:
            self._leave()
            if self._reached and error.code == "mssql/unknown-host":
                # it was found before: the name service has a bad moment, which a run survives
                raise UnreachableError(error.message, code=error.code, hint="it is tried again") from None
            raise
        except BaseException:
            self._leave()
            raise
        self._reached = True
        return connection

    def _give_back(self, connection: Connection, sound: bool) -> None:
        if sound and not connection.broken and connection.in_transaction:
            try:
                connection.rollback()
            except DStreamError:
                sound = False
        with self._changed:
            if sound and not connection.broken and not self._closed:
                self._idle.append((time.monotonic(), connection))
                self._changed.notify_all()
                return
        if connection.broken:
            self._close_idle()  # what ended one session has ended the others, as a rule
        connection.close()
        self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
