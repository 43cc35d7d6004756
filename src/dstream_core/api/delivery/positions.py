"""The input's book: which position may be stored once how many lines are acknowledged (invariant 1)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping

from dstream_core.api.delivery.wire import encode_position

PENDING_LIMIT = 32_768
"""Positions kept while they wait for their acknowledgement; beyond it every second one is forgotten."""

Mark = tuple[int, int | bytes]
"""How many lines must be acknowledged, and the position (an integer, or JSON text) that may be stored then."""


class Positions:
    """Positions that wait for their lines' acknowledgement.

    The emitting thread appends to `marks`, *before* the line can be written, so that an acknowledgement of the line
    always finds its mark. `thin` keeps them within a bound: a position that is forgotten only means that an older one
    is stored a little longer.
    """

    def __init__(self) -> None:
        self.marks: defaultdict[str, list[Mark]] = defaultdict(list)
        """By partition, in the order of the lines. Only the emitting thread appends; that takes no lock."""
        self.acknowledged = 0
        """Lines known to be durable at the destination; never goes back (invariant 2)."""
        self._lock = threading.Lock()

    def thin(self) -> None:
        """Forgets every second mark if there are too many; the newest of each partition stays."""
        if sum(map(len, self.marks.copy().values())) <= PENDING_LIMIT:
            return
        with self._lock:
            for marks in self.marks.copy().values():
                del marks[-2::-2]

    def acknowledge(self, count: int) -> None:
        """Notes that the first `count` lines are durable."""
        self.acknowledged = max(self.acknowledged, count)

    def storable(self) -> Mapping[str, bytes]:
        """The newest acknowledged position of each partition that has one newer than the last call gave."""
        with self._lock:
            found: dict[str, bytes] = {}
            for partition, marks in self.marks.copy().items():
                covered = bisect_right(marks, self.acknowledged, key=_count)
                if covered:
                    position = marks[covered - 1][1]
                    del marks[:covered]
                    found[partition] = position if isinstance(position, bytes) else encode_position(position)
            return found


def _count(mark: Mark) -> int:
    return mark[0]
