"""FROM: names to relations, joins to sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Module
from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile import predicates
from dstream_sandbox.sqlserver.language.compile.expressions import flattened
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.scope import Binding, BoundColumn, Dependency, Scope
from dstream_sandbox.sqlserver.language.compile.values import Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.messages import invalid_object
from dstream_sandbox.sqlserver.language.queries.bounds import Bound, Every, Leaf, extract
from dstream_sandbox.sqlserver.language.queries.ordering import unordered
from dstream_sandbox.sqlserver.language.queries.plan import Plan
from dstream_sandbox.sqlserver.language.queries.sources import Apply, Join, JoinKeys, Rows, Scan, Source, scan_of
from dstream_sandbox.sqlserver.language.queries.table_functions import table_function
from dstream_sandbox.sqlserver.language.queries.walk import columns_of
from dstream_sandbox.sqlserver.language.syntax import (
    ColumnName,
    Compare,
    Derived,
    Names,
    Node,
    Query,
    TableCall,
    TableName,
)
from dstream_sandbox.sqlserver.language.syntax import Join as JoinNode
from dstream_sandbox.sqlserver.language.syntax import Source as SourceNode

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler
    from dstream_sandbox.sqlserver.language.queries.select import SelectCompiler


def bound_columns(columns: Sequence[ColumnInfo]) -> list[BoundColumn]:
    """Columns of a relation as a query sees them."""
    return [
        BoundColumn(c.name, c.type.with_collation(c.collation or c.type.collation), c.nullable, c.identity, c.computed)
        for c in columns
    ]


class FromCompiler:
    """Builds the sources of one query, and puts their columns into its scope.

    Args:
        queries: Compiles derived tables and views.
        scope: Of the query; sources are added to it.
        compiler: Of the query's expressions.
    """

    def __init__(self, queries: QueryCompiler, scope: Scope, compiler: SelectCompiler) -> None:
        self.queries = queries
        self.scope = scope
        self.compiler = compiler
        self.environment = scope.environment

    def source(self, node: SourceNode) -> Source:
        """The source that a part of FROM names.

        Raises:
            SqlError: 208, 1087, …
        """
        if isinstance(node, TableName):
            return self.table(node)
        if isinstance(node, TableCall):
            return self._call(node)
        if isinstance(node, Derived):
            return self._derived(node.query, node.alias, node.columns, self.scope.parent)
        return self._join(node)

    def _bind(self, alias: str, columns: Sequence[BoundColumn], names: Names = ()) -> Binding:
        if any(b.alias.lower() == alias.lower() and b.names == names for b in self.scope.bindings):
            if names:
                raise SqlError(
                    1013,
                    f'The objects "{alias}" and "{alias}" in the FROM clause have the same exposed names. Use correlation names to distinguish them.',
                    15,
                )
            raise SqlError(1011, f"The correlation name '{alias}' is specified multiple times in a FROM clause.", 15)
        binding = Binding(alias, columns, self.scope.width, names)
        self.scope.add(binding)
        return binding

    def table(self, node: TableName) -> Source:
        """A table, view, common table expression or table variable."""
        if node.parts[0].startswith("@"):
            return self._table_variable(node)
        if len(node.parts) == 1 and (common := self.queries.common(node.parts[0])) is not None:
            return self._plan_source(common(), node.alias or node.parts[0], ())
        relation = self.resolve(node.parts)
        alias = node.alias or node.parts[-1]
        if isinstance(relation, Module):
            return self._view(relation, node, alias)
        names = () if node.alias else node.parts
        base = self.scope.width
        binding = self._bind(alias, bound_columns(relation.columns), names)
        self.environment.bindings.append((relation, binding))
        return scan_of(relation, base, node.hints)

    def resolve(self, parts: Names) -> Any:
        """A relation or view by its name; the plan depends on it.

        Raises:
            SqlError: 208.
        """
        if len(parts) > 3:
            raise not_supported("four-part names (linked servers)")
        database, schema, name = ((None,) * (3 - len(parts)) + tuple(p or None for p in parts))[:3]
        session = self.environment.session
        relation = session.resolve(database, schema, name)
        if relation is None:
            raise invalid_object(".".join(parts))
        columns = tuple(relation.columns)
        self.environment.dependencies.append(Dependency(database, schema, str(name), relation, columns))
        return relation

    def _table_variable(self, node: TableName) -> Source:
        name = node.parts[0]
        table = self.environment.tables.get(name)
        if table is None:
            raise SqlError(1087, f'Must declare the table variable "{name}".', 15, 2)
        self.environment.seen[name] = table.columns
        base = self.scope.width
        self._bind(node.alias or name, bound_columns(table.columns))
        return Rows(lambda frame: iter(list(frame.run.variables[name].rows)), base, len(table.columns))

    def _view(self, module: Module, node: TableName, alias: str) -> Source:
        if self.environment.view_depth > 31:
            raise SqlError(4429, f"View or function '{module.name}' contains a self-reference.")
        self.environment.view_depth += 1
        plan, query_columns = self.queries.view(module)
        self.environment.view_depth -= 1
        self.environment.bindings.append((module, Binding(alias, [], 0)))
        return self._plan_source(plan, alias, query_columns, () if node.alias else node.parts)

    def _derived(self, query: Query, alias: str, columns: Names, parent: Scope | None) -> Source:
        return self._plan_source(self.queries.query(unordered(query), parent), alias, columns)

    def _plan_source(self, plan: Plan, alias: str, names: Names, table: Names = ()) -> Source:
        base = self.scope.width
        self.scope.escapes = self.scope.escapes or plan.correlated
        self._bind(alias, plan_columns(plan, names, alias), table)
        return Rows(plan.rows, base, len(plan.columns))

    def _call(self, node: TableCall) -> Source:
        arguments = [None if _is_default(a) else self.compiler.value(a) for a in node.arguments]
        columns, rows, relation = table_function(self.environment, node, arguments)
        base = self.scope.width
        named = _renamed(bound_columns(columns), node.columns, node.alias)
        binding = self._bind(node.alias or node.parts[-1], named)
        if relation is not None:
            self.environment.bindings.append((relation, binding))
        return Rows(lambda frame: rows((), frame), base, len(columns))

    # --- Joins

    def _join(self, node: JoinNode) -> Source:
        left = self.source(node.left)
        if node.kind in ("cross apply", "outer apply"):
            return self._apply(left, node)
        right = self.source(node.right)
        base, width = left.base, left.width + right.width
        if node.condition is None:
            return Join("inner", left, right, None, None, base, width, order=left.order)
        self._nulls(node.kind, left, right)
        keys, rest = self._split(node.condition, left, right)
        whole = self.compiler.condition(node.condition)
        join = Join(node.kind, left, right, keys, rest, base, width, whole=whole)
        if node.kind in ("inner", "left"):
            join.order = left.order
            self._narrow(node, left, right, join)
        return join

    def _nulls(self, kind: str, left: Source, right: Source) -> None:
        """Columns of the side that may be missing can be NULL."""
        for side, kinds in ((right, ("left", "full")), (left, ("right", "full"))):
            if kind not in kinds:
                continue
            for binding in self.scope.bindings:
                if side.base <= binding.offset < side.base + side.width:
                    binding.columns = [
                        BoundColumn(c.name, c.type, True, c.identity, c.computed) for c in binding.columns
                    ]

    def _places(self, source: Source) -> set[int]:
        return set(range(source.base, source.base + source.width))

    def _split(self, condition: Node, left: Source, right: Source) -> tuple[JoinKeys | None, Predicate | None]:
        """Equalities between the sides, and what else there is."""
        keys = JoinKeys([], [], [])
        rest = [
            self.compiler.condition(part)
            for part in flattened(condition, "AND")
            if not (isinstance(part, Compare) and part.operator == "=" and self._equality(part, left, right, keys))
        ]
        return keys if keys.keys else None, predicates.both(rest) if rest else None

    def _equality(self, node: Compare, left: Source, right: Source, keys: JoinKeys) -> bool:
        one, other = columns_of(node.left, self.scope), columns_of(node.right, self.scope)
        if not one or not other:
            return False
        lefts, rights = self._places(left), self._places(right)
        if one <= lefts and other <= rights:
            a, b = self.compiler.value(node.left), self.compiler.value(node.right)
        elif one <= rights and other <= lefts:
            a, b = self.compiler.value(node.right), self.compiler.value(node.left)
        else:
            return False
        type_ = predicates.comparison_type("=", a, b)
        keys.left.append(converted(a, type_).evaluate)
        keys.right.append(converted(b, type_).evaluate)
        keys.keys.append(comparable(type_))
        return True

    def _narrow(self, node: JoinNode, left: Source, right: Source, join: Join) -> None:
        """What the condition says of the right side alone, and what a left row says of it."""
        assert node.condition is not None
        if not isinstance(right, Scan) or right.target is None:
            return
        alone = extract(node.condition, right.target, self.compiler, set())
        if alone is not None:
            right.bounds.append(alone)
        lefts = self._places(left)
        found = extract(node.condition, right.target, self.compiler, lefts)
        if found is not None and _begins(found):
            join.lookup.append(found)

    def _apply(self, left: Source, node: JoinNode) -> Source:
        outer = node.kind == "outer apply"
        width = left.width
        rows: Callable[[Row, Frame], Iterator[Row]]
        if isinstance(node.right, TableCall):
            arguments = [None if _is_default(a) else self.compiler.value(a) for a in node.right.arguments]
            columns, rows, _ = table_function(self.environment, node.right, arguments)
            named = _renamed(bound_columns(columns), node.right.columns, node.right.alias)
            self._bind(node.right.alias or node.right.parts[-1], named)
            width += len(columns)
        elif isinstance(node.right, Derived):
            plan = self.queries.query(unordered(node.right.query), self.scope)
            self._bind(node.right.alias, plan_columns(plan, node.right.columns, node.right.alias))
            make = plan.rows
            rows = lambda row, frame: make(Frame(frame.run, row, frame))  # noqa: E731  one of two forms
            width += len(plan.columns)
        else:
            raise not_supported("APPLY of anything but a derived table or a function")
        return Apply(left, rows, outer, left.base, width, left.order)


def _begins(bound: Bound) -> bool:
    """Whether the bound says something of the sort key's first column by equality."""
    leaves = bound.parts if isinstance(bound, Every) else [bound]
    return any(isinstance(leaf, Leaf) and leaf.place == 0 and leaf.operator == "=" for leaf in leaves)


def _is_default(node: Node) -> bool:
    return isinstance(node, ColumnName) and node.parts == ("DEFAULT",)


def plan_columns(plan: Plan, names: Names, alias: str) -> list[BoundColumn]:
    """Columns of a query that stands as a table: each needs a name.

    Raises:
        SqlError: 8155, one has none; 8158, 8159: more or fewer names than columns.
    """
    columns = [BoundColumn(c.name, c.type, c.nullable) for c in plan.columns]
    columns = _renamed(columns, names, alias)
    for number, column in enumerate(columns, 1):
        if not column.name:
            raise SqlError(8155, f"No column name was specified for column {number} of '{alias}'.")
    lowered = [c.name.lower() for c in columns]
    for name in lowered:
        if lowered.count(name) > 1:
            raise SqlError(8156, f"The column '{name}' was specified multiple times for '{alias}'.")
    return columns


def _renamed(columns: list[BoundColumn], names: Names, alias: str) -> list[BoundColumn]:
    if not names:
        return columns
    if len(names) != len(columns):
        number, word = (8158, "more") if len(columns) > len(names) else (8159, "fewer")
        raise SqlError(number, f"'{alias}' has {word} columns than were specified in the column list.")
    return [BoundColumn(n, c.type, c.nullable, c.identity, c.computed) for n, c in zip(names, columns, strict=True)]
