"""Reading the changes of one table, page by page."""

from __future__ import annotations

import time
from functools import partial

from dstream_mssql_cdc.changes import ChangeBlock
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.position import ChangePosition, TablePosition
from dstream_mssql_cdc.stream.pulse import read_low_mark, require_reached
from dstream_mssql_cdc.stream.segments import Segment, front, next_segment
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.table_stream import TableStream

PAGES_IN_A_ROW = 8
"""Pages of one table before the next table has its turn."""
CHECKPOINT_SECONDS = 60.0
"""How often the position of a table without changes goes out: long before the cleanup job could overtake it."""


def read_changes(shared: Shared, stream: TableStream) -> bool:
    """Reads a table's changes up to its target.

    Args:
        shared: the run.
        stream: a table in the phase of its changes.

    Returns:
        True: there is more.

    Raises:
        TemporaryError: try again later; everything emitted stays emitted.
        DStreamError: it cannot go on.
    """
    with shared.pool.lend(f"changes of {stream.name}") as connection:
        require_reached(connection, stream.target)
        for _ in range(PAGES_IN_A_ROW):
            if stream.leaving or shared.stop.is_set():
                return False
            segment = next_segment(stream.table.instances, stream.changes, stream.target)
            if segment is None or not _read_page(shared, stream, connection, segment):
                return False
    return True


def _read_page(shared: Shared, stream: TableStream, connection: Connection, segment: Segment) -> bool:
    """One page; False: nothing more can be read from here now."""
    options, after = shared.options, stream.changes
    reader = stream.reader(segment.instance, shared.database, options, shared.clock)
    blocks = list(
        reader.read(connection, after, segment.upper, options.batch_size, int(options.batch_bytes), stream.epoch)
    )
    # Reading a change table directly raises nothing when the cleanup job was faster; looked at before, it could be
    # faster still. So the page is taken only if its beginning is there after it was read.
    low_mark = read_low_mark(connection, segment.instance)
    if low_mark is None or front(low_mark) > after:
        shared.stale.set()
        shared.wake.set()
        return False
    for block in blocks:
        position_of = partial(_position, stream.position, segment.instance.name, block)
        last = block is blocks[-1] and not block.full
        # Nothing else is left before the segment's end: behind it neither we nor the Go provider repeat anything.
        end = ChangePosition.behind(segment.upper) if last else block.position
        position = stream.position.at(end, segment.instance.name)
        if not shared.emit_lines(stream, block.lines, block.count, position, position_of):
            return False
        stream.newest_commit = block.newest_commit or stream.newest_commit
    if blocks and blocks[-1].full:
        stream.hurry = True
    else:
        move_forward(shared, stream, segment.upper, segment.instance.name)
    return True


def _position(before: TablePosition, instance: str, block: ChangeBlock, lines: int) -> TablePosition:
    """Where the table stands behind the first lines of a block."""
    return before.at(block.position_of(lines), instance)


def move_forward(shared: Shared, stream: TableStream, upper: bytes, instance: str = "") -> None:
    """Nothing was left up to `upper`: the table stands behind it.

    The position of an idle table ages out of the change tables although nothing was lost; so it goes out now and then.
    """
    position = stream.position.at(ChangePosition.behind(upper), instance)
    if time.monotonic() - stream.checkpointed >= CHECKPOINT_SECONDS:
        shared.emit_position(stream, position)
    else:
        stream.position = position
