"""Expressions that a table keeps: defaults, computed columns, checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo
from dstream_sandbox.sqlserver.language.compile.scope import Binding, Environment, Scope
from dstream_sandbox.sqlserver.language.compile.values import Frame, Run
from dstream_sandbox.sqlserver.language.queries.from_clause import bound_columns
from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler
from dstream_sandbox.sqlserver.language.run.state import status_of
from dstream_sandbox.sqlserver.language.syntax import Node
from dstream_sandbox.sqlserver.types import SqlType


def _frame(session: Any) -> Frame:
    return Frame(Run(session, {}, status_of(session)))


def column_default(session: Any, node: Node, type_: SqlType) -> Callable[[Any], Any]:
    """What gives a column its default: `(session) -> value` in the column's type."""
    compiler = SelectCompiler(Scope(Environment(session)))
    value = compiler.cast(compiler.value(node), type_)
    return lambda session: value.evaluate((), _frame(session))


def row_function(
    session: Any, columns: Sequence[ColumnInfo], node: Node, is_condition: bool = False
) -> tuple[Callable[[Any, Any], Any], SqlType]:
    """An expression or a condition over a table's row: `(session, row) -> value`, and its type."""
    scope = Scope(Environment(session))
    scope.add(Binding("", bound_columns(columns), 0))
    compiler = SelectCompiler(scope)
    if is_condition:
        condition = compiler.condition(node)
        return (lambda session, row: condition(row, _frame(session))), SqlType("bit")
    value = compiler.value(node)
    return (lambda session, row: value.evaluate(row, _frame(session))), value.type
