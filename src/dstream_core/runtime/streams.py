"""Non-blocking descriptors in the event loop: write it all, read it all, drain a log."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from dstream_core.protocol.control import CONTROL_PREFIX, decode_control
from dstream_core.protocol.lines import CutLine, LineCutter
from dstream_core.runtime.values import Observer

READ_SIZE = 64 * 1024
LOG_LINE_LIMIT = 64 * 1024
"""Bytes of one line of a provider's log that are kept; what is beyond is counted and marked as cut."""
TAIL_LINES = 10
LEFT_BEHIND_SECONDS = 3.0
"""How long what an exited provider left behind may go on writing log and text."""

_TEXT_BACKLOG = 4 * 1024 * 1024
_BACKLOG_POLL = 0.02


class Writer:
    """Writes bytes to a non-blocking descriptor, as fast as its reader takes them.

    A reader that is gone ends it silently; its absence shows elsewhere: the provider exits, or never answers.

    Attributes:
        done: set when everything is written, or nobody takes it.
    """

    def __init__(self, descriptor: int, data: bytes):
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._left = memoryview(data)
        self._watching = False
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._write()

    def stop(self) -> None:
        """Touch the descriptor no more: before it is closed, as its number may come back for something else."""
        if self._watching:
            self._loop.remove_writer(self._descriptor)
            self._watching = False
        if not self.done.done():
            self.done.set_result(None)

    def _write(self) -> None:
        try:
            while self._left:
                self._left = self._left[os.write(self._descriptor, self._left) :]
        except BlockingIOError:
            if not self._watching:
                self._loop.add_writer(self._descriptor, self._write)
                self._watching = True
        except OSError:
            self.stop()
        else:
            self.stop()


class Reader:
    """Reads a non-blocking descriptor to its end and hands every chunk to `feed`.

    Attributes:
        done: set at end of file.
        chunks: chunks read; it stands still while the pipe is silent.
        held_up: it waits for the user's terminal.
    """

    left_behind_seconds = LEFT_BEHIND_SECONDS

    def __init__(self, descriptor: int, feed: Callable[[bytes], None], backlog: Callable[[], int] | None = None):
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._feed = feed
        self._backlog = backlog
        self._reading = False
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.chunks = 0
        self.held_up = False

    def start(self) -> None:
        """Begin to read."""
        self._reading, self.held_up = True, False
        self._loop.add_reader(self._descriptor, self._read)

    def stop(self) -> None:
        """End: no byte is read any more."""
        if self._reading:
            self._loop.remove_reader(self._descriptor)
            self._reading = False
        if not self.done.done():
            self.done.set_result(None)

    def end_source(self) -> None:
        """Take the pipe for ended: its provider is gone and it stays empty."""
        self.stop()

    def _read(self) -> None:
        if self._backlog is not None and self._backlog() > _TEXT_BACKLOG:
            self._pause()
            return
        try:
            chunk = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError:
            return
        self.chunks += 1
        if chunk:
            self._feed(chunk)
        else:
            self.stop()

    def _pause(self) -> None:
        """Let the terminal catch up: the pipe's own back-pressure holds the provider meanwhile."""
        self._loop.remove_reader(self._descriptor)
        self._reading, self.held_up = False, True
        self._loop.call_later(_BACKLOG_POLL, self._resume)

    def _resume(self) -> None:
        if not self.done.done():
            self.start()


class LogReader:
    """Drains a provider's stderr, whatever comes: control lines are understood, every other line is a log line.

    Attributes:
        tail: the last lines, for the message when the provider fails.
        last_error: the last log record of level error, if the provider wrote one.
        progress: the newest value of every number that the provider reported.
    """

    def __init__(self, descriptor: int, provider: str, observer: Observer):
        self._cutter = LineCutter(LOG_LINE_LIMIT)
        self._provider = provider
        self._observer = observer
        self.reader = Reader(descriptor, self._take)
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.last_error: Mapping[str, Any] | None = None
        self.progress: dict[str, Any] = {}

    def finish(self) -> None:
        """End of file or of patience: an unfinished line is a line."""
        self.reader.stop()
        if line := self._cutter.finish():
            self._line(line)

    def _take(self, chunk: bytes) -> None:
        for line in self._cutter.feed(chunk):
            self._line(line)

    def _line(self, line: CutLine) -> None:
        members = decode_control(line.text) if line.text.startswith(CONTROL_PREFIX) and not line.dropped else None
        if members is None:
            self._log_line(line)
            return
        if isinstance(progress := members.get("progress"), dict):
            self.progress.update(progress)
            self._observer.progress(self._provider, progress)
        if isinstance(record := members.get("log"), dict):
            self._log_record(record)

    def _log_line(self, line: CutLine) -> None:
        text = line.text.removesuffix(b"\r")
        self.tail.append(text[:1000].decode("utf-8", "replace"))
        self._observer.log_line(self._provider, text, line.dropped)

    def _log_record(self, record: Mapping[str, Any]) -> None:
        self.tail.append(str(record.get("message", ""))[:1000])
        if record.get("level") == "error":
            self.last_error = record
        self._observer.log_record(self._provider, record)
