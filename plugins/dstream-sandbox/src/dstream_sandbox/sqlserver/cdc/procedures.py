"""sys.sp_cdc_…: enabling, disabling, help, jobs, clean-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.cdc import cleaning, views
from dstream_sandbox.sqlserver.cdc.capture import scan_log
from dstream_sandbox.sqlserver.cdc.functions import may_read, padded
from dstream_sandbox.sqlserver.cdc.instances import CapturedColumn, CaptureInstance
from dstream_sandbox.sqlserver.cdc.state import CaptureJob, CaptureState, CleanupJob
from dstream_sandbox.sqlserver.engine.api import Parameter
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.ddl import lock_whole
from dstream_sandbox.sqlserver.engine.log import lsn_bytes
from dstream_sandbox.sqlserver.engine.procedures import SystemProcedure
from dstream_sandbox.sqlserver.engine.relations import declared
from dstream_sandbox.sqlserver.engine.tables import Index, Table
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.results import Column, Info, Item, RowSet
from dstream_sandbox.sqlserver.types import BIGINT, BIT, INT, LSN, SYSNAME, nvarchar

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

Arguments = dict[str, Any]
_HELP = declared(
    "source_schema sysname, source_table sysname, capture_instance sysname, object_id int, source_object_id int, start_lsn binary(10),"
    "end_lsn binary(10), supports_net_changes bit, has_drop_pending bit, role_name sysname, index_name sysname, filegroup_name sysname,"
    "create_date datetime, index_column_list nvarchar(max), captured_column_list nvarchar(max)"
)
_DDL = declared(
    "source_schema sysname, source_table sysname, capture_instance sysname, required_column_update bit, ddl_command nvarchar(max),"
    "ddl_lsn binary(10), ddl_time datetime"
)
_COLUMNS = declared(
    "source_schema sysname, source_table sysname, capture_instance sysname, column_name sysname, column_id int, column_ordinal int,"
    "data_type sysname, character_maximum_length int, numeric_precision tinyint, numeric_precision_radix smallint, numeric_scale int,"
    "datetime_precision smallint"
)
_JOBS = declared(
    "job_id uniqueidentifier, job_type nvarchar(20), job_name sysname, maxtrans int, maxscans int, continuous bit, pollinginterval bigint,"
    "retention bigint, threshold bigint"
)


def _rows(columns: Any, rows: Any) -> RowSet:
    return RowSet([Column(one.name, one.type, one.nullable) for one in columns], rows)


def _enabled(session: Session) -> CaptureState:
    state = session.database.capture
    if state is None:
        raise SqlError(
            22901,
            f"The database '{session.database.name}' is not enabled for Change Data Capture. Ensure that the correct database context is "
            "set and retry the operation. To report on the databases enabled for Change Data Capture, query the is_cdc_enabled column in "
            "the sys.databases catalog view.",
        )
    return state


def _owner(session: Session) -> None:
    if not session.owns(session.database):
        raise SqlError(22904, "Caller is not authorized to initiate the requested action. DBO privileges are required.")


def enable_db(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_enable_db."""
    if not session.login.is_sysadmin:
        raise SqlError(
            22902, "Caller is not authorized to initiate the requested action. Sysadmin privileges are required."
        )
    database = session.database
    if database.database_id <= 4:
        raise SqlError(22909, f"Change Data Capture cannot be enabled on the system database '{database.name}'.")
    if database.capture is not None:
        return
    if database.schema_of("cdc") is not None or "cdc" in database.principals.all:
        raise SqlError(
            22906,
            f"The database '{database.name}' cannot be enabled for Change Data Capture because a database user named 'cdc' or a schema "
            "named 'cdc' already exists in the current database. These objects are required exclusively by Change Data Capture. Drop or "
            "rename the user or schema and retry the operation.",
        )
    database.add_schema("cdc", "cdc")
    database.principals.add("cdc", "S", default_schema="cdc")
    database.capture = CaptureState(database)
    undo = session.required_transaction().undo
    undo.append((database.principals.remove, "cdc"))
    undo.append((database.schemas.pop, "cdc", None))
    undo.append((setattr, database, "capture", None))
    yield from ()


def disable_db(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_disable_db."""
    if not session.login.is_sysadmin:
        raise SqlError(
            22902, "Caller is not authorized to initiate the requested action. Sysadmin privileges are required."
        )
    database = session.database
    state = database.capture
    if state is None:
        return
    for instance in list(state.instances):
        lock_whole(session, instance.table)
        state.drop_instance(session, instance)
    undo = session.required_transaction().undo
    undo.append((setattr, database, "capture", state))
    undo.append((database.schemas.__setitem__, "cdc", database.schemas["cdc"]))
    undo.append((database.principals.all.__setitem__, "cdc", database.principals.all["cdc"]))
    database.capture = None
    del database.schemas["cdc"]
    database.principals.remove("cdc")
    yield from ()


def _source(session: Session, arguments: Arguments) -> Table:
    schema, name = arguments["@source_schema"], arguments["@source_name"]
    table = session.database.table(schema, name)
    if table is None:
        raise SqlError(
            22931, f"Source table '{schema}.{name}' does not exist in the current database. Ensure that the correct database context is set. "
            "Specify a valid schema and table name for the database.",
        )  # fmt: skip
    return table


def enable_table(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_enable_table."""
    state = _enabled(session)
    _owner(session)
    table = _source(session, arguments)
    # Nobody has the table open for writing when it begins to be captured.
    lock_whole(session, table)
    if len(state.of(table)) >= 2:
        raise SqlError(
            22962,
            f"Two capture instances already exist for source table '{table.schema}.{table.name}'. A table can have at most two capture "
            "instances. If the current tracking options are not appropriate, disable change tracking for the obsolete instance by using "
            "sys.sp_cdc_disable_table and retry the operation.",
        )
    name = arguments["@capture_instance"] or f"{table.schema}_{table.name}"
    if state.instance(name) is not None:
        raise SqlError(
            22926,
            f"Could not create a capture instance because the capture instance name '{name}' already exists in the current database. "
            "Specify an explicit unique name for the parameter @capture_instance.",
        )
    index = _index(table, arguments)
    net = (
        bool(arguments["@supports_net_changes"])
        if arguments["@supports_net_changes"] is not None
        else index is not None
    )
    if net and index is None:
        raise SqlError(
            22939,
            "The parameter @supports_net_changes is set to 1, but the source table does not have a primary key defined and no alternate "
            "unique index has been specified.",
        )
    columns = _captured(table, arguments["@captured_column_list"])
    instance = CaptureInstance(
        session.database,
        name,
        table,
        columns,
        start_lsn=session.database.log.commit(),
        role=_role(session, arguments["@role_name"]),
        supports_net_changes=net,
        index_name=None if index is None else index.name,
        index_columns=_index_columns(table, index, columns),
        created=rounded(session.server.now()),
    )
    instance.partition_switch = bool(arguments["@allow_partition_switch"])
    state.add_instance(session, instance)
    yield from _start_jobs(session, state)


def _start_jobs(session: Session, state: CaptureState) -> Iterator[Item]:
    for attribute, job, kind in (("capture_job", CaptureJob(), "capture"), ("cleanup_job", CleanupJob(), "cleanup")):
        if getattr(state, attribute) is None:
            setattr(state, attribute, job)
            yield Info(22803, f"Job 'cdc.{session.database.name}_{kind}' started successfully.")
    session.server.jobs.wake()


def _role(session: Session, name: str | None) -> str | None:
    if not name:
        return None
    principals = session.database.principals
    if name.lower() not in principals.all:
        principals.add(name, "R", default_schema=None)
    return name


def _index(table: Table, arguments: Arguments) -> Index | None:
    wanted = arguments["@index_name"]
    if not wanted:
        return table.primary_key
    index = next((one for one in table.shape.indexes if one.name.lower() == wanted.lower() and one.unique), None)
    if index is None:
        raise SqlError(
            22941, f"Could not retrieve the unique index '{wanted}' of source table '{table.schema}.{table.name}'."
        )
    return index


def _index_columns(table: Table, index: Index | None, columns: list[CapturedColumn]) -> list[str]:
    if index is None:
        return []
    names = [next(one.name for one in table.shape.columns if one.column_id == at) for at, _ in index.columns]
    captured = {one.name.lower() for one in columns}
    missing = [name for name in names if name.lower() not in captured]
    if missing:
        raise SqlError(
            22938,
            f"The captured column list must contain the columns of the index '{index.name}' that identifies rows: "
            f"{', '.join(missing)} is missing.",
        )
    return names


def _captured(table: Table, listed: str | None) -> list[CapturedColumn]:
    chosen = list(table.shape.columns)
    if listed:
        wanted = _names(listed)
        for name in wanted:
            if table.column(name) is None:
                raise SqlError(
                    22930,
                    f"Could not locate the captured column '{name}' in source table '{table.schema}.{table.name}'.",
                )
        lower = {name.lower() for name in wanted}
        chosen = [one for one in chosen if one.name.lower() in lower]
    return [
        CapturedColumn(one.name, one.column_id, place, one.type, one.is_computed, one.collation)
        for place, one in enumerate(chosen, 1)
    ]


def _names(listed: str) -> list[str]:
    """Splits `a, [b, c], "d"`."""
    names, current, quote = [], "", ""
    for char in listed:
        if quote:
            if char == quote:
                quote = ""
            else:
                current += char
        elif char in '["':
            quote = "]" if char == "[" else '"'
        elif char == ",":
            names.append(current.strip())
            current = ""
        else:
            current += char
    return [*names, current.strip()]


def disable_table(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_disable_table."""
    state = _enabled(session)
    _owner(session)
    table = _source(session, arguments)
    name = arguments["@capture_instance"]
    chosen = [one for one in state.of(table) if name.lower() in ("all", one.name.lower())]
    if not chosen:
        raise SqlError(
            22960,
            f"Change data capture instance '{name}' has not been enabled for the source table '{table.schema}.{table.name}'. Use "
            "sys.sp_cdc_help_change_data_capture to verify the capture instance name and retry the operation.",
        )
    lock_whole(session, table)
    for instance in chosen:
        state.drop_instance(session, instance)
    yield from ()


def help_change_data_capture(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_help_change_data_capture: instances that the caller may read."""
    state = _enabled(session)
    chosen = state.instances
    if bool(arguments["@source_schema"]) != bool(arguments["@source_name"]):
        raise not_supported("sp_cdc_help_change_data_capture of a schema or a name alone")
    if arguments["@source_name"]:
        chosen = state.of(_source(session, arguments))
    yield _rows(_HELP, [_help_row(one) for one in chosen if may_read(session, one)])


def _help_row(one: CaptureInstance) -> tuple[Any, ...]:
    def quoted(names: Any) -> str:
        return ", ".join(f"[{name.replace(']', ']]')}]" for name in names)

    return (
        one.table.schema, one.table.name, one.name, one.object_id, one.source_object_id, lsn_bytes(one.start_lsn), None,
        one.supports_net_changes, None, one.role, one.index_name, None, one.created, quoted(one.index_columns) or None,
        quoted(column.name for column in one.columns),
    )  # fmt: skip


def _named(session: Session, arguments: Arguments) -> CaptureInstance:
    state = _enabled(session)
    instance = state.instance(arguments["@capture_instance"] or "")
    if instance is None or not may_read(session, instance):
        raise SqlError(
            22981, "Object does not exist or access is denied.",
        )  # fmt: skip
    return instance


def get_ddl_history(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_get_ddl_history."""
    instance = _named(session, arguments)
    table = instance.table
    entries = [one for one in _enabled(session).ddl if one.object_id == instance.object_id]
    yield _rows(
        _DDL,
        [(table.schema, table.name, instance.name, one.required, one.command, one.lsn, one.time) for one in entries],
    )


def get_captured_columns(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_get_captured_columns."""
    instance = _named(session, arguments)
    table = instance.table
    yield _rows(
        _COLUMNS,
        [
            (
                table.schema, table.name, instance.name, one.name, one.column_id, one.ordinal, one.type.name,
                one.type.length if one.type.is_character else None, one.type.precision, 10 if one.type.precision else None, one.type.scale,
                one.type.scale if one.type.name in ("time", "datetime2", "datetimeoffset") else None,
            )
            for one in instance.columns
        ],
    )  # fmt: skip


def help_jobs(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_help_jobs."""
    _owner(session)
    state = _enabled(session)
    yield _rows(
        _JOBS, [(row[2], row[1], f"cdc.{session.database.name}_{row[1]}", *row[3:]) for row in views.jobs_of(state)]
    )


def change_job(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_change_job and sp_cdc_add_job: parameters that are not NULL are set."""
    _owner(session)
    state = _enabled(session)
    kind = str(arguments["@job_type"]).lower()
    job: Any = {"capture": state.capture_job, "cleanup": state.cleanup_job}.get(kind)
    if job is None:
        raise SqlError(
            22968 if kind not in ("capture", "cleanup") else 22990,
            f"There is no Change Data Capture job of type '{kind}'.",
        )
    for name in ("maxtrans", "maxscans", "continuous", "pollinginterval", "retention", "threshold"):
        value = arguments.get(f"@{name}")
        if value is not None and hasattr(job, name):
            setattr(job, name, value)
    yield from ()


def add_job(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_add_job."""
    _owner(session)
    state = _enabled(session)
    kind = str(arguments["@job_type"]).lower()
    if kind == "capture" and state.capture_job is None:
        state.capture_job = CaptureJob()
    if kind == "cleanup" and state.cleanup_job is None:
        state.cleanup_job = CleanupJob()
    yield from change_job(session, arguments)
    if kind == "capture" and arguments.get("@start_job") in (None, 1, True):
        state.running = True
        session.server.jobs.wake()


def drop_job(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_drop_job."""
    _owner(session)
    state = _enabled(session)
    if str(arguments["@job_type"]).lower() == "cleanup":
        state.cleanup_job = None
    else:
        state.capture_job = None
    yield from ()


def start_job(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_start_job."""
    _owner(session)
    state = _enabled(session)
    if str(arguments["@job_type"] or "capture").lower() == "cleanup":
        cleaning.by_retention(state)
    else:
        state.running = True
        session.server.jobs.wake()
    yield from ()


def stop_job(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_stop_job."""
    _owner(session)
    state = _enabled(session)
    if str(arguments["@job_type"] or "capture").lower() == "capture":
        with state.scanning:
            state.running = False
    yield from ()


def scan(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_scan: one scan of the log now, as a database without the agent's job does."""
    _owner(session)
    scan_log(_enabled(session), session.server.jobs.dummy_interval)
    yield from ()


def cleanup_change_table(session: Session, arguments: Arguments) -> Iterator[Item]:
    """sys.sp_cdc_cleanup_change_table."""
    _owner(session)
    state = _enabled(session)
    instance = state.instance(arguments["@capture_instance"] or "")
    if instance is None:
        raise SqlError(
            22960,
            f"Change data capture instance '{arguments['@capture_instance']}' has not been enabled. Use "
            "sys.sp_cdc_help_change_data_capture to verify the capture instance name and retry the operation.",
        )
    low = padded(arguments["@low_water_mark"])
    if low is None:
        low = lsn_bytes(instance.start_lsn)
    elif not any(row[0] == low for row in state.mapping.all()):
        raise SqlError(
            22964,
            f"LSN {{0x{low.hex().upper()}}}, specified as the new low endpoint for the change table associated with capture instance "
            f"'{instance.name}', is not within the Change Data Capture timeline.",
        )
    cleaning.clean_instance(state, instance, low)
    cleaning.trim_mapping(state)
    yield from ()


def _parameter(name: str, kind: Any, default: Any = None, required: bool = False) -> Parameter:
    return Parameter(name, kind, default, required)


_TABLE = (_parameter("@source_schema", SYSNAME, required=True), _parameter("@source_name", SYSNAME, required=True))
_JOB = (
    _parameter("@job_type", nvarchar(20), "capture"), _parameter("@maxtrans", INT), _parameter("@maxscans", INT),
    _parameter("@continuous", BIT), _parameter("@pollinginterval", BIGINT), _parameter("@retention", BIGINT),
    _parameter("@threshold", BIGINT),
)  # fmt: skip

PROCEDURES = {
    one.name: one
    for one in (
        SystemProcedure("sp_cdc_enable_db", (), enable_db),
        SystemProcedure("sp_cdc_disable_db", (), disable_db),
        SystemProcedure(
            "sp_cdc_enable_table",
            (
                *_TABLE, _parameter("@capture_instance", SYSNAME), _parameter("@supports_net_changes", BIT),
                _parameter("@role_name", SYSNAME, required=True), _parameter("@index_name", SYSNAME),
                _parameter("@captured_column_list", nvarchar(-1)), _parameter("@filegroup_name", SYSNAME),
                _parameter("@allow_partition_switch", BIT, True),
            ),
            enable_table,
        ),
        SystemProcedure("sp_cdc_disable_table", (*_TABLE, _parameter("@capture_instance", SYSNAME, required=True)), disable_table),
        SystemProcedure(
            "sp_cdc_help_change_data_capture", (_parameter("@source_schema", SYSNAME), _parameter("@source_name", SYSNAME)),
            help_change_data_capture,
        ),
        SystemProcedure("sp_cdc_get_ddl_history", (_parameter("@capture_instance", SYSNAME, required=True),), get_ddl_history),
        SystemProcedure("sp_cdc_get_captured_columns", (_parameter("@capture_instance", SYSNAME, required=True),), get_captured_columns),
        SystemProcedure("sp_cdc_help_jobs", (), help_jobs),
        SystemProcedure("sp_cdc_change_job", _JOB, change_job),
        SystemProcedure("sp_cdc_add_job", (_JOB[0], _parameter("@start_job", BIT, True), *_JOB[1:]), add_job),
        SystemProcedure("sp_cdc_drop_job", (_parameter("@job_type", nvarchar(20), "capture"),), drop_job),
        SystemProcedure("sp_cdc_start_job", (_parameter("@job_type", nvarchar(20), "capture"),), start_job),
        SystemProcedure("sp_cdc_stop_job", (_parameter("@job_type", nvarchar(20), "capture"),), stop_job),
        SystemProcedure("sp_cdc_scan", (), scan),
        SystemProcedure(
            "sp_cdc_cleanup_change_table",
            (_parameter("@capture_instance", SYSNAME, required=True), _parameter("@low_water_mark", LSN),
             _parameter("@threshold", BIGINT, 5000)),
            cleanup_change_table,
        ),
    )
}  # fmt: skip
