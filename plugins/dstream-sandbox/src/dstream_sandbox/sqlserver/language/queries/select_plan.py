"""One SELECT, from its sources to its rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.expressions import flattened
from dstream_sandbox.sqlserver.language.compile.operators import binary, converted
from dstream_sandbox.sqlserver.language.compile.predicates import both
from dstream_sandbox.sqlserver.language.compile.scope import Binding, Scope
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.messages import undeclared
from dstream_sandbox.sqlserver.language.queries import ordering
from dstream_sandbox.sqlserver.language.queries.bounds import extract
from dstream_sandbox.sqlserver.language.queries.from_clause import FromCompiler
from dstream_sandbox.sqlserver.language.queries.plan import Assigned, Output, Plan
from dstream_sandbox.sqlserver.language.queries.select import (
    GroupedCompiler,
    GroupedScope,
    SelectCompiler,
    has_aggregate,
    windowed,
)
from dstream_sandbox.sqlserver.language.queries.set_operations import distinct, row_key
from dstream_sandbox.sqlserver.language.queries.sources import One, Source
from dstream_sandbox.sqlserver.language.syntax import (
    ColumnName,
    Literal,
    Names,
    Node,
    Query,
    Select,
    SelectItem,
    Star,
    Variable,
)
from dstream_sandbox.sqlserver.types import BIGINT

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler

Step = Callable[[Iterator[Row], Frame], Iterator[Row]]


class SelectPlanner:
    """Plans one SELECT.

    Args:
        queries: Compiles queries inside.
        query: The query that the SELECT is the body of: its ORDER BY, OFFSET and FETCH.
        select: The SELECT.
        parent: The scope around.
    """

    def __init__(self, queries: QueryCompiler, query: Query, select: Select, parent: Scope | None) -> None:
        self.queries = queries
        self.query = query
        self.select = select
        self.parent = parent
        self.scope = Scope(queries.environment, parent)
        self.base = SelectCompiler(self.scope, queries.subqueries)
        self.compiler: SelectCompiler = self.base

    def plan(self) -> Plan:
        """The plan."""
        select = self.select
        source = self._source()
        where = self._where(source)
        grouped = self._grouped()
        having = self._having(grouped)
        self.compiler.windows = []
        items = self._items()
        sort = self._order(items)
        windows, self.compiler.windows = self.compiler.windows, None
        outputs = [Output(i.name, i.type, i.nullable, i.identity, i.computed, i.null) for i in items]
        pre: Step | None = None
        if grouped is not None:
            grouping = grouped.grouping
            pre = grouping.rows
        steps = [step for step in (_filter(where), pre, _filter(having)) if step is not None]
        if windows:
            steps.append(lambda rows, frame: windowed(rows, windows, frame))
        self._finish(steps, source if grouped is None and not windows else None, sort, items)
        assigned = [Assigned(i.variable, c.evaluate) for i, c in zip(select.items, items, strict=False) if i.variable]
        if assigned and len(assigned) != len(items):
            raise SqlError(
                141,
                "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.",
                15,
            )

        def rows(frame: Frame) -> Iterator[Row]:
            current = source.rows(frame)
            for step in steps:
                current = step(current, frame)
            return current

        return Plan(outputs, rows, self.scope.escapes, assigned, select.into)

    # --- FROM and WHERE

    def _source(self) -> Source:
        if self.select.source is None:
            return One()
        return FromCompiler(self.queries, self.scope, self.base).source(self.select.source)

    def _where(self, source: Source) -> Predicate | None:
        if self.select.where is None:
            return None
        condition = both([self.base.condition(part) for part in flattened(self.select.where, "AND")])
        narrow(source, self.select.where, self.base)
        return condition

    # --- GROUP BY

    def _grouped(self) -> GroupedCompiler | None:
        select = self.select
        nodes: list[Any] = [item.expression for item in select.items]
        nodes += [item.expression for item in self.query.order]
        if not select.group_by and select.having is None and not any(has_aggregate(node) for node in nodes):
            return None
        for node in select.group_by:
            if isinstance(node, Literal):
                raise SqlError(
                    164, "Each GROUP BY expression must contain at least one column that is not an outer reference.", 15
                )
        grouped = GroupedCompiler(self.base, select.group_by)
        self.compiler = grouped
        return grouped

    def _having(self, grouped: GroupedCompiler | None) -> Predicate | None:
        if grouped is None or self.select.having is None:
            return None
        assert isinstance(grouped.scope, GroupedScope)
        grouped.scope.clause = "HAVING clause"
        condition = grouped.condition(self.select.having)
        grouped.scope.clause = "select list"
        return condition

    # --- The select list

    def _items(self) -> list[Compiled]:
        items: list[Compiled] = []
        for item in self.select.items:
            if isinstance(item.expression, Star):
                items += self._star(item.expression.qualifier)
            else:
                items.append(self._item(item))
        return items

    def _item(self, item: SelectItem) -> Compiled:
        value = self.compiler.value(item.expression)
        if item.variable:
            return self._assigned(item, value)
        name = item.alias or (value.name if isinstance(item.expression, ColumnName) else "")
        return replace(value, name=name)

    def _assigned(self, item: SelectItem, value: Compiled) -> Compiled:
        type_ = self.queries.environment.variables.get(item.variable)
        if type_ is None:
            raise undeclared(item.variable)
        self.queries.environment.seen[item.variable] = type_
        if item.operator != "=":
            value = binary(item.operator[0], self.compiler.value(Variable(item.variable)), value)
        return converted(value, type_)

    def _star(self, qualifier: Names) -> list[Compiled]:
        bindings = [b for b in self.scope.bindings if not qualifier or b.answers_to(qualifier)]
        if not bindings:
            if not qualifier:
                raise SqlError(263, "Must specify table to select from.")
            raise SqlError(
                107,
                f"The column prefix '{'.'.join(qualifier)}' does not match with a table name or alias name used in the query.",
                15,
            )
        return [column for binding in bindings for column in self._all(binding)]

    def _all(self, binding: Binding) -> Iterator[Compiled]:
        for place, column in enumerate(binding.columns):
            if isinstance(self.compiler, GroupedCompiler):
                yield self.compiler.value(ColumnName((binding.alias, column.name)))
                continue
            binding.used.add(column.name.lower())
            at = binding.offset + place
            yield Compiled(
                column.type,
                itemgetter_of(at),
                column.nullable,
                at,
                name=column.name,
                identity=column.identity,
                computed=column.computed,
            )

    # --- ORDER BY, DISTINCT, TOP

    def _order(self, items: list[Compiled]) -> list[ordering.SortItem]:
        return [
            ordering.SortItem(self._order_value(item.expression, items), item.descending) for item in self.query.order
        ]

    def _order_value(self, node: Node, items: list[Compiled]) -> Compiled:
        names = [item.name for item in items]
        aliased = [item.alias.lower() for item in self.select.items if item.alias]
        if isinstance(node, Literal) and not isinstance(node.value, int):
            raise SqlError(408, "A constant expression was encountered in the ORDER BY list, position 1.")
        by_name = isinstance(node, ColumnName) and len(node.parts) == 1 and node.parts[0].lower() in aliased
        place = ordering.output_place(node, names) if by_name or isinstance(node, Literal) else None
        if place is not None:
            return items[place]
        value = self.compiler.value(node)
        if self.select.distinct and not any(value.column is not None and value.column == i.column for i in items):
            raise SqlError(145, "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.", 15)
        return value

    def _finish(
        self, steps: list[Step], source: Source | None, sort: list[ordering.SortItem], items: list[Compiled]
    ) -> None:
        """Sorting, projection, DISTINCT, OFFSET and TOP."""
        top = self._top()
        cut = self.queries.cut(self.query, self.parent) if self.query.offset is not None else None
        if sort:
            known = 0 if source is None else ordering.known_order(sort, source.order)
            most = top if not self.select.distinct and cut is None else None
            steps.append(_sort(sort, known, most))
        steps.append(projection(items, self.scope.width if source is not None else None))
        if self.select.distinct:
            key = row_key([item.type for item in items])
            steps.append(lambda rows, frame: distinct(rows, key))
        if cut is not None:
            steps.append(cut)
        if top is not None:
            wanted = top
            steps.append(lambda rows, frame: itertools.islice(rows, wanted(frame)))

    def _top(self) -> Callable[[Frame], int] | None:
        top = self.select.top
        if top is None:
            return None
        if top.percent or top.ties:
            raise not_supported("TOP … PERCENT" if top.percent else "TOP … WITH TIES")
        if self.query.offset is not None:
            raise SqlError(10741, "A TOP can not be used in the same query or sub-query as a OFFSET.", 15)
        count = converted(
            SelectCompiler(Scope(self.queries.environment, self.parent), self.queries.subqueries).value(top.count),
            BIGINT,
        )
        return lambda frame: ordering.limit(count.evaluate((), frame), "TOP")


def narrow(source: Source, condition: Node, compiler: SelectCompiler) -> None:
    """Gives scans the ranges that a condition leaves of their sort keys."""
    for scan in source.scans():
        if scan.target is None:
            continue
        bound = extract(condition, scan.target, compiler, set())
        if bound is not None:
            scan.bounds.append(bound)


def itemgetter_of(place: int) -> Callable[[Row, Frame], Any]:
    """Reads one place of the row."""
    return lambda row, frame: row[place]


def _filter(condition: Predicate | None) -> Step | None:
    if condition is None:
        return None
    return lambda rows, frame: (row for row in rows if condition(row, frame))


def _sort(items: list[ordering.SortItem], known: int, most: Callable[[Frame], int] | None) -> Step:
    if known == len(items):
        return lambda rows, frame: rows
    if known:
        return lambda rows, frame: ordering.sort_within(rows, known, items, frame)
    return lambda rows, frame: ordering.sort(rows, items, frame, None if most is None else most(frame))


def projection(items: list[Compiled], width: int | None) -> Step:
    """The select list over each row.

    Args:
        items: The list.
        width: Of the row, when it is the joined row as it is: then `SELECT *` has nothing to do.
    """
    places = [item.column for item in items]
    known = [place for place in places if place is not None]
    if len(known) == len(places):
        if width == len(places) and places == list(range(len(places))):
            return lambda rows, frame: rows
        if len(known) == 1:
            only = known[0]
            return lambda rows, frame: ((row[only],) for row in rows)
        return lambda rows, frame: map(itemgetter(*known), rows)
    evaluate = [item.evaluate for item in items]
    return lambda rows, frame: (tuple([one(row, frame) for one in evaluate]) for row in rows)
