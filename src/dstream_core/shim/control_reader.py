"""What the orchestrator says to an input while it runs: acknowledgements, stop, and the end of its pipe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from dstream_core.protocol.control import CONTROL_LIMIT, ack_of, decode_control
from dstream_core.protocol.lines import LineCutter

_CHUNK = 64 * 1024


class ControlReader:
    """Reads an input's stdin in a thread of its own.

    Args:
        descriptor: the real stdin.
        leftover: bytes read behind the command line.
        on_ack: called with each acknowledged count.
        on_stop: called at `stop`.
        on_end: called once, when stdin ended.
    """

    def __init__(
        self,
        descriptor: int,
        leftover: bytes,
        on_ack: Callable[[int], None],
        on_stop: Callable[[], None],
        on_end: Callable[[], None],
    ):
        self._descriptor = descriptor
        self._leftover = leftover
        self._on_ack = on_ack
        self._on_stop = on_stop
        self._on_end = on_end
        self._cutter = LineCutter(CONTROL_LIMIT)
        self._thread = threading.Thread(target=self._read, name="dstream-control", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits until stdin has ended."""
        self._thread.join()

    def _read(self) -> None:
        try:
            chunk = self._leftover or os.read(self._descriptor, _CHUNK)
            while chunk:
                for line in self._cutter.feed(chunk):
                    if not line.dropped:
                        self._take(line.text)
                chunk = os.read(self._descriptor, _CHUNK)
        except OSError:
            pass  # a pipe that cannot be read has ended
        finally:
            self._on_end()

    def _take(self, line: bytes) -> None:
        members = decode_control(line)
        if members is None:
            return
        count = ack_of(members)
        if count is not None:
            self._on_ack(count)
        if members.get("stop") is True:
            self._on_stop()
