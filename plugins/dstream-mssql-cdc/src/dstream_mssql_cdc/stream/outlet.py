"""From the threads that read to the one that emits: a queue with a bound in bytes."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from dstream_core.api import Checkpoint, EncodedLines

QUEUED_BYTES = 16 * 1024 * 1024
"""Beyond this readers wait; a single block may be larger."""


@dataclass(frozen=True)
class Outgoing:
    """Something to emit.

    Attributes:
        item: lines or a position; None: look again whether there is something else to do.
        table: qualified name of its table.
        epoch: of the lease it was read under; None without leases.
    """

    item: EncodedLines | Checkpoint
    table: str
    epoch: int | None

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return len(self.item.lines) if isinstance(self.item, EncodedLines) else 200


class Outlet:
    """A queue between reading threads and the emitting one.

    Args:
        limit: bytes that may wait.
    """

    def __init__(self, limit: int = QUEUED_BYTES):
        self._limit = limit
        self._items: deque[Outgoing] = deque()
        self._bytes = 0
        self._failure: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, outgoing: Outgoing) -> bool:
        """Queues it, after waiting for room.

        Returns:
            False: nobody takes anything any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._bytes < self._limit)
            if self._closed:
                return False
            self._items.append(outgoing)
            self._bytes += outgoing.size
            self._changed.notify_all()
            return True

    def take(self, timeout: float) -> Outgoing | None:
        """The next one; None if there is none for `timeout` seconds, or none will come.

        Raises:
            BaseException: what `fail` was given, once everything queued before was taken.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._items:
                if self._failure is not None:
                    raise self._failure
                if self._closed or not self._changed.wait(max(deadline - time.monotonic(), 0)):
                    return None
            outgoing = self._items.popleft()
            self._bytes -= outgoing.size
            self._changed.notify_all()
            return outgoing

    def fail(self, error: BaseException) -> None:
        """Ends the emission with an error; the first one counts."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def close(self) -> None:
        """Lets go everybody who waits; what is queued may still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Nothing more is taken in."""
        return self._closed

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not self._items
