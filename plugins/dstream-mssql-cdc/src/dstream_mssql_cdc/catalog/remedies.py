"""T-SQL that a person runs to put something right. Shown, never sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dstream_mssql_cdc.catalog.values import Table
from dstream_mssql_cdc.sql import literal, qualified, quoted


def enable_database(database: str) -> str:
    """Turns change data capture on for a database."""
    return f"USE {quoted(database)}; EXEC sys.sp_cdc_enable_db;"


def enable_table(schema: str, name: str) -> str:
    """Turns change data capture on for a table."""
    return (
        f"EXEC sys.sp_cdc_enable_table @source_schema = {literal(schema)}, @source_name = {literal(name)}, "
        "@role_name = NULL;"
    )


def disable_instance(table: Table, instance: str) -> str:
    """Drops one capture instance of a table."""
    return (
        f"EXEC sys.sp_cdc_disable_table @source_schema = {literal(table.schema)}, @source_name = {literal(table.name)}, "
        f"@capture_instance = {literal(instance)};"
    )


def add_job(kind: str) -> str:
    """Makes the capture or the cleanup job anew, as after a failover to a server that never had it."""
    return f"EXEC sys.sp_cdc_add_job @job_type = {literal(kind)};"


def start_job() -> str:
    """Starts the capture job."""
    return "EXEC sys.sp_cdc_start_job @job_type = N'capture';"


def allow_snapshot(database: str) -> str:
    """Lets readers see the database as of one moment."""
    return f"ALTER DATABASE {quoted(database)} SET ALLOW_SNAPSHOT_ISOLATION ON;"


def grant_change_tables(user: str) -> str:
    """Lets a user read all change tables."""
    return f"GRANT SELECT ON SCHEMA::[cdc] TO {quoted(user)};"


def grant_tables(tables: Iterable[Table], user: str) -> str:
    """Lets a user read tables."""
    return "\n".join(grant_table(table.schema, table.name, user) for table in tables)


def grant_table(schema: str, name: str, user: str) -> str:
    """Lets a user read one table."""
    return f"GRANT SELECT ON {qualified(schema, name)} TO {quoted(user)};"


def add_to_role(role: str, user: str) -> str:
    """Makes a user a member of a role."""
    return f"ALTER ROLE {quoted(role)} ADD MEMBER {quoted(user)};"


def grant_view_state(user: str) -> str:
    """Lets a user see the capture job's errors and latency."""
    return f"GRANT VIEW DATABASE STATE TO {quoted(user)};"


def make_schema(schema: str, user: str) -> str:
    """Gives a user a schema of its own, in which it may do anything, and lets it make tables there."""
    # CREATE SCHEMA must be alone in its batch
    making = literal(f"CREATE SCHEMA {quoted(schema)} AUTHORIZATION {quoted(user)}")
    return f"EXEC ({making}); GRANT CREATE TABLE TO {quoted(user)};"


def grant_create_table(schema: str, user: str) -> str:
    """Lets a user make tables in a schema and use them: who makes a table does not own it, the schema's owner does."""
    rights = "ALTER, SELECT, INSERT, UPDATE, DELETE"
    return f"GRANT CREATE TABLE TO {quoted(user)}; GRANT {rights} ON SCHEMA::{quoted(schema)} TO {quoted(user)};"
