"""Syntax trees of expressions to functions over rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.clr import methods
from dstream_sandbox.sqlserver.language.compile import predicates
from dstream_sandbox.sqlserver.language.compile.operators import binary, converted, unary
from dstream_sandbox.sqlserver.language.compile.scope import Scope
from dstream_sandbox.sqlserver.language.compile.types import resolve_type
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Predicate, Row, constant
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.functions.registry import build_call, global_variable
from dstream_sandbox.sqlserver.language.messages import not_a_condition, syntax_error, undeclared
from dstream_sandbox.sqlserver.language.parser.words import CLR_PROPERTIES
from dstream_sandbox.sqlserver.language.rules import common_type
from dstream_sandbox.sqlserver.language.syntax import (
    AtTimeZone,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    ColumnName,
    Compare,
    DefaultValue,
    Distinct,
    Exists,
    In,
    IsNull,
    Like,
    Literal,
    Logical,
    Method,
    Node,
    Not,
    Quantified,
    Star,
    StaticMethod,
    Subquery,
    Unary,
    Variable,
)
from dstream_sandbox.sqlserver.types import INT, SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.language.queries.subqueries import Subqueries

CONDITIONS = (Compare, Quantified, Logical, Not, IsNull, Distinct, In, Between, Like, Exists)


class ExpressionCompiler:
    """Compiles the expressions of one query.

    Args:
        scope: The columns in sight.
        subqueries: Compiles queries inside expressions; None where there can be none (constraints).
    """

    def __init__(self, scope: Scope, subqueries: Subqueries | None = None) -> None:
        self.scope = scope
        self.environment = scope.environment
        self.subqueries = subqueries

    def value(self, node: Node) -> Compiled:
        """An expression that is no condition.

        Raises:
            SqlError: 207, 4104, 137, 195, 402, …; 102 for a condition.
        """
        if isinstance(node, CONDITIONS):
            raise syntax_error(_near(node))
        compile_node = _VALUES.get(type(node))
        if compile_node is None:
            raise not_supported(f"{type(node).__name__} in an expression")
        return compile_node(self, node)

    def values(self, nodes: Any) -> list[Compiled]:
        """Several expressions."""
        return [self.value(node) for node in nodes]

    def condition(self, node: Node) -> Predicate:
        """A condition.

        Raises:
            SqlError: 4145, it is a value.
        """
        compile_node = _PREDICATES.get(type(node))
        if compile_node is None:
            raise not_a_condition(_near(node))
        return compile_node(self, node)

    def _literal(self, node: Literal) -> Compiled:
        return constant(node.value, node.type)

    def _column(self, node: ColumnName) -> Compiled:
        if len(node.parts) > 1 and node.parts[-1] in CLR_PROPERTIES:
            try:
                return self.scope.column(node.parts)
            except SqlError:
                return self._method(Method(ColumnName(node.parts[:-1]), node.parts[-1], (), True))
        return self.scope.column(node.parts)

    def _variable(self, node: Variable) -> Compiled:
        if node.name.startswith("@@"):
            return global_variable(self, node.name)
        name = node.name
        type_ = self.environment.variables.get(name)
        if type_ is None:
            raise undeclared(name)
        self.environment.seen[name] = type_
        return Compiled(type_, lambda row, frame: frame.run.variables[name], depends=False)

    def _unary(self, node: Unary) -> Compiled:
        return unary(node.operator, self.value(node.operand))

    def _binary(self, node: Binary) -> Compiled:
        return binary(node.operator, self.value(node.left), self.value(node.right))

    def _case(self, node: Case) -> Compiled:
        if node.operand is None:
            conditions = [self.condition(when) for when, _ in node.branches]
        else:
            operand = self.value(node.operand)
            conditions = [predicates.compare("=", operand, self.value(when)) for when, _ in node.branches]
        results = self.values(then for _, then in node.branches)
        otherwise = constant(None, None) if node.otherwise is None else self.value(node.otherwise)
        return case(conditions, results, otherwise)

    def _cast(self, node: Cast) -> Compiled:
        target = resolve_type(node.type, self.environment.session, 30)
        return self.cast(self.value(node.operand), target, self._style(node), node.forgiving)

    def _style(self, node: Cast) -> int | None:
        if node.style is None:
            return None
        style = self.value(node.style)
        if not style.literal:
            raise not_supported("CONVERT with a style that is no constant")
        if style.value is None:
            return None
        if not isinstance(style.value, int):
            raise SqlError(8116, "Argument data type varchar is invalid for argument 3 of convert function.")
        return style.value

    def cast(self, operand: Compiled, target: SqlType, style: int | None = None, forgiving: bool = False) -> Compiled:
        """CAST, CONVERT, TRY_CAST, TRY_CONVERT."""
        target = (
            target if target.collation or not target.is_character else target.with_collation(operand.type.collation)
        )
        if operand.null:
            return replace(operand, type=target, null=False, literal=False)
        convert = converter(operand.type, target, style)
        inner = operand.evaluate
        if forgiving:
            convert = _forgiving(convert)
        if operand.column is not None:
            place = operand.column
            evaluate: Callable[[Row, Frame], Any] = lambda row, frame: None if (x := row[place]) is None else convert(x)  # noqa: E731  one of several that are chosen here  one of two forms
        else:
            evaluate = lambda row, frame: None if (x := inner(row, frame)) is None else convert(x)  # noqa: E731  one of several that are chosen here
        return Compiled(target, evaluate, operand.nullable or forgiving, depends=operand.depends)

    def _collate(self, node: Collate) -> Compiled:
        operand = self.value(node.operand)
        name = node.collation
        if not operand.type.is_character:
            raise SqlError(447, f"Expression type {operand.type.name} is invalid for COLLATE clause.")
        known = name.lower() == "database_default" or any(f"_{s}" in name.upper() for s in ("CI", "CS", "BIN"))
        if not known:
            raise SqlError(448, f"Invalid collation '{name}'.")
        collation = None if name.lower() == "database_default" else name
        return replace(operand, type=operand.type.with_collation(collation), collated=True, column=None)

    def _call(self, node: Call) -> Compiled:
        return build_call(self, node)

    def _method(self, node: Method) -> Compiled:
        return methods.method(self.value(node.target), node, self.values(node.arguments))

    def _static(self, node: StaticMethod) -> Compiled:
        return methods.static(node, self.values(node.arguments))

    def _zone(self, node: AtTimeZone) -> Compiled:
        return build_call(self, Call(("AT TIME ZONE",), (node.operand, node.zone)))

    def _default(self, node: DefaultValue) -> Compiled:
        raise syntax_error("DEFAULT")

    def _star(self, node: Star) -> Compiled:
        raise syntax_error("*")

    @property
    def _queries(self) -> Subqueries:
        if self.subqueries is None:
            raise SqlError(1046, "Subqueries are not allowed in this context. Only scalar expressions are allowed.", 15)
        return self.subqueries

    def _subquery(self, node: Subquery) -> Compiled:
        return self._queries.scalar(node.query, self.scope)

    # --- Conditions

    def _compare(self, node: Compare) -> Predicate:
        return predicates.compare(node.operator, self.value(node.left), self.value(node.right))

    def _logical(self, node: Logical) -> Predicate:
        parts = [self.condition(part) for part in flattened(node, node.operator)]
        return predicates.both(parts) if node.operator == "AND" else predicates.either(parts)

    def _not(self, node: Not) -> Predicate:
        return predicates.negation(self.condition(node.operand))

    def _is_null(self, node: IsNull) -> Predicate:
        return predicates.is_null(self.value(node.operand), node.negated)

    def _distinct(self, node: Distinct) -> Predicate:
        return predicates.is_distinct(self.value(node.left), self.value(node.right), node.negated)

    def _in(self, node: In) -> Predicate:
        operand = self.value(node.operand)
        if node.query is not None:
            found = self._queries.contains(operand, node.query, self.scope)
        else:
            found = predicates.in_list(operand, self.values(node.items))
        return predicates.negation(found) if node.negated else found

    def _between(self, node: Between) -> Predicate:
        operand = self.value(node.operand)
        low = predicates.compare(">=", operand, self.value(node.low))
        inside = predicates.both([low, predicates.compare("<=", operand, self.value(node.high))])
        return predicates.negation(inside) if node.negated else inside

    def _like(self, node: Like) -> Predicate:
        escape = None if node.escape is None else self.value(node.escape)
        found = predicates.like(self.value(node.operand), self.value(node.pattern), escape)
        return predicates.negation(found) if node.negated else found

    def _exists(self, node: Exists) -> Predicate:
        return self._queries.exists(node.query, self.scope)

    def _quantified(self, node: Quantified) -> Predicate:
        return self._queries.quantified(node, self.value(node.left), self.scope)


def flattened(node: Node, operator: str) -> list[Node]:
    """`a AND (b AND c)` as three parts."""
    if isinstance(node, Logical) and node.operator == operator:
        return flattened(node.left, operator) + flattened(node.right, operator)
    return [node]


def case(conditions: list[Predicate], results: list[Compiled], otherwise: Compiled) -> Compiled:
    """CASE: the first branch whose condition is true; the type of all branches together."""
    type_ = result_type([*results, otherwise])
    changed = [converted(result, type_).evaluate for result in results]
    last = converted(otherwise, type_).evaluate
    branches = list(zip(conditions, changed, strict=True))

    def evaluate(row: Row, frame: Frame) -> Any:
        for condition, result in branches:
            if condition(row, frame):
                return result(row, frame)
        return last(row, frame)

    return Compiled(type_, evaluate, any(r.nullable for r in results) or otherwise.nullable)


def result_type(results: list[Compiled]) -> SqlType:
    """The type of several results of which one is taken.

    Raises:
        SqlError: 8133, all are NULL.
    """
    type_: SqlType | None = None
    for result in results:
        if not result.null:
            type_ = result.type if type_ is None else common_type(type_, result.type)
    return INT if type_ is None else type_


def _forgiving(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def attempt(value: Any) -> Any:
        try:
            return convert(value)
        except SqlError as error:
            if error.number >= 50000:
                raise
            return None

    return attempt


def _near(node: Node) -> str:
    """A word of the node, for the message."""
    match node:
        case Compare(operator=operator):
            return operator
        case ColumnName(parts=parts):
            return parts[-1]
        case Variable(name=name):
            return name
        case Call(names=names):
            return names[-1]
        case Literal(value=value):
            return str(value)
    return type(node).__name__.upper()


_VALUES: dict[type, Callable[[ExpressionCompiler, Any], Compiled]] = {
    Literal: ExpressionCompiler._literal,
    ColumnName: ExpressionCompiler._column,
    Variable: ExpressionCompiler._variable,
    Unary: ExpressionCompiler._unary,
    Binary: ExpressionCompiler._binary,
    Case: ExpressionCompiler._case,
    Cast: ExpressionCompiler._cast,
    Collate: ExpressionCompiler._collate,
    Call: ExpressionCompiler._call,
    Method: ExpressionCompiler._method,
    StaticMethod: ExpressionCompiler._static,
    AtTimeZone: ExpressionCompiler._zone,
    Subquery: ExpressionCompiler._subquery,
    DefaultValue: ExpressionCompiler._default,
    Star: ExpressionCompiler._star,
}

_PREDICATES: dict[type, Callable[[ExpressionCompiler, Any], Predicate]] = {
    Compare: ExpressionCompiler._compare,
    Logical: ExpressionCompiler._logical,
    Not: ExpressionCompiler._not,
    IsNull: ExpressionCompiler._is_null,
    Distinct: ExpressionCompiler._distinct,
    In: ExpressionCompiler._in,
    Between: ExpressionCompiler._between,
    Like: ExpressionCompiler._like,
    Exists: ExpressionCompiler._exists,
    Quantified: ExpressionCompiler._quantified,
}
