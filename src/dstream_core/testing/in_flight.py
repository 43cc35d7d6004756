"""Freezing a run while lines are between its input and its output: the moments at which a fault must lose nothing.

Linux only: it reads `/proc`.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from dstream_core.runtime.posix_parts import descendants

_TERMIOS_FIONREAD = 0x541B
_SHIM = b"dstream_core.shim"


def members(orchestrator: int) -> dict[str, int]:
    """The processes of a run that streams.

    Args:
        orchestrator: process id of `dstream run`.

    Returns:
        Process ids by `orchestrator`, `input`, `output`, as far as they are there.
    """
    found = {"orchestrator": orchestrator}
    for pid, _session in descendants(orchestrator):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        for role in (b"input", b"output"):
            if _SHIM in command and role in command:
                found[role.decode()] = pid
    return found


def freeze_in_flight(processes: dict[str, int]) -> bool:
    """Stops all processes; keeps them stopped if lines are between input and output, else lets them go on.

    Args:
        processes: as `members` found them.

    Returns:
        True: they are stopped, and lines are unacknowledged.
    """
    try:
        for pid in processes.values():
            os.kill(pid, signal.SIGSTOP)
        if _bytes_in_pipes(processes["output"]) > 0:
            return True
    except (ProcessLookupError, FileNotFoundError):
        pass  # one of them has ended by itself
    thaw(processes.values())
    return False


def thaw(pids: Iterable[int]) -> None:
    """Lets stopped processes go on; those that are gone are no matter."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


def _bytes_in_pipes(pid: int) -> int:
    """Unread bytes of data in the pipes that a frozen output reads (its log is written, not read)."""
    unread = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            readable = int(_flags(pid, link.name), 8) & os.O_ACCMODE == os.O_RDONLY
            if not readable or not os.readlink(link).startswith("pipe:"):
                continue
            descriptor = os.open(link, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            unread += int.from_bytes(fcntl.ioctl(descriptor, _TERMIOS_FIONREAD, b"\0\0\0\0"), sys.byteorder)
        finally:
            os.close(descriptor)
    return unread


def _flags(pid: int, descriptor: str) -> str:
    text = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
    return next(line.split()[1] for line in text.splitlines() if line.startswith("flags:"))
