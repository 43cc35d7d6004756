"""What a run of the input tells of its progress: `lines` read, and `bytes_behind`, what lies in the files unread."""

from __future__ import annotations

import time
from collections.abc import Callable

from dstream_core.api import Log

EVERY_SECONDS = 1.0


class Progress:
    """Tells it at most once a second, and only what has changed.

    Args:
        log: where to.
    """

    def __init__(self, log: Log):
        self._log = log
        self._lines = 0
        self._told: tuple[int, int] | None = None
        self._next = 0.0

    def add(self, lines: int) -> None:
        """So many lines more were read."""
        self._lines += lines

    def tell(self, bytes_behind: Callable[[], int]) -> None:
        """Tells how it stands, if it is time to.

        Args:
            bytes_behind: how many bytes of the files are not read; asked only if it is time to.
        """
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + EVERY_SECONDS
        numbers = (self._lines, bytes_behind())
        if numbers != self._told:
            self._told = numbers
            self._log.progress({"lines": numbers[0], "bytes_behind": numbers[1]})

    def tell_last(self) -> None:
        """Everything is read."""
        self._next = 0.0
        self.tell(lambda: 0)
