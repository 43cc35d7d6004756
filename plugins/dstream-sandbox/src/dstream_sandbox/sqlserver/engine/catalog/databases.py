"""sys.databases and its kin, and the views of change data capture outside of the schema cdc."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.cdc import views
from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.relations import Authorise
from dstream_sandbox.sqlserver.engine.security import denied

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session


def needs_server_state(session: Session, database: Database) -> None:
    """300 without VIEW SERVER STATE."""
    session.require_server("VIEW SERVER STATE")


def needs_database_state(session: Session, database: Database) -> None:
    """262 without VIEW DATABASE STATE."""
    session.require_database("VIEW DATABASE STATE", database)


def _visible(session: Session) -> list[Database]:
    """All databases with VIEW ANY DATABASE, which everyone has unless it was denied; else master, tempdb and one's own."""
    ordered = sorted(session.server.databases.values(), key=lambda each: each.database_id)
    if session.login.may("VIEW ANY DATABASE"):
        return ordered
    return [one for one in ordered if one.database_id <= 2 or one is session.database or session.owns(one)]


def databases(session: Session, database: Database) -> Iterable[Row]:
    """sys.databases."""
    server = session.server
    for one in _visible(session):
        login = server.logins.get(one.owner.lower())
        recovery = {"FULL": 1, "BULK_LOGGED": 2, "SIMPLE": 3}.get(one.recovery, 1)
        access = {"MULTI_USER": 0, "SINGLE_USER": 1, "RESTRICTED_USER": 2}.get(one.user_access, 0)
        yield (
            one.name, one.database_id, None, login.sid if login else b"\x01", rounded(one.created), one.compatibility_level, one.collation,
            access, one.user_access, one.read_only, False, False, 0 if one.state == "ONLINE" else 6, one.state, False, False, False,
            int(one.snapshot_allowed), "ON" if one.snapshot_allowed else "OFF", one.read_committed_snapshot, recovery, one.recovery, 2,
            "CHECKSUM", False, False, False, False, one.service_broker_guid, False, 0, "NOTHING", False, one.capture is not None, False,
            None, None, False, False,
        )  # fmt: skip


def recovery_status(session: Session, database: Database) -> Iterable[Row]:
    """sys.database_recovery_status."""
    for one in _visible(session):
        yield (one.database_id, one.guid, uuid.UUID(int=one.database_id), None, one.recovery_fork, None, None)


def configurations(session: Session, database: Database) -> Iterable[Row]:
    """sys.configurations: the few that there are."""
    size = session.server.max_text_repl_size
    yield (
        1536,
        "max text repl size (B)",
        size,
        -1,
        2147483647,
        size,
        "Maximum size of a text field in replication.",
        True,
        False,
    )


def services(session: Session, database: Database) -> Iterable[Row]:
    """sys.dm_server_services."""
    for name, account in (("SQL Server (MSSQLSERVER)", "mssql"), ("SQL Server Agent (MSSQLSERVER)", "mssql")):
        yield (name, 2, "Automatic", 4, "Running", 1, None, account, None, "N", None)


def sys_info(session: Session, database: Database) -> Iterable[Row]:
    """sys.dm_os_sys_info."""
    yield (2, 2, 8_388_608, rounded(session.server.started))


def time_zones(session: Session, database: Database) -> Iterable[Row]:
    """sys.time_zone_info."""
    yield ("UTC", "+00:00", False)


def agent_jobs(session: Session, database: Database) -> Iterable[Row]:
    """msdb.dbo.sysjobs: the capture and clean-up jobs."""
    for one in session.server.databases.values():
        for row in [] if one.capture is None else views.jobs_of(one.capture):
            yield (row[2], f"cdc.{one.name}_{row[1]}", 1, "CDC job", rounded(one.created))


class _Job:
    """Stands for a table of msdb, for permissions and messages."""

    schema = "dbo"
    object_id = 0

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.database = database


def _owner_of_msdb(name: str) -> Authorise:
    def authorise(session: Session, database: Database) -> None:
        table = _Job(name, database)
        if not session.allowed("SELECT", table, database):
            raise denied("SELECT", table, database)

    return authorise


VIEWS: list[View] = [
    view(
        "sys", "databases",
        "name sysname not null, database_id int not null, source_database_id int, owner_sid varbinary(85), create_date datetime not null,"
        "compatibility_level tinyint not null, collation_name sysname, user_access tinyint, user_access_desc nvarchar(60), is_read_only bit,"
        "is_auto_close_on bit not null, is_auto_shrink_on bit, state tinyint, state_desc nvarchar(60), is_in_standby bit,"
        "is_cleanly_shutdown bit, is_supplemental_logging_enabled bit, snapshot_isolation_state tinyint,"
        "snapshot_isolation_state_desc nvarchar(60), is_read_committed_snapshot_on bit, recovery_model tinyint,"
        "recovery_model_desc nvarchar(60), page_verify_option tinyint, page_verify_option_desc nvarchar(60), is_published bit not null,"
        "is_subscribed bit not null, is_merge_published bit not null, is_distributor bit not null, service_broker_guid uniqueidentifier not null,"
        "is_broker_enabled bit not null, log_reuse_wait tinyint, log_reuse_wait_desc nvarchar(60), is_date_correlation_on bit not null,"
        "is_cdc_enabled bit not null, is_encrypted bit, replica_id uniqueidentifier, group_database_id uniqueidentifier,"
        "is_honor_broker_priority_on bit, is_ledger_on bit",
        databases,
    ),
    view(
        "sys", "database_recovery_status",
        "database_id int not null, database_guid uniqueidentifier, family_guid uniqueidentifier, last_log_backup_lsn decimal(25,0),"
        "recovery_fork_guid uniqueidentifier, first_recovery_fork_guid uniqueidentifier, fork_point_lsn decimal(25,0)",
        recovery_status,
    ),
    view(
        "sys", "configurations",
        "configuration_id int not null, name nvarchar(35) not null, value int, minimum int, maximum int, value_in_use int,"
        "description nvarchar(255) not null, is_dynamic bit not null, is_advanced bit not null",
        configurations,
    ),
    view(
        "sys", "dm_server_services",
        "servicename nvarchar(256) not null, startup_type int, startup_type_desc nvarchar(256) not null, status int,"
        "status_desc nvarchar(256) not null, process_id int, last_startup_time datetimeoffset(7), service_account nvarchar(256) not null,"
        "filename nvarchar(256), is_clustered nvarchar(1) not null, cluster_nodename nvarchar(256)",
        services, needs_server_state,
    ),
    view(
        "sys", "dm_os_sys_info", "cpu_count int not null, scheduler_count int not null, physical_memory_kb bigint not null,"
        "sqlserver_start_time datetime not null", sys_info, needs_server_state,
    ),
    view("sys", "time_zone_info", "name sysname not null, current_utc_offset nvarchar(6) not null, is_currently_dst bit not null", time_zones),
    View("sys", "dm_cdc_errors", views.ERRORS, views.dm_cdc_errors, needs_database_state),
    View("sys", "dm_cdc_log_scan_sessions", views.SESSIONS, views.dm_cdc_log_scan_sessions, needs_database_state),
    View("dbo", "cdc_jobs", views.JOBS, views.cdc_jobs, _owner_of_msdb("cdc_jobs"), only_in="msdb"),
    view(
        "dbo", "sysjobs", "job_id uniqueidentifier not null, name sysname not null, enabled tinyint not null, description nvarchar(512),"
        "date_created datetime not null", agent_jobs, _owner_of_msdb("sysjobs"), only_in="msdb",
    ),
]  # fmt: skip
