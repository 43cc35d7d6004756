"""Everything that would stop a run, found without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from dstream_core.api import DStreamError, Result, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.checkpoint_checks import check_checkpoint_tables
from dstream_mssql_cdc.catalog.findings import Finding, check_result, failed
from dstream_mssql_cdc.catalog.lock_checks import check_locks
from dstream_mssql_cdc.catalog.missing import MissingTables, missing_tables
from dstream_mssql_cdc.catalog.names import parse_pattern
from dstream_mssql_cdc.catalog.patterns import TableSelection, meant
from dstream_mssql_cdc.catalog.read import read_database, read_hidden_instances, read_tables
from dstream_mssql_cdc.catalog.rights import by_catalog, unreadable, user_name
from dstream_mssql_cdc.catalog.server_checks import check_capture, check_server
from dstream_mssql_cdc.catalog.table_checks import check_options, check_positions, check_tables
from dstream_mssql_cdc.catalog.values import Database, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.answers import query_any
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.connect import Connection, connect
from dstream_mssql_cdc.connection.errors import SetupError
from dstream_mssql_cdc.position import TablePosition

MoreFindings = Callable[[Connection, Database], Sequence[Finding]]


def require_readable(connection: Connection, selection: TableSelection, options: MssqlCdcOptions) -> Database:
    """Sees that all selected tables can be read.

    Args:
        connection: a session on the database.
        selection: what `tables` selects.
        options: say which columns are read, and whether the tables' rows are, for snapshots.

    Returns:
        What is known of the database.

    Raises:
        SetupError: `mssql/cdc-disabled`, `mssql/not-captured`, `mssql/no-such-table`, `mssql/permission`; each names
            everything that is wrong of its kind, with the T-SQL to run.
        ConfigurationError: `mssql/table-ambiguous`.
        TemporaryError: the session failed.
    """
    database = read_database(connection)
    if not database.cdc_enabled:
        raise cdc_disabled(database)
    captured = by_catalog(connection, read_tables)
    missing = _missing(connection, selection, captured)
    if missing:
        raise missing.error()
    closed = unreadable(connection, selection.select(captured), options)
    if closed:
        raise closed.error()
    return database


def _missing(connection: Connection, selection: TableSelection, captured: Sequence[Table]) -> MissingTables:
    """The names that mean no captured table; a table in `dbo` that is not captured comes before one elsewhere."""
    names, elsewhere = selection.missing(captured), selection.elsewhere(captured)
    if not names and not elsewhere:
        return missing_tables((), ())
    known = known_tables(connection)
    found = {(table.schema, table.name) for table in captured}
    shadowed = tuple(name for name in elsewhere if found.isdisjoint(meant(parse_pattern(name), known)))
    return missing_tables((*names, *shadowed), known, read_hidden_instances(connection), user_name(connection))


def cdc_disabled(database: Database) -> SetupError:
    """The error for a database without change data capture."""
    return SetupError(
        f"change data capture is not enabled on the database {database.name}",
        code="mssql/cdc-disabled",
        hint=f"as a member of sysadmin: {remedies.enable_database(database.name)}",
    )


def known_tables(connection: Connection) -> tuple[tuple[str, str], ...]:
    """All tables that the session may see, captured or not, by schema and name."""
    found = query_any(connection, queries.ALL_TABLES, queries.PLAIN_TABLES)
    return tuple((str(schema), str(name)) for schema, name, _ in found)


def check_source(
    options: MssqlCdcOptions,
    task: str,
    *,
    positions: Callable[[Database], Mapping[str, TablePosition]] | None = None,
    kept_in_file: bool = False,
    more: Sequence[MoreFindings] = (),
) -> Result:
    """The answer to the verb `check`: one finding a line.

    Args:
        options: of the input.
        task: name of the task.
        positions: gives where tables stand, by name, as far as that is stored for a database.
        kept_in_file: there are positions in the task's state directory.
        more: further looks, of other parts.

    Raises:
        DStreamError: the database cannot be reached, so that nothing can be said.
    """
    chosen = connection_settings(options, task)
    findings = [Finding("connection", "warning", text) for text in chosen.warnings]
    connection = connect(chosen.settings, purpose="check")
    try:
        database = read_database(connection)
        stored = positions(database) if positions else {}
        findings += check_database(connection, database, options, stored, kept_in_file=kept_in_file)
        for look in more:
            findings += look(connection, database)
    finally:
        connection.close()
    findings += check_locks(options)
    return check_result(findings)


def check_database(
    connection: Connection,
    database: Database,
    options: MssqlCdcOptions,
    positions: Mapping[str, TablePosition],
    *,
    kept_in_file: bool = False,
) -> list[Finding]:
    """Everything about a database that was reached.

    Args:
        connection: a session on it.
        database: what is known of it.
        options: of the input.
        positions: where tables stand, by name, as far as that is stored.
        kept_in_file: there are positions in the task's state directory.

    Raises:
        TemporaryError: the session failed.
    """
    return list(_findings(connection, database, options, positions, kept_in_file))


def _findings(
    connection: Connection,
    database: Database,
    options: MssqlCdcOptions,
    positions: Mapping[str, TablePosition],
    kept_in_file: bool,
) -> Iterator[Finding]:
    yield from check_server(database)
    if not database.cdc_enabled:
        yield failed("change data capture", cdc_disabled(database))
        return
    yield Finding("change data capture", "ok", f"enabled on {database.name}")
    try:
        captured = by_catalog(connection, read_tables)
    except TemporaryError:
        raise
    except DStreamError as error:
        yield from check_capture(connection, database)
        yield failed("schema cdc", error)
        return
    if captured or read_hidden_instances(connection):
        yield from check_capture(connection, database)
    else:
        yield Finding("capture job", "ok", "no table is captured yet; the first one brings the jobs")
    yield from _check_selection(connection, captured, options, positions)
    yield from _check_isolation(database, options)
    try:
        names = [table.qualified for table in TableSelection(options.tables).select(captured)]
    except DStreamError:
        names = []  # a name may mean several tables, which was said already
    yield from check_checkpoint_tables(connection, database, options, names, in_file=kept_in_file)


def _check_selection(
    connection: Connection,
    captured: Sequence[Table],
    options: MssqlCdcOptions,
    positions: Mapping[str, TablePosition],
) -> Iterator[Finding]:
    selection = TableSelection(options.tables)
    missing = _missing(connection, selection, captured)
    for schema, name in missing.uncaptured:
        yield Finding(f"{schema}.{name}", "error", "not captured", remedies.enable_table(schema, name))
    for schema, name in missing.hidden:
        text = f"{missing.user} may not see it"
        yield Finding(f"{schema}.{name}", "error", text, remedies.grant_table(schema, name, missing.user))
    for name in missing.unknown:
        nearest = missing.nearest(name)
        remedy = f"did you mean {nearest}?" if nearest else "check the name, and that the user may see it"
        yield Finding(name, "error", "there is no such table", remedy)
    for pattern in selection.idle(captured):
        yield Finding("tables", "warning", f"the pattern {pattern} matches no captured table yet")
    hidden = read_hidden_instances(connection) if missing or selection.open_ended else ()
    for instance in hidden:
        yield Finding("tables", "warning", f"the table of the capture instance {instance} is not visible to this user")
    try:
        selected = selection.select(captured)
    except DStreamError as error:
        yield failed("tables", error)
        return
    if not selected and not missing:
        yield Finding("tables", "warning", "no captured table is selected; a run would wait for one")
    yield from check_tables(connection, selected, options)
    yield from check_options(connection, selected, options)
    yield from check_positions(connection, selected, positions, options)


def _check_isolation(database: Database, options: MssqlCdcOptions) -> Iterator[Finding]:
    if options.snapshot == "never":
        return
    if database.snapshot_allowed:
        yield Finding("snapshot isolation", "ok", "allowed")
    elif database.read_only:
        yield Finding(
            "snapshot isolation", "ok", "not needed: the database takes no writes here that could wait for reads"
        )
    else:
        yield Finding(
            "snapshot isolation",
            "warning",
            "not allowed: snapshots hold locks on what they read (REPEATABLE READ), and writers wait for them",
            remedies.allow_snapshot(database.name),
        )
