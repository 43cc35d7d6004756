"""Reading a table's rows as they are, resumable by its primary key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial

from dstream_mssql_cdc.catalog.read import read_row_counts
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import StatementError, number_of
from dstream_mssql_cdc.connection.numbers import SNAPSHOT_NOT_ALLOWED
from dstream_mssql_cdc.envelopes import Row
from dstream_mssql_cdc.position import SnapshotPosition, TablePosition, before
from dstream_mssql_cdc.snapshot.query import chunk_query, whole_query
from dstream_mssql_cdc.snapshot_rows import SnapshotEncoder
from dstream_mssql_cdc.stream.pulse import read_low_mark, require_reached
from dstream_mssql_cdc.stream.segments import active, front
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream, behind_snapshot, changes_follow
from dstream_mssql_cdc.stream.workers import reading_threads

BLOCK_ROWS = 1000
"""Rows that go out together."""


def read_snapshot(shared: Shared, stream: TableStream) -> bool:
    """Reads a table's rows, from where an earlier attempt was cut.

    Args:
        shared: the run.
        stream: a table in the phase of its snapshot.

    Returns:
        True: there is more, and other tables have their turn first.

    Raises:
        TemporaryError: try again later; everything emitted stays emitted.
        DStreamError: it cannot go on.
    """
    if not _announce(shared, stream):
        return False
    try:
        outcome = _rows(shared, stream)
    except StatementError as error:
        if number_of(error) != SNAPSHOT_NOT_ALLOWED or not shared.database.snapshot_allowed:
            raise
        shared.database = replace(shared.database, snapshot_allowed=False)  # it was, when the run began
        return True
    if outcome is not Outcome.DONE:
        return outcome is Outcome.MORE
    finished = behind_snapshot(stream.position)
    if not shared.emit_position(stream, finished):
        return False
    stream.phase = Phase.DONE if shared.options.snapshot == "only" else Phase.CHANGES
    shared.log.info("%s: %d rows delivered", stream.name, _snapshot(finished).rows)
    return False


class Outcome(Enum):
    """How a turn at a table ended."""

    DONE = "done"
    MORE = "more"
    """Other tables have their turn, then it goes on."""
    ENDED = "ended"
    """It does not go on: the run ends, or the coordinator has to look at the table first."""


def _rows(shared: Shared, stream: TableStream) -> Outcome:
    encoder = SnapshotEncoder(shared.database, stream.table, shared.options)
    read = _by_key if encoder.has_key else _whole
    with shared.pool.lend(f"snapshot of {stream.name}") as connection:
        _require_beginning(connection, stream)
        with _isolated(shared, stream, connection):
            return read(shared, stream, connection, encoder)


def _require_beginning(connection: Connection, stream: TableStream) -> None:
    """Rows that are older than the snapshot's LSN would miss changes that are not read again either."""
    lsn = _snapshot(stream.position).lsn
    # A table that was captured a moment ago may begin ahead of what the capture job has come to.
    if not any(before(instance.start_lsn) >= lsn for instance in stream.table.instances):
        require_reached(connection, lsn)


def _announce(shared: Shared, stream: TableStream) -> bool:
    """Has the snapshot's identity stored before its first row goes out: a repeated row bears the id it had before."""
    rows = _snapshot(stream.position).rows
    if stream.rows_about is None:
        with shared.pool.lend(f"snapshot of {stream.name}") as connection:
            stream.rows_about = read_row_counts(connection).get(stream.table.object_id, 0)
        about = f", about {stream.rows_about}" if stream.rows_about else ""
        cut = f"; {rows} of them were delivered before" if rows else ""
        shared.log.info("%s: delivering its rows%s%s", stream.name, about, cut)
    return rows > 0 or (shared.announce(stream) and shared.wait_until_stored(stream))


@contextmanager
def _isolated(shared: Shared, stream: TableStream, connection: Connection) -> Iterator[None]:
    """A transaction in which the table does not change, if the database allows one that keeps nobody waiting."""
    if shared.database.snapshot_allowed:
        try:
            connection.begin_snapshot()
        except StatementError:  # a server that does not know it
            shared.database = replace(shared.database, snapshot_allowed=False)
    if not shared.database.snapshot_allowed:
        _warn_of_locks(shared, stream)
        connection.begin("REPEATABLE READ")
    try:
        yield
    finally:
        if not connection.broken:
            connection.rollback()


def _warn_of_locks(shared: Shared, stream: TableStream) -> None:
    if not stream.told_of_locks:
        shared.log.warning(
            "%s: the database does not allow snapshot isolation, so that writers may wait for a chunk, and rows are of "
            "different moments; ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON mends it",
            stream.name,
        )
    stream.told_of_locks = True


def _by_key(shared: Shared, stream: TableStream, connection: Connection, encoder: SnapshotEncoder) -> Outcome:
    options = shared.options
    condition = shared.conditions.get(stream.name, "")
    while True:
        after = _snapshot(stream.position).after
        text, parameters = chunk_query(
            stream.table,
            encoder.select_list,
            condition,
            after,
            options.snapshot_chunk_rows,
            shared.database.collation,
        )
        rows = 0
        for block in connection.rows(text, *parameters, size=BLOCK_ROWS, weigh=encoder.weigh):
            rows += len(block)
            if not _emit(shared, stream, encoder, block):
                return Outcome.ENDED
        if rows < options.snapshot_chunk_rows:
            return Outcome.DONE
        if not _changes_are_there(shared, stream, connection):
            return Outcome.ENDED
        # A single thread serves the changes of the other tables too; locks are not held for longer than a chunk.
        if reading_threads(options) == 1 or not shared.database.snapshot_allowed:
            return Outcome.MORE


def _whole(shared: Shared, stream: TableStream, connection: Connection, encoder: SnapshotEncoder) -> Outcome:
    """As `_by_key`, for a table without a key: a cut one begins again."""
    encoder.forget()
    stream.position = replace(stream.position, snapshot=replace(_snapshot(stream.position), rows=0))
    for block in connection.rows(
        whole_query(stream.table, encoder.select_list, shared.conditions.get(stream.name, "")),
        size=BLOCK_ROWS,
        weigh=encoder.weigh,
    ):
        if not _emit(shared, stream, encoder, block):
            return Outcome.ENDED
    return Outcome.DONE


def _emit(shared: Shared, stream: TableStream, encoder: SnapshotEncoder, block: list[Row]) -> bool:
    if stream.leaving or shared.stop.is_set():
        return False
    snapshot = _snapshot(stream.position)
    lines = encoder.lines(block, snapshot.lsn, snapshot.identity, stream.epoch)
    # Not the rows themselves, which would stay in memory as long as their lines are under way.
    position_of = partial(_position, stream.position, snapshot, encoder, encoder.keys(block))
    return shared.emit_lines(stream, lines, len(block), position_of(len(block)), position_of)


def _position(
    stood: TablePosition, snapshot: SnapshotPosition, encoder: SnapshotEncoder, keys: list[Row], rows: int
) -> TablePosition:
    """Where the table stands behind the first rows of a block."""
    key = encoder.key_in_json(keys[rows - 1]) if encoder.has_key else None
    return replace(stood, snapshot=replace(snapshot, after=key, rows=snapshot.rows + rows))


def _changes_are_there(shared: Shared, stream: TableStream, connection: Connection) -> bool:
    """A snapshot can outlast the retention: told in the middle, not at its end."""
    follows = changes_follow(stream.position)
    instance = None if follows is None else active(stream.table.instances, follows)
    low_mark = None if instance is None else read_low_mark(connection, instance)
    if follows is not None and low_mark is not None and front(low_mark) <= follows:
        return True
    shared.stale.set()
    shared.wake.set()
    return False


def _snapshot(position: TablePosition) -> SnapshotPosition:
    if position.snapshot is None:
        raise AssertionError("a table in the phase of its snapshot has none")
    return position.snapshot
