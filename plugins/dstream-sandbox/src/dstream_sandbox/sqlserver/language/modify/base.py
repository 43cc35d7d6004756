"""What statements that change rows have in common: their target, assignments, OUTPUT, TOP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.engine.api import DEFAULT, ColumnInfo, Module
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import binary
from dstream_sandbox.sqlserver.language.compile.scope import Binding, BoundColumn, Environment, Scope
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Evaluate, Frame, Row
from dstream_sandbox.sqlserver.language.conversions import assigner
from dstream_sandbox.sqlserver.language.messages import invalid_column
from dstream_sandbox.sqlserver.language.modify.targets import EngineTarget, Target
from dstream_sandbox.sqlserver.language.queries.bounds import Every, high_values, low_values
from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler
from dstream_sandbox.sqlserver.language.queries.from_clause import FromCompiler, bound_columns
from dstream_sandbox.sqlserver.language.queries.ordering import limit
from dstream_sandbox.sqlserver.language.queries.plan import Output as OutputColumn
from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler
from dstream_sandbox.sqlserver.language.queries.sources import Scan, Source, scan_of
from dstream_sandbox.sqlserver.language.syntax import (
    Assignment,
    ColumnName,
    DefaultValue,
    Names,
    Output,
    SelectItem,
    Star,
    TableName,
    Top,
    Variable,
)
from dstream_sandbox.sqlserver.language.syntax import Source as SourceNode
from dstream_sandbox.sqlserver.types import BIGINT, nvarchar

ROW_ID = "$rowid"


@dataclass(slots=True)
class Outcome:
    """What a statement did: how many rows, and what OUTPUT gives to the client."""

    count: int
    rows: list[Row] | None = None
    columns: list[OutputColumn] = field(default_factory=list)


@dataclass(slots=True)
class ChangePlan:
    """A compiled statement that changes rows."""

    run: Callable[[Frame], Outcome]
    kind: str


class UpdateScan(Scan):
    """A scan of the rows to be changed: each with its id behind it."""

    def ranged(self, bounds: Any, row: Row, frame: Frame) -> Iterator[Row]:
        """Rows that may be changed, in the range of the bounds."""
        low = high = None
        if bounds and self.target is not None:
            found = bounds[0].range(row, frame) if len(bounds) == 1 else _every(bounds).range(row, frame)
            if found.empty:
                return iter(())
            low = None if found.low is None else low_values(found.low, self.target.types)
            high = None if found.high is None else high_values(found.high, self.target.types)
        target = target_at_run(self.relation, frame)
        return ((*values, row_id) for row_id, values in target.scan(low, high))


def _every(bounds: Any) -> Any:
    return Every(bounds)


class VariableName:
    """Stands for a table variable in a plan: its rows are those of the batch that runs."""

    sort_key: tuple[str, ...] = ()

    def __init__(self, name: str, columns: Sequence[ColumnInfo]) -> None:
        self.name = name
        self.columns = columns

    def row_count(self, session: Any) -> int:
        """Few."""
        return 0


def target_at_run(relation: Any, frame: Frame) -> Target:
    """The table as it can be written."""
    if isinstance(relation, VariableName):
        found: Target = frame.run.variables[relation.name]
        return found
    return EngineTarget(frame.run.session, relation)


class TargetFinder(FromCompiler):
    """FROM in which the target's scan gives row ids."""

    def __init__(self, queries: QueryCompiler, scope: Scope, compiler: SelectCompiler, target: Names) -> None:
        super().__init__(queries, scope, compiler)
        self.names = target
        self.relation: Any = None
        self.binding: Binding | None = None

    def table(self, node: TableName) -> Source:
        """The target's table, or another one."""
        if self.relation is not None or not self._is_target(node):
            return super().table(node)
        relation = resolve_target(self, node.parts)
        base = self.scope.width
        columns = [*bound_columns(relation.columns), BoundColumn(ROW_ID, BIGINT)]
        self.binding = self._bind(node.alias or node.parts[-1], columns, () if node.alias else node.parts)
        self.relation = relation
        self.environment.bindings.append((relation, self.binding))
        found = scan_of(relation, base, node.hints)
        return UpdateScan(relation, base, len(columns), node.hints, found.target, order=found.order)

    def _is_target(self, node: TableName) -> bool:
        wanted = tuple(n.lower() for n in self.names)
        if len(wanted) == 1 and (node.alias or node.parts[-1]).lower() == wanted[0]:
            return True
        return not node.alias and tuple(p.lower() for p in node.parts)[-len(wanted) :] == wanted


def resolve_target(source: FromCompiler, names: Names) -> Any:
    """The table that a statement names.

    Raises:
        SqlError: 208, 1087; 50001 for views.
    """
    environment = source.environment
    if names[0].startswith("@"):
        table = environment.tables.get(names[0])
        if table is None:
            raise SqlError(1087, f'Must declare the table variable "{names[0]}".', 15, 2)
        environment.seen[names[0]] = table.columns
        return VariableName(names[0], table.columns)
    if len(names) == 1 and source.queries.common(names[0]) is not None:
        raise not_supported("changing rows through a common table expression")
    relation = source.resolve(names)
    if isinstance(relation, Module):
        raise not_supported("changing rows through a view")
    return relation


class Changer:
    """The compiler of one statement that changes rows.

    Args:
        environment: What the statement knows.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.queries = QueryCompiler(environment)
        self.scope = Scope(environment)
        self.compiler = SelectCompiler(self.scope, self.queries.subqueries)

    def find_target(self, names: Names, source: SourceNode | None) -> tuple[Any, Binding, Source]:
        """The target's relation, its columns in the joined row, and the joined rows."""
        finder = TargetFinder(self.queries, self.scope, self.compiler, names)
        if source is None:
            found = finder.table(TableName(names))
        else:
            found = finder.source(source)
            if finder.relation is None:
                raise not_supported("UPDATE or DELETE of a table that its FROM does not name")
        assert finder.binding is not None
        return finder.relation, finder.binding, found

    def assignments(
        self, relation: Any, items: Sequence[Assignment]
    ) -> tuple[list[tuple[int, Evaluate]], list[tuple[str, Evaluate]]]:
        """SET: places in the row with what goes there, and variables with what goes into them."""
        columns: list[tuple[int, Evaluate]] = []
        variables: list[tuple[str, Evaluate]] = []
        for item in items:
            if item.column:
                place = column_place(relation.columns, item.column)
                writable(relation.columns[place], "update")
                if any(place == other for other, _ in columns):
                    raise SqlError(
                        264,
                        f"The column name '{item.column}' is specified more than once in the SET clause or column list of an INSERT.",
                    )
                value = self._assigned(relation, place, item)
                columns.append((place, value))
            else:
                value = self._variable_value(item)
            if item.variable:
                variables.append((item.variable, value))
        return columns, variables

    def _assigned(self, relation: Any, place: int, item: Assignment) -> Evaluate:
        if isinstance(item.value, DefaultValue):
            return lambda row, frame: DEFAULT
        column = relation.columns[place]
        value = self.compiler.value(item.value)
        if item.operator != "=":
            value = binary(item.operator[0], self.compiler.value(ColumnName((item.column,))), value)
        return stored(value, relation, column)

    def _variable_value(self, item: Assignment) -> Evaluate:
        planned = SelectItem(item.value, variable=item.variable, operator=item.operator)
        type_ = self.environment.variables.get(item.variable)
        if type_ is None:
            raise SqlError(137, f'Must declare the scalar variable "{item.variable}".', 15, 2)
        value = self.compiler.value(planned.expression)
        if item.operator != "=":
            value = binary(item.operator[0], self.compiler.value(Variable(item.variable)), value)
        return self.compiler.cast(value, type_).evaluate

    def top(self, top: Top | None) -> Callable[[Frame], int | None]:
        """TOP of UPDATE, DELETE, INSERT."""
        if top is None:
            return lambda frame: None
        if top.percent or top.ties:
            raise not_supported("TOP … PERCENT and WITH TIES")
        count = SelectCompiler(Scope(self.environment), self.queries.subqueries).value(top.count)
        return lambda frame: limit(count.evaluate((), frame), "TOP")

    def output(
        self, output: Output | None, relation: Any, sides: Sequence[str], action: bool = False
    ) -> OutputPlan | None:
        """OUTPUT over rows made of the sides (inserted, deleted), then the joined row.

        Args:
            output: The clause.
            relation: The target.
            sides: Of "inserted" and "deleted", in this order.
            action: `$action` stands behind the sides (MERGE).
        """
        if output is None:
            return None
        scope = Scope(self.environment)
        width = len(relation.columns)
        for place, side in enumerate(sides):
            scope.add(Binding(side, bound_columns(relation.columns), place * width, hidden=True))
        if action:
            scope.add(Binding("", [BoundColumn("$action", nvarchar(10), False)], scope.width))
        for binding in self.scope.bindings:
            scope.add(Binding(binding.alias, binding.columns, scope.width, binding.names, binding.used))
        compiler = SelectCompiler(scope, self.queries.subqueries)
        items = [value for item in output.items for value in _output_items(compiler, scope, item)]
        columns = [OutputColumn(i.name, i.type, True, computed=i.computed) for i in items]
        plan = OutputPlan([i.evaluate for i in items], columns)
        if output.into:
            self._into(output, plan)
        return plan

    def _into(self, output: Output, plan: OutputPlan) -> None:
        finder = FromCompiler(self.queries, Scope(self.environment), self.compiler)
        into = resolve_target(finder, output.into)
        plan.into = into
        plan.into_row = row_maker(into, output.columns, plan.columns)


@dataclass(slots=True)
class OutputPlan:
    """A compiled OUTPUT."""

    evaluate: list[Evaluate]
    columns: list[OutputColumn]
    into: Any = None
    into_row: Callable[[Row], list[Any]] | None = None

    def rows(self, changed: Iterator[Row], frame: Frame) -> list[Row] | None:
        """The rows for the client; None when they went into a table."""
        made = [tuple([one(row, frame) for one in self.evaluate]) for row in changed]
        if self.into is None or self.into_row is None:
            return made
        target_at_run(self.into, frame).insert([self.into_row(row) for row in made])
        return None


def _output_items(compiler: SelectCompiler, scope: Scope, item: SelectItem) -> Iterator[Compiled]:
    if isinstance(item.expression, Star):
        if not item.expression.qualifier:
            raise SqlError(102, "Incorrect syntax near '*'.", 15)
        for binding in scope.bindings:
            if binding.answers_to(item.expression.qualifier):
                for column in binding.columns:
                    if column.name != ROW_ID:
                        yield compiler.value(ColumnName((binding.alias, column.name)))
        return
    value = compiler.value(item.expression)
    value.name = item.alias or value.name
    yield value


def column_place(columns: Sequence[ColumnInfo], name: str) -> int:
    """The place of a column by its name (207)."""
    lowered = name.lower()
    for place, column in enumerate(columns):
        if column.name.lower() == lowered:
            return place
    raise invalid_column(name)


def writable(column: ColumnInfo, verb: str) -> None:
    """271, 272, 273, 8102: the column cannot be written."""
    if column.computed:
        raise SqlError(
            271,
            f'The column "{column.name}" cannot be modified because it is either a computed column or is the result of a UNION operator.',
        )
    if column.type.name == "timestamp":
        if verb == "update":
            raise SqlError(272, "Cannot update a timestamp column.")
        raise SqlError(
            273,
            "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp "
            "column, or insert a DEFAULT into the timestamp column.",
        )
    if column.identity and verb == "update":
        raise SqlError(8102, f"Cannot update identity column '{column.name}'.")


def stored(value: Compiled, relation: Any, column: ColumnInfo) -> Evaluate:
    """A value on its way into a column."""
    inner = value.evaluate
    if value.null:
        return inner
    assign = assigner(value.type, column.type, relation.name, column.name)
    if assign is None:
        return inner
    return lambda row, frame: None if (x := inner(row, frame)) is None else assign(x)


def row_maker(relation: Any, names: Names, columns: Sequence[OutputColumn]) -> Callable[[Row], list[Any]]:
    """A function from rows of a query to rows of a table.

    Args:
        relation: The table.
        names: The columns that are given, () for all that can be.
        columns: Of the query.

    Raises:
        SqlError: 120, 121, 213, 207, 264.
    """
    places = insert_places(relation, names)
    if len(places) != len(columns):
        raise SqlError(
            *(
                (213, "Column name or number of supplied values does not match table definition.")
                if not names
                else (
                    120,
                    "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                )
                if len(columns) < len(places)
                else (
                    121,
                    "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                )
            )
        )
    width = len(relation.columns)
    assigns = [
        None
        if source.null
        else assigner(source.type, relation.columns[place].type, relation.name, relation.columns[place].name)
        for place, source in zip(places, columns, strict=True)
    ]
    pairs = list(zip(places, assigns, strict=True))

    def make(row: Row) -> list[Any]:
        values: list[Any] = [DEFAULT] * width
        for (place, assign), value in zip(pairs, row, strict=True):
            values[place] = value if value is None or assign is None else assign(value)
        return values

    return make


def insert_places(relation: Any, names: Names, identity: bool = False) -> list[int]:
    """Places of the columns that INSERT gives.

    Args:
        relation: The table.
        names: As written; () for all but identity, computed and rowversion columns.
        identity: IDENTITY_INSERT is on for it.
    """
    if names:
        places = [column_place(relation.columns, name) for name in names]
        if len(set(places)) != len(places):
            raise SqlError(
                264, "The column name is specified more than once in the SET clause or column list of an INSERT."
            )
        return places
    return [
        place
        for place, column in enumerate(relation.columns)
        if not (column.identity or column.computed or column.type.name == "timestamp")
    ]
