"""One table while it is read: where it stands and what is being done with it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Literal

from dstream_mssql_cdc.catalog.values import CaptureInstance, Database, Table
from dstream_mssql_cdc.changes import ChangeReader
from dstream_mssql_cdc.commit_time import CommitClock
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.position import ChangePosition, SnapshotPosition, TablePosition
from dstream_mssql_cdc.stream.polling import Backoff
from dstream_mssql_cdc.stream.segments import beginning, oldest

SnapshotMode = Literal["initial", "never", "only", "when_needed"]


class Phase(Enum):
    """What a table waits for."""

    SNAPSHOT = "snapshot"
    CHANGES = "changes"
    DONE = "done"
    """Nothing more is read: `snapshot = "only"`."""


class TableStream:
    """One table of this run. A job or the coordinator works on it, never both (`busy`).

    Args:
        table: the table.
        position: where it stands.
        phase: what comes first.
        epoch: of its lease; None without leases.
    """

    def __init__(self, table: Table, position: TablePosition, phase: Phase, epoch: int | None):
        self.table = table
        self.position = replace(position, epoch=epoch)
        """Where the last emitted line or position stands."""
        self.phase = phase
        self.epoch = epoch
        self.target = b""
        """Changes up to this commit are to be read."""
        self.busy = False
        """A job has it."""
        self.hurry = False
        """The last job read a full page: there may be more already."""
        self.leaving = False
        """Another copy of the task is to have it: read nothing more, then give the lease back."""
        self.not_before = 0.0
        """When to try again after a failure; in the time of `time.monotonic`."""
        self.backoff = Backoff()
        self.suspicion: Exception | None = None
        """A failure that a change of the catalog may explain."""
        self.beyond_since: float | None = None
        """Since when its position lies beyond a replica's maximum; in the time of `time.monotonic`."""
        self.rows = 0
        """Lines emitted in this run."""
        self.rows_about: int | None = None
        """Rows that its snapshot will have, about; None if that is not known."""
        self.told_of_locks = False
        """It was said that its snapshot holds locks."""
        self.newest_commit: datetime | None = None
        """When the last emitted change was committed, UTC; None since it has caught up."""
        self.behind_since: datetime | None = None
        """When it was first seen to be behind, in the server's UTC; None once it has caught up."""
        self.checkpointed = 0.0
        """When its position last went out; in the time of `time.monotonic`."""
        self.emitted: object = None
        """The position that went out last, as JSON."""
        self.told_instance = 0
        """The capture instance whose older sibling was said to be of no use any more."""
        self._readers: dict[tuple[str, int], ChangeReader] = {}

    @property
    def name(self) -> str:
        """`schema.name`: how positions and messages call it."""
        return self.table.qualified

    @property
    def changes(self) -> ChangePosition:
        """Everything up to here was emitted."""
        if self.position.changes is None:
            raise AssertionError(f"{self.name} has no position in its changes before its snapshot ends")
        return self.position.changes

    def caught_up(self, upper: bytes) -> bool:
        """Nothing up to `upper` is missing."""
        return self.changes >= ChangePosition.behind(upper)

    def reader(
        self, instance: CaptureInstance, database: Database, options: MssqlCdcOptions, clock: CommitClock
    ) -> ChangeReader:
        """The reader of one of its capture instances; made once."""
        key = (instance.name, instance.object_id)
        if key not in self._readers:
            self._readers[key] = ChangeReader(database, self.table, instance, options, clock)
        return self._readers[key]

    def renew(self, table: Table) -> None:
        """The table as the catalog describes it now."""
        self.table = table
        self._readers.clear()


def first_phase(position: TablePosition | None, mode: SnapshotMode, asked: str) -> tuple[TablePosition, Phase]:
    """Where a table begins.

    Args:
        position: the stored one.
        mode: the option `snapshot`.
        asked: what `snapshot_again` says for the table, empty if nothing.

    Returns:
        The position to begin with, and what comes first.
    """
    if position is None:
        position = TablePosition()
        if mode == "never" and not asked:
            return position, Phase.CHANGES
        return replace(position, asked=asked), Phase.SNAPSHOT
    if asked and asked != position.asked:
        return replace(position, snapshot=None, asked=asked), Phase.SNAPSHOT
    if position.snapshot is not None and not position.snapshot.done:
        return position, Phase.SNAPSHOT
    if mode == "only":
        return position, Phase.DONE
    return position, Phase.CHANGES


def begun(position: TablePosition, table: Table, phase: Phase, maximum: bytes | None) -> TablePosition:
    """The position with what a begin needs: a snapshot's identity, or the first change there is.

    Args:
        position: the stored one, or an empty one.
        table: with its capture instances.
        phase: what comes first.
        maximum: `sys.fn_cdc_get_max_lsn()` before anything is read.
    """
    if phase is Phase.SNAPSHOT and position.snapshot is None:
        lsn = beginning(table.instances, maximum)
        # Message ids of masked rows are keyed with it: nobody shall find a value by trying.
        return replace(position, snapshot=SnapshotPosition(secrets.token_hex(16), lsn))
    if phase is Phase.CHANGES and position.changes is None:
        return position.at(changes_follow(position) or oldest(table.instances))
    return position


def changes_follow(position: TablePosition) -> ChangePosition | None:
    """Where the changes go on, or will once the snapshot has ended; None if there is neither."""
    if position.changes is not None or position.snapshot is None:
        return position.changes
    return ChangePosition.behind(position.snapshot.lsn)


def behind_snapshot(position: TablePosition) -> TablePosition:
    """The position once the snapshot's last row was emitted.

    A table that had a position keeps it: what changed between it and the snapshot is read all the same, since a
    deletion there shows in no snapshot.
    """
    if position.snapshot is None:
        raise AssertionError("there is no snapshot to be behind of")
    done = replace(position, snapshot=replace(position.snapshot, done=True))
    return done if done.changes is not None else done.at(ChangePosition.behind(position.snapshot.lsn))
