"""The input's book: which position may be stored once how many lines are acknowledged (invariants 1 and 8)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.api.delivery.wire import encode_position

PENDING_LIMIT = 32_768
"""Positions kept while they wait for their acknowledgement; beyond it half of them are forgotten, evenly spread."""

BLOCK_BYTES_LIMIT = 16 * 1024 * 1024
"""Bytes of lines in blocks that can say where they are divided; what exceeds it is acknowledged as a whole."""

Mark = tuple[int, int | bytes]
"""How many lines must be acknowledged, and the position (an integer, or JSON text) that may be stored then."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that were emitted in one piece and can be acknowledged one by one.

    Attributes:
        partition: what the position belongs to.
        before: lines emitted before it.
        count: lines emitted with it.
        size: bytes of its lines.
        position_of: the position once the first N of its lines are acknowledged.
    """

    partition: str
    before: int
    count: int
    size: int
    position_of: Callable[[int], Any]


@dataclass(slots=True)
class _Spread:
    """How far a partition's marks are thinned: the first `length` of them stand for `step` each.

    Marks are changed in single steps of the interpreter and never behind the newest: the emitting thread may append.
    """

    length: int = 0
    step: int = 1

    def thin(self, marks: list[Mark], most: int) -> None:
        newest = len(marks) - 1
        if newest <= self.length:
            return
        kept = marks[self.length + self.step - 1 : newest : self.step]
        marks[self.length : newest] = kept
        self.length += len(kept)
        while self.length > most:
            marks[: self.length] = marks[1 : self.length : 2]
            self.length //= 2
            self.step *= 2

    def drop(self, count: int) -> None:
        """The first `count` marks have gone."""
        self.length = max(self.length - count, 0)
        if not self.length:
            self.step = 1


class Positions:
    """Positions that wait for their lines' acknowledgement.

    The emitting thread notes marks and blocks *before* the line can be written, so that an acknowledgement of the line
    always finds them. `thin` keeps marks within a bound: a position that is forgotten only means that an older one is
    stored a little longer.
    """

    def __init__(self) -> None:
        self.marks: defaultdict[str, list[Mark]] = defaultdict(list)
        """By partition, in the order of the lines. Only the emitting thread appends; that takes no lock."""
        self.acknowledged = 0
        """Lines known to be durable at the destination; never goes back (invariant 2)."""
        self._spreads: defaultdict[str, _Spread] = defaultdict(_Spread)
        self._blocks: deque[Block] = deque()
        self._block_bytes = 0
        self._divided_at = 0
        self._lock = threading.Lock()

    def add_block(self, block: Block) -> None:
        """Notes a block that can be divided; it is kept while there is room. Its end has its own mark."""
        with self._lock:
            if self._block_bytes + block.size <= BLOCK_BYTES_LIMIT:
                self._block_bytes += block.size
                self._blocks.append(block)

    def thin(self) -> None:
        """Forgets about half of the marks if there are too many; the newest of each partition stays.

        What is left is spread evenly over what is in flight: with one partition, the position that may be stored
        stays behind the acknowledged line by a few thousandths of that at most, with more in proportion.
        """
        if sum(map(len, self.marks.copy().values())) <= PENDING_LIMIT:
            return
        with self._lock:
            partitions = self.marks.copy()
            for partition, marks in partitions.items():
                self._spreads[partition].thin(marks, PENDING_LIMIT // (2 * len(partitions)))

    def acknowledge(self, count: int) -> None:
        """Notes that the first `count` lines are durable."""
        self.acknowledged = max(self.acknowledged, count)

    def storable(self) -> Mapping[str, bytes]:
        """The newest acknowledged position of each partition that has one newer than the last call gave."""
        with self._lock:
            acknowledged = self.acknowledged
            divided = self._divided(acknowledged)  # first: it may fail, and then nothing is taken out
            found: dict[str, bytes] = {}
            for partition, marks in self.marks.copy().items():
                covered = bisect_right(marks, acknowledged, key=_count)
                if covered:
                    position = marks[covered - 1][1]
                    del marks[:covered]
                    self._spreads[partition].drop(covered)
                    found[partition] = position if isinstance(position, bytes) else encode_position(position)
            return found | divided

    def _divided(self, acknowledged: int) -> dict[str, bytes]:
        """The position inside the block of which only a part is acknowledged; blocks before it are let go."""
        while self._blocks and self._blocks[0].before + self._blocks[0].count <= acknowledged:
            self._block_bytes -= self._blocks.popleft().size
        if not self._blocks or acknowledged <= max(self._blocks[0].before, self._divided_at):
            return {}
        block = self._blocks[0]
        position = encode_position(block.position_of(acknowledged - block.before))
        self._divided_at = acknowledged
        return {block.partition: position}


def _count(mark: Mark) -> int:
    return mark[0]
