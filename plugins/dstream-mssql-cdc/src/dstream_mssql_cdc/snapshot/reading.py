"""Reading a table's rows as they are, resumable by its primary key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from dstream_mssql_cdc.catalog.read import read_row_counts
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.envelopes import Row
from dstream_mssql_cdc.position import ChangePosition, SnapshotPosition, TablePosition
from dstream_mssql_cdc.snapshot.query import chunk_query, whole_query
from dstream_mssql_cdc.snapshot_rows import SnapshotEncoder
from dstream_mssql_cdc.stream.pulse import read_low_mark
from dstream_mssql_cdc.stream.segments import front, in_order
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.table_stream import Phase, TableStream, behind_snapshot

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
    encoder = SnapshotEncoder(shared.database, stream.table, shared.options)
    with shared.pool.lend(f"snapshot of {stream.name}") as connection, _isolated(shared, stream, connection):
        if encoder.has_key:
            done = _by_key(shared, stream, connection, encoder)
        else:
            done = _whole(shared, stream, connection, encoder)
    if done is None:
        return False
    if not done:
        return True
    finished = behind_snapshot(stream.position)
    if not shared.emit_position(stream, finished):
        return False
    stream.phase = Phase.DONE if shared.options.snapshot == "only" else Phase.CHANGES
    shared.log.info("%s: %d rows delivered", stream.name, _snapshot(finished).rows)
    return False


def _announce(shared: Shared, stream: TableStream) -> bool:
    """Has the snapshot's identity stored before its first row goes out: a repeated row bears the id it had before."""
    snapshot = _snapshot(stream.position)
    if snapshot.rows:
        return True
    with shared.pool.lend(f"snapshot of {stream.name}") as connection:
        stream.rows_about = read_row_counts(connection).get(stream.table.object_id)
    about = "" if stream.rows_about is None else f", about {stream.rows_about}"
    shared.log.info("%s: delivering its rows%s", stream.name, about)
    return shared.emit_position(stream, stream.position) and shared.wait_until_stored(stream)


@contextmanager
def _isolated(shared: Shared, stream: TableStream, connection: Connection) -> Iterator[None]:
    """A transaction in which the table does not change, if the database allows one that keeps nobody waiting."""
    if shared.database.snapshot_allowed:
        connection.begin_snapshot()
    else:
        shared.log.warning(
            "%s: the database does not allow snapshot isolation, so that writers may wait for a chunk, and rows are of "
            "different moments; ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON mends it",
            stream.name,
        )
        connection.begin("REPEATABLE READ")
    try:
        yield
    finally:
        if not connection.broken:
            connection.rollback()


def _by_key(shared: Shared, stream: TableStream, connection: Connection, encoder: SnapshotEncoder) -> bool | None:
    """True: all rows are out; False: more later; None: it has to stop."""
    options = shared.options
    condition = shared.conditions.get(stream.name, "")
    while True:
        after = _snapshot(stream.position).after
        text, parameters = chunk_query(stream.table, encoder.select_list, condition, after, options.snapshot_chunk_rows)
        rows = 0
        for block in connection.rows(text, *parameters, size=BLOCK_ROWS):
            rows += len(block)
            if not _emit(shared, stream, encoder, block):
                return None
        if rows < options.snapshot_chunk_rows:
            return True
        if not _changes_are_there(shared, stream, connection):
            return None
        if options.max_connections == 1 or not shared.database.snapshot_allowed:
            return False


def _whole(shared: Shared, stream: TableStream, connection: Connection, encoder: SnapshotEncoder) -> bool | None:
    """As `_by_key`, for a table without a key: a cut one begins again."""
    encoder.forget()
    stream.position = replace(stream.position, snapshot=replace(_snapshot(stream.position), rows=0))
    for block in connection.rows(
        whole_query(stream.table, encoder.select_list, shared.conditions.get(stream.name, "")), size=BLOCK_ROWS
    ):
        if not _emit(shared, stream, encoder, block):
            return None
    return True


def _emit(shared: Shared, stream: TableStream, encoder: SnapshotEncoder, block: list[Row]) -> bool:
    if stream.leaving or shared.stop.is_set():
        return False
    snapshot = _snapshot(stream.position)
    lines = encoder.lines(block, snapshot.lsn, snapshot.identity, stream.epoch)
    position_of = partial(_position, stream.position, snapshot, encoder, block)
    return shared.emit_lines(stream, lines, len(block), position_of(len(block)), position_of)


def _position(
    before: TablePosition, snapshot: SnapshotPosition, encoder: SnapshotEncoder, block: list[Row], rows: int
) -> TablePosition:
    """Where the table stands behind the first rows of a block."""
    key = encoder.key_of(block[rows - 1]) if encoder.has_key else None
    return replace(before, snapshot=replace(snapshot, after=key, rows=snapshot.rows + rows))


def _changes_are_there(shared: Shared, stream: TableStream, connection: Connection) -> bool:
    """A snapshot can outlast the retention: told in the middle, not at its end."""
    newest = in_order(stream.table.instances)[-1]
    low_mark = read_low_mark(connection, newest)
    if low_mark is not None and front(low_mark) <= ChangePosition.behind(_snapshot(stream.position).lsn):
        return True
    shared.stale.set()
    return False


def _snapshot(position: TablePosition) -> SnapshotPosition:
    if position.snapshot is None:
        raise AssertionError("a table in the phase of its snapshot has none")
    return position.snapshot
