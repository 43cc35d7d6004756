"""What a run opens before it says that it is ready, and closes when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dstream_core.api import Checkpoint, EncodedLines, InputContext
from dstream_mssql_cdc.catalog.checks import require_readable
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.checkpoints import STORE_SECONDS, open_keeper
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases import Leases, open_leases
from dstream_mssql_cdc.stream.kept import Kept, KeptElsewhere, KeptInState
from dstream_mssql_cdc.stream.stream import stream_changes


@dataclass(frozen=True)
class Opened:
    """A database that can be read.

    Attributes:
        database: what is read.
        selection: what `tables` selects.
        pool: connections.
    """

    database: Database
    selection: TableSelection
    pool: ConnectionPool

    def stream(self, context: InputContext[MssqlCdcOptions]) -> Iterator[EncodedLines | Checkpoint]:
        """Reads until somebody asks to stop.

        Args:
            context: of the run.

        Yields:
            Lines with the position behind them; positions without a line.

        Raises:
            DStreamError: it cannot go on.
        """
        options = context.options
        leases = open_leases(options, self.pool, self.database, context.task, context.log)
        kept = self._keep(context, leases)
        try:
            leases.start(())
            yield from stream_changes(context, self.database, self.selection, self.pool, leases, kept)
        finally:
            if isinstance(kept, KeptInState):
                self._close(leases)

    def _keep(self, context: InputContext[MssqlCdcOptions], leases: Leases) -> Kept:
        keeper = open_keeper(context.options, self.pool, self.database, context.task, context.state, leases)
        if keeper is None:
            return KeptInState(context.state, self.database.identity)
        elsewhere = KeptElsewhere(keeper, lambda: self._close(leases))
        context.state.keep_in(elsewhere, STORE_SECONDS)
        return elsewhere

    def _close(self, leases: Leases) -> None:
        leases.stop()
        self.pool.close()


def open_source(context: InputContext[MssqlCdcOptions]) -> Opened:
    """Reaches the database and sees that every table can be read.

    Args:
        context: of the run.

    Raises:
        DStreamError: it cannot be reached, or a table cannot be read; the hint says what to do.
    """
    options = context.options
    chosen = connection_settings(options, context.task)
    for warning in chosen.warnings:
        context.log.warning("%s", warning)
    selection = TableSelection(options.tables)
    pool = ConnectionPool(chosen.settings, options.max_connections)
    try:
        with pool.lend("start") as connection:
            database = require_readable(connection, selection, options)
    except BaseException:
        pool.close()
        raise
    return Opened(database, selection, pool)
