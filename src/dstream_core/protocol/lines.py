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
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and (self._kept or self._dropped):
            self._keep(lines.pop(0))
            line = CutLine(bytes(self._kept), self._dropped)
            self._forget()
            yield line
        for text in lines:
            yield CutLine(text[: self._limit], max(0, len(text) - self._limit))
        self._keep(rest)

    def finish(self) -> CutLine | None:
        """The unfinished line at end of file, if there is one."""
        if not self._kept and not self._dropped:
            return None
        line = CutLine(bytes(self._kept), self._dropped)
        self._forget()
        return line

    def _keep(self, part: bytes) -> None:
        room = self._limit - len(self._kept)
        self._kept += part[:room]
        self._dropped += max(0, len(part) - room)

    def _forget(self) -> None:
        self._kept.clear()
        self._dropped = 0
