"""The output's book: which lines were handed out, which are durable, and the cumulative count of both."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dstream_core.api.delivery.intervals import Intervals
from dstream_core.errors import DStreamError

UNACKNOWLEDGED_LIMIT = 64 * 1024 * 1024
"""Bytes handed out and not yet acknowledged, at most (or one line, if that is longer)."""


class Ledger:
    """Turns acknowledgements in any order, from any thread, into one count that never goes back (invariant 2).

    Args:
        on_advance: called with the ledger's lock free whenever the count has advanced.
        limit: bytes that may be handed out and unacknowledged.
    """

    def __init__(self, on_advance: Callable[[], None], limit: int = UNACKNOWLEDGED_LIMIT):
        self._on_advance = on_advance
        self._limit = limit
        self._changed = threading.Condition()
        self._done = Intervals()
        self._failure: DStreamError | None = None
        self.count = 0
        """All lines up to this one are durable, or kept as dead letters."""
        self.handed_out = 0
        """The highest line number that was given to the author, or settled for him."""
        self.outstanding = 0
        """Bytes handed out and not acknowledged."""

    @property
    def unacknowledged(self) -> int:
        """How many lines were handed out and are not covered by the count."""
        return self.handed_out - self.count

    @property
    def failure(self) -> DStreamError | None:
        """Why no further line may be acknowledged, if so."""
        return self._failure

    def hand_out(self, last: int, size: int) -> None:
        """Notes that lines up to `last`, `size` bytes of them, are in the author's hands."""
        with self._changed:
            self.handed_out = max(self.handed_out, last)
            self.outstanding += size

    def wait_for_room(self, size: int, seconds: float) -> bool:
        """Waits until `size` more bytes may be handed out: within the limit, or with nothing else outstanding.

        Raises:
            DStreamError: the delivery has failed meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or self._has_room(size), seconds)
            if self._failure is not None:
                raise self._failure
            return self._has_room(size)

    def acknowledge(self, first: int, last: int, size: int) -> int:
        """Marks lines as durable.

        Args:
            first: number of the first of them, counted from 1.
            last: number of the last.
            size: bytes that are no longer outstanding.

        Returns:
            How many of the lines had not been acknowledged before.
        """
        with self._changed:
            self.outstanding -= size
            self.handed_out = max(self.handed_out, last)
            new = self._mark(first, last)
            advanced = self._advance()
            self._changed.notify_all()
        if advanced:
            self._on_advance()
        return new

    def fail(self, failure: DStreamError) -> None:
        """Ends the delivery: whoever waits for room, or asks for the next batch, gets this error."""
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return self.outstanding <= 0 or self.outstanding + size <= self._limit

    def _mark(self, first: int, last: int) -> int:
        first = max(first, self.count + 1)
        return self._done.add(first, last) if first <= last else 0

    def _advance(self) -> bool:
        run = self._done.run_of(self.count + 1)
        if run is None:
            return False
        self.count = run[1]
        self._done.drop_before(self.count + 1)
        return True
