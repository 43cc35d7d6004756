"""Queries to plans."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from dstream_sandbox.sqlserver.engine.api import Module
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.scope import Environment, Scope
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.parser.batch import parse_batch
from dstream_sandbox.sqlserver.language.queries import ordering, set_operations
from dstream_sandbox.sqlserver.language.queries.plan import Output, Plan
from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler
from dstream_sandbox.sqlserver.language.queries.select_plan import SelectPlanner
from dstream_sandbox.sqlserver.language.queries.subqueries import Subqueries
from dstream_sandbox.sqlserver.language.statements import CreateModule
from dstream_sandbox.sqlserver.language.syntax import (
    CommonTable,
    Names,
    Ordering,
    Query,
    Select,
    SetOperation,
    Values,
)

_DEEPEST_RECURSION = 100


class QueryCompiler:
    """Compiles the queries of one statement.

    Args:
        environment: What the statement knows.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.subqueries = Subqueries(self)
        self.commons: list[dict[str, Callable[[], Plan]]] = []

    def common(self, name: str) -> Callable[[], Plan] | None:
        """What a common table expression of this name compiles to, the innermost first."""
        for table in reversed(self.commons):
            if name.lower() in table:
                return table[name.lower()]
        return None

    def with_common(self, tables: tuple[CommonTable, ...]) -> dict[str, Callable[[], Plan]]:
        """Puts common table expressions in sight; each sees those before it (and itself)."""
        sight: dict[str, Callable[[], Plan]] = {}
        self.commons.append(sight)
        for table in tables:
            if table.name.lower() in sight:
                raise SqlError(239, f"Duplicate common table expression name '{table.name}' was specified.")
            sight[table.name.lower()] = self._common_plan(table, len(self.commons), dict(sight))
        return sight

    def _common_plan(self, table: CommonTable, depth: int, before: dict[str, Callable[[], Plan]]) -> Callable[[], Plan]:
        def compiled() -> Plan:
            outside, self.commons = self.commons, [*self.commons[: depth - 1], dict(before)]
            try:
                return self._recursive_or_plain(table)
            finally:
                self.commons = outside

        return compiled

    def _recursive_or_plain(self, table: CommonTable) -> Plan:
        name = table.name.lower()
        used: list[Plan] = []
        body = table.query.body
        token = object()
        anchor: Plan | None = None

        def itself() -> Plan:
            if anchor is None:
                raise SqlError(
                    252,
                    f"Recursive common table expression '{table.name}' does not contain a top-level UNION ALL operator.",
                )
            plan = Plan(renamed(anchor, table.columns), lambda frame: iter(frame.run.cache[token]))
            used.append(plan)
            return plan

        self.commons[-1][name] = itself
        if isinstance(body, SetOperation) and body.operator == "union all":
            anchor = self.query(Query(body.left), None)
            step = self.query(Query(body.right), None)
            if used:
                return _recursion(Plan(renamed(anchor, table.columns), anchor.rows), step, token)
        plan = self.query(ordering.unordered(table.query), None)
        return Plan(renamed(plan, table.columns), plan.rows)

    def view(self, module: Module) -> tuple[Plan, Names]:
        """The query of a view, and the names of its columns if it gives them."""
        outside, self.commons = self.commons, []
        try:
            for located in parse_batch(module.definition):
                if isinstance(located.statement, CreateModule) and located.statement.query is not None:
                    return self.query(ordering.unordered(located.statement.query), None), located.statement.columns
        finally:
            self.commons = outside
        raise not_supported(f"the view {module.name}")

    def query(self, node: Query, parent: Scope | None, in_exists: bool = False) -> Plan:
        """A whole query.

        Args:
            node: The query.
            parent: The scope of the query around.
            in_exists: The select list does not matter.
        """
        if node.common:
            self.with_common(node.common)
        try:
            return self._query(node, parent)
        finally:
            if node.common:
                self.commons.pop()

    def _query(self, node: Query, parent: Scope | None) -> Plan:
        if isinstance(node.body, Select):
            return SelectPlanner(self, node, node.body, parent).plan()
        plan = self.body(node.body, parent)
        if not node.order:
            return plan
        return self._ordered(plan, node, parent)

    def body(self, node: Any, parent: Scope | None) -> Plan:
        """A query without ORDER BY."""
        if isinstance(node, Query):
            return self.query(node, parent)
        if isinstance(node, Select):
            return SelectPlanner(self, Query(node), node, parent).plan()
        if isinstance(node, Values):
            return self._values(node, parent)
        left, right = self.body(node.left, parent), self.body(node.right, parent)
        return set_operations.combined(node.operator, left, right)

    def _values(self, node: Values, parent: Scope | None) -> Plan:
        scope = Scope(self.environment, parent)
        compiler = SelectCompiler(scope, self.subqueries)
        width = len(node.rows[0])
        if any(len(row) != width for row in node.rows):
            raise SqlError(10709, "The number of columns for each row in a table value constructor must be the same.")
        rows = [compiler.values(row) for row in node.rows]
        plan = set_operations.united(rows)
        plan.correlated = scope.escapes
        return plan

    def _ordered(self, plan: Plan, node: Query, parent: Scope | None) -> Plan:
        """ORDER BY behind UNION goes by the result's columns."""
        items = [ordering.SortItem(self._output(item, plan), item.descending) for item in node.order]
        cut = self.cut(node, parent)

        def rows(frame: Frame) -> Iterator[Row]:
            return cut(ordering.sort(plan.rows(frame), items, frame), frame)

        return Plan(plan.columns, rows, plan.correlated)

    def _output(self, item: Ordering, plan: Plan) -> Compiled:
        place = ordering.output_place(item.expression, [c.name for c in plan.columns])
        if place is None:
            raise SqlError(
                104,
                "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator.",
                15,
            )
        return Compiled(plan.columns[place].type, lambda row, frame: row[place], column=place)

    def cut(self, node: Query, parent: Scope | None) -> Callable[[Iterator[Row], Frame], Iterator[Row]]:
        """OFFSET and FETCH."""
        compiler = SelectCompiler(Scope(self.environment, parent), self.subqueries)
        offset = None if node.offset is None else compiler.value(node.offset)
        fetch = None if node.fetch is None else compiler.value(node.fetch)

        def apply(rows: Iterator[Row], frame: Frame) -> Iterator[Row]:
            start = 0 if offset is None else ordering.limit(offset.evaluate((), frame), "OFFSET")
            stop = None if fetch is None else start + ordering.limit(fetch.evaluate((), frame), "FETCH")
            return rows if start == 0 and stop is None else itertools.islice(rows, start, stop)

        return apply


def renamed(plan: Plan, names: Names) -> list[Output]:
    """A plan's columns under other names."""
    if not names:
        return plan.columns
    if len(names) != len(plan.columns):
        number, word = (8158, "more") if len(plan.columns) > len(names) else (8159, "fewer")
        raise SqlError(number, f"The query has {word} columns than were specified in the column list.")
    return [Output(n, c.type, c.nullable, c.identity, c.computed) for n, c in zip(names, plan.columns, strict=True)]


def _recursion(anchor: Plan, step: Plan, token: object) -> Plan:
    """WITH that names itself: the step runs on what the last one gave, until it gives nothing."""
    convert = set_operations.row_converter(step.columns, anchor.columns, exact=True)

    def rows(frame: Frame) -> Iterator[Row]:
        current = list(anchor.rows(frame))
        depth = 0
        while current:
            yield from current
            if depth == _DEEPEST_RECURSION:
                raise SqlError(
                    530,
                    f"The statement terminated. The maximum recursion {_DEEPEST_RECURSION} has been exhausted before statement completion.",
                )
            frame.run.cache[token] = current
            current = [convert(row) for row in step.rows(Frame(frame.run, frame.outer_row, frame.outer))]
            depth += 1

    return Plan(anchor.columns, rows)
