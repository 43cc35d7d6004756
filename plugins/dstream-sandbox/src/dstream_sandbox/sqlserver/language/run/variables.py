"""DECLARE, SET of variables, and expressions outside of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import binary
from dstream_sandbox.sqlserver.language.compile.scope import Environment
from dstream_sandbox.sqlserver.language.compile.scope import Scope as ColumnScope
from dstream_sandbox.sqlserver.language.compile.types import resolve_declared, resolve_type
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame
from dstream_sandbox.sqlserver.language.messages import undeclared
from dstream_sandbox.sqlserver.language.modify.targets import TableVariable
from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler
from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler
from dstream_sandbox.sqlserver.language.run.columns import column_default, row_function
from dstream_sandbox.sqlserver.language.run.modifying import run_of
from dstream_sandbox.sqlserver.language.run.plans import PLANS
from dstream_sandbox.sqlserver.language.run.state import Scope
from dstream_sandbox.sqlserver.language.statements import (
    ColumnDefinition,
    Constraint,
    Declaration,
    Declare,
    SetVariable,
)
from dstream_sandbox.sqlserver.language.syntax import Node, Variable
from dstream_sandbox.sqlserver.types import SqlType


def compiler(environment: Environment) -> SelectCompiler:
    """A compiler of expressions without columns."""
    return SelectCompiler(ColumnScope(environment), QueryCompiler(environment).subqueries)


def evaluate(session: Any, scope: Scope, node: Node, type_: SqlType | None = None) -> Any:
    """The value of an expression outside of queries, in a type if one is given (assignments cut texts without a word)."""

    def make(environment: Environment) -> Compiled:
        found = compiler(environment)
        value = found.value(node)
        return value if type_ is None else found.cast(value, type_)

    if type_ is not None:
        environment = Environment(session, scope.types, scope.tables)
        return make(environment).evaluate((), Frame(run_of(session, scope)))
    return PLANS.plan(node, session, scope, make).plan.evaluate((), Frame(run_of(session, scope)))


def typed(session: Any, scope: Scope, node: Node) -> tuple[SqlType, Any]:
    """The type and the value of an expression."""
    value = compiler(Environment(session, scope.types, scope.tables)).value(node)
    return value.type, value.evaluate((), Frame(run_of(session, scope)))


def condition(session: Any, scope: Scope, node: Node) -> bool | None:
    """A condition of IF or WHILE."""

    def make(environment: Environment) -> Callable[..., bool | None]:
        return compiler(environment).condition(node)

    result: bool | None = PLANS.plan(node, session, scope, make).plan((), Frame(run_of(session, scope)))
    return result


def declare(session: Any, scope: Scope, node: Declare) -> None:
    """DECLARE.

    Raises:
        SqlError: 134, the name is taken.
    """
    for item in node.items:
        if item.name in scope.types or item.name in scope.tables:
            raise SqlError(
                134,
                f"The variable name '{item.name}' has already been declared. Variable names must be unique within a query batch or stored procedure.",
                15,
            )
        if item.table is not None:
            table = table_variable(session, item)
            scope.tables[item.name] = scope.values[item.name] = table
            continue
        assert item.type is not None
        scope.types[item.name] = resolve_type(item.type, session)
        scope.values[item.name] = None
        if item.initial is not None:
            scope.values[item.name] = evaluate(session, scope, item.initial, scope.types[item.name])


def redeclare(session: Any, scope: Scope, node: Declare) -> None:
    """DECLARE in a loop: the variable is there already; only its initial value is set again."""
    for item in node.items:
        if item.initial is not None and item.name in scope.types:
            scope.values[item.name] = evaluate(session, scope, item.initial, scope.types[item.name])


def assign(session: Any, scope: Scope, node: SetVariable) -> None:
    """SET @x = …, and its compound forms."""
    type_ = scope.types.get(node.name)
    if type_ is None:
        raise undeclared(node.name)

    def make(environment: Environment) -> Compiled:
        found = compiler(environment)
        value = found.value(node.value)
        if node.operator != "=":
            value = binary(node.operator[0], found.value(Variable(node.name)), value)
        return found.cast(value, type_)

    cached = PLANS.plan(node, session, scope, make)
    cached.environment.seen[node.name] = type_
    scope.values[node.name] = cached.plan.evaluate((), Frame(run_of(session, scope)))


def table_variable(session: Any, item: Declaration) -> TableVariable:
    """DECLARE @t TABLE (…)."""
    assert item.table is not None
    definitions, constraints = item.table
    columns = _columns(session, definitions, constraints)
    table = TableVariable(item.name, tuple(columns))
    places = {c.name.lower(): place for place, c in enumerate(columns)}
    for place, definition in enumerate(definitions):
        if definition.identity is not None:
            table.seed = list(definition.identity)
        if definition.default is not None:
            default = column_default(session, definition.default, columns[place].type)
            table.defaults[place] = lambda default=default: default(session)
        if definition.computed is not None:
            function, _ = row_function(session, columns[:place], definition.computed)
            table.computed[place] = lambda row, function=function: function(session, row)
    for constraint in _all_constraints(definitions, constraints):
        if constraint.kind in ("primary key", "unique"):
            name = constraint.name or f"PK__{item.name.lstrip('@')}"
            table.keys.append((name, tuple(places[c.lower()] for c, _ in constraint.columns)))
        elif constraint.kind == "check" and constraint.expression is not None:
            function, _ = row_function(session, columns, constraint.expression, is_condition=True)
            table.checks.append(lambda row, function=function: function(session, row))
    return table


def _all_constraints(
    definitions: Sequence[ColumnDefinition], constraints: Sequence[Constraint]
) -> Iterator[Constraint]:
    yield from constraints
    for definition in definitions:
        yield from definition.constraints


def _columns(
    session: Any, definitions: Sequence[ColumnDefinition], constraints: Sequence[Constraint]
) -> list[ColumnInfo]:
    keys = {
        name.lower()
        for c in _all_constraints(definitions, constraints)
        if c.kind == "primary key"
        for name, _ in c.columns
    }
    columns: list[ColumnInfo] = []
    for definition in definitions:
        if definition.type is None:
            assert definition.computed is not None
            _, type_ = row_function(session, columns, definition.computed)
            columns.append(ColumnInfo(definition.name, type_, computed=True))
            continue
        type_, _, alias_nullable = resolve_declared(definition.type, session)
        nullable = definition.nullable if definition.nullable is not None else alias_nullable
        nullable = (nullable is not False) and definition.name.lower() not in keys and definition.identity is None
        columns.append(
            ColumnInfo(definition.name, type_, nullable, definition.identity is not None, False, type_.collation)
        )
    return columns
