"""Sessions, requests, transactions and locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.catalog.databases import needs_server_state
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.clock import rounded

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session as EngineSession

_LEVELS = {"read uncommitted": 1, "read committed": 2, "repeatable read": 3, "serializable": 4, "snapshot": 5}


def _visible(session: EngineSession) -> Iterator[EngineSession]:
    everyone = session.login.may("VIEW SERVER STATE")
    return (
        one
        for one in sorted(session.server.sessions.values(), key=lambda each: each.spid)
        if everyone or one is session
    )


def dm_exec_sessions(session: EngineSession, database: Database) -> Iterable[Row]:
    """sys.dm_exec_sessions: the own one only without VIEW SERVER STATE."""
    for one in _visible(session):
        status = "running" if one.running else "sleeping"
        yield (
            one.spid, rounded(one.login_time), one.host, one.application, 1, one.login.sid, one.login_name, status, b"", 0, 0, 0,
            rounded(one.last_request), None, 0, 0, 0, True, _LEVELS[one.isolation], one.lock_timeout, one.deadlock_priority, 0, 0,
            one.login_name, one.database.database_id, one.trancount,
        )  # fmt: skip


def dm_exec_requests(session: EngineSession, database: Database) -> Iterable[Row]:
    """sys.dm_exec_requests."""
    for one in _visible(session):
        if one.running:
            blocker = session.server.waits.blocker_of(one)
            yield (
                one.spid, 0, rounded(one.last_request), "suspended" if blocker else "running", "SELECT", one.database.database_id, blocker,
                "LCK_M_S" if blocker else None, 0, one.trancount, one.transaction_id, _LEVELS[one.isolation],
            )  # fmt: skip


def dm_exec_connections(session: EngineSession, database: Database) -> Iterable[Row]:
    """sys.dm_exec_connections."""
    for one in _visible(session):
        yield (one.spid, rounded(one.login_time), "TCP", "TSQL", 1946157060, "FALSE", "SQL")


def dm_tran_session_transactions(session: EngineSession, database: Database) -> Iterable[Row]:
    """sys.dm_tran_session_transactions."""
    for one in session.server.sessions.values():
        if one.transaction_id:
            yield (one.spid, one.transaction_id, True, True, one.trancount)


def dm_tran_locks(session: EngineSession, database: Database) -> Iterable[Row]:
    """sys.dm_tran_locks: locks of tables and of applications."""
    server = session.server
    for home in server.databases.values():
        for table in home.all_tables():
            for holder, modes in list(table.lock.holders.items()):
                for mode in modes:
                    yield ("OBJECT", "", home.database_id, "", table.object_id, mode, "GRANT", holder.session.spid)
    for one in list(server.sessions.values()):
        for (number, principal, resource), mode in server.applocks.of(one):
            short = {"Exclusive": "X", "Shared": "S", "Update": "U", "IntentShared": "IS", "IntentExclusive": "IX"}[
                mode
            ]
            yield ("APPLICATION", "", number, f"0:[{resource[:32]}]:({principal})", 0, short, "GRANT", one.spid)


_SESSIONS = (
    "session_id smallint not null, login_time datetime not null, host_name nvarchar(128), program_name nvarchar(128), client_version int,"
    "security_id varbinary(85) not null, login_name nvarchar(128) not null, status nvarchar(30) not null, context_info varbinary(128),"
    "cpu_time int not null, memory_usage int not null, total_elapsed_time int not null, last_request_start_time datetime not null,"
    "last_request_end_time datetime, reads bigint not null, writes bigint not null, logical_reads bigint not null, is_user_process bit not null,"
    "transaction_isolation_level smallint not null, lock_timeout int not null, deadlock_priority int not null, row_count bigint not null,"
    "prev_error int not null, original_login_name nvarchar(128) not null, database_id smallint not null, open_transaction_count int not null"
)

VIEWS: list[View] = [
    view("sys", "dm_exec_sessions", _SESSIONS, dm_exec_sessions),
    view(
        "sys", "dm_exec_requests", "session_id smallint not null, request_id int not null, start_time datetime not null,"
        "status nvarchar(30) not null, command nvarchar(32) not null, database_id smallint not null, blocking_session_id smallint,"
        "wait_type nvarchar(60), wait_time int not null, open_transaction_count int not null, transaction_id bigint not null,"
        "transaction_isolation_level smallint not null", dm_exec_requests,
    ),
    view(
        "sys", "dm_exec_connections", "session_id int, connect_time datetime not null, net_transport nvarchar(40) not null,"
        "protocol_type nvarchar(40), protocol_version int, encrypt_option nvarchar(40) not null, auth_scheme nvarchar(40) not null",
        dm_exec_connections,
    ),
    view(
        "sys", "dm_tran_session_transactions", "session_id int not null, transaction_id bigint not null, is_user_transaction bit not null,"
        "is_local bit not null, open_transaction_count int not null", dm_tran_session_transactions, needs_server_state,
    ),
    view(
        "sys", "dm_tran_locks", "resource_type nvarchar(60) not null, resource_subtype nvarchar(60) not null, resource_database_id int not null,"
        "resource_description nvarchar(256) not null, resource_associated_entity_id bigint, request_mode nvarchar(60) not null,"
        "request_status nvarchar(60) not null, request_session_id int not null", dm_tran_locks, needs_server_state,
    ),
]  # fmt: skip
