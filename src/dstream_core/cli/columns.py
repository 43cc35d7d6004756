"""The plainest of texts: columns and colours. Imports nothing, for what must be quick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def columns(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table without lines, for what is not a terminal; columns that are empty throughout are left out."""
    cells = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    used = [index for index, _ in enumerate(headers) if not cells or any(row[index] for row in cells)]
    widths = {index: max(len(headers[index]), *(len(row[index]) for row in cells), 0) for index in used}
    for row in [list(headers), *cells]:
        yield "  ".join(row[index].ljust(widths[index]) for index in used).rstrip()


def colored(text: str, code: str, *, color: bool) -> str:
    """The text in a colour, if colours are shown."""
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
