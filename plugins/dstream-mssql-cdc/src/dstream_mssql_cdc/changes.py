"""Reads the changes of one table, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from dstream_core.api import TemporaryError
from dstream_mssql_cdc.catalog.values import CaptureInstance, Database, Table
from dstream_mssql_cdc.change_query import OPERATION, OWN, ChangeQuery, Statement
from dstream_mssql_cdc.commit_time import CommitClock
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.connection import Weigh
from dstream_mssql_cdc.envelopes import ChangeEncoder, EncodedRows, Row
from dstream_mssql_cdc.position import ChangePosition
from dstream_mssql_cdc.update_facts import BEFORE
from dstream_mssql_cdc.values.columns import plan_columns

FETCHED_ROWS = 1000
"""Rows taken from the connection at once, at most: more are not faster."""


class RowSource(Protocol):
    """What a page needs of a connection."""

    def rows(self, sql: str, *parameters: Any, size: int, weigh: Weigh | None) -> Iterator[list[Row]]:
        """The rows in portions; closing the iterator gives up the rest."""


@dataclass(frozen=True)
class ChangeBlock:
    """Lines of changes that follow each other.

    Attributes:
        lines: whole lines, one per change.
        count: how many, at least one.
        position: of the last of them; never between the two rows of an update.
        rows: how many rows of the change table they were made of.
        newest_commit: when the last of them was committed, in UTC and without zone; None if nobody knows.
        full: the page ended at its limit here, and not because nothing was left.
        position_of: the position behind the first N of the lines, 0 < N <= `count`.
    """

    lines: bytes
    count: int
    position: ChangePosition
    rows: int
    newest_commit: datetime | None
    full: bool
    position_of: Callable[[int], ChangePosition] = field(compare=False, repr=False)


class ChangeReader:
    """Reads the change table of one capture instance.

    Args:
        database: the database.
        table: the source table.
        instance: the capture instance.
        options: the options.
        clock: knows the server's offset from UTC; None: it is what `database` says.

    Raises:
        ConfigurationError: a column is of a type that cannot be delivered (`mssql/type`) or masked so (`mssql/mask`).
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        instance: CaptureInstance,
        options: MssqlCdcOptions,
        clock: CommitClock | None = None,
    ):
        plan = plan_columns(table, instance.columns, options, whole_key=False)
        whole = options.envelope != "original"
        self._images = whole and options.before_images is not False
        self._query = ChangeQuery(instance, plan.expressions("c", options), before_images=self._images, facts=whole)
        clock = clock or CommitClock(database.utc_offset_minutes)
        self._encoder = ChangeEncoder(database, table, instance, plan, options, clock)
        self._weigh = plan.weigher(OWN)
        self._name = table.qualified

    def read(
        self, connection: RowSource, after: ChangePosition, upper: bytes, rows: int, max_bytes: int, epoch: int | None
    ) -> Iterator[ChangeBlock]:
        """One page: what follows `after`, in the order of the full key.

        Args:
            connection: is busy until the last block was taken or the iterator was closed.
            after: the last row delivered.
            upper: the last commit to read.
            rows: of the change table, at most (but two, that an update fits).
            max_bytes: the page ends behind the block that reaches so many bytes of lines.
            epoch: of the lease, for the lines' metadata; None without leases.

        Raises:
            TemporaryError: the connection broke, or rows vanished meanwhile; read again from the last position.
        """
        held: ChangeBlock | None = None
        left, size = max(rows, 2), 0
        for statement in self._query.statements(after, upper):
            asked = left
            for encoded, taken in self._encoded(connection, statement, asked, epoch):
                left -= taken
                if encoded is None:
                    continue
                if held is not None:
                    yield held
                held = _block(encoded, taken)
                size += len(held.lines)
                if size >= max_bytes:
                    break
            if held is not None and (left <= 0 or size >= max_bytes):
                yield replace(held, full=True)
                return
        if held is not None:
            yield held

    def _encoded(
        self, connection: RowSource, statement: Statement, limit: int, epoch: int | None
    ) -> Iterator[tuple[EncodedRows | None, int]]:
        """Rows of one statement as lines, with how many rows were taken for them from the server."""
        ahead: list[Row] = []
        taken = 0
        portions: Any = connection.rows(
            statement.text, limit, *statement.parameters, size=FETCHED_ROWS, weigh=self._weigh
        )
        with closing(portions) as fetches:
            for fetched in fetches:
                taken += len(fetched)
                rows = [*ahead, *fetched] if ahead else fetched
                # The first half of an update waits for the second.
                ahead = [rows[-1]] if rows[-1][OPERATION] == BEFORE else []
                complete = rows[:-1] if ahead else rows
                encoded = self._encoder.encode(complete, epoch) if complete else None
                if encoded is not None and not encoded.count:
                    encoded = None  # nothing but first halves of updates
                yield encoded, len(fetched)
        if ahead and taken < limit:
            raise TemporaryError(
                f"{self._name}: the second row of an update is missing in the change table",
                code="mssql/half-update",
                hint="the cleanup job may just have taken it; the table is read again",
            )


def _block(encoded: EncodedRows, rows: int) -> ChangeBlock:
    return ChangeBlock(
        encoded.lines,
        encoded.count,
        encoded.position(-1),
        rows,
        encoded.newest_commit,
        False,
        lambda lines: encoded.position(lines - 1),
    )
