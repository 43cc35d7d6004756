"""A writer thread for a descriptor, so that nobody who has something to say waits for a slow terminal."""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_NOBODY_READS = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
"""A pipe without reader, a terminal that was hung up, a descriptor that is not open for writing."""

_TOGETHER = 256 * 1024
"""Bytes that are written together at most."""


@dataclass(frozen=True)
class Item:
    """Something to write.

    Attributes:
        size: about how many bytes it is.
        make: gives the bytes; called in the writer thread.
        droppable: may be left out when the terminal is too slow.
    """

    size: int
    make: Callable[[], bytes]
    droppable: bool = False


class Channel:
    """Writes to a descriptor in a thread of its own.

    Args:
        descriptor: where to.
        limit: bytes that may wait; droppable items beyond it are counted and dropped.
        dropped: the line that says how many items were dropped.

    Attributes:
        backlog: bytes that wait.
        broken: nothing can be written any more; everything is thrown away.
        failure: why, unless it is that nobody reads any more, as behind `| head -1`.
        on_broken: called once in the writer thread when nothing can be written any more.
    """

    def __init__(self, descriptor: int, *, limit: int | None = None, dropped: Callable[[int], bytes] | None = None):
        self._descriptor = descriptor
        self._limit = limit
        self._dropped_line = dropped
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._busy = False
        self._footer = self._shown = b""
        self.backlog = 0
        self.broken = False
        self.failure: Exception | None = None
        self.on_broken: Callable[[], None] | None = None

    def put(self, item: Item) -> None:
        """Takes an item; returns at once."""
        with self._changed:
            if self.broken:
                return
            if item.droppable and self._limit is not None and self.backlog + item.size > self._limit:
                self._dropped += 1
                return
            self._items.append(item)
            self.backlog += item.size
            self._wake()

    def write(self, data: bytes) -> None:
        """Takes bytes that must not be dropped."""
        self.put(Item(len(data), lambda: data))

    def set_footer(self, footer: bytes) -> None:
        """A line without newline that stays below everything else; empty removes it. For terminals."""
        with self._changed:
            if footer != self._footer:
                self._footer = footer
                self._wake()

    def flush(self, seconds: float | None = None) -> bool:
        """Waits until everything is written; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle() or self.broken, seconds)

    def _idle(self) -> bool:
        return not self._busy and not self._due()

    def _due(self) -> bool:
        return bool(self._items) or self._dropped > 0 or self._footer != self._shown

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"dstream-write-{self._descriptor}", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(self._due)
                self._busy = True
                items, size = self._take()
                dropped = 0 if self._items else self._dropped  # said where the lines are missing, not before others
                self._dropped -= dropped
                clear, footer = b"\r\x1b[K" if self._shown else b"", self._footer
            try:
                data = b"".join(item.make() for item in items)
                if dropped and self._dropped_line is not None:
                    data += self._dropped_line(dropped)
                self._write_all(clear + data + footer)
            except Exception as error:  # noqa: BLE001  a bug in an item: who waits for this thread must not wait for ever
                self._break(error)
            with self._changed:
                self.backlog -= size
                self._shown = footer

    def _take(self) -> tuple[list[Item], int]:
        items: list[Item] = []
        size = 0
        while self._items and size < _TOGETHER:
            item = self._items.popleft()
            items.append(item)
            size += item.size
        return items, size

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest and not self.broken:
                rest = rest[os.write(self._descriptor, rest) :]
        except BlockingIOError:
            self._wait_writable()
            self._write_all(bytes(rest))
        except OSError as error:
            self._break(error)

    def _wait_writable(self) -> None:
        import select  # noqa: PLC0415  only for a terminal that somebody made non-blocking

        select.select([], [self._descriptor], [])

    def _break(self, error: Exception) -> None:
        with self._changed:
            unread = isinstance(error, OSError) and error.errno in _NOBODY_READS
            self.failure = None if unread else error
            self.broken = True
            self._items.clear()
            self._footer = b""
            self._changed.notify_all()
        if self.on_broken is not None:
            self.on_broken()
