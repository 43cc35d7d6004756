"""A command on a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def on_terminal(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    answers: Sequence[str] = (),
    *,
    stdout: Path | None = None,
    seconds: float = 30,
) -> tuple[str, int]:
    """What a command shows on a terminal, and its exit code.

    Each question (`[y/N]`) is answered with the next answer; stdout may go to a file instead.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        if stdout is not None:
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        os.execve(argv[0], argv, dict(environment))
    left = list(answers)
    shown = b""
    asked = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break  # the other side is closed
        if not data:
            break
        shown += data
        if shown.count(b"[y/N] ") > asked and left:
            asked += 1
            os.write(terminal, f"{left.pop(0)}\n".encode())
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(status)
