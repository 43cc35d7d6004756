"""The computed relations of the schema `cdc`, and the DMVs of capture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import Relation, Row
from dstream_sandbox.sqlserver.engine.log import lsn_bytes, lsn_text
from dstream_sandbox.sqlserver.engine.relations import SystemView, declared

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.cdc.state import CaptureState, ScanSession
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

CHANGE_TABLES = declared(
    "object_id int not null, version int, source_object_id int, capture_instance sysname not null, start_lsn binary(10), end_lsn binary(10),"
    "supports_net_changes bit, has_drop_pending bit, role_name sysname, index_name sysname, filegroup_name sysname, create_date datetime,"
    "partition_switch bit not null"
)
CAPTURED_COLUMNS = declared(
    "object_id int not null, column_name sysname not null, column_id int, column_type sysname not null, column_ordinal int not null,"
    "is_computed bit, masking_function nvarchar(4000)"
)
INDEX_COLUMNS = declared(
    "object_id int not null, column_name sysname not null, index_ordinal tinyint not null, column_id int not null"
)
DDL_HISTORY = declared(
    "source_object_id int, object_id int not null, required_column_update bit, ddl_command nvarchar(max), ddl_lsn binary(10) not null,"
    "ddl_time datetime"
)
JOBS = declared(
    "database_id int not null, job_type nvarchar(20) not null, job_id uniqueidentifier, maxtrans int, maxscans int, continuous bit,"
    "pollinginterval bigint, retention bigint, threshold bigint"
)
ERRORS = declared(
    "session_id int, phase_number int, entry_time datetime, error_number int, error_severity int, error_state int,"
    "error_message nvarchar(1024), start_lsn nvarchar(23), begin_lsn nvarchar(23), sequence_value nvarchar(23)"
)
SESSIONS = declared(
    "session_id int, start_time datetime, end_time datetime, duration int, scan_phase nvarchar(200), error_count int,"
    "start_lsn nvarchar(23), current_lsn nvarchar(23), end_lsn nvarchar(23), tran_count bigint, last_commit_lsn nvarchar(23),"
    "last_commit_time datetime, log_record_count bigint, schema_change_count int, command_count bigint, first_begin_cdc_lsn nvarchar(23),"
    "last_commit_cdc_lsn nvarchar(23), last_commit_cdc_time datetime, latency int, empty_scan_count int, failed_sessions_count int"
)


def relation(state: CaptureState, name: str) -> Relation | None:
    """One of cdc's own relations by its lower-case name."""
    makers = {
        "change_tables": (CHANGE_TABLES, change_tables),
        "captured_columns": (CAPTURED_COLUMNS, captured_columns),
        "index_columns": (INDEX_COLUMNS, index_columns),
        "ddl_history": (DDL_HISTORY, ddl_history),
    }
    found = makers.get(name)
    if found is None:
        return None
    columns, produce = found
    made = SystemView(state.database, "cdc", name, columns, lambda session, database: produce(state))
    made.public = (
        False  # as any table of the schema: SELECT on it, on some of its columns, on the schema, on the database
    )
    return made


def change_tables(state: CaptureState) -> Iterable[Row]:
    """cdc.change_tables."""
    for one in state.instances:
        yield (
            one.object_id, 0, one.source_object_id, one.name, lsn_bytes(one.start_lsn), None, one.supports_net_changes, False, one.role,
            one.index_name, None, one.created, one.partition_switch,
        )  # fmt: skip


def captured_columns(state: CaptureState) -> Iterable[Row]:
    """cdc.captured_columns."""
    for one in state.instances:
        for column in one.columns:
            yield (
                one.object_id,
                column.name,
                column.column_id,
                column.type.name,
                column.ordinal,
                column.computed,
                None,
            )


def index_columns(state: CaptureState) -> Iterable[Row]:
    """cdc.index_columns."""
    for one in state.instances:
        ids = {column.name.lower(): column.column_id for column in one.columns}
        for place, name in enumerate(one.index_columns, 1):
            yield (one.object_id, name, place, ids.get(name.lower(), 0))


def ddl_history(state: CaptureState) -> Iterable[Row]:
    """cdc.ddl_history."""
    for one in state.ddl:
        yield (one.source_object_id, one.object_id, one.required, one.command, one.lsn, one.time)


def cdc_jobs(session: Session, database: Database) -> Iterable[Row]:
    """msdb.dbo.cdc_jobs."""
    for other in database.server.databases.values():
        if other.capture is not None:
            yield from jobs_of(other.capture)


def jobs_of(state: CaptureState) -> Iterable[Row]:
    """The rows of one database in msdb.dbo.cdc_jobs."""
    number, capture, cleanup = state.database.database_id, state.capture_job, state.cleanup_job
    guid = state.database.guid
    if capture is not None:
        yield (
            number,
            "capture",
            guid,
            capture.maxtrans,
            capture.maxscans,
            capture.continuous,
            capture.pollinginterval,
            0,
            0,
        )
    if cleanup is not None:
        yield (number, "cleanup", guid, 0, 0, False, 0, cleanup.retention, cleanup.threshold)


def dm_cdc_errors(session: Session, database: Database) -> Iterable[Row]:
    """sys.dm_cdc_errors."""
    if database.capture is None:
        return
    for one in list(database.capture.health.errors):
        yield (
            one.session_id, one.phase, one.time, one.number, one.severity, one.state, one.message, one.start_lsn, one.begin_lsn, one.sequence,
        )  # fmt: skip


def dm_cdc_log_scan_sessions(session: Session, database: Database) -> Iterable[Row]:
    """sys.dm_cdc_log_scan_sessions: the aggregate (session 0) first."""
    if database.capture is None:
        return
    health = database.capture.health
    if health.total is not None:
        yield _session_row(health.total, "Aggregate", sum(one.empty_scans for one in health.sessions))
    for one in list(health.sessions):
        yield _session_row(one, "Done", one.empty_scans)


def _session_row(one: ScanSession, phase: str, empty: int) -> Row:
    first, last = lsn_text(one.first_lsn), lsn_text(one.last_lsn)
    return (
        one.session_id, one.start, one.end, 0, phase, one.errors, first, last, last, one.transactions, last, one.last_commit, one.records, 0,
        one.commands, first, last, one.last_commit, one.latency, empty, 0,
    )  # fmt: skip
