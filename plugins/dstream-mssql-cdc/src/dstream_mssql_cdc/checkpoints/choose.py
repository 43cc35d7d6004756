"""Where the positions of a run are kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from dstream_core.api import ConfigurationError, State
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.read import read_tables
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.checkpoints.keeper import FencedKeeper
from dstream_mssql_cdc.checkpoints.table import TableKeeper, rows_for
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.leases import Leases, NoLeases
from dstream_mssql_cdc.shared_tables import checkpoint_tables

Place = Literal["file", "table", "azure_blob"]

STORE_SECONDS = 1.0
"""Between two stores at least, where each is a request: what a run repeats that was killed, against requests."""


def open_keeper(
    options: MssqlCdcOptions, pool: ConnectionPool, database: Database, task: str, state: State, leases: Leases
) -> FencedKeeper | None:
    """The keeper that the options ask for, ready to be used.

    Args:
        options: the options.
        pool: connections.
        database: what is read.
        task: name of the task.
        state: the state in the task's directory; positions in it are kept there.
        leases: what this copy holds.

    Returns:
        None: positions stay in the task's state directory.

    Raises:
        DStreamError: the place cannot be reached, used or made.
    """
    keeper = _keeper(options, pool, database, task, state, leases)
    if keeper is not None:
        keeper.open()
    return keeper


def read_positions(
    options: MssqlCdcOptions, pool: ConnectionPool, database: Database, task: str, state: State, tables: Collection[str]
) -> Mapping[str, dict[str, Any]]:
    """The stored positions of tables, for somebody who only wants to know; nothing is made or changed.

    Args:
        options: the options.
        pool: connections.
        database: what is read.
        task: name of the task.
        state: the state in the task's directory.
        tables: each `schema.table`.

    Raises:
        DStreamError: the place cannot be reached, or what is stored cannot be used.
    """
    keeper = _keeper(options, pool, database, task, state, NoLeases())
    if keeper is None:
        stored = {table: state.resume(database.identity, table) for table in state.partitions()}
        return {table: position for table, position in stored.items() if table in tables and position is not None}
    try:
        return keeper.look(tables)
    finally:
        keeper.close()


def _keeper(
    options: MssqlCdcOptions, pool: ConnectionPool, database: Database, task: str, state: State, leases: Leases
) -> FencedKeeper | None:
    place = options.checkpoint or _default(options, pool, state)
    if place == "file":
        return None
    if place == "azure_blob":
        # Its libraries take a quarter of a second to load, which only those pay who ask for them.
        from dstream_mssql_cdc.blobs import open_container  # noqa: PLC0415  see above
        from dstream_mssql_cdc.checkpoints.azure_blob import BlobKeeper  # noqa: PLC0415  see above

        return BlobKeeper(open_container(options.lock_config), database.identity, task, database.name, leases)
    if database.read_only:
        raise ConfigurationError(
            "positions cannot be kept in the database: it takes no writes here (a readable secondary?)",
            code="mssql/read-only",
            hint='checkpoint = "file" or "azure_blob"',
        )
    return TableKeeper(pool, checkpoint_tables(options.checkpoint_table), database.guid, task, leases)


def _default(options: MssqlCdcOptions, pool: ConnectionPool, state: State) -> Place:
    """Where a user of the Go provider stopped, the run goes on; positions that are in the state file stay there."""
    kind = options.lock_config.type
    if kind == "none" and state.partitions():
        return "file"
    with pool.lend("checkpoints") as connection:
        selected = TableSelection(options.tables).select(read_tables(connection))
        tables = checkpoint_tables(options.checkpoint_table)
        if rows_for(connection, tables, [table.qualified for table in selected]):
            return "table"
    if kind == "none":
        return "file"
    return "azure_blob" if kind == "azure_blob" else "table"
