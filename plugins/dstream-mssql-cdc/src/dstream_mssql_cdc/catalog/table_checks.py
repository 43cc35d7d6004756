"""The selected tables: rights, capture instances, columns, filters, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dstream_core.api import ConfigurationError, DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.findings import Finding, failed
from dstream_mssql_cdc.catalog.patterns import ColumnPatterns, TableValues
from dstream_mssql_cdc.catalog.rights import COMMIT_TIMES, Unreadable, unreadable
from dstream_mssql_cdc.catalog.values import Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.answers import answer
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.position import TablePosition
from dstream_mssql_cdc.stream.segments import find_gap, in_order
from dstream_mssql_cdc.values.types import column_expression

_GAPS = {
    "purged": "the cleanup job has removed changes that were not read yet",
    "beyond": "its stored position is beyond the database's newest change: was the database restored?",
}


def check_tables(connection: Connection, tables: Sequence[Table], options: MssqlCdcOptions) -> Iterator[Finding]:
    """Each table, in a line of its own and more if there is more to say.

    Raises:
        TemporaryError: the session failed.
    """
    closed = unreadable(connection, tables, options)
    if closed.commit_times:
        remedy = remedies.grant_change_tables(closed.user)
        yield Finding("schema cdc", "error", f"{closed.user} may not read {COMMIT_TIMES}", remedy)
    roles = _roles(connection, tables)
    for table in tables:
        trouble = [*_rights(table, closed), *_instances(table), *_gating(table, roles, closed.user)]
        trouble += _types(table, options)
        if not any(finding.severity == "error" for finding in trouble):
            key = ", ".join(table.primary_key) or "none"
            instances = ", ".join(instance.name for instance in table.instances)
            yield Finding(table.qualified, "ok", f"captured as {instances}; primary key: {key}")
        yield from trouble


def check_options(connection: Connection, tables: Sequence[Table], options: MssqlCdcOptions) -> Iterator[Finding]:
    """Options that name tables and columns: whether there are such, and whether filters can be run.

    Raises:
        TemporaryError: the session failed.
    """
    columns = [(table.schema, table.name, column.name) for table in tables for column in table.columns]
    named = {
        "columns.include": options.columns.include,
        "columns.exclude": options.columns.exclude,
        "masks.hash": options.masks.hash,
        "masks.redact": options.masks.redact,
        "masks.truncate": list(options.masks.truncate),
    }
    for option, patterns in named.items():
        for pattern in ColumnPatterns(patterns).idle(columns):
            yield Finding(option, "warning", f"{pattern} matches no column of the selected tables")
    for option, values in (("snapshot_where", options.snapshot_where), ("snapshot_again", options.snapshot_again)):
        for name in TableValues(values).missing(tables):
            yield Finding(option, "warning", f"{name} matches none of the selected tables")
    yield from _filters(connection, tables, options)


def check_positions(
    connection: Connection,
    tables: Sequence[Table],
    positions: Mapping[str, TablePosition],
    options: MssqlCdcOptions,
) -> Iterator[Finding]:
    """Whether the changes behind each stored position are still there.

    Raises:
        TemporaryError: the session failed.
    """
    if not any(table.qualified in positions for table in tables):
        return
    newest = connection.query(queries.MAX_LSN)[0][0]
    for table in tables:
        changes = positions[table.qualified].changes if table.qualified in positions else None
        if changes is None or not table.instances:
            continue
        gap = find_gap(table.instances, changes, None if newest is None else bytes(newest))
        what = None if gap is None else _GAPS[gap.reason]
        if what is None:
            yield Finding(table.qualified, "ok", f"its next change is still there (position 0x{changes.lsn.hex()})")
        elif options.on_gap == "snapshot" or options.snapshot == "when_needed":
            yield Finding(table.qualified, "warning", f"{what}; its rows will be delivered again")
        else:
            yield Finding(table.qualified, "error", what, 'on_gap = "snapshot" delivers its rows again')


def _rights(table: Table, closed: Unreadable) -> Iterator[Finding]:
    if table in closed.change_tables:
        remedy = remedies.grant_change_tables(closed.user)
        yield Finding(table.qualified, "error", f"{closed.user} may not read its changes", remedy)
    if table in closed.tables:
        remedy = remedies.grant_tables([table], closed.user)
        yield Finding(table.qualified, "error", f"{closed.user} may not read its rows, for the snapshot", remedy)


def _instances(table: Table) -> Iterator[Finding]:
    if not table.begun:
        text = "the capture job has not begun with it yet; a run would wait for that"
        yield Finding(table.qualified, "warning", text, "see that the capture job runs: EXEC sys.sp_cdc_help_jobs;")
    if len(table.instances) > 1:
        old, *_, new = in_order(table.instances)
        yield Finding(
            table.qualified,
            "warning",
            f"has two capture instances; once the run has passed the beginning of {new.name}, drop {old.name}",
            remedies.disable_instance(table, old.name),
        )
    captured = {column.name for instance in table.instances for column in instance.columns}
    absent = [column.name for column in table.columns if column.name not in captured and not column.computed]
    if absent:
        yield Finding(
            table.qualified,
            "warning",
            f"columns that no capture instance has: {', '.join(absent)}; they come in snapshots only",
            remedies.enable_table(table.schema, table.name).rstrip(";") + ", @capture_instance = N'…';",
        )
    old_instances = [instance.name for instance in table.instances if not instance.has_command_id]
    if old_instances:
        yield Finding(
            table.qualified,
            "warning",
            f"{', '.join(old_instances)} has no __$command_id: the order of statements inside a transaction is not exact",
            "install the server's updates, then enable the table anew",
        )


def _roles(connection: Connection, tables: Sequence[Table]) -> dict[str, int | None]:
    names = {instance.role for table in tables for instance in table.instances if instance.role}
    found: dict[str, int | None] = {}
    for name in sorted(names):
        member, owner = answer(connection, queries.IN_ROLE, name) or (None, None)
        found[name] = 1 if owner else member  # owners of the database need no gating role
    return found


def _gating(table: Table, roles: Mapping[str, int | None], user: str) -> Iterator[Finding]:
    for instance in table.instances:
        if instance.role and roles.get(instance.role) == 0:
            yield Finding(
                table.qualified,
                "warning",
                f"{user} is no member of {instance.role}, the gating role of {instance.name}",
                remedies.add_to_role(instance.role, user),
            )


def _types(table: Table, options: MssqlCdcOptions) -> Iterator[Finding]:
    excluded = ColumnPatterns(options.columns.exclude)
    for column in table.columns:
        if excluded.matches(table.schema, table.name, column.name):
            continue
        try:
            column_expression("t", column, options)
        except ConfigurationError as error:
            yield failed(table.qualified, error)


def _filters(connection: Connection, tables: Sequence[Table], options: MssqlCdcOptions) -> Iterator[Finding]:
    try:
        conditions = TableValues(options.snapshot_where).resolve(tables)
    except ConfigurationError as error:
        yield failed("snapshot_where", error)
        return
    for table in tables:
        condition = conditions.get(table.qualified)
        if condition is None:
            continue
        try:
            # the condition is the user's own T-SQL, sent as it will be sent by the snapshot
            connection.query(f"SELECT TOP (0) 1 FROM {table.quoted} WHERE ({condition})")  # noqa: S608  the user's own
        except TemporaryError:
            raise
        except DStreamError as error:
            yield Finding("snapshot_where", "error", f"{table.qualified}: {error.message}", "correct the condition")
        else:
            yield Finding("snapshot_where", "ok", f"{table.qualified}: the condition can be run")
