"""Tables that only grow at their end, and lose rows at their beginning: change tables, cdc.lsn_time_mapping.

Rows are plain tuples in lists, in key order because commits are captured in order. What a reader of an earlier moment
sees is a prefix; a clean-up makes a new list and leaves the old one to those who still read it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Row
from dstream_sandbox.sqlserver.engine.keys import TOP

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

_BLOCK = 1000
KeyOf = Callable[[Row], tuple[Any, ...]]


class Generation:
    """The rows between two clean-ups: parts one after another, and how many rows there were at which moment."""

    def __init__(self, since: int, parts: list[Sequence[Row]]) -> None:
        self.since = since
        self.parts = parts
        self.length = sum(len(part) for part in parts)
        self._moments = [since]
        self._lengths = [self.length]

    def append(self, rows: Sequence[Row], moment: int) -> None:
        """Adds rows; those that only count (an own sequence) become a part of their own."""
        if not isinstance(rows, list):
            self.parts.append(rows)
        elif self.parts and isinstance(self.parts[-1], list):
            self.parts[-1].extend(rows)
        else:
            self.parts.append(rows)
        self.length += len(rows)
        self._moments.append(moment)
        self._lengths.append(self.length)

    def visible(self, moment: int) -> int:
        """How many rows there were."""
        return self._lengths[bisect_right(self._moments, moment) - 1] if moment >= self.since else 0

    def forget(self, horizon: int) -> None:
        """Drops marks that no reader can ask for."""
        at = bisect_right(self._moments, horizon) - 1
        if at > 256:
            del self._moments[:at], self._lengths[:at]

    def slices(
        self, length: int, low: tuple[Any, ...] | None, high: tuple[Any, ...] | None, key: KeyOf
    ) -> Iterator[Sequence[Row]]:
        """Blocks of the first `length` rows that lie between two key prefixes."""
        left = length
        for part in list(self.parts):
            size = min(len(part), left)
            left -= size
            start = 0 if low is None else bisect_left(part, low, 0, size, key=key)
            end = size if high is None else bisect_right(part, high, start, size, key=key)
            for at in range(start, end, _BLOCK):
                yield part[at : min(at + _BLOCK, end)]
            if left == 0 or end < size:
                return


class GrowingTable:
    """A relation that grows at its end."""

    def __init__(
        self, database: Database, name: str, columns: Sequence[ColumnInfo], sort_key: Sequence[str], object_id: int
    ) -> None:
        self.database = database
        self.name = name
        self.schema = "cdc"
        self.object_id = object_id
        self.columns = tuple(columns)
        self.sort_key = tuple(sort_key)
        self.created = database.server.now()
        names = [column.name for column in columns]
        self._places = [names.index(one) for one in sort_key]
        places = self._places
        self._key: KeyOf = lambda row: tuple([row[at] for at in places])
        self._generations = [Generation(0, [])]

    @property
    def _newest(self) -> Generation:
        return self._generations[-1]

    def append(self, rows: Sequence[Row], moment: int) -> None:
        """Adds rows that are seen from this moment on; called with the commits' latch held."""
        self._newest.append(rows, moment)
        self._newest.forget(self.database.server.commits.horizon)

    def cut(self, low: bytes, moment: int) -> int:
        """Deletes rows whose first key column is below `low`; gives how many. Called with the commits' latch held."""
        kept: list[Sequence[Row]] = []
        gone = 0
        for part in self._newest.parts:
            at = bisect_left(part, (low,), key=self._key)
            gone += at
            if at < len(part):
                kept.append(part[at:] if at else part)
        if gone:
            self._generations.append(
                Generation(moment, [list(part) if isinstance(part, list) else part for part in kept])
            )
            horizon = self.database.server.commits.horizon
            while len(self._generations) > 1 and self._generations[1].since <= horizon:
                del self._generations[0]
        return gone

    def replace_columns(self, columns: Sequence[ColumnInfo]) -> None:
        """After a change of a column's type; names and order stay."""
        self.columns = tuple(columns)

    def at(self, session: Session) -> tuple[Generation, int]:
        """What a session sees: the rows' list and how many of it."""
        moment = session.reader.moment(self.database)
        if moment is None:
            return self._newest, self._newest.length
        for generation in reversed(self._generations):
            if generation.since <= moment:
                return generation, generation.visible(moment)
        return self._generations[0], 0

    def scan(
        self,
        session: Session,
        low: Sequence[Any] | None = None,
        high: Sequence[Any] | None = None,
        hints: Sequence[str] = (),
    ) -> Iterator[Row]:
        """See `api.Relation.scan`."""
        session.reader.check_hints(hints)
        generation, length = self.at(session)
        lower = tuple(low) if low else None
        upper = (*high, TOP) if high else None
        return self._rows(session, generation, length, lower, upper)

    def _rows(self, session: Session, generation: Generation, length: int, low: Any, high: Any) -> Iterator[Row]:
        for block in generation.slices(length, low, high, self._key):
            session.check()
            yield from block

    def last(self, session: Session) -> Row | None:
        """The newest row that the session sees."""
        generation, length = self.at(session)
        left = length
        found: Row | None = None
        for part in generation.parts:
            if left <= 0:
                break
            found = part[min(len(part), left) - 1] if len(part) else found
            left -= len(part)
        return found

    def newest(self) -> Row | None:
        """The newest row of all."""
        parts = [part for part in self._newest.parts if len(part)]
        return parts[-1][-1] if parts else None

    def all(self) -> Iterator[Row]:
        """All rows that there are now."""
        for part in list(self._newest.parts):
            yield from part

    def copied(self, database: Database) -> GrowingTable:
        """For a backup: shares the rows as they are now."""
        twin = GrowingTable(database, self.name, self.columns, self.sort_key, self.object_id)
        twin._generations = [
            Generation(0, [part[:] if isinstance(part, list) else part for part in self._newest.parts])
        ]
        return twin

    def row_count(self, session: Session) -> int:
        """How many rows there are."""
        return self._newest.length
