"""Lines that could not be delivered, kept byte for byte (invariant 10; format: docs/reference/dead-letters.md)."""

from __future__ import annotations

import base64
import contextlib
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dstream_core.api.delivery.private_files import FILE_MODE, make_private_directory, sync_directory, write_all
from dstream_core.protocol.exact_json import encode_json

FILE_NAME = "rejected.jsonl"


class DeadLetters:
    """Appends rejected lines to `rejected.jsonl` in one directory.

    `keep` writes, `sync` makes durable; the acknowledgement of a kept line is sent after `sync` only.

    Args:
        directory: where to; created with mode 0700 at the first line.
        task: name of the task, part of each record.
        provider: ID of the output, part of each record.
    """

    def __init__(self, directory: Path, task: str, provider: str):
        self._directory = directory
        self._task = task
        self._provider = provider
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._unsynced = False
        self.kept = 0
        """Lines kept so far in this run."""

    def keep(self, number: int, line: bytes, reason: str) -> None:
        """Writes one line's record.

        Raises:
            OSError: the record could not be written; the line must not be acknowledged.
        """
        record = encode_record(number, line, reason, self._task, self._provider)
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._open()
            _append(self._descriptor, record)
            self._unsynced = True
            self.kept += 1

    def sync(self) -> None:
        """Makes everything kept so far durable; costs nothing if nothing was kept."""
        if not self._unsynced:
            return
        with self._lock:
            if self._descriptor is not None and self._unsynced:
                os.fsync(self._descriptor)
                self._unsynced = False

    def close(self) -> None:
        """Syncs and lets the file go."""
        self.sync()
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        make_private_directory(self._directory)
        path = self._directory / FILE_NAME
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        _end_the_last_line(descriptor)
        sync_directory(self._directory)
        return descriptor


def encode_record(number: int, line: bytes, reason: str, task: str, provider: str) -> bytes:
    """One record with its newline; `line_base64` takes the place of `line` when the bytes are no UTF-8."""
    record: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "task": task,
        "provider": provider,
        "number": number,
        "reason": reason.encode(errors="backslashreplace").decode(),
    }
    try:
        record["line"] = line.decode()
    except UnicodeDecodeError:
        record["line_base64"] = base64.b64encode(line).decode()
    return encode_json(record) + b"\n"


def _append(descriptor: int, record: bytes) -> None:
    """The whole record or, if that fails, nothing of it."""
    size = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, record)
    except OSError:
        with contextlib.suppress(OSError):  # then the next run ends the line
            os.ftruncate(descriptor, size)
        raise


def _end_the_last_line(descriptor: int) -> None:
    """Closes a record that a crash left unfinished, so that the next one stands on a line of its own."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        write_all(descriptor, b"\n")
