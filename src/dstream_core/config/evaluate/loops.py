"""`for` expressions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dstream_core.config.evaluate import access
from dstream_core.config.evaluate.evaluation import Evaluation
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.values import BOOL, STRING, ObjectValue, TupleValue, type_name, type_of


def loop(evaluator: Evaluation, node: nodes.For) -> Any:
    """The tuple or object that a `for` expression makes."""
    collection = evaluator.evaluate(node.collection)
    if collection is None:
        raise evaluator.fail(
            "expression/iteration", "This value is null; there is nothing to go through.", node.collection
        )
    if not isinstance(collection, (list, dict)):
        raise evaluator.fail(
            "expression/iteration",
            f"A for expression goes through a list, set, tuple, map or object, not a {type_name(type_of(collection))}.",
            node.collection,
        )
    before = evaluator.names
    try:
        if node.key is None:
            return TupleValue(evaluator.evaluate(node.value) for _ in _rounds(evaluator, node, collection))
        return _object_for(evaluator, node, node.key, collection)
    finally:
        evaluator.names = before


def _rounds(evaluator: Evaluation, node: nodes.For, collection: Any) -> Iterator[None]:
    """Set the names for one element after the other, those left out that the condition refuses."""
    before = evaluator.names
    if not collection and node.condition is not None and not _refers_to_element(node):
        _included(evaluator, node.condition)  # a condition that is wrong anyway is wrong for no elements too
    for key, value in access.elements(collection):
        evaluator.names = {**before, node.value_name: value}
        if node.key_name is not None:
            evaluator.names = {**before, node.key_name: key, node.value_name: value}
        if node.condition is None or _included(evaluator, node.condition):
            yield


def _refers_to_element(node: nodes.For) -> bool:
    pending: list[nodes.Node] = [node.condition] if node.condition is not None else []
    while pending:
        item = pending.pop()
        if isinstance(item, nodes.Variable) and item.name in (node.key_name, node.value_name):
            return True
        pending.extend(nodes.children(item))
    return False


def _included(evaluator: Evaluation, condition: Expression) -> bool:
    value = evaluator.evaluate(condition)
    if value is None:
        raise evaluator.fail(
            "expression/condition", 'The condition behind "if" is null; it must be true or false.', condition
        )
    what = 'The condition behind "if" must be true or false'
    return bool(evaluator.convert(value, BOOL, condition, "expression/condition", what))


def _object_for(evaluator: Evaluation, node: nodes.For, key_node: Expression, collection: Any) -> ObjectValue:
    result: dict[str, Any] = {}
    for _ in _rounds(evaluator, node, collection):
        key = evaluator.evaluate(key_node)
        if key is None:
            raise evaluator.fail("expression/key", "A key cannot be null.", key_node)
        key = evaluator.convert(key, STRING, key_node, "expression/key", "This cannot be a key")
        value = evaluator.evaluate(node.value)
        if node.group:
            result.setdefault(key, TupleValue()).append(value)
        elif key in result:
            raise evaluator.fail(
                "expression/duplicate-key",
                "Two elements make the same key.",
                key_node,
                'To gather their values in a list, put "..." behind the value.',
            )
        else:
            result[key] = value
    return ObjectValue(result)
