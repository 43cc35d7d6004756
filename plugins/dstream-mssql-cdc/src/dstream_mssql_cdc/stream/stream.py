"""One run: threads that read, and the generator that emits what they read."""

from __future__ import annotations

from collections.abc import Iterator

from dstream_core.api import Checkpoint, EncodedLines, InputContext
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.commit_time import CommitClock
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.leases import Leases
from dstream_mssql_cdc.stream.coordinator import Coordinator
from dstream_mssql_cdc.stream.health import Health
from dstream_mssql_cdc.stream.kept import Kept
from dstream_mssql_cdc.stream.membership import Membership
from dstream_mssql_cdc.stream.outlet import Outgoing, Outlet
from dstream_mssql_cdc.stream.progress import Progress
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.workers import Workers, reading_threads

LOOK_SECONDS = 0.1
"""How often the emitting thread sees whether somebody asked to stop."""
END_SECONDS = 5.0
"""How long a query may go on after the end; its thread is left then, and ends with the process."""


def stream_changes(
    context: InputContext[MssqlCdcOptions],
    database: Database,
    selection: TableSelection,
    pool: ConnectionPool,
    leases: Leases,
    kept: Kept,
) -> Iterator[EncodedLines | Checkpoint]:
    """Reads snapshots and changes until somebody asks to stop, or all snapshots are done and that was all.

    Args:
        context: of the run.
        database: what is read.
        selection: what `tables` selects.
        pool: connections.
        leases: which tables this copy may read.
        kept: where positions are kept.

    Yields:
        Lines with the position behind them; positions without a line.

    Raises:
        DStreamError: it cannot go on.
    """
    options = context.options
    outlet = Outlet()
    shared = Shared(database, options, pool, CommitClock(database.utc_offset_minutes), outlet, context.log, kept.stored)
    threads = reading_threads(options)
    workers = Workers(threads, min(options.snapshot_tables, max(threads - 1, 1)), outlet.fail)
    coordinator = Coordinator(
        shared,
        Membership(shared, selection, leases, kept.load),
        workers,
        Health(context.log, options.latency_warning),
        Progress(context.log, options.latency_warning),
    )
    coordinator.start()
    try:
        while not context.stopping:
            outgoing = outlet.take(LOOK_SECONDS)
            if outgoing is None:
                if outlet.closed and outlet.empty:
                    return
            elif _is_ours(outgoing, leases):
                yield outgoing.item
    finally:
        shared.stop.set()
        shared.wake.set()
        outlet.close()
        workers.close(END_SECONDS)
        coordinator.join(END_SECONDS)


def _is_ours(outgoing: Outgoing, leases: Leases) -> bool:
    """A table whose lease was lost while its lines waited here is somebody else's now."""
    return outgoing.epoch is None or leases.held().get(outgoing.table) == outgoing.epoch
