"""The server, its edition, and the jobs that capture changes and clean them up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.findings import Finding, Severity
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.connection.answers import answer, clock_time
from dstream_mssql_cdc.connection.connect import Connection

_OLDEST = 11  # SQL Server 2012
_CDC_IN_STANDARD = 13  # SQL Server 2016, with service pack 1
_STANDARD, _EXPRESS = 2, 4
_RETENTION = 7  # its place in what sp_cdc_help_jobs gives
_SILENCE = timedelta(minutes=15)
"""The capture job writes an entry about every 5 minutes even if nothing changes."""


def check_server(database: Database) -> Iterator[Finding]:
    """Version, edition and state."""
    version = database.product_version and f"version {database.product_version}"
    name = ", ".join(filter(None, (database.server, version, database.edition))) or "it does not say what it is"
    if 0 < database.version < _OLDEST and not database.is_azure:
        yield Finding("server", "error", f"{name}: older than SQL Server 2012")
    elif database.engine_edition == _EXPRESS:
        yield Finding(
            "server", "warning", f"{name}: Express has no SQL Server Agent, so nothing runs the capture job by itself"
        )
    elif database.engine_edition == _STANDARD and database.version < _CDC_IN_STANDARD:
        yield Finding("server", "error", f"{name}: the Standard edition has change data capture since 2016 SP1 only")
    else:
        yield Finding("server", "ok", name)
    if database.state != "ONLINE":
        yield Finding("database", "error", f"{database.name} is {database.state.lower()}")
    else:
        secondary = ", read-only here" if database.read_only else ""
        yield Finding("database", "ok", f"{database.name}, collation {database.collation}{secondary}")


def check_capture(connection: Connection, database: Database) -> Iterator[Finding]:
    """Whether changes arrive: the jobs, and what they left behind.

    Raises:
        TemporaryError: the session failed.
    """
    yield from _check_jobs(connection, database)
    if connection.query(queries.MAX_LSN)[0][0] is None:
        remedy = "" if database.is_azure else f"{_start(database)} and see that SQL Server Agent runs"
        yield Finding("capture job", "error", "it has never run: sys.fn_cdc_get_max_lsn() is NULL", remedy)
        return
    newest, now = map(clock_time, answer(connection, queries.NEWEST_ENTRY) or (None, None))
    if newest is not None and now is not None and now - newest > _SILENCE:
        yield Finding(
            "capture job",
            "warning",
            f"it seems to stand still: the newest entry in cdc.lsn_time_mapping is of {newest:%Y-%m-%d %H:%M} server time",
            _start(database),
        )
    else:
        yield Finding("capture job", "ok", "changes arrive")
    yield from _check_view_state(connection)


def _start(database: Database) -> str:
    return f"on the primary: {remedies.start_job()}" if database.read_only else remedies.start_job()


def _check_jobs(connection: Connection, database: Database) -> Iterator[Finding]:
    if database.is_azure:
        return  # a scheduler of its own; there are no jobs
    try:
        rows = connection.query(queries.JOBS)
    except TemporaryError:
        raise
    except DStreamError:
        yield Finding("jobs", "ok", "not seen: only members of db_owner may ask for them")
        return
    retentions = {str(row[1]): row[_RETENTION] for row in rows if len(row) > _RETENTION}
    missing = [kind for kind in ("capture", "cleanup") if kind not in retentions]
    if missing and database.read_only:
        yield _elsewhere(missing)
        return
    for kind in missing:
        severity: Severity = "error" if kind == "capture" else "warning"
        yield Finding("jobs", severity, f"the database has no {kind} job", remedies.add_job(kind))
    if retentions.get("cleanup"):
        hours = float(retentions["cleanup"]) / 60
        yield Finding(
            "retention", "ok", f"changes are kept for {hours:g} hours; a run may stand still for less than that"
        )
    yield from _check_agent(connection, database)


def _elsewhere(kinds: Sequence[str]) -> Finding:
    """On a readable secondary: its jobs are not those that run, and they are made where the database takes writes."""
    return Finding(
        "jobs",
        "warning",
        f"this server has no {' and no '.join(kinds)} job for the database, which takes no writes here: on a secondary, "
        "those of the primary count, and they are not seen from here; after a failover to this server, changes would "
        "not come any more",
        "on the primary: EXEC sys.sp_cdc_help_jobs; once this server is the primary: "
        + " ".join(map(remedies.add_job, kinds)),
    )


def _check_agent(connection: Connection, database: Database) -> Iterator[Finding]:
    state = answer(connection, queries.AGENT)  # needs VIEW SERVER STATE, which a reader need not have
    if state is not None and str(state[0]).lower() != "running":
        text = f"it is {str(state[0]).lower()}: no job runs"
        if database.read_only:
            yield Finding("SQL Server Agent", "warning", f"{text} here; on a secondary, the primary's counts")
        else:
            yield Finding("SQL Server Agent", "error", text, "start its service")


def _check_view_state(connection: Connection) -> Iterator[Finding]:
    allowed, user = answer(connection, queries.VIEW_STATE) or (True, "")
    if not allowed:
        yield Finding(
            "permissions",
            "warning",
            "without VIEW DATABASE STATE, errors and latency of the capture job are not watched",
            remedies.grant_view_state(str(user)),
        )
