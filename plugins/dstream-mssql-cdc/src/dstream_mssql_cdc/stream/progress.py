"""The numbers that a run reports: how far behind it is, and how much it has delivered of each table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dstream_core.api import Log
from dstream_mssql_cdc.stream.pulse import Pulse
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream

REPORT_SECONDS = 2.0
TABLES_IN_A_REPORT = 50
"""A report is one line of the log; tables that changed most recently come first, the others have their turn later."""


class Progress:
    """Reports now and then.

    Args:
        log: where to.
        latency_warning: seconds behind that are worth a warning; 0: none are.
    """

    def __init__(self, log: Log, latency_warning: float):
        self._log = log
        self._threshold = latency_warning
        self._reported = 0.0
        self._told: dict[str, int] = {}
        self._late = False

    def report(self, pulse: Pulse, streams: Mapping[str, TableStream]) -> None:
        """Reports, unless it did a moment ago.

        Args:
            pulse: what the database said last.
            streams: the tables that are read.
        """
        for stream in streams.values():
            note_standing(stream, pulse)
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS:
            return
        self._reported = now
        lag = max((lag_seconds(stream, pulse) for stream in streams.values()), default=0.0)
        self._warn(lag)
        self._log.progress(self._numbers(lag, streams))

    def _numbers(self, lag: float, streams: Mapping[str, TableStream]) -> dict[str, Any]:
        numbers: dict[str, Any] = {
            "lag_seconds": round(lag, 1),
            "tables": len(streams),
            "rows": sum(stream.rows for stream in streams.values()),
        }
        numbers |= snapshot_numbers(streams)
        moved = [name for name, stream in streams.items() if self._told.get(name) != stream.rows]
        for name in moved[:TABLES_IN_A_REPORT]:
            self._told[name] = streams[name].rows
            numbers[f"rows {name}"] = streams[name].rows
        return numbers

    def _warn(self, lag: float) -> None:
        late = 0 < self._threshold < lag
        if late and not self._late:
            self._log.warning("changes are delivered %.0f s after their commit", lag)
        elif self._late and not late:
            self._log.info("changes are delivered in time again")
        self._late = late


def note_standing(stream: TableStream, pulse: Pulse) -> None:
    """Notes since when a table is behind.

    What it delivered before it last caught up says nothing: a table may change once a day.
    """
    if stream.phase is not Phase.CHANGES or pulse.maximum is None or stream.caught_up(pulse.maximum):
        stream.newest_commit = stream.behind_since = None
    elif stream.behind_since is None:
        stream.behind_since = pulse.now


def lag_seconds(stream: TableStream, pulse: Pulse) -> float:
    """How long ago the last delivered change was committed, or the table fell behind, if it is behind; else 0."""
    since = stream.newest_commit or stream.behind_since
    if since is None or stream.behind_since is None:
        return 0.0
    return max((pulse.now - since.replace(tzinfo=None)).total_seconds(), 0.0)


def snapshot_numbers(streams: Mapping[str, TableStream]) -> dict[str, Any]:
    """How far the snapshots are: rows of about how many."""
    running = [stream for stream in streams.values() if stream.phase is Phase.SNAPSHOT]
    if not running:
        return {}
    rows = sum(stream.position.snapshot.rows for stream in running if stream.position.snapshot is not None)
    about = sum(stream.rows_about or 0 for stream in running)
    return {"snapshot_tables": len(running), "snapshot_rows": rows, "snapshot_rows_about": max(about, rows)}
