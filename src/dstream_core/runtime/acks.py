"""The arithmetic of acknowledgements (invariant 2), apart from pipes."""

from __future__ import annotations

from collections import deque

from dstream_core.errors import ProviderError


class AckError(ProviderError):
    """An output acknowledged what it cannot have delivered."""

    default_code = "protocol/ack"


class AckCount:
    """The cumulative count that an output announced; refuses one that goes back or ahead of what was written."""

    def __init__(self) -> None:
        self.value = 0

    def advance(self, count: int, written: int) -> bool:
        """Take an announced count; whether it moved.

        Args:
            count: lines the output says are durable, from the first.
            written: lines that were written to it so far.

        Raises:
            AckError: the count went back, or is ahead of `written` (invariant 2).
        """
        if count < self.value:
            raise AckError(f"the output acknowledged {count} lines after {self.value}: a count never goes back")
        if count > written:
            raise AckError(f"the output acknowledged {count} lines, but only {written} were written to it")
        moved = count > self.value
        self.value = count
        return moved


class ReadCount:
    """Lines that an output without acknowledgements has read, told by the bytes still in its pipe (best effort)."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._lines = 0

    def wrote(self, size: int, lines: int) -> None:
        """One write of `size` bytes that held `lines` newlines."""
        self._bytes += size
        self._lines += lines
        self._marks.append((self._bytes, self._lines))

    def lines_read(self, unread: int) -> int:
        """Lines of the writes that are read completely, when `unread` bytes are still in the pipe."""
        read = self._bytes - unread
        lines = 0
        while len(self._marks) > 1 and self._marks[1][0] <= read:
            self._marks.popleft()
        if self._marks and self._marks[0][0] <= read:
            lines = self._marks[0][1]
        return lines
