"""Whether positions, and what copies of a task tell each other, can be kept in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.findings import Finding, failed
from dstream_mssql_cdc.catalog.rights import user_name
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.checkpoints.table import rows_for
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.answers import answer
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.shared_tables import ADD_SEQUENCE, HAS_SEQUENCE, CheckpointTables, checkpoint_tables
from dstream_mssql_cdc.sql import quoted

_SUBJECT = "checkpoint table"
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "ALTER")
"""In the order in which `queries` asks for them."""
_KEEPING = ("SELECT", "INSERT", "UPDATE")
_Needed = Mapping[str, Sequence[str]]


def check_checkpoint_tables(
    connection: Connection,
    database: Database,
    options: MssqlCdcOptions,
    selected: Sequence[str],
    *,
    in_file: bool = False,
) -> Iterator[Finding]:
    """Whether the tables that a run needs can be written, or made; nothing if positions are kept elsewhere.

    Args:
        connection: a session on the database.
        database: what is known of it.
        options: of the input.
        selected: the tables that are read, each `schema.table`.
        in_file: there are positions in the task's state directory already.

    Raises:
        TemporaryError: the session failed.
    """
    tables = checkpoint_tables(options.checkpoint_table)
    try:
        needed = _needed(connection, tables, options, selected, in_file)
        if needed and database.read_only:
            yield _read_only(options)
        elif needed:
            yield from _findings(connection, tables, needed)
    except TemporaryError:
        raise
    except DStreamError as error:
        yield failed(_SUBJECT, error)


def _needed(
    connection: Connection, tables: CheckpointTables, options: MssqlCdcOptions, selected: Sequence[str], in_file: bool
) -> _Needed:
    """The tables that a run would use, each with the rights that it needs there (`checkpoints.choose` decides alike)."""
    locks = options.lock_config.type
    if options.checkpoint is not None:
        kept = options.checkpoint == "table"
    elif locks == "none" and in_file:
        kept = False
    else:
        kept = locks == "sqlserver" or rows_for(connection, tables, selected)
    needed: dict[str, Sequence[str]] = {}
    if kept:
        needed |= {tables.offsets: _KEEPING, tables.positions: _KEEPING}
    if locks == "sqlserver":
        needed |= {tables.positions: _KEEPING, tables.copies: (*_KEEPING, "DELETE")}
    return needed


def _findings(connection: Connection, tables: CheckpointTables, needed: _Needed) -> Iterator[Finding]:
    user = user_name(connection)
    missing: list[str] = []
    for table, rights in needed.items():
        if not tables.exists(connection, table):
            missing.append(table)
            continue
        row = answer(connection, queries.MAY_USE_OBJECT, *[table] * len(_RIGHTS))
        given = row or (1,) * len(_RIGHTS)  # a server that does not say is tried
        lacking = [right for right, yes in zip(_RIGHTS, given, strict=True) if right in rights and not yes]
        if lacking:
            remedy = f"GRANT {', '.join(rights)} ON {table} TO {quoted(user)};"
            yield Finding(_SUBJECT, "error", f"{user} may not {', '.join(lacking)} on {table}", remedy)
        else:
            yield Finding(_SUBJECT, "ok", f"{table} is there and can be written")
        may_alter = given[_RIGHTS.index("ALTER")]
        if table == tables.offsets and not may_alter and answer(connection, tables.shown(HAS_SEQUENCE)) is None:
            text = f"{table} has no column last_seq, and {user} may not add it"
            yield Finding(_SUBJECT, "error", text, f"{tables.shown(ADD_SEQUENCE)};")
    if missing:
        yield _may_make(connection, tables, missing, user)


def _may_make(connection: Connection, tables: CheckpointTables, missing: Sequence[str], user: str) -> Finding:
    schema, names = tables.schema, ", ".join(missing)
    create = (answer(connection, queries.MAY_CREATE) or (1,))[0]
    rights = answer(connection, queries.MAY_USE_SCHEMA, *[quoted(schema)] * len(_RIGHTS)) or (1,) * len(_RIGHTS)
    if rights[-1] is None:
        text = f"there is no schema {schema} for {names}"
        return Finding(_SUBJECT, "error", text, remedies.make_schema(schema, user))
    if create and all(rights):
        return Finding(_SUBJECT, "ok", f"{names} not there yet; to be made by the run, which may do so")
    text = f"{names} not there, and {user} may not make and write such tables in {schema}"
    return Finding(_SUBJECT, "error", text, remedies.grant_create_table(schema, user))


def _read_only(options: MssqlCdcOptions) -> Finding:
    return Finding(
        _SUBJECT,
        "error",
        "the database takes no writes here (a readable secondary?)",
        'keep locks elsewhere: lock_config { type = "azure_blob" … }'
        if options.lock_config.type == "sqlserver"
        else 'keep positions elsewhere: checkpoint = "file" or "azure_blob"',
    )
