"""Stored positions for the verb `check`: where tables stand, and what is wrong with what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dstream_core.api import ConfigurationError, Context, DStreamError, State
from dstream_mssql_cdc.catalog.findings import Finding, failed
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.read import read_tables
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.checkpoints.choose import read_positions
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.position import TablePosition

WRONG = {"mssql/checkpoint-unreadable", "mssql/other-database", "state/other-source", "state/unreadable"}
"""Codes of what is wrong with positions themselves; other looks find what keeps anybody from reaching them."""


class StoredPositions:
    """Reads positions wherever a run would keep them; nothing is made or changed.

    Args:
        context: of the verb.
    """

    def __init__(self, context: Context[MssqlCdcOptions]):
        self._context = context
        self._wrong: list[Finding] = []

    def read(self, database: Database) -> Mapping[str, TablePosition]:
        """Where the selected tables stand, as far as that can be read.

        Args:
            database: that was reached.
        """
        if not database.cdc_enabled:
            return {}
        options, task = self._context.options, self._context.task
        pool = ConnectionPool(connection_settings(options, task).settings, 1)
        try:
            with pool.lend("check") as connection:
                tables = TableSelection(options.tables).select(read_tables(connection))
            return self._read(pool, database, [table.qualified for table in tables])
        except DStreamError as error:
            if error.code in WRONG:
                self._wrong.append(failed("checkpoint", error))
            return {}
        finally:
            pool.close()

    def findings(self, connection: Connection, database: Database) -> Sequence[Finding]:
        """What `read` found wrong."""
        return self._wrong

    def _read(self, pool: ConnectionPool, database: Database, tables: Collection[str]) -> Mapping[str, TablePosition]:
        context = self._context
        state = State(context.state_dir, context.provider, context.task)
        stored = read_positions(context.options, pool, database, context.task, state, tables)
        positions = {}
        for name, document in stored.items():
            try:
                positions[name] = TablePosition.parse(document)
            except ValueError as error:
                wrong = ConfigurationError(f"the stored position cannot be used: {error}", code="mssql/position")
                self._wrong.append(failed(name, wrong))
        return positions
