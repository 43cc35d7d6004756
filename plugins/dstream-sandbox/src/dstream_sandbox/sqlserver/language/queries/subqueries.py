"""Queries inside expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile import predicates
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.scope import Scope
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.queries.ordering import unordered
from dstream_sandbox.sqlserver.language.queries.plan import Plan
from dstream_sandbox.sqlserver.language.syntax import Quantified, Query

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler


class Subqueries:
    """Compiles them; those that look at no row outside run once per statement.

    Args:
        queries: Compiles queries.
    """

    def __init__(self, queries: QueryCompiler) -> None:
        self.queries = queries

    def scalar(self, query: Query, scope: Scope) -> Compiled:
        """`(SELECT …)` as a value: NULL without a row, 512 with several."""
        plan = self._one_column(query, scope)

        def first(frame: Frame) -> Any:
            rows = plan.rows(frame)
            row = next(rows, None)
            if row is None:
                return None
            if next(rows, None) is not None:
                raise SqlError(
                    512,
                    "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= "
                    "or when the subquery is used as an expression.",
                )
            return row[0]

        return Compiled(plan.columns[0].type, _once(plan, first), depends=plan.correlated)

    def exists(self, query: Query, scope: Scope) -> Predicate:
        """EXISTS."""
        plan = self.queries.query(unordered(query), scope, in_exists=True)
        return _once(plan, lambda frame: next(plan.rows(frame), None) is not None)

    def contains(self, operand: Compiled, query: Query, scope: Scope) -> Predicate:
        """`x IN (SELECT …)`: unknown when x is not found and a NULL is among the values."""
        plan = self._one_column(query, scope)
        left, right = operand, _result(plan)
        type_ = predicates.comparison_type("=", left, right)
        key = comparable(type_)
        convert = converted(right, type_).evaluate
        value = converted(left, type_).evaluate

        def keys(frame: Frame) -> tuple[set[Any], bool]:
            values = [convert(row, frame) for row in plan.rows(frame)]
            return {key(v) for v in values if v is not None}, None in values

        found = _once(plan, keys)

        def inside(row: Row, frame: Frame) -> bool | None:
            known, has_null = found(row, frame)
            if not known and not has_null:
                return False
            x = value(row, frame)
            if x is None:
                return None
            return True if key(x) in known else None if has_null else False

        return inside

    def quantified(self, node: Quantified, operand: Compiled, scope: Scope) -> Predicate:
        """ANY and ALL."""
        plan = self._one_column(node.query, scope)
        other = _result(plan)
        type_ = predicates.comparison_type(node.operator, operand, other)
        key, python = comparable(type_), predicates.PYTHON[node.operator]
        convert, value = converted(other, type_).evaluate, converted(operand, type_).evaluate
        values = _once(plan, lambda frame: [convert(row, frame) for row in plan.rows(frame)])
        decisive = not node.every

        def compare(row: Row, frame: Frame) -> bool | None:
            x = value(row, frame)
            result: bool | None = node.every
            for y in values(row, frame):
                if x is None or y is None:
                    result = None
                elif python(key(x), key(y)) == decisive:
                    return decisive
            return result

        return compare

    def _one_column(self, query: Query, scope: Scope) -> Plan:
        plan = self.queries.query(unordered(query), scope)
        if len(plan.columns) != 1:
            raise SqlError(
                116,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            )
        return plan


def _result(plan: Plan) -> Compiled:
    column = plan.columns[0]
    return Compiled(column.type, lambda row, frame: row[0], column.nullable, null=column.null)


def _once(plan: Plan, compute: Callable[[Frame], Any]) -> Callable[[Row, Frame], Any]:
    """Runs for each row, or once for all of them if the query does not look at it."""
    if plan.correlated:
        return lambda row, frame: compute(Frame(frame.run, row, frame))
    token = object()

    def cached(row: Row, frame: Frame) -> Any:
        cache = frame.run.cache
        if token not in cache:
            cache[token] = compute(Frame(frame.run, row, frame))
        return cache[token]

    return cached
