"""The text of one configuration file and the places in it."""

from __future__ import annotations

from bisect import bisect_right

from dstream_core.errors import Place

_BYTE_ORDER_MARK = "\ufeff"


class Source:
    """One file's name and text.

    Args:
        file: the name that diagnostics show.
        text: the whole text; a byte-order mark at its start is dropped.
    """

    __slots__ = ("_starts", "file", "text")

    def __init__(self, file: str, text: str):
        self.file = file
        self.text = text.removeprefix(_BYTE_ORDER_MARK)
        self._starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        if self._starts is None:
            self._starts = [0]
            found = self.text.find("\n")
            while found >= 0:
                self._starts.append(found + 1)
                found = self.text.find("\n", found + 1)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of the characters from `start` up to `end`, which is not part of it."""
        line, column = self.position(start)
        if end is None:
            return Place(self.file, line, column)
        end_line, end_column = self.position(max(start, end))
        return Place(self.file, line, column, end_line, end_column)
