"""Ranges of a relation's sort key out of conditions, so that a scan begins and ends where it must.

Ranges only save work: every row is tested by the whole condition all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile import predicates
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Evaluate, Frame, Row
from dstream_sandbox.sqlserver.language.queries.walk import columns_of
from dstream_sandbox.sqlserver.language.rules import NUMBERS
from dstream_sandbox.sqlserver.language.syntax import Between, Compare, In, Logical, Node
from dstream_sandbox.sqlserver.types import SqlType

_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class End:
    """An end of a range: the first values of the sort key, and whether rows that begin with them are outside."""

    values: tuple[Any, ...]
    keys: tuple[Any, ...]
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Range:
    """Where rows can be. `empty`: nowhere."""

    low: End | None = None
    high: End | None = None
    empty: bool = False


EMPTY = Range(empty=True)
ALL = Range()


class Bound:
    """A condition on a sort key, to be asked for its range once values are known."""

    def range(self, row: Row, frame: Frame) -> Range:
        """Where rows can be that fulfil it."""
        raise NotImplementedError


@dataclass(slots=True)
class Leaf(Bound):
    """`column operator value` with the column's place in the sort key."""

    place: int
    operator: str
    value: Evaluate
    key: Callable[[Any], Any]

    def range(self, row: Row, frame: Frame) -> Range:
        """Only the first column of the key can bound by itself."""
        return _ranged([self], row, frame)


@dataclass(slots=True)
class Every(Bound):
    """All of them."""

    parts: list[Bound]

    def range(self, row: Row, frame: Frame) -> Range:
        """The narrowest range that holds them all."""
        leaves = [part for part in self.parts if isinstance(part, Leaf)]
        found = _ranged(leaves, row, frame)
        for part in self.parts:
            if not isinstance(part, Leaf):
                found = _both(found, part.range(row, frame))
        return found


@dataclass(slots=True)
class Some(Bound):
    """One of them."""

    parts: list[Bound]

    def range(self, row: Row, frame: Frame) -> Range:
        """The range around them all."""
        ranges = [found for part in self.parts if not (found := part.range(row, frame)).empty]
        if not ranges:
            return EMPTY
        lows, highs = [r.low for r in ranges], [r.high for r in ranges]
        low = None if None in lows else _extreme(lows, lowest=True, upper=False)
        high = None if None in highs else _extreme(highs, lowest=False, upper=True)
        return Range(low, high)


def _ranged(leaves: Sequence[Leaf], row: Row, frame: Frame) -> Range:
    """Equalities of the first columns, and then a range of the next one."""
    by_place: dict[int, list[tuple[str, Any, Any]]] = {}
    for leaf in leaves:
        value = leaf.value(row, frame)
        if value is None:
            return EMPTY
        by_place.setdefault(leaf.place, []).append((leaf.operator, value, leaf.key(value)))
    values: list[Any] = []
    keys: list[Any] = []
    place = 0
    while (equal := [c for c in by_place.get(place, ()) if c[0] == "="]) != []:
        values.append(equal[0][1])
        keys.append(equal[0][2])
        place += 1
    lows = [End((*values, v), (*keys, k), op == ">") for op, v, k in by_place.get(place, ()) if op in (">", ">=")]
    highs = [End((*values, v), (*keys, k), op == "<") for op, v, k in by_place.get(place, ()) if op in ("<", "<=")]
    if values:
        lows.append(End(tuple(values), tuple(keys), False))
        highs.append(End(tuple(values), tuple(keys), False))
    return Range(
        _extreme(lows, lowest=False, upper=False) if lows else None,
        _extreme(highs, lowest=True, upper=True) if highs else None,
    )


def _both(a: Range, b: Range) -> Range:
    if a.empty or b.empty:
        return EMPTY
    lows = [e for e in (a.low, b.low) if e is not None]
    highs = [e for e in (a.high, b.high) if e is not None]
    return Range(
        _extreme(lows, lowest=False, upper=False) if lows else None,
        _extreme(highs, lowest=True, upper=True) if highs else None,
    )


def _extreme(ends: Sequence[End | None], lowest: bool, upper: bool) -> End | None:
    """The lowest or highest of several lower or upper ends."""
    best: End | None = None
    for end in ends:
        if end is not None and (best is None or _before(end, best, upper) == lowest):
            best = end
    return best


def _before(a: End, b: End, upper: bool) -> bool:
    """Whether one end stands before the other, at whichever side of the rows that begin with its values."""
    for x, y in zip(a.keys, b.keys, strict=False):
        if x != y:
            return bool(x < y)
    # One is the beginning of the other: it stands before or behind all rows that begin so.
    if len(a.keys) == len(b.keys):
        return a.exclusive if upper else b.exclusive
    shorter_is_a = len(a.keys) < len(b.keys)
    shorter = a if shorter_is_a else b
    shorter_before = shorter.exclusive if upper else not shorter.exclusive
    return shorter_before == shorter_is_a


def low_values(end: End, types: Sequence[SqlType]) -> tuple[Any, ...]:
    """The lower end for a scan, which takes inclusive ends: an exclusive one moves up where there is a next value."""
    return _moved(end, types, 1)


def high_values(end: End, types: Sequence[SqlType]) -> tuple[Any, ...]:
    """The upper end for a scan, which takes inclusive ends: an exclusive one moves down where there is a value before."""
    return _moved(end, types, -1)


def _moved(end: End, types: Sequence[SqlType], step: int) -> tuple[Any, ...]:
    if not end.exclusive:
        return end.values
    last, type_ = end.values[-1], types[len(end.values) - 1]
    if isinstance(last, int) and not isinstance(last, bool) and type_.is_integer:
        return (*end.values[:-1], last + step)
    if type_.name == "binary" and len(last) == type_.length:
        number = int.from_bytes(last, "big") + step
        if 0 <= number < 256 ** len(last):
            return (*end.values[:-1], number.to_bytes(len(last), "big"))
    return end.values


@dataclass(slots=True)
class Target:
    """What ranges are wanted for: columns of the sort key by their places in the joined row, and their types."""

    places: dict[int, int]
    types: list[SqlType]


def extract(node: Node, target: Target, compiler: Any, allowed: set[int]) -> Bound | None:
    """The bound that a condition puts on a sort key; None if none.

    Args:
        node: The condition.
        target: The sort key.
        compiler: Of the query.
        allowed: Places of columns that are known when the scan begins.
    """
    if isinstance(node, Logical):
        parts = [extract(node.left, target, compiler, allowed), extract(node.right, target, compiler, allowed)]
        known = [part for part in parts if part is not None]
        if node.operator == "OR":
            return Some(known) if len(known) == 2 else None
        return None if not known else Every(_flat(known))
    if isinstance(node, Compare) and node.operator in _FLIPPED:
        return _leaf(node.left, node.operator, node.right, target, compiler, allowed) or _leaf(
            node.right, _FLIPPED[node.operator], node.left, target, compiler, allowed
        )
    if isinstance(node, Between) and not node.negated:
        low = _leaf(node.operand, ">=", node.low, target, compiler, allowed)
        high = _leaf(node.operand, "<=", node.high, target, compiler, allowed)
        return Every([low, high]) if low is not None and high is not None else None
    if isinstance(node, In) and not node.negated and node.query is None and len(node.items) <= _MOST_ITEMS:
        leaves = [_leaf(node.operand, "=", item, target, compiler, allowed) for item in node.items]
        return Some([leaf for leaf in leaves if leaf is not None]) if None not in leaves else None
    return None


def _flat(parts: list[Bound]) -> list[Bound]:
    return [inner for part in parts for inner in (part.parts if isinstance(part, Every) else [part])]


def _leaf(column: Node, operator: str, value: Node, target: Target, compiler: Any, allowed: set[int]) -> Bound | None:
    known = columns_of(value, compiler.scope)
    own = columns_of(column, compiler.scope)
    if known is None or own is None or not known <= allowed or len(own) != 1:
        return None
    try:
        left, right = compiler.value(column), compiler.value(value)
        if left.column not in target.places:
            return None
        if right.null:
            return Leaf(target.places[left.column], operator, right.evaluate, comparable(left.type))
        type_ = predicates.comparison_type(operator, left, right)
    except SqlError:
        return None
    if not _same_order(left.type, type_):
        return None
    return Leaf(target.places[left.column], operator, converted(right, type_).evaluate, comparable(type_))


_FAMILIES = {"datetime": "moment", "smalldatetime": "moment", "datetime2": "moment"}


def _same_order(own: SqlType, compared: SqlType) -> bool:
    """Whether values of the comparison's type stand among the column's values as they compare."""
    if own.name in NUMBERS:
        return compared.name in NUMBERS
    if own.is_character:
        return compared.is_character and (compared.collation or "").lower() == (own.collation or "").lower()
    if own.is_binary:
        return compared.is_binary
    return _FAMILIES.get(own.name, own.name) == _FAMILIES.get(compared.name, compared.name)
