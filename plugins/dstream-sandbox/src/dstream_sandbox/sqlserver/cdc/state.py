"""Change data capture of one database: instances, their tables, history, jobs, health."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.cdc import functions, views
from dstream_sandbox.sqlserver.cdc.growing import GrowingTable
from dstream_sandbox.sqlserver.cdc.instances import CaptureInstance
from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Relation, TableFunction
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.log import lsn_bytes, lsn_text
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.types import DATETIME, LSN, DateTime2, varbinary

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

MAPPING_COLUMNS = (
    ColumnInfo("start_lsn", LSN, False, column_id=1),
    ColumnInfo("tran_begin_time", DATETIME, True, column_id=2),
    ColumnInfo("tran_end_time", DATETIME, True, column_id=3),
    ColumnInfo("tran_id", varbinary(10), True, column_id=4),
    ColumnInfo("tran_begin_lsn", LSN, True, column_id=5),
)
NO_TRANSACTION = b"\x00"


@dataclass(slots=True)
class CaptureJob:
    """Parameters of the capture job, as in msdb.dbo.cdc_jobs."""

    maxtrans: int = 500
    maxscans: int = 10
    continuous: bool = True
    pollinginterval: int = 5


@dataclass(slots=True)
class CleanupJob:
    """Parameters of the clean-up job; retention in minutes."""

    retention: int = 4320
    threshold: int = 5000


@dataclass(slots=True)
class ScanError:
    """A row of sys.dm_cdc_errors."""

    session_id: int
    time: DateTime2
    number: int
    severity: int
    state: int
    message: str
    start_lsn: str
    begin_lsn: str
    sequence: str
    phase: int = 2


@dataclass(slots=True)
class ScanSession:
    """A row of sys.dm_cdc_log_scan_sessions."""

    session_id: int
    start: DateTime2
    end: DateTime2 | None = None
    transactions: int = 0
    commands: int = 0
    records: int = 0
    empty_scans: int = 0
    errors: int = 0
    first_lsn: int = 0
    last_lsn: int = 0
    last_commit: DateTime2 | None = None
    latency: int = 0


@dataclass(slots=True)
class DdlEntry:
    """A row of cdc.ddl_history."""

    source_object_id: int
    object_id: int
    required: bool
    command: str
    lsn: bytes
    time: DateTime2


@dataclass(slots=True)
class Health:
    """What the DMVs tell."""

    errors: list[ScanError] = field(default_factory=list)
    sessions: list[ScanSession] = field(default_factory=list)
    total: ScanSession | None = None


class CaptureState:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.instances: list[CaptureInstance] = []
        self.ddl: list[DdlEntry] = []
        self.health = Health()
        self.capture_job: CaptureJob | None = None
        self.cleanup_job: CleanupJob | None = None
        self.running = True
        self.blocked: tuple[CaptureInstance, str] | None = None
        self.scanning = threading.RLock()
        self.last_dummy = 0.0
        self.mapping = GrowingTable(
            database, "lsn_time_mapping", MAPPING_COLUMNS, ("start_lsn",), database.new_object_id()
        )

    # --- looking up ---------------------------------------------------------------------------------------------------

    def instance(self, name: str) -> CaptureInstance | None:
        """A capture instance by name."""
        return next((one for one in self.instances if one.name.lower() == name.lower()), None)

    def of(self, table: Table) -> list[CaptureInstance]:
        """A table's instances."""
        return [one for one in self.instances if one.table is table]

    def relation(self, name: str) -> Relation | None:
        """A relation of the schema `cdc`."""
        lower = name.lower()
        if lower == "lsn_time_mapping":
            return self.mapping
        if lower.endswith("_ct"):
            found = self.instance(lower[:-3])
            if found is not None:
                return found.changes
        return views.relation(self, lower)

    def table_function(self, name: str) -> TableFunction | None:
        """`fn_cdc_get_all_changes_…` and `fn_cdc_get_net_changes_…`."""
        lower = name.lower()
        for prefix, make in (
            ("fn_cdc_get_all_changes_", functions.AllChanges),
            ("fn_cdc_get_net_changes_", functions.NetChanges),
        ):
            if lower.startswith(prefix):
                found = self.instance(lower[len(prefix) :])
                if found is not None and (make is functions.AllChanges or found.supports_net_changes):
                    return make(self, found)
        return None

    # --- LSNs -----------------------------------------------------------------------------------------------------------

    def max_lsn(self, session: Session) -> bytes | None:
        """sys.fn_cdc_get_max_lsn(): None until the capture job has written anything."""
        last = self.mapping.last(session)
        return None if last is None else last[0]

    def times(self, session: Session) -> Iterator[tuple[Any, ...]]:
        """The rows of lsn_time_mapping that a session sees."""
        return self.mapping.scan(session)

    # --- changes --------------------------------------------------------------------------------------------------------

    def add_instance(self, session: Session, instance: CaptureInstance) -> None:
        """Starts capturing; can be rolled back."""
        table = instance.table
        session.required_transaction().undo.append((self._restore, list(self.instances), table, table.tracked))
        self.instances.append(instance)
        table.tracked = (*table.tracked, instance)

    def _restore(self, instances: list[CaptureInstance], table: Table, tracked: tuple[Any, ...]) -> None:
        self.instances = instances
        table.tracked = tracked

    def drop_instance(self, session: Session, instance: CaptureInstance) -> None:
        """Stops capturing and drops the change table."""
        table = instance.table
        session.required_transaction().undo.append((self._restore, list(self.instances), table, table.tracked))
        self.instances = [one for one in self.instances if one is not instance]
        table.tracked = tuple(one for one in table.tracked if one is not instance)
        if self.blocked is not None and self.blocked[0] is instance:
            self.blocked = None

    def drop_instances(self, session: Session, table: Table) -> None:
        """The table is dropped."""
        for instance in self.of(table):
            self.drop_instance(session, instance)

    def note_ddl(self, instance: CaptureInstance, text: str, lsn: int, required: bool, moment: int) -> None:
        """A row of cdc.ddl_history."""
        now = rounded(self.database.server.now())
        self.ddl.append(
            DdlEntry(instance.source_object_id, instance.object_id, required, text.strip(), lsn_bytes(lsn), now)
        )

    def block(self, instance: CaptureInstance, column: str) -> None:
        """The capture job cannot go on: a change table cannot follow the type of its source's column."""
        self.blocked = (instance, column)

    # --- health ---------------------------------------------------------------------------------------------------------

    def add_error(self, number: int, message: str, lsn: int = 0, severity: int = 16) -> None:
        """A row of sys.dm_cdc_errors."""
        current = self.health.sessions[-1] if self.health.sessions else None
        if current is not None:
            current.errors += 1
        text = lsn_text(lsn)
        self.health.errors.append(
            ScanError(
                current.session_id if current else 1,
                rounded(self.database.server.now()),
                number,
                severity,
                1,
                message,
                text,
                text,
                text,
            )
        )
        del self.health.errors[:-1000]

    def mapping_rows(self, rows: Sequence[tuple[Any, ...]], moment: int) -> None:
        """Adds rows to lsn_time_mapping."""
        if rows:
            self.mapping.append(list(rows), moment)

    def copied(self, database: Database, tables: Callable[[Table], Table]) -> CaptureState:
        """For a backup."""
        twin = CaptureState(database)
        twin.capture_job, twin.cleanup_job, twin.running = self.capture_job, self.cleanup_job, self.running
        twin.last_dummy = self.last_dummy
        twin.ddl = list(self.ddl)
        twin.mapping = self.mapping.copied(database)
        for instance in self.instances:
            table = tables(instance.table)
            copy = instance.copied(database, table)
            twin.instances.append(copy)
            table.tracked = (*table.tracked, copy)
        return twin
