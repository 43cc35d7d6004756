"""The sources of a query: scans, derived tables, functions, joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.language.compile.values import Evaluate, Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.queries.bounds import Bound, Every, Target, high_values, low_values
from dstream_sandbox.sqlserver.types import SqlType

_CHECK_EVERY = 256
_SMALL = 200
"""Relations up to about this many rows are hashed rather than looked up row by row."""


class Source:
    """A part of FROM.

    Attributes:
        base: Place of its first column in the joined row.
        width: How many columns it has.
        order: Places (in the joined row) by which its rows come sorted, ascending; the first ones matter most.
    """

    base: int
    width: int
    order: tuple[int, ...] = ()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """Its rows."""
        raise NotImplementedError

    def scans(self) -> list[Scan]:
        """Scans that a condition of WHERE may narrow."""
        return []


@dataclass(slots=True)
class Scan(Source):
    """A relation of the engine, by its sort key where conditions allow."""

    relation: Any
    base: int
    width: int
    hints: tuple[str, ...] = ()
    target: Target | None = None
    bounds: list[Bound] = field(default_factory=list)
    order: tuple[int, ...] = ()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """The rows in the range that the conditions leave."""
        return self.ranged(self.bounds, (), frame)

    def ranged(self, bounds: list[Bound], row: Row, frame: Frame) -> Iterator[Row]:
        """The rows in the range of some bounds, whose values may come from another row."""
        session = frame.run.session
        low = high = None
        if bounds and self.target is not None:
            found = (bounds[0] if len(bounds) == 1 else Every(bounds)).range(row, frame)
            if found.empty:
                return iter(())
            low = None if found.low is None else low_values(found.low, self.target.types)
            high = None if found.high is None else high_values(found.high, self.target.types)
        return _checked(self.relation.scan(session, low, high, self.hints), session)

    def scans(self) -> list[Scan]:
        """Itself."""
        return [self]


def _checked(rows: Iterator[Row], session: Any) -> Iterator[Row]:
    """A look from time to time whether the client has cancelled."""
    check = session.check
    for count, row in enumerate(rows):
        if not count % _CHECK_EVERY:
            check()
        yield row


@dataclass(slots=True)
class Rows(Source):
    """Rows that a function of the frame gives: derived tables, VALUES, table functions, table variables."""

    make: Callable[[Frame], Iterator[Row]]
    base: int
    width: int
    order: tuple[int, ...] = ()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """Made anew each time."""
        return self.make(frame)


@dataclass(slots=True)
class One(Source):
    """No FROM: one row without columns."""

    base: int = 0
    width: int = 0
    order: tuple[int, ...] = ()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """The empty row."""
        return iter(((),))


@dataclass(slots=True)
class Apply(Source):
    """CROSS APPLY and OUTER APPLY: the right side is made for each row of the left."""

    left: Source
    right: Callable[[Row, Frame], Iterator[Row]]
    outer: bool
    base: int
    width: int
    order: tuple[int, ...] = ()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """Left rows with each of their right rows."""
        pad = (None,) * self.base
        missing = (None,) * (self.width - self.left.width)
        for left in self.left.rows(frame):
            found = False
            for right in self.right(pad + left, frame):
                found = True
                yield left + right
            if self.outer and not found:
                yield left + missing

    def scans(self) -> list[Scan]:
        """Those of the left side."""
        return self.left.scans()


@dataclass(slots=True)
class JoinKeys:
    """Equalities between the sides: what to look at in a row of each, and its key."""

    left: list[Evaluate]
    right: list[Evaluate]
    keys: list[Callable[[Any], Any]]


@dataclass(slots=True)
class Join(Source):
    """An inner, left, right, full or cross join.

    Attributes:
        keys: Equalities, by which the right side is hashed; None without one.
        rest: What else must be true.
        lookup: Bounds on the right side's sort key that a left row gives.
    """

    kind: str
    left: Source
    right: Source
    keys: JoinKeys | None
    rest: Predicate | None
    base: int
    width: int
    lookup: list[Bound] = field(default_factory=list)
    whole: Predicate | None = None
    order: tuple[int, ...] = ()

    def scans(self) -> list[Scan]:
        """Those of both sides: conditions of WHERE reject rows made of NULLs."""
        return self.left.scans() + self.right.scans()

    def rows(self, frame: Frame) -> Iterator[Row]:
        """In the left side's order."""
        if self.kind == "right":
            return self._right(frame)
        right = self.right
        if self.lookup and isinstance(right, Scan) and right.relation.row_count(frame.run.session) > _SMALL:
            return self._looked_up(frame)
        return self._matched(frame)

    def _looked_up(self, frame: Frame) -> Iterator[Row]:
        pad = (None,) * self.base
        missing = (None,) * self.right.width
        right, whole = self.right, self.whole
        assert isinstance(right, Scan)
        assert whole is not None
        bounds = right.bounds + self.lookup
        for left in self.left.rows(frame):
            before = pad + left
            found = False
            for row in right.ranged(bounds, before, frame):
                if whole(before + row, frame):
                    found = True
                    yield left + row
            if not found and self.kind == "left":
                yield left + missing

    def _matched(self, frame: Frame) -> Iterator[Row]:
        pad = (None,) * self.base
        missing = (None,) * self.right.width
        kept = list(self.right.rows(frame))
        candidates = self._candidates(kept, frame)
        outer = self.kind in ("left", "full")
        seen: set[int] = set()
        rest = self.rest
        for left in self.left.rows(frame):
            before = pad + left
            found = False
            for number, row in candidates(before):
                if rest is None or rest(before + row, frame):
                    found = True
                    if self.kind == "full":
                        seen.add(number)
                    yield left + row
            if outer and not found:
                yield left + missing
        if self.kind == "full":
            nothing = (None,) * self.left.width
            yield from (nothing + row for number, row in enumerate(kept) if number not in seen)

    def _candidates(self, kept: list[Row], frame: Frame) -> Callable[[Row], Sequence[tuple[int, Row]]]:
        """For a left row, the right rows that can match, with their numbers."""
        rows = list(enumerate(kept))
        if self.keys is None:
            return lambda left: rows
        pad = (None,) * self.right.base
        table: dict[Any, list[tuple[int, Row]]] = {}
        for number, row in rows:
            key = _key(self.keys.right, self.keys.keys, pad + row, frame)
            if key is not None:
                table.setdefault(key, []).append((number, row))
        evaluate, keys = self.keys.left, self.keys.keys
        return lambda left: table.get(_key(evaluate, keys, left, frame), ())

    def _right(self, frame: Frame) -> Iterator[Row]:
        """All right rows, with their left rows or NULLs."""
        pad = (None,) * self.base
        missing = (None,) * self.left.width
        lefts = list(self.left.rows(frame))
        whole = self.whole
        for right in self.right.rows(frame):
            found = False
            for left in lefts:
                if whole is None or whole(pad + left + right, frame):
                    found = True
                    yield left + right
            if not found:
                yield missing + right


def _key(evaluate: list[Evaluate], keys: list[Callable[[Any], Any]], row: Row, frame: Frame) -> Any:
    """The values that must be equal; None when one is NULL, which equals nothing."""
    parts = []
    for one, key in zip(evaluate, keys, strict=True):
        value = one(row, frame)
        if value is None:
            return None
        parts.append(key(value))
    return tuple(parts)


def scan_of(relation: Any, base: int, hints: tuple[str, ...] = ()) -> Scan:
    """A scan with what its sort key promises."""
    places = {column.name.lower(): place for place, column in enumerate(relation.columns)}
    key = [places[name.lower()] for name in relation.sort_key if name.lower() in places]
    if len(key) != len(relation.sort_key):
        key = []
    types: list[SqlType] = [relation.columns[place].type for place in key]
    target = Target({base + place: position for position, place in enumerate(key)}, types) if key else None
    return Scan(relation, base, len(relation.columns), hints, target, order=tuple(base + place for place in key))
