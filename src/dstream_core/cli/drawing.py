"""Tables on a terminal, drawn by rich. Imported only there."""

from __future__ import annotations

import io
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 2
_LEAST_LAST = 24
"""Columns of the terminal that the last column needs to be read beside the others."""


def draw_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, color: bool) -> str:
    """A table as wide as the terminal; columns that are empty throughout are left out.

    The last column's texts are broken where the terminal ends; where hardly any room is left for them they stand below
    their rows.
    """
    cells = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    used = [index for index, _ in enumerate(headers) if not cells or any(row[index] for row in cells)]
    shown = [[headers[index] for index in used], *([row[index] for index in used] for row in cells)]
    width = shutil.get_terminal_size().columns
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    beside = sum(size + _GAP for size in widths[:-1])
    if len(used) > 1 and beside + min(widths[-1], _LEAST_LAST) > width:
        lines = _with_last_below(shown, beside, width, color=color)
    else:
        lines = _drawn(shown, width, color=color, break_last=True)
    return "\n".join(lines)


def _drawn(rows: Sequence[Sequence[str]], width: int, *, color: bool, break_last: bool) -> Iterator[str]:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    headers, *rest = rows
    for index, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=not break_last or index < len(headers) - 1)
    for row in rest:
        table.add_row(*map(Text, row))
    file = io.StringIO()
    Console(file=file, force_terminal=color, no_color=not color, width=width).print(table)
    return (line.rstrip() for line in file.getvalue().splitlines())


def _with_last_below(rows: Sequence[Sequence[str]], beside: int, width: int, *, color: bool) -> Iterator[str]:
    lines = _drawn([row[:-1] for row in rows], beside, color=color, break_last=False)
    yield next(lines)
    for line, row in zip(lines, rows[1:], strict=True):
        yield line
        yield from textwrap.wrap(row[-1], max(width - 4, 20), initial_indent="    ", subsequent_indent="    ")
