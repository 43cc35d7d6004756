"""Where lines end in a block."""

from __future__ import annotations

from collections.abc import Callable


def ends_of_lines(block: bytes) -> Callable[[int], int]:
    """The end of the Nth line of a block, its newline included; looked for only when somebody asks."""

    def end_of(count: int) -> int:
        lines = block.split(b"\n", count)[:count]
        return min(sum(map(len, lines)) + count, len(block))

    return end_of
