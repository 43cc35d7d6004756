"""The thread that gives the others their work: one pass after the other over all tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog.checks import cdc_disabled
from dstream_mssql_cdc.catalog.read import read_tables
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import SetupError, StatementError
from dstream_mssql_cdc.snapshot.reading import read_snapshot
from dstream_mssql_cdc.stream.health import Health
from dstream_mssql_cdc.stream.membership import Membership
from dstream_mssql_cdc.stream.polling import Backoff, Polling
from dstream_mssql_cdc.stream.progress import Progress
from dstream_mssql_cdc.stream.pulse import Pulse, cdc_enabled, read_low_marks, read_pulse, with_changes
from dstream_mssql_cdc.stream.reading import move_forward, read_changes
from dstream_mssql_cdc.stream.segments import active, front
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream
from dstream_mssql_cdc.stream.workers import Kind, Workers

FEW_TABLES = 2
"""So many tables are read without asking first whether they have changes: that would be one more query."""

LEASES_SECONDS = 0.2
"""How soon a table that was gained is read, and one that another copy is to have is handed over, during a long pause."""


class Coordinator:
    """Looks at the database, gives out work, and waits; a thread of its own.

    Args:
        shared: the run.
        membership: the tables.
        workers: who reads.
        health: looks after the capture job.
        progress: reports numbers.
    """

    def __init__(self, shared: Shared, membership: Membership, workers: Workers, health: Health, progress: Progress):
        self._shared = shared
        self._membership = membership
        self._workers = workers
        self._health = health
        self._progress = progress
        options = shared.options
        self._polling = Polling(options.poll_interval, options.max_poll_interval)
        self._backoff = Backoff()
        self._signature: tuple[object, ...] | None = None
        self._catalog_read = 0.0
        self._thread = threading.Thread(target=self._run, name="mssql-coordinator", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Waits for the end, which `shared.stop` brings."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._shared.stop.is_set():
                self._shared.wake.clear()
                self._rest(self._look())
        except BaseException as error:  # noqa: BLE001  the run ends with whatever it is
            self._shared.outlet.fail(error)

    def _rest(self, seconds: float) -> None:
        """Until the pause is over, somebody wakes this thread, or tables come or go: leases say nothing by themselves."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._shared.wake.wait(min(left, LEASES_SECONDS)):
                return
            if not self._backoff.failures and self._membership.leases_moved():
                return

    def _look(self) -> float:
        """One pass; returns the seconds until the next."""
        try:
            with self._shared.pool.lend("looking for changes") as connection:
                found = self._pass(connection)
        except TemporaryError as error:
            pause = self._backoff.failed()
            self._shared.log.warning("%s; trying again in %.1f s", error.message, pause)
            return pause
        except DStreamError as error:
            raise self._explained(error) from None
        if self._backoff.failures:
            self._shared.log.info("the database answers again")
            self._backoff.succeeded()
        if self._finished():
            self._shared.outlet.close()
        waiting = [stream.not_before - time.monotonic() for stream in self._membership.streams.values()]
        soonest = min((seconds for seconds in waiting if seconds > 0), default=self._shared.options.max_poll_interval)
        return min(self._polling.pause(found), soonest)

    def _explained(self, error: DStreamError) -> DStreamError:
        """Whoever disables change data capture takes the whole schema away, and all that was asked of it."""
        if isinstance(error, (StatementError, SetupError)):
            with suppress(DStreamError), self._shared.pool.lend("looking for the schema cdc") as connection:
                if not cdc_enabled(connection):
                    return cdc_disabled(self._shared.database)
        return error

    def _pass(self, connection: Connection) -> bool:
        """Whether there was something to do."""
        pulse = read_pulse(connection)
        self._shared.clock.observe(pulse.local, pulse.now)
        self._read_catalog(connection, pulse)
        membership = self._membership
        membership.follow_leases(pulse.maximum)
        self._health.look(connection, pulse)
        self._progress.report(pulse, membership.streams)
        idle = [stream for stream in membership.streams.values() if not stream.busy and not stream.leaving]
        due = [stream for stream in idle if stream.not_before <= time.monotonic()]
        for stream in due:
            membership.refresh(stream)
        ready = [stream for stream in due if stream.table.begun]  # not so one whose capture was enabled anew just now
        for stream in ready:
            membership.check_gap(stream, pulse.maximum)
            if stream.phase is Phase.SNAPSHOT:
                self._give("snapshot", stream, read_snapshot)
        return self._give_changes(connection, [s for s in ready if s.phase is Phase.CHANGES], pulse.maximum)

    def _read_catalog(self, connection: Connection, pulse: Pulse) -> None:
        """Again when a capture instance came or went, when a reader asked for it, and now and then.

        Columns are added to tables without a trace in the capture instances.
        """
        now = time.monotonic()
        due = now - self._catalog_read >= self._shared.options.tables_interval
        if pulse.signature == self._signature and not due and not self._shared.stale.is_set():
            return
        self._shared.stale.clear()
        self._membership.take_catalog(read_tables(connection))
        self._signature, self._catalog_read = pulse.signature, now

    def _give_changes(self, connection: Connection, streams: list[TableStream], maximum: bytes | None) -> bool:
        behind = [stream for stream in streams if maximum is not None and not stream.caught_up(maximum)]
        if maximum is None or not behind:
            return any(stream.busy for stream in self._membership.streams.values())
        for stream in behind:
            stream.target = maximum
        if len(behind) > FEW_TABLES:
            behind = self._those_with_changes(connection, behind, maximum)
        for stream in behind:
            self._give("changes", stream, read_changes)
        return bool(behind)

    def _those_with_changes(
        self, connection: Connection, streams: list[TableStream], maximum: bytes
    ) -> list[TableStream]:
        """Moves the others forward: nothing of theirs lies between their position and the maximum."""
        places = [(active(stream.table.instances, stream.changes), stream) for stream in streams]
        known = [(instance, stream) for instance, stream in places if instance is not None]
        try:
            # Where two instances meet, the page that is read finds out which of them has something.
            found = with_changes(connection, [(instance, stream.changes) for instance, stream in known], maximum)
            low_marks = read_low_marks(connection)
        except TemporaryError:
            raise
        except DStreamError as error:
            # What vanished spoils the question for all; read one by one, each table finds out about itself.
            self._shared.log.debug("asking for changes of all tables at once: %s", error.message)
            self._shared.stale.set()
            return [stream for _, stream in known]
        changed = []
        for index, (instance, stream) in enumerate(known):
            low_mark = low_marks.get(instance.object_id)
            if low_mark is None or front(low_mark) > stream.changes:
                self._shared.stale.set()
            elif index in found or len(stream.table.instances) > 1:
                changed.append(stream)
            else:
                move_forward(self._shared, stream, maximum)
        return changed

    def _give(self, kind: Kind, stream: TableStream, work: Callable[[Shared, TableStream], bool]) -> None:
        stream.busy = True
        self._workers.add(kind, lambda: self._job(kind, stream, work))

    def _job(self, kind: Kind, stream: TableStream, work: Callable[[Shared, TableStream], bool]) -> None:
        """Runs in a worker's thread. The table is given back last: from then on the coordinator works on it."""
        shared, rows = self._shared, stream.rows
        try:
            more = work(shared, stream)
        except TemporaryError as error:
            if stream.rows > rows:
                stream.backoff.succeeded()
            pause = stream.backoff.failed()
            stream.not_before = time.monotonic() + pause
            shared.log.warning("%s: %s; trying again in %.1f s", stream.name, error.message, pause)
            more = False
        except DStreamError as error:
            # What was dropped shows as an object or a column that does not exist: the catalog will tell.
            stream.suspicion = error
            shared.stale.set()
            more = False
        else:
            stream.backoff.succeeded()
        if more and not stream.leaving and not shared.stop.is_set():
            self._workers.add(kind, lambda: self._job(kind, stream, work))
            return
        # A pass that came to the end of what there was needs no other one at once: a table that changes all the time is
        # looked at once in `poll_interval`.
        again = stream.hurry or kind == "snapshot" or stream.leaving or stream.suspicion is not None
        stream.busy = stream.hurry = False
        if again and stream.not_before <= time.monotonic():
            shared.wake.set()

    def _finished(self) -> bool:
        """`snapshot = "only"`, and every table is delivered."""
        streams = self._membership.streams.values()
        only = self._shared.options.snapshot == "only"
        return only and bool(streams) and all(stream.phase is Phase.DONE and not stream.busy for stream in streams)
