"""An input's data lines to the pipe: large writes when there is much, at once when there is little."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dstream_core.api.delivery.positions import Positions
from dstream_core.shim.stdio import ProtocolOutput

FLUSH_BYTES = 128 * 1024
FLUSH_SECONDS = 0.005


class LineWriter:
    """Collects lines and writes them whole.

    The emitting thread appends to `lines` and calls `flush` when there is much. A second thread writes what lies
    there, at once after a pause and then every 5 ms; it sleeps without a time-out while there is nothing. Appending at
    the end and cutting off at the front are single steps of the interpreter, so the two need no lock between them.

    Args:
        output: the real stdout.
        positions: kept within their bound, once per write.
        on_written: called with the count of lines written so far, after each write.
        on_failure: called in the second thread when nobody reads any more.
    """

    def __init__(
        self,
        output: ProtocolOutput,
        positions: Positions,
        on_written: Callable[[int], None],
        on_failure: Callable[[], None],
    ):
        self._output = output
        self._positions = positions
        self._on_written = on_written
        self._on_failure = on_failure
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._finished = threading.Event()
        self.lines: list[bytes] = []
        """Lines without newlines that wait to be written."""
        self.idle = True
        """The second thread sleeps; whoever appends a line then calls `wake`."""
        self.busy = False
        """The emitting thread is inside `flush`: it must not be interrupted there, or a line could be torn."""
        self.failure: OSError | None = None
        """Why nothing can be written any more."""
        self.begun = 0
        """Lines whose writing has begun."""
        self._thread = threading.Thread(target=self._flush_regularly, name="dstream-flush", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Has the second thread write what lies there."""
        self.idle = False
        self._wake.set()

    def flush(self) -> None:
        """Writes everything that lies there; for the emitting thread.

        Raises:
            OSError: nobody reads any more.
        """
        self.busy = True
        try:
            self._write()
        finally:
            self.busy = False

    def write_lines(self, lines: bytes, count: int) -> None:
        """Writes what lies there and then `count` whole lines that have their newlines; for the emitting thread.

        Raises:
            OSError: nobody reads any more.
        """
        self.busy = True
        try:
            self._write()
            with self._writing:
                self._send(lines, count)
        finally:
            self.busy = False

    def finish(self) -> None:
        """Writes the rest and ends the second thread.

        Raises:
            OSError: nobody reads any more.
        """
        self._finished.set()
        self._wake.set()
        self._thread.join()
        self.flush()

    def _write(self) -> None:
        with self._writing:
            count = len(self.lines)
            self._raise_failure()
            if not count:
                return
            parts = self.lines[:count]
            del self.lines[:count]
            self._send(_chunk(parts), count)

    def _send(self, lines: bytes, count: int) -> None:
        self._raise_failure()
        self._positions.thin()
        self.begun += count
        try:
            self._output.write(lines)
        except OSError as error:
            self.failure = error
            raise
        self._on_written(self.begun)

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _flush_regularly(self) -> None:
        while not self._finished.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._finished.is_set() and self._flush_once():
                time.sleep(FLUSH_SECONDS)

    def _flush_once(self) -> bool:
        """Writes what lies there; False: there was nothing for a while, the next line wakes this thread."""
        if not self.lines:
            self.idle = True
            if not self.lines:
                return False
            self.idle = False
        try:
            self._write()
        except OSError:
            self._on_failure()
            self._finished.set()
            return False
        return True


def _chunk(parts: list[bytes]) -> bytes:
    count = len(parts)
    parts.append(b"")
    chunk = b"\n".join(parts)
    if chunk.count(b"\n") != count:
        # Encoded JSON has no newline; text that the author passed on as it is may have some, between its parts only.
        chunk = b"\n".join(part.replace(b"\n", b" ") for part in parts)
    return chunk
