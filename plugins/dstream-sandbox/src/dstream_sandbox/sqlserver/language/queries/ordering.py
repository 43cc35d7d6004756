"""ORDER BY, OFFSET, FETCH and TOP over rows."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.syntax import ColumnName, Literal, Node, Query, Select


@dataclass(slots=True)
class SortItem:
    """One item of ORDER BY over the rows to be sorted."""

    expression: Compiled
    descending: bool

    def key(self, frame: Frame) -> Callable[[Row], Any]:
        """The key by which rows are compared; NULL comes first."""
        evaluate, key = self.expression.evaluate, comparable(self.expression.type)

        def of(row: Row) -> Any:
            value = evaluate(row, frame)
            return (0,) if value is None else (1, key(value))

        return of


def unordered(query: Query) -> Query:
    """A query inside another: its rows are in no order, so that one may be asked for only to choose among them.

    Raises:
        SqlError: 1033.
    """
    chosen = query.offset is not None or (isinstance(query.body, Select) and query.body.top is not None)
    if query.order and not chosen:
        raise SqlError(
            1033,
            "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table "
            "expressions, unless TOP, OFFSET or FOR XML is also specified.",
            15,
        )
    return query


def sort(rows: Iterator[Row], items: Sequence[SortItem], frame: Frame, most: int | None = None) -> Iterator[Row]:
    """The rows in order; stable.

    Args:
        rows: All of them.
        items: ORDER BY.
        frame: The query's frame.
        most: How many of the first ones are wanted, None: all.
    """
    if len({item.descending for item in items}) == 1:
        parts = [item.key(frame) for item in items]
        key = parts[0] if len(parts) == 1 else lambda row: [part(row) for part in parts]
        descending = items[0].descending
        if most is not None and most <= 10_000:
            return iter((heapq.nlargest if descending else heapq.nsmallest)(most, rows, key))
        return iter(sorted(rows, key=key, reverse=descending))
    result = list(rows)
    for item in reversed(items):
        result.sort(key=item.key(frame), reverse=item.descending)
    return iter(result)


def sort_within(rows: Iterator[Row], known: int, items: Sequence[SortItem], frame: Frame) -> Iterator[Row]:
    """The rows in order when they come sorted by the first `known` items already: only equals of those are sorted."""
    if known == len(items):
        return rows
    parts = [item.key(frame) for item in items[:known]]
    groups = itertools.groupby(rows, key=lambda row: [part(row) for part in parts])
    return (row for _, group in groups for row in sort(group, items[known:], frame))


def known_order(items: Sequence[SortItem], order: Sequence[int]) -> int:
    """How many of the first items the source's order fulfils already."""
    count = 0
    for item, place in zip(items, order, strict=False):
        if item.descending or item.expression.column != place:
            break
        count += 1
    # Behind the whole key of a source its rows are one by one, or equal in what they are ordered by.
    return count


def limit(value: Any, what: str) -> int:
    """A number of rows.

    Raises:
        SqlError: 1060, 10742, 10744, 127: it is NULL or negative.
    """
    if not isinstance(value, int | float | Decimal):
        raise SqlError(1060, f"The number of rows provided for a {what} clause must be an integer.", 15)
    if value < 0:
        raise SqlError(
            {"TOP": 127, "OFFSET": 10742, "FETCH": 10744}[what],
            f"A {what} N value may not be negative."
            if what == "TOP"
            else f"The {what.lower()} specified in a {what} clause may not be negative.",
            15,
        )
    return int(value)


def output_place(node: Node, names: list[str]) -> int | None:
    """The column of the result that an item of ORDER BY means by its number or name; None if none.

    Raises:
        SqlError: 108, a number beyond the list; 209, a name that several have.
    """
    if isinstance(node, Literal) and isinstance(node.value, int):
        if not 1 <= node.value <= len(names):
            raise SqlError(
                108,
                f"The ORDER BY position number {node.value} is out of range of the number of items in the select list.",
            )
        return node.value - 1
    if isinstance(node, ColumnName) and len(node.parts) == 1:
        lowered = [name.lower() for name in names]
        if lowered.count(node.parts[0].lower()) > 1:
            raise SqlError(209, f"Ambiguous column name '{node.parts[0]}'.")
        if node.parts[0].lower() in lowered:
            return lowered.index(node.parts[0].lower())
    return None
