"""The questions that a pass asks the database before it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dstream_core.api import TemporaryError
from dstream_mssql_cdc.catalog.values import CaptureInstance
from dstream_mssql_cdc.connection.answers import answer, clock_time
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.position import ZERO, ChangePosition
from dstream_mssql_cdc.sql import doubled, qualified

PULSE = """SELECT sys.fn_cdc_get_max_lsn(), GETUTCDATE(), GETDATE(), COUNT(*), MAX(object_id), MIN(start_lsn), MAX(start_lsn)
FROM cdc.change_tables"""
CDC_ENABLED = "SELECT is_cdc_enabled FROM sys.databases WHERE name = DB_NAME()"
MAXIMUM = "SELECT sys.fn_cdc_get_max_lsn()"
CLOCKS = "SELECT GETUTCDATE(), GETDATE()"
LOW_MARKS = "SELECT object_id, start_lsn FROM cdc.change_tables"
LOW_MARK = "SELECT start_lsn FROM cdc.change_tables WHERE object_id = %s"
PROBED_TABLES = 100
"""Tables in one statement: a statement of thousands takes the server longer to compile than to run."""


@dataclass(frozen=True)
class Pulse:
    """What an idle pass knows.

    Attributes:
        maximum: the last commit that the capture job has turned into change rows; None if it never ran.
        now: the server's clock, UTC.
        local: the same in the server's own time zone, which the change tables' times are in.
        signature: changes when a capture instance comes, goes, or is cleaned up.
    """

    maximum: bytes | None
    now: datetime
    local: datetime
    signature: tuple[Any, ...]


def read_pulse(connection: Connection) -> Pulse:
    """One query for all tables together, whatever their number; more of them where a server cannot put them together."""
    row = answer(connection, PULSE)
    if row is None:
        marks = tuple(sorted((number, bytes(lsn or b"")) for number, lsn in connection.query(LOW_MARKS)))
        row = (connection.query(MAXIMUM)[0][0], *(answer(connection, CLOCKS) or (None, None)), marks)
    maximum, now, local, *signature = row
    now, local = clock_time(now), clock_time(local)
    if now is None or local is None:
        now = local = datetime.now(UTC).replace(tzinfo=None)
    return Pulse(None if maximum is None else bytes(maximum), now, local, tuple(map(_comparable, signature)))


def require_reached(connection: Connection, lsn: bytes) -> None:
    """Sees that this session's server has all changes up to a commit.

    Another session, that told of the commit, may have been with another replica, which is ahead of this one.

    Raises:
        TemporaryError: it has not.
    """
    maximum = connection.query(MAXIMUM)[0][0]
    if maximum is None or bytes(maximum) < lsn:
        raise TemporaryError(
            f"{connection.purpose}: this replica has not come to 0x{lsn.hex()} yet", code="mssql/replica-behind"
        )


def cdc_enabled(connection: Connection) -> bool:
    """Whether the database still captures changes."""
    return bool(connection.query(CDC_ENABLED)[0][0])


def read_low_marks(connection: Connection) -> dict[int, bytes]:
    """The first commit that each change table still holds, by the change table's object id; NULL: nothing is gone yet."""
    return {object_id: bytes(lsn or ZERO) for object_id, lsn in connection.query(LOW_MARKS)}


def read_low_mark(connection: Connection, instance: CaptureInstance) -> bytes | None:
    """The first commit that a change table still holds; None if the instance is gone."""
    rows = connection.query(LOW_MARK, instance.object_id)
    return bytes(rows[0][0] or ZERO) if rows else None


def with_changes(
    connection: Connection, places: Sequence[tuple[CaptureInstance, ChangePosition]], upper: bytes
) -> set[int]:
    """Which tables have changes, in few queries.

    Args:
        connection: to the database.
        places: capture instances and where their tables stand.
        upper: the last commit of this pass.

    Returns:
        Indices of `places`. A table that stands inside a transaction is among them.
    """
    found: set[int] = set()
    for first in range(0, len(places), PROBED_TABLES):
        part = places[first : first + PROBED_TABLES]
        parameters: list[object] = []
        selects = []
        for index, (instance, position) in enumerate(part, start=first):
            inside = position < ChangePosition.behind(position.lsn)
            table = doubled(qualified("cdc", instance.change_table))
            # The change table's clustered index begins with __$start_lsn: a seek each.
            bounds = f"[__$start_lsn] {'>=' if inside else '>'} %s AND [__$start_lsn] <= %s"
            # Names are quoted, values are parameters.
            selects.append(f"SELECT {index} AS n WHERE EXISTS (SELECT 1 FROM {table} WHERE {bounds})")  # noqa: S608  see above
            parameters += [bytearray(position.lsn), bytearray(upper)]
        found.update(row[0] for row in connection.query("\nUNION ALL ".join(selects), *parameters))
    return found


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, (bytes, bytearray)) else value
