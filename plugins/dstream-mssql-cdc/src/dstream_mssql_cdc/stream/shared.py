"""What the threads of one run share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dstream_core.api import Checkpoint, EncodedLines, Log
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.commit_time import CommitClock
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.position import TablePosition
from dstream_mssql_cdc.stream.outlet import Outgoing, Outlet
from dstream_mssql_cdc.stream.table_stream import TableStream


@dataclass
class Shared:
    """What the threads of one run share.

    Attributes:
        database: what is read.
        options: the options.
        pool: connections.
        clock: knows the server's offset from UTC.
        outlet: where lines and positions go.
        log: the log.
        stored: the position of a table that is stored now, as JSON; None if none is.
        conditions: of the user's own for the rows of snapshots, by table.
        wake: set to have the coordinator look again at once.
        stale: set when the catalog has to be read again.
        stop: set at the end.
    """

    database: Database
    options: MssqlCdcOptions
    pool: ConnectionPool
    clock: CommitClock
    outlet: Outlet
    log: Log
    stored: Callable[[str], Any]
    conditions: dict[str, str] = field(default_factory=dict)
    wake: threading.Event = field(default_factory=threading.Event)
    stale: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    def emit_lines(
        self,
        stream: TableStream,
        lines: bytes,
        count: int,
        position: TablePosition,
        position_of: Callable[[int], TablePosition],
    ) -> bool:
        """Sends lines of a table on their way; the table stands behind them then.

        Args:
            stream: the table.
            lines: whole lines.
            count: how many.
            position: behind the last of them.
            position_of: behind the first N of them.

        Returns:
            False: the run ends.
        """
        document = position.document()
        lines_of_block = EncodedLines(lines, count, document, stream.name, lambda n: position_of(n).document())
        if not self._put(stream, lines_of_block, document):
            return False
        stream.position = position
        stream.rows += count
        return True

    def emit_position(self, stream: TableStream, position: TablePosition) -> bool:
        """Sends a position without a line on its way.

        Returns:
            False: the run ends.
        """
        document = position.document()
        if not self._put(stream, Checkpoint(document, stream.name), document):
            return False
        stream.position = position
        return True

    def announce(self, stream: TableStream) -> bool:
        """Sends the identity of a snapshot that begins on its way, unless that was done: it is stored before a row is.

        Returns:
            False: the run ends.
        """
        return stream.emitted == stream.position.document() or self.emit_position(stream, stream.position)

    def wait_until_stored(self, stream: TableStream) -> bool:
        """Waits until the position that went out last is stored.

        Returns:
            False: the run ends, or the table is not ours any more.
        """
        while not self.stop.wait(0.02):
            if stream.leaving:
                return False
            if self.stored(stream.name) == stream.emitted:
                return True
        return False

    def _put(self, stream: TableStream, item: EncodedLines | Checkpoint, document: Any) -> bool:
        if not self.outlet.put(Outgoing(item, stream.name, stream.epoch)):
            return False
        stream.emitted, stream.checkpointed = document, time.monotonic()
        return True
