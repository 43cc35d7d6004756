"""The provider's real stdin and stdout, taken away from everything but the protocol (invariant 4)."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import sys
import threading
from dataclasses import dataclass, field

from dstream_core.api.delivery.private_files import write_all
from dstream_core.protocol.control import CONTROL_PREFIX

_CHUNK = 64 * 1024
_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass
class ProtocolOutput:
    """The real stdout: whole lines only, one writer at a time."""

    descriptor: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False
    announced: bool = False
    """`ready` is out: what goes wrong from now on is told in another way."""

    def announce(self, ready: bytes) -> None:
        """Writes the `ready` line."""
        self.write(ready)
        self.announced = True

    def write(self, lines: bytes) -> None:
        """Writes whole lines.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        with self.lock:
            if not self.closed:
                write_all(self.descriptor, lines)

    def close(self) -> None:
        """Tells the reader that this was all."""
        with self.lock:
            if not self.closed:
                self.closed = True
                os.close(self.descriptor)


class UserScreen:
    """Text of an output for the user's terminal, between its acknowledgements."""

    def __init__(self, output: ProtocolOutput):
        self._output = output

    def write(self, text: str) -> None:
        """Writes text in whole lines; a line that looks like a control line gets a space before it."""
        if not text:
            return
        data = text.encode(errors="backslashreplace")
        if CONTROL_PREFIX in data:
            lines = data.split(b"\n")
            data = b"\n".join(b" " + line if line.startswith(CONTROL_PREFIX) else line for line in lines)
        self._output.write(data if data.endswith(b"\n") else data + b"\n")


@dataclass
class CommandInput:
    """The real stdin; `leftover` holds what was read behind the command line."""

    descriptor: int
    leftover: bytes = b""

    def is_ready(self) -> bool:
        """Whether reading would not wait."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def read_line(self) -> bytes | None:
        """The command line, of any length; None if stdin ends before there is one."""
        parts: list[bytes] = []
        while chunk := os.read(self.descriptor, _CHUNK):
            line, newline, rest = chunk.partition(b"\n")
            parts.append(line)
            if newline:
                self.leftover = rest
                return b"".join(parts)
        # A command line without its newline (`printf '{}' | …`) is complete: nothing can follow it.
        return b"".join(parts) if b"".join(parts).strip() else None


def take_stdio() -> tuple[CommandInput, ProtocolOutput]:
    """Moves the real stdin and stdout to private descriptors that no child process inherits.

    Descriptor 0 becomes /dev/null, so that no subprocess eats data lines; descriptor 1 becomes stderr, so that
    `print`, the C library's printf and a subprocess's output are log lines (invariant 4).
    """
    null = os.open(os.devnull, os.O_RDWR)
    private_input = _duplicate(_STDIN, null)
    private_output = _duplicate(_STDOUT, null)
    if not _is_open(_STDERR):
        os.dup2(null, _STDERR)
    os.dup2(null, _STDIN)
    os.dup2(_STDERR, _STDOUT)
    if null > _STDERR:
        os.close(null)
    if sys.stdout is not None:
        # A new one: the interpreter's own remembers that the real stdout could seek, if it was a file.
        sys.stdout = open(  # noqa: SIM115  open for as long as the process lives
            _STDOUT, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
    return CommandInput(private_input), ProtocolOutput(private_output)


def _duplicate(descriptor: int, otherwise: int) -> int:
    """A private copy above the standard descriptors; of /dev/null if the descriptor is closed."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return fcntl.fcntl(otherwise, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
