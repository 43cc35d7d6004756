"""Expressions of a SELECT: aggregates, groups and windows beside ordinary ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.expressions import ExpressionCompiler
from dstream_sandbox.sqlserver.language.compile.scope import Scope
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.queries import aggregates
from dstream_sandbox.sqlserver.language.queries.walk import fields_of, within
from dstream_sandbox.sqlserver.language.queries.windows import WindowFunction, keyed, window
from dstream_sandbox.sqlserver.language.syntax import Call, ColumnName, Node


def is_aggregate(node: Any) -> bool:
    """A call of an aggregate function that is not over a window."""
    return (
        isinstance(node, Call)
        and node.window is None
        and len(node.names) == 1
        and node.names[0].upper() in aggregates.NAMES
    )


def has_aggregate(node: Any) -> bool:
    """Whether an aggregate is called in an expression (not in queries inside)."""
    return any(is_aggregate(part) for part in within(node))


class SelectCompiler(ExpressionCompiler):
    """Compiles a query's expressions over the joined row; those with OVER go behind it."""

    windows: list[WindowFunction] | None = None

    def value(self, node: Node) -> Compiled:
        """An expression; a call with OVER becomes a place behind the row."""
        if isinstance(node, Call) and node.window is not None and len(node.names) == 1:
            return self._window(node)
        if is_aggregate(node):
            return self._aggregate(node)
        return super().value(node)

    def _aggregate(self, node: Any) -> Compiled:
        raise SqlError(
            147,
            "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a "
            "select list, and the column being aggregated is an outer reference.",
            15,
        )

    def _window(self, node: Call) -> Compiled:
        if self.windows is None:
            raise SqlError(4108, "Windowed functions can only appear in the SELECT or ORDER BY clauses.", 15)
        windows = self.windows
        place = len(windows)
        self.windows = None
        function, result = window(self, node)
        self.windows = windows
        windows.append(function)
        result.evaluate = lambda row, frame: row[-1][place]
        result.depends = True
        return result


def windowed(rows: Iterator[Row], functions: list[WindowFunction], frame: Frame) -> Iterator[Row]:
    """The rows with the values of window functions behind them, as one tuple."""
    kept = list(rows)
    values = [function.values(kept, frame) for function in functions]
    return ((*row, found) for row, found in zip(kept, zip(*values, strict=True), strict=True))


class GroupedScope(Scope):
    """What expressions of a grouped query see: the columns that it is grouped by.

    Args:
        inner: The scope of the query's sources.
        slots: Places in the group's row by places in the joined row.
    """

    def __init__(self, inner: Scope, slots: dict[int, int]) -> None:
        super().__init__(inner.environment, inner.parent)
        self.inner = inner
        self.slots = slots
        self.clause = "select list"

    def find(self, parts: tuple[str, ...]) -> Any:
        """As the inner scope."""
        return self.inner.find(parts)

    def own_column(self, parts: tuple[str, ...], depth: int) -> Compiled | None:
        """A column by its place in the group's row.

        Raises:
            SqlError: 8120 or 8121, the query is not grouped by it.
        """
        found = self.inner.find(parts)
        if found is None:
            return None
        binding, place = found
        column = self.inner.own_column(parts, depth)
        assert column is not None
        slot = self.slots.get(binding.offset + place)
        if slot is None:
            name = f"{binding.alias}.{binding.columns[place].name}"
            raise SqlError(
                8120 if self.clause == "select list" else 8121,
                f"Column '{name}' is invalid in the {self.clause} because it is not contained in either an aggregate "
                "function or the GROUP BY clause.",
            )
        return _at(column, slot, depth)


def _at(column: Compiled, slot: int, depth: int) -> Compiled:
    def read(row: Row, frame: Frame) -> Any:
        if depth == 0:
            return row[slot]
        for _ in range(depth - 1):
            assert frame.outer is not None
            frame = frame.outer
        return frame.outer_row[slot]

    return Compiled(column.type, read, column.nullable, slot if depth == 0 else None, depth == 0, name=column.name)


@dataclass(slots=True)
class Grouping:
    """GROUP BY at work.

    Attributes:
        keys: Expressions over the joined row.
        aggregates: Calls found in the select list, HAVING and ORDER BY, in the order of their places behind the keys.
    """

    keys: list[Compiled]
    aggregates: list[aggregates.Aggregate] = field(default_factory=list)

    def rows(self, rows: Iterator[Row], frame: Frame) -> Iterator[Row]:
        """One row for each group; without keys one, even of nothing."""
        evaluate = [key.evaluate for key in self.keys]
        keys = [comparable(key.type) for key in self.keys]
        arguments = [aggregate.argument for aggregate in self.aggregates]
        groups: dict[Any, tuple[Row, list[aggregates.Accumulator]]] = {}
        for row in rows:
            values = tuple([one(row, frame) for one in evaluate])
            key = tuple([keyed(value, k) for value, k in zip(values, keys, strict=True)])
            found = groups.get(key)
            if found is None:
                found = groups[key] = (values, [aggregate.make() for aggregate in self.aggregates])
            for argument, accumulator in zip(arguments, found[1], strict=True):
                value = argument(row, frame)
                if value is not None:
                    accumulator.add(value)
        if not groups and not self.keys:
            groups[()] = ((), [aggregate.make() for aggregate in self.aggregates])
        for values, accumulators in groups.values():
            yield values + tuple([accumulator.result() for accumulator in accumulators])


class GroupedCompiler(SelectCompiler):
    """Compiles expressions over groups.

    Args:
        inner: The compiler of expressions over the joined row.
        nodes: GROUP BY's expressions as written.
    """

    def __init__(self, inner: SelectCompiler, nodes: tuple[Node, ...]) -> None:
        self.inner = inner
        self.grouping = Grouping([inner.value(node) for node in nodes])
        slots = {key.column: slot for slot, key in enumerate(self.grouping.keys) if key.column is not None}
        super().__init__(GroupedScope(inner.scope, slots), inner.subqueries)
        self.nodes = {self._normal(node): slot for slot, node in enumerate(nodes)}
        self.found: dict[Any, int] = {}

    def _normal(self, node: Node) -> Any:
        """The expression with columns by their places, so that `a` and `t.a` are the same."""
        return _normal(node, self.inner.scope)

    def value(self, node: Node) -> Compiled:
        """An expression that the query is grouped by, an aggregate, or something of them."""
        if not isinstance(node, ColumnName):
            slot = self.nodes.get(self._normal(node))
            if slot is not None:
                key = self.grouping.keys[slot]
                return Compiled(key.type, lambda row, frame: row[slot], key.nullable, slot)
        return super().value(node)

    def _aggregate(self, node: Any) -> Compiled:
        normal = self._normal(node)
        place = self.found.get(normal)
        if place is None:
            place = self.found[normal] = len(self.grouping.aggregates)
            self.grouping.aggregates.append(aggregates.aggregate(self.inner, node))
        made = self.grouping.aggregates[place]
        slot = len(self.grouping.keys) + place
        return Compiled(made.type, lambda row, frame: row[slot], made.nullable, slot)


def _normal(node: Any, scope: Scope) -> Any:
    if isinstance(node, ColumnName):
        try:
            found = scope.find(node.parts)
        except SqlError:
            found = None
        return ("column", found[0].offset + found[1]) if found is not None else tuple(p.lower() for p in node.parts)
    if isinstance(node, Call):
        rest = (node.distinct, node.star, node.window, node.within)
        return ("call", tuple(n.lower() for n in node.names), tuple(_normal(a, scope) for a in node.arguments), rest)
    if isinstance(node, tuple):
        return tuple(_normal(part, scope) for part in node)
    if isinstance(node, Node):
        return (type(node), *(_normal(getattr(node, name), scope) for name in fields_of(type(node))))
    return (type(node), node)
