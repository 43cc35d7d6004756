"""The provider's log: structured records on stderr."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from dstream_core.protocol.control import encode_log, encode_progress

_STDERR = 2


class Log:
    """Writes log records, and progress numbers, to stderr.

    Under an orchestrator of protocol 1 each record is one control line with its fields; by hand and under older
    orchestrators it is plain text. Records may come from any thread.

    Args:
        structured: control lines rather than text.
        descriptor: where to write; stderr unless a test says otherwise.
    """

    def __init__(self, *, structured: bool, descriptor: int = _STDERR):
        self._structured = structured
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def debug(self, message: str, *arguments: Any, **fields: Any) -> None:
        """Detail for whoever looks for a fault; `message % arguments`, plus fields as they are."""
        self._record("debug", message, arguments, fields)

    def info(self, message: str, *arguments: Any, **fields: Any) -> None:
        """What happened; `message % arguments`, plus fields as they are."""
        self._record("info", message, arguments, fields)

    def warning(self, message: str, *arguments: Any, **fields: Any) -> None:
        """Something to look at, while the work goes on."""
        self._record("warning", message, arguments, fields)

    def error(self, message: str, *arguments: Any, **fields: Any) -> None:
        """Something failed."""
        self._record("error", message, arguments, fields)

    def progress(self, numbers: Mapping[str, Any]) -> None:
        """Numbers for live view, status and metrics."""
        if self._structured:
            self._write(encode_progress(_plain(numbers)))

    def _record(self, level: str, message: str, arguments: tuple[Any, ...], fields: Mapping[str, Any]) -> None:
        text = _formatted(message, arguments)
        if self._structured:
            self._write(encode_log(level, text, _plain(fields)))
        else:
            details = "".join(f" {name}={value}" for name, value in fields.items())
            self._write(f"{level}: {text}{details}\n".encode(errors="backslashreplace"))

    def _write(self, line: bytes) -> None:
        with self._lock:
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                pass  # nobody reads the log: that must not end the work


def _formatted(message: str, arguments: tuple[Any, ...]) -> str:
    if not arguments:
        return _writable(message)
    try:
        return _writable(message % arguments)
    except (TypeError, ValueError):
        return _writable(f"{message} {arguments!r}")


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _plain_value(value) for name, value in fields.items()}


def _plain_value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain_value(item) for item in value]
    return _writable(str(value))


def _writable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
