"""The agent's part: a thread that runs the capture jobs, and the control channel's verbs about capture."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.cdc import cleaning, fabricating
from dstream_sandbox.sqlserver.cdc.capture import scan_log
from dstream_sandbox.sqlserver.cdc.state import CaptureState
from dstream_sandbox.sqlserver.errors import SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.server import Server

_log = logging.getLogger(__name__)


class Jobs:
    """All jobs of a server.

    Args:
        server: Whose.
        interval: Seconds between two looks at the logs.
        dummy_interval: Seconds between two entries without a transaction.
        active: False: no thread; captured is on `command("once")` only.
    """

    def __init__(self, server: Server, interval: float, dummy_interval: float, active: bool) -> None:
        self._server = server
        self.interval = interval
        self.dummy_interval = dummy_interval
        self._active = active
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._latch = threading.Lock()

    def wake(self) -> None:
        """Capture was enabled somewhere: the thread is needed."""
        with self._latch:
            if self._active and self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            for state in self.states():
                if state.running and state.capture_job is not None:
                    try:
                        scan_log(state, self.dummy_interval)
                    except Exception as error:  # noqa: BLE001  the job must live on
                        # As the real job is started again: what happened is in dm_cdc_errors.
                        _log.exception("capture of %s failed", state.database.name)
                        state.add_error(22859, f"Log Scan process failed in processing log records. {error}")

    def states(self, database: str = "") -> list[CaptureState]:
        """Capture states of one database (by name) or of all."""
        found = [
            one.capture for one in list(self._server.databases.values())
            if one.capture is not None and database.lower() in ("", one.name.lower())
        ]  # fmt: skip
        if database and not found:
            raise SqlError(22901, f"The database '{database}' is not enabled for Change Data Capture.")
        return found

    def command(self, action: str, database: str = "") -> None:
        """`start`, `stop`, `once`."""
        if action not in ("start", "stop", "once"):
            raise ValueError(f"the capture job can be told start, stop or once, not {action!r}")
        for state in self.states(database):
            if action == "once":
                scan_log(state, self.dummy_interval)
            else:
                with state.scanning:
                    state.running = action == "start"

    def cleanup(self, database: str, instance: str, keep_from: bytes | None) -> None:
        """See `Server.cleanup`."""
        for state in self.states(database):
            if keep_from is None:
                cleaning.by_retention(state, instance)
            else:
                cleaning.up_to(state, instance, keep_from)

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int) -> None:
        """See `Server.fabricate`."""
        for state in self.states(database):
            fabricating.fabricate(state, table, rows, per_transaction)

    def add_error(self, database: str, number: int, message: str) -> None:
        """See `Server.inject_capture_error`."""
        for state in self.states(database):
            state.add_error(number, message or "Log Scan process failed in processing log records. Refer to previous errors in the "
                            "current session to identify the cause and correct any associated problems.")  # fmt: skip

    def forget(self, database: Database) -> None:
        """A database goes away: nothing more is captured of it."""
        if database.capture is not None:
            with database.capture.scanning:
                database.capture.running = False

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            with contextlib.suppress(RuntimeError):
                thread.join(5)
