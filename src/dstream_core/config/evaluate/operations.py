"""Conditionals and operators: which of their operands count, and which errors are forgiven."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_core.config.evaluate import access, operators
from dstream_core.config.evaluate.evaluation import Evaluation
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.values import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ObjectType,
    TupleType,
    Type,
    convertible,
    type_of,
    unify,
)
from dstream_core.errors import DiagnosticsError


def conditional(evaluator: Evaluation, node: nodes.Conditional) -> Any:
    """`condition ? yes : no`: the types of both results count, errors only of the one that is taken."""
    condition = evaluator.evaluate(node.condition)
    if condition is None:
        raise evaluator.fail("expression/condition", "The condition is null; it must be true or false.", node.condition)
    chosen = evaluator.convert(
        condition, BOOL, node.condition, "expression/condition", "The condition must be true or false"
    )
    taken, other = (node.yes, node.no) if chosen else (node.no, node.yes)
    value = evaluator.evaluate(taken)
    with evaluator.tracing() as aside:
        unused, error = evaluator.attempt(other)
    evaluator.trace.merge_names(aside)
    other_type = expected_type(evaluator, other) if error is not None else type_of(unused)
    if value is None or other_type == DYNAMIC:
        return value
    common = unify([type_of(value), other_type])
    if common is None:
        yes, no = (type_of(value), other_type) if chosen else (other_type, type_of(value))
        raise evaluator.fail(
            "expression/inconsistent-types",
            f"Both results of a conditional must be of one type: {access.difference(yes, no)}.",
            nodes.Node(node.yes.start, node.no.end),
            "Convert one of them, for example with tostring().",
        )
    return evaluator.convert(
        value, common, taken, "expression/inconsistent-types", "Both results of a conditional must be of one type"
    )


def binary(evaluator: Evaluation, node: nodes.Binary) -> Any:
    """Operators group to the left: a long chain is walked, not recursed into."""
    chain: list[nodes.Binary] = []
    first: Expression = node
    while isinstance(first, nodes.Binary):
        chain.append(first)
        first = first.left
    value, error = evaluator.attempt(first)
    for step in reversed(chain):
        try:
            if step.operator in ("&&", "||"):
                value, error = _logical(evaluator, step, value, error), None
            elif error is None:
                value = _applied(evaluator, step, operators.binary, value, evaluator.evaluate(step.right))
        except DiagnosticsError as raised:
            value, error = None, raised
    if error is not None:
        raise error
    return value


def _applied(evaluator: Evaluation, node: nodes.Binary, function: Callable[..., Any], *values: Any) -> Any:
    try:
        return function(node.operator, *values)
    except operators.OperationError as error:
        blamed = {0: node.left, 1: node.right}.get(error.side if error.side is not None else -1, node)
        raise evaluator.fail(error.code, error.message, blamed) from None


def _logical(evaluator: Evaluation, node: nodes.Binary, left: Any, left_error: DiagnosticsError | None) -> bool:
    """`&&` and `||`: an error on one side is forgiven if the other decides; types are checked all the same."""
    right, right_error = evaluator.attempt(node.right)
    left = _bool_side(evaluator, node, 0, left, left_error)
    right = _bool_side(evaluator, node, 1, right, right_error)
    decisive = node.operator == "||"
    if (left_error is None and left is decisive) or (right_error is None and right is decisive):
        return bool(decisive)
    for error in (left_error, right_error):
        if error is not None:
            raise error
    _applied(evaluator, node, operators.operand, left, BOOL, 0)
    _applied(evaluator, node, operators.operand, right, BOOL, 1)
    return not decisive


def _bool_side(evaluator: Evaluation, node: nodes.Binary, side: int, value: Any, error: DiagnosticsError | None) -> Any:
    """A side of `&&` or `||` as a bool; one that failed must at least be able to be one."""
    if error is None:
        return _applied(evaluator, node, operators.converted, value, BOOL, side)
    expected = expected_type(evaluator, node.right if side else node.left)
    if not convertible(expected, BOOL):
        raise error
    return None


def expected_type(evaluator: Evaluation, node: Expression) -> Type:
    """The type that an expression without a value would have had; `dynamic` where that cannot be said."""
    match node:
        case nodes.Binary(operator="+" | "-" | "*" | "/" | "%") | nodes.Unary(operator="-"):
            return NUMBER
        case nodes.Binary() | nodes.Unary():
            return BOOL
        case nodes.Template() | nodes.Join():
            return STRING
        case nodes.Parentheses(inner=inner) | nodes.Wrap(inner=inner):
            return expected_type(evaluator, inner)
        case nodes.TupleMaker(items=items):
            return TupleType(tuple(_type_anyway(evaluator, item) for item in items))
        case nodes.ObjectMaker(items=items):
            return _object_type(evaluator, items)
        case _:
            return DYNAMIC


def _object_type(evaluator: Evaluation, items: tuple[nodes.ObjectItem, ...]) -> Type:
    try:
        return ObjectType({evaluator.key(item.key): _type_anyway(evaluator, item.value) for item in items})
    except DiagnosticsError:
        return DYNAMIC


def _type_anyway(evaluator: Evaluation, node: Expression) -> Type:
    with evaluator.tracing():
        value, error = evaluator.attempt(node)
    return type_of(value) if error is None else expected_type(evaluator, node)


def unary(evaluator: Evaluation, node: nodes.Unary) -> Any:
    """`-` and `!`."""
    try:
        return operators.unary(node.operator, evaluator.evaluate(node.operand))
    except operators.OperationError as error:
        raise evaluator.fail(error.code, error.message, node.operand) from None
