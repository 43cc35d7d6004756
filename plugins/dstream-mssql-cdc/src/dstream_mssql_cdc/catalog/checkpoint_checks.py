"""Whether positions can be kept in the database."""

from __future__ import annotations

from collections.abc import Iterator

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.findings import Finding, failed
from dstream_mssql_cdc.catalog.names import parse_pattern
from dstream_mssql_cdc.catalog.patterns import DEFAULT_SCHEMA
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.sql import qualified, quoted


def check_checkpoint_table(connection: Connection, database: Database, options: MssqlCdcOptions) -> Iterator[Finding]:
    """Whether the checkpoint table can be written, or made; nothing if positions are kept elsewhere.

    Raises:
        TemporaryError: the session failed.
    """
    wanted = options.checkpoint == "table" or (options.checkpoint is None and options.lock_config.type == "sqlserver")
    if not wanted and options.checkpoint is not None:
        return
    parts = [part.text for part in parse_pattern(options.checkpoint_table).parts]
    schema, name = parts if len(parts) == 2 else (DEFAULT_SCHEMA, parts[0])
    full = qualified(schema, name)
    try:
        number, select, insert, update = connection.query(queries.MAY_USE_OBJECT, full, full, full, full)[0]
        if number is None:
            if wanted:
                yield from _may_make(connection, database, schema, name)
            return
        user = str(connection.query("SELECT USER_NAME()")[0][0])
    except TemporaryError:
        raise
    except DStreamError as error:
        if wanted:
            yield failed("checkpoint table", error)
        return
    if database.read_only:
        yield _read_only()
    elif select and insert and update:
        yield Finding("checkpoint table", "ok", f"{schema}.{name} is there and can be written")
    else:
        text = f"{user} may not write {schema}.{name}"
        yield Finding("checkpoint table", "error", text, remedies.grant_write(schema, name, user))


def _may_make(connection: Connection, database: Database, schema: str, name: str) -> Iterator[Finding]:
    if database.read_only:
        yield _read_only()
        return
    create, _, user = connection.query(queries.MAY_CREATE)[0]
    alter = connection.query(queries.MAY_ALTER_SCHEMA, quoted(schema))[0][0]
    if create and alter:
        yield Finding("checkpoint table", "ok", f"{schema}.{name} is not there yet and will be made")
    else:
        yield Finding(
            "checkpoint table",
            "error",
            f"{schema}.{name} is not there, and {user} may not make it",
            remedies.grant_create_table(schema, str(user)),
        )


def _read_only() -> Finding:
    return Finding(
        "checkpoint table",
        "error",
        "the database takes no writes here (a readable secondary?)",
        'keep positions elsewhere: checkpoint = "file" or "azure_blob"',
    )
