"""Warnings about what SQL Server does on its side: the capture job, its errors, its latency."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from dstream_core.api import DStreamError, Log, TemporaryError
from dstream_mssql_cdc.connection.answers import answer, clock_time
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.stream.pulse import Pulse

LOOK_SECONDS = 60.0
SILENCE = timedelta(minutes=15)
"""The capture job writes an entry about every 5 minutes even if nothing changes: three missing ones are no chance."""

NEWEST_ENTRY = "SELECT MAX(tran_end_time), GETDATE() FROM cdc.lsn_time_mapping"
ERRORS = (
    "SELECT entry_time, error_number, error_message FROM sys.dm_cdc_errors WHERE entry_time > %s ORDER BY entry_time"
)
LATENCY = "SELECT latency FROM sys.dm_cdc_log_scan_sessions WHERE session_id = 0"


class Health:
    """Looks now and then, and says each thing once until it changes.

    Args:
        log: where warnings go.
        latency_warning: seconds of the capture job's latency that are worth a warning; 0: none are.
    """

    def __init__(self, log: Log, latency_warning: float):
        self._log = log
        self._threshold = latency_warning
        self._looked: float | None = None
        self._said: set[str] = set()
        self._errors_since = datetime(1900, 1, 1)  # noqa: DTZ001  the server's times have no zone
        self._views_allowed = True

    def look(self, connection: Connection, pulse: Pulse) -> None:
        """Looks, unless it did a moment ago.

        Raises:
            TemporaryError: the connection failed.
        """
        now = time.monotonic()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._say(
            "the capture job has never run: sys.fn_cdc_get_max_lsn() is NULL; start it with "
            "EXEC sys.sp_cdc_start_job, and see that SQL Server Agent runs",
            pulse.maximum is None,
        )
        newest, local = map(clock_time, answer(connection, NEWEST_ENTRY) or (None, None))
        self._say(
            "the capture job is silent: its newest entry in cdc.lsn_time_mapping is older than "
            f"{SILENCE.total_seconds() / 60:.0f} minutes; look at EXEC sys.sp_cdc_help_jobs and at SQL Server Agent",
            newest is not None and local is not None and local - newest > SILENCE,
        )
        self._look_at_views(connection)

    def _look_at_views(self, connection: Connection) -> None:
        """What only VIEW DATABASE STATE may see; without it this is said once and left out."""
        if not self._views_allowed:
            return
        try:
            errors = connection.query(ERRORS, self._errors_since)
            sessions = connection.query(LATENCY)
        except TemporaryError:
            raise
        except DStreamError as error:
            self._views_allowed = False
            self._log.info("errors and latency of the capture job are not watched: %s", error.message)
            return
        for entry, number, message in errors:
            self._errors_since = max(self._errors_since, clock_time(entry) or self._errors_since)
            self._log.warning("the capture job reports error %s: %s (sys.dm_cdc_errors)", number, message)
        latency = sessions[0][0] if sessions else None
        self._say(
            f"the capture job is more than {self._threshold:.0f} s behind the log (sys.dm_cdc_log_scan_sessions)",
            self._threshold > 0 and latency is not None and latency > self._threshold,
        )

    def _say(self, message: str, true: bool) -> None:
        if true and message not in self._said:
            self._log.warning("%s", message)
        self._said = self._said | {message} if true else self._said - {message}
