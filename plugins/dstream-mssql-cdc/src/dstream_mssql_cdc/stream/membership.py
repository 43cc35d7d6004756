"""Which tables are read now: what the catalog has, what `tables` selects, what this copy holds the leases of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.patterns import TableSelection, TableValues
from dstream_mssql_cdc.catalog.values import Table
from dstream_mssql_cdc.leases.leases import Leases
from dstream_mssql_cdc.position import ChangePosition, TablePosition
from dstream_mssql_cdc.stream.segments import Gap, find_gap, in_order
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream, begun, first_phase
from dstream_mssql_cdc.stream.telling import (
    gap_error,
    instance_news,
    may_be_dropped,
    not_captured,
    uncaptured_columns,
    uncaptured_warning,
)

REPLICA_SECONDS = 60.0
"""How far one readable secondary may be behind another before a position is taken for one of another database."""

Load = Callable[[], Mapping[str, Any]]


class Membership:
    """The tables of a run. Only the coordinator's thread uses it.

    Args:
        shared: the run.
        selection: what `tables` selects.
        leases: which tables this copy may read.
        load: reads all stored positions, by table.
    """

    def __init__(self, shared: Shared, selection: TableSelection, leases: Leases, load: Load):
        self._shared = shared
        self._selection = selection
        self._leases = leases
        self._load = load
        self._catalog: dict[str, Table] = {}
        self._asked: dict[str, str] = {}
        self._waiting: set[str] = set()
        self.streams: dict[str, TableStream] = {}
        """The tables that are read now, by name."""

    def take_catalog(self, tables: tuple[Table, ...]) -> None:
        """Compares the captured tables with those known; picks up new ones, says what changed.

        Raises:
            DStreamError: a table is not captured any more, or what failed has no explanation in the catalog.
        """
        selected = {table.qualified: table for table in self._selection.select(tables)}
        for name in self._catalog.keys() - selected.keys():
            self._gone(self._catalog[name])
        for name, table in selected.items():
            if (known := self._catalog.get(name)) is not None:
                self._changed(known, table)
            elif self._catalog:
                self._shared.log.info("%s: captured from now on, and read", name)
        self._catalog = selected
        self._asked = TableValues(self._shared.options.snapshot_again).resolve(selected.values())
        self._shared.conditions = TableValues(self._shared.options.snapshot_where).resolve(selected.values())
        for name, stream in self.streams.items():
            if stream.suspicion is not None and not stream.busy:
                self._explain(stream, selected.get(name))
        self._leases.wanted(set(selected))

    def follow_leases(self, maximum: bytes | None) -> None:
        """Begins tables whose leases were gained, drops those whose leases were lost, hands over what others want.

        Args:
            maximum: `sys.fn_cdc_get_max_lsn()`.
        """
        held, leaving = self._leases.held(), self._leases.should_release()
        for name, stream in list(self.streams.items()):
            if name in held and held[name] == stream.epoch and name in self._catalog:
                stream.leaving = name in leaving  # nobody may want it any more: the copy that came has gone again
                continue
            stream.leaving = True  # a job that has it stops at the next page
            if not stream.busy:
                self._shared.log.info("%s: not read here any more", name)
                del self.streams[name]
        self._hand_over(leaving)
        held = self._leases.held()  # again: without what was handed over
        gained = [name for name in held if name not in self.streams and self._has_begun(name)]
        if gained:
            stored = self._load()
            now = self._leases.held()
            # What was lost meanwhile may have no position among those loaded.
            for name in (name for name in gained if now.get(name, ...) == held[name]):
                self._begin(self._catalog[name], stored.get(name), held[name], maximum)

    def leases_moved(self) -> bool:
        """Whether `follow_leases` has something to do; asks nobody."""
        held = self._leases.held()
        if self._leases.should_release() & self.streams.keys():
            return True
        mine = {name: epoch for name, epoch in held.items() if name in self._catalog and name not in self._waiting}
        return mine != {name: stream.epoch for name, stream in self.streams.items()}

    def _has_begun(self, name: str) -> bool:
        """Whether the capture job has come to the table: before that nobody knows where its changes begin."""
        table = self._catalog.get(name)
        if table is None:
            return False
        if table.begun:
            self._waiting.discard(name)
        elif name not in self._waiting:
            self._waiting.add(name)
            self._shared.log.warning("%s: waits for the capture job, which has not begun with it", name)
        return table.begun

    def refresh(self, stream: TableStream) -> None:
        """Gives a table that no job has what the catalog says now; before its target is raised.

        A newer capture instance begins behind every maximum that was read before it was seen, so an older one is never
        read beyond the newer one's beginning.
        """
        table = self._catalog[stream.name]
        if stream.table is not table:
            if stream.table != table:
                stream.renew(table)
            stream.table = table
        newest = in_order(table.instances)[-1].object_id
        if len(table.instances) > 1 and stream.told_instance != newest and stream.position.changes is not None:
            for news in may_be_dropped(table, stream.position.changes):
                stream.told_instance = newest
                self._shared.log.info("%s", news)

    def check_gap(self, stream: TableStream, maximum: bytes | None) -> None:
        """Whether a table can go on where it stands; if not, it begins a snapshot or ends the run, as configured.

        Raises:
            DStreamError: changes are gone, and `on_gap` is `fail`.
        """
        position = self._follows(stream, maximum)
        gap = None if position is None else find_gap(stream.table.instances, position, maximum)
        if gap is None or gap.reason != "beyond":
            stream.beyond_since = None
        if gap is not None and not self._may_catch_up(stream, gap):
            self._start_over(stream, gap, maximum)

    def _may_catch_up(self, stream: TableStream, gap: Gap) -> bool:
        """The maximum may be that of a replica that is behind the one that the position was read from."""
        if gap.reason != "beyond" or not self._shared.pool.on_replicas:
            return False
        if stream.beyond_since is None:
            stream.beyond_since = time.monotonic()
        return time.monotonic() - stream.beyond_since < REPLICA_SECONDS

    def _follows(self, stream: TableStream, maximum: bytes | None) -> ChangePosition | None:
        """Where the table's changes are to go on.

        A snapshot can outlast the retention: then what follows it is gone before it ends.
        """
        if stream.phase is Phase.DONE:
            return None
        return begun(stream.position, stream.table, Phase.CHANGES, maximum).changes

    def _start_over(self, stream: TableStream, gap: Gap, maximum: bytes | None) -> None:
        options = self._shared.options
        error = gap_error(stream.table, gap, stream.position.instance)
        if options.on_gap != "snapshot" and options.snapshot != "when_needed":
            raise error
        self._shared.log.warning("%s; its rows are delivered again", error.message)
        empty = replace(stream.position, changes=None, snapshot=None)
        stream.position = begun(empty, stream.table, Phase.SNAPSHOT, maximum)
        stream.phase = Phase.SNAPSHOT

    def _begin(self, table: Table, stored: Any, epoch: int | None, maximum: bytes | None) -> None:
        try:
            position = None if stored is None else TablePosition.parse(stored)
        except ValueError as error:
            raise ConfigurationError(
                f"{table.qualified}: the stored position cannot be used: {error}",
                code="mssql/position",
                hint="restore what it was, or remove it to begin anew",
            ) from None
        options = self._shared.options
        position, phase = first_phase(position, options.snapshot, self._asked.get(table.qualified, ""))
        position = begun(position, table, phase, maximum)
        stream = TableStream(table, position, phase, epoch)
        self.streams[table.qualified] = stream
        if stream.phase is Phase.SNAPSHOT and not _rows_delivered(position):
            # All of them before the first is read: each waits until it is stored, which one at a time takes seconds.
            self._shared.announce(stream)
        self._shared.log.debug("%s: begins with its %s", stream.name, phase.value)

    def _hand_over(self, wanted: set[str]) -> None:
        """Tables that another copy is to have: what was emitted is stored first, so that it repeats nothing.

        They are marked as leaving, so no job begins.
        """
        for name in wanted & self.streams.keys():
            stream = self.streams[name]
            if stream.busy or (stream.emitted is not None and self._shared.stored(name) != stream.emitted):
                continue
            self._leases.release(name)
            del self.streams[name]
            self._shared.log.info("%s: handed over to another copy of the task", name)

    def _gone(self, table: Table) -> None:
        error = not_captured(table)
        if self._shared.options.on_gap != "snapshot":
            raise error
        self._shared.log.warning("%s", error.message)

    def _changed(self, known: Table, table: Table) -> None:
        for news in instance_news(known, table):
            self._shared.log.info("%s", news)
        before = set(uncaptured_columns(known))
        if added := [name for name in uncaptured_columns(table) if name not in before]:
            self._shared.log.warning("%s", uncaptured_warning(table, added))

    def _explain(self, stream: TableStream, table: Table | None) -> None:
        """A failure is no surprise if what was read is not any more what it was."""
        suspicion, stream.suspicion = stream.suspicion, None
        if suspicion is not None and table == stream.table:
            raise suspicion


def _rows_delivered(position: TablePosition) -> int:
    return 0 if position.snapshot is None else position.snapshot.rows
