"""SELECT, INSERT, UPDATE, DELETE and MERGE at work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.api import DEFAULT, ColumnSpec, Module, TableSpec
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.scope import Environment, Scope
from dstream_sandbox.sqlserver.language.compile.values import Frame, Run
from dstream_sandbox.sqlserver.language.conversions import assigner
from dstream_sandbox.sqlserver.language.modify import merge, statements
from dstream_sandbox.sqlserver.language.modify.base import Outcome, insert_places, resolve_target, target_at_run
from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler
from dstream_sandbox.sqlserver.language.queries.from_clause import FromCompiler
from dstream_sandbox.sqlserver.language.queries.plan import Output, Plan
from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler
from dstream_sandbox.sqlserver.language.run.errors import enclosed
from dstream_sandbox.sqlserver.language.run.plans import PLANS, CachedPlan
from dstream_sandbox.sqlserver.language.run.state import Scope as VariableScope
from dstream_sandbox.sqlserver.language.run.state import status_of
from dstream_sandbox.sqlserver.language.syntax import Delete, Insert, Merge, Query, Update
from dstream_sandbox.sqlserver.results import Column, Done, Item, RowSet

_COMPILERS: dict[type, Any] = {
    Insert: statements.insert,
    Update: statements.update,
    Delete: statements.delete,
    Merge: merge.merge,
}


class Watched:
    """Rows on their way to the client: counted, and an error in the middle is kept for the batch to deal with."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self.rows = rows
        self.count = 0
        self.error: SqlError | None = None

    def __iter__(self) -> Iterator[Any]:
        """Each row once."""
        count = 0
        try:
            for row in self.rows:
                count += 1
                yield row
        except SqlError as error:
            self.error = error
        finally:
            self.count = count

    def close(self) -> None:
        """The client wants no more."""
        close = getattr(self.rows, "close", None)
        if close is not None:
            close()


def run_of(session: Any, scope: VariableScope) -> Run:
    """A statement's execution."""
    return Run(session, scope.values, status_of(session))


def query(session: Any, scope: VariableScope, node: Query) -> Iterator[Item]:
    """SELECT: a result, or variables, or a new table."""
    with enclosed(session, "select"):
        cached = PLANS.plan(node, session, scope, lambda environment: QueryCompiler(environment).query(node, None))
        require(session, cached)
        plan: Plan = cached.plan
        frame = Frame(run_of(session, scope))
        if plan.assigned:
            yield from _assign(session, plan, frame)
        elif plan.into:
            yield from _select_into(session, scope, plan, frame)
        else:
            yield from _result(session, plan, frame)


def _result(session: Any, plan: Plan, frame: Frame) -> Iterator[Item]:
    rows = plan.rows(frame)
    if session.rowcount_limit:
        rows = itertools.islice(rows, session.rowcount_limit)
    watched = Watched(rows)
    yield RowSet(result_columns(plan.columns), watched, not session.nocount)
    if watched.error is not None:
        raise watched.error
    status_of(session).rowcount = watched.count


def result_columns(columns: Sequence[Output]) -> list[Column]:
    """Columns as a client is told of them."""
    return [Column(c.name, c.type, c.nullable, c.identity, c.computed) for c in columns]


def _assign(session: Any, plan: Plan, frame: Frame) -> Iterator[Item]:
    """Each row's values go into the variables; the last one's stay."""
    count = 0
    for row in plan.rows(frame):
        count += 1
        for assigned, value in zip(plan.assigned, row, strict=True):
            frame.run.variables[assigned.variable] = value
    status_of(session).rowcount = count
    yield Done(None if session.nocount else count, "select")


def _select_into(session: Any, scope: VariableScope, plan: Plan, frame: Frame) -> Iterator[Item]:
    """SELECT … INTO: a table of the result's columns."""
    specs = []
    for place, column in enumerate(plan.columns, 1):
        if not column.name:
            raise SqlError(
                1038,
                "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name.",
                15,
            )
        collation = column.type.collation
        specs.append(
            ColumnSpec(
                column.name,
                column.type,
                nullable=column.nullable,
                identity=(1, 1) if column.identity and place else None,
                collation=collation,
            )
        )
    rows = [list(row) for row in plan.rows(frame)]
    into = plan.into
    session.create_table(TableSpec(into[-2] if len(into) > 1 else "dbo", into[-1], specs))
    relation = session.resolve(None, into[-2] if len(into) > 1 else None, into[-1])
    has_identity = any(spec.identity for spec in specs)
    before = session.identity_insert
    if has_identity:
        session.identity_insert = relation
    try:
        session.insert(relation, rows)
    finally:
        if has_identity:
            session.identity_insert = before
    status_of(session).rowcount = len(rows)
    yield Done(None if session.nocount else len(rows), "select")


def change(
    session: Any, scope: VariableScope, node: Insert | Update | Delete | Merge, keep: bool = True
) -> Iterator[Item]:
    """INSERT, UPDATE, DELETE, MERGE."""
    kind: Any = type(node).__name__.lower()
    if session.rowcount_limit:
        raise not_supported("SET ROWCOUNT with statements that change rows")
    with enclosed(session, kind):
        cached = PLANS.plan(node, session, scope, lambda environment: _COMPILERS[type(node)](environment, node), keep)
        require(session, cached)
        outcome: Outcome = cached.plan.run(Frame(run_of(session, scope)))
    yield from told(session, outcome, kind)


def told(session: Any, outcome: Outcome, kind: Any) -> Iterator[Item]:
    """The outcome as a client hears of it."""
    status_of(session).rowcount = outcome.count
    if outcome.rows is not None:
        yield RowSet(result_columns(outcome.columns), outcome.rows, not session.nocount)
    else:
        yield Done(None if session.nocount else outcome.count, kind)


def require(session: Any, cached: CachedPlan) -> None:
    """Permissions of everything that is read."""
    for relation, binding in cached.environment.bindings:
        if not relation.name.startswith("#") and not relation.name.startswith("@"):
            columns = [] if isinstance(relation, Module) else [c for c in binding.used if not c.startswith("$")]
            session.require("SELECT", relation, columns)


def insert_results(session: Any, scope: VariableScope, node: Insert, results: Sequence[RowSet]) -> Iterator[Item]:
    """INSERT … EXEC: rows that a procedure gave."""
    environment = Environment(session, dict(scope.types), dict(scope.tables))
    queries = QueryCompiler(environment)
    inner = Scope(environment)
    relation = resolve_target(FromCompiler(queries, inner, SelectCompiler(inner, queries.subqueries)), node.target)
    places = insert_places(relation, node.columns)
    rows: list[list[Any]] = []
    for result in results:
        if len(result.columns) != len(places):
            raise SqlError(213, "Column name or number of supplied values does not match table definition.")
        rows += _converted(relation, places, result)
    with enclosed(session, "insert"):
        done = target_at_run(relation, Frame(run_of(session, scope))).insert(rows)
    yield from told(session, Outcome(len(done)), "insert")


def _converted(relation: Any, places: list[int], result: RowSet) -> Iterator[list[Any]]:
    columns = [relation.columns[place] for place in places]
    assigns = [assigner(c.type, t.type, relation.name, t.name) for c, t in zip(result.columns, columns, strict=True)]
    for row in result.rows:
        values: list[Any] = [DEFAULT] * len(relation.columns)
        for place, assign, value in zip(places, assigns, row, strict=True):
            values[place] = value if value is None or assign is None else assign(value)
        yield values
