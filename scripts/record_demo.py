"""Draws docs/demo.svg, the README's picture of a run: `uv run scripts/record_demo.py`."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["dstream", "run", "demo"]
WIDTH = 92
CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-HJKSTfhlsu]")
"""Sequences that move the cursor or erase; colours (`m`) stay."""


def on_a_terminal(command: list[str]) -> str:
    """What the command shows on a terminal."""
    reader, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "dstream.hcl", folder)
        process = subprocess.Popen(
            command, cwd=folder, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
        )
        os.close(terminal)
        chunks = []
        while True:
            try:
                chunk = os.read(reader, 1 << 16)
            except OSError:  # the terminal's last user is gone
                break
            if not chunk:
                break
            chunks.append(chunk)
        process.wait()
    os.close(reader)
    return b"".join(chunks).decode()


def final_lines(text: str) -> list[str]:
    """What stands on the screen in the end: of a line that was written over, what came last."""
    lines = []
    for line in CURSOR.sub("", text.replace("\r\n", "\n")).split("\n"):
        shown = [part for part in line.split("\r") if part.strip()]
        if shown:
            lines.append(shown[-1].rstrip())
    return lines


def main() -> None:
    """Runs the demo and writes the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"\x1b[2m$\x1b[0m \x1b[1m{' '.join(COMMAND)}\x1b[0m"))
    for line in final_lines(on_a_terminal(COMMAND)):
        console.print(Text.from_ansi(line))
    picture = console.export_svg(title="dstream", clear=False)
    # No font is fetched from anywhere: the reader's own monospace one will do.
    picture = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code", "ui-monospace, Menlo, Consolas")
    (ROOT / "docs" / "demo.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
