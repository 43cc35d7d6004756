"""An output's acknowledgements on their way to the orchestrator, at the pace that the protocol sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dstream_core.api.delivery.dead_letters import DeadLetters
from dstream_core.api.log import Log
from dstream_core.protocol.control import encode_ack
from dstream_core.shim.stdio import ProtocolOutput

PACE_SECONDS = 0.05
"""No more often than this (PROTOCOL "Control"); well within the second in which an advance must be told."""


class Acknowledger:
    """Sends the cumulative count whenever it has advanced (invariant 2).

    Args:
        output: the real stdout.
        dead_letters: synced before each count, which may cover lines that lie there (invariant 10).
        count: asks for the count to send.
        log: told how many dead letters there are, for the run's summary.
        on_failure: called when a count cannot be sent.
        silent: never writes a line (older orchestrators), but syncs all the same.
    """

    def __init__(
        self,
        output: ProtocolOutput,
        dead_letters: DeadLetters,
        count: Callable[[], int],
        log: Log,
        on_failure: Callable[[OSError], None],
        *,
        silent: bool,
    ):
        self._output = output
        self._dead_letters = dead_letters
        self._count = count
        self._log = log
        self._on_failure = on_failure
        self._silent = silent
        self._sending = threading.Lock()
        self._due = threading.Event()
        self._finished = threading.Event()
        self._sent = 0
        self._sent_at = 0.0
        self._told = 0
        self._thread = threading.Thread(target=self._send_regularly, name="dstream-ack", daemon=True)
        self._thread.start()

    def advance(self) -> None:
        """The count has advanced: it is sent now, or as soon as the pace allows."""
        if not self._due.is_set():
            self._due.set()

    def finish(self) -> None:
        """Sends the last count and ends the thread.

        Raises:
            OSError: it could not be sent.
        """
        self._finished.set()
        self._due.set()
        self._thread.join()
        try:
            self._send()
        finally:
            self._tell()

    def _send_regularly(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            self._finished.wait(self._sent_at + PACE_SECONDS - time.monotonic())
            if self._finished.is_set():
                return
            try:
                self._send()
            except OSError as error:
                self._on_failure(error)
                return

    def _send(self) -> None:
        with self._sending:
            count = self._count()
            if count <= self._sent:
                return
            self._dead_letters.sync()
            if not self._silent:
                self._output.write(encode_ack(count))
            self._sent = count
            self._sent_at = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        kept = self._dead_letters.kept
        if kept != self._told:
            self._told = kept
            self._log.progress({"dead_letters": kept})
