"""Tables on a terminal, drawn by rich. Imported only there."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def draw_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, color: bool) -> str:
    """A table as wide as the terminal at most; columns that are empty throughout are left out."""
    cells = [[str(cell) for cell in row] for row in rows]
    used = [index for index, _ in enumerate(headers) if not cells or any(row[index] for row in cells)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index in used:
        table.add_column(headers[index], overflow="fold", no_wrap=index != used[-1])
    for row in cells:
        table.add_row(*(Text(row[index]) for index in used))
    width = shutil.get_terminal_size().columns
    file = io.StringIO()
    Console(file=file, force_terminal=color, no_color=not color, width=width).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())
