"""Cutting a byte stream into lines without ever holding more of one than a bound (invariants 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CutLine:
    """One line without its newline; `dropped` bytes of it were beyond the bound and are gone."""

    text: bytes
    dropped: int = 0


class LineCutter:
    """Cuts chunks into lines and keeps at most `limit` bytes of each.

    For text that is shown or examined (stderr, control lines), never for data lines: what is beyond the bound is
    counted and thrown away, so that 10 GB without a newline cost no memory.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> Iterator[CutLine]:
        """The lines that end in this chunk, in order."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._keep(chunk, start, end)
            yield self._take()
            start = end + 1
        self._keep(chunk, start, len(chunk))

    def finish(self) -> CutLine | None:
        """The unfinished line at end of file, if there is one."""
        return self._take() if self._kept or self._dropped else None

    def _keep(self, chunk: bytes, start: int, end: int) -> None:
        room = self._limit - len(self._kept)
        kept = min(end - start, room)
        self._kept += memoryview(chunk)[start : start + kept]
        self._dropped += end - start - kept

    def _take(self) -> CutLine:
        line = CutLine(bytes(self._kept), self._dropped)
        self._kept.clear()
        self._dropped = 0
        return line
