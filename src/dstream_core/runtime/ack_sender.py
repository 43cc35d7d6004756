"""The way back to the input: acknowledgements and stop on its stdin."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from dstream_core.protocol.control import STOP_LINE, encode_ack


class AckSender:
    """Writes control lines to an input, never blocking the relay: of counts that wait only the newest is kept.

    Args:
        descriptor: the input's stdin, non-blocking; closed by its owner.
    """

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._unsent = b""
        self._next: int | None = None
        self._stop_wanted = False
        self._watching = False
        self._idle = asyncio.Event()
        self._idle.set()

    def send(self, count: int) -> None:
        """Pass a count on."""
        self._next = count
        self._write()

    def send_stop(self) -> None:
        """Ask the input to stop."""
        self._stop_wanted = True
        self._write()

    async def flush(self, seconds: float) -> None:
        """Wait until everything is written, or the input did not take it for that long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    def close(self) -> None:
        """Write nothing any more."""
        self._watch(False)
        self._descriptor = -1

    def _write(self) -> None:
        if self._descriptor < 0:
            return
        try:
            while data := self._unsent or self._take_next():
                self._unsent = data  # kept whole if the pipe is full
                self._unsent = data[os.write(self._descriptor, data) :]
        except BlockingIOError:
            self._watch(True)
        except OSError:
            self.close()  # an input that closed its stdin takes no acknowledgements; its exit tells the rest
        else:
            self._watch(False)

    def _take_next(self) -> bytes:
        if self._next is not None:
            count, self._next = self._next, None
            return encode_ack(count)
        if self._stop_wanted:
            self._stop_wanted = False
            return STOP_LINE
        return b""

    def _watch(self, writing: bool) -> None:
        if writing and not self._watching:
            self._idle.clear()
            self._loop.add_writer(self._descriptor, self._write)
        elif self._watching and not writing:
            self._loop.remove_writer(self._descriptor)
            self._idle.set()
        self._watching = writing
