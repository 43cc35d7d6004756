"""Which expressions are whole literals: what a template may put in outside quotes."""

from __future__ import annotations

from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression


def is_literal(node: Expression) -> bool:
    """Whether an expression is a literal in all its parts: no reference, call, operator or template."""
    pending: list[Expression] = [node]
    while pending:
        item = pending.pop()
        match item:
            case nodes.Literal():
                pass
            case nodes.Unary(operator="-", operand=nodes.Literal()):
                pass
            case nodes.Template(parts=parts) if all(map(nodes.is_text, parts)):
                pass
            case nodes.TupleMaker(items=items):
                pending.extend(items)
            case nodes.ObjectMaker(items=items):
                pending.extend(
                    part
                    for pair in items
                    for part in (pair.key, pair.value)
                    if not isinstance(part, nodes.Variable) or part is pair.value
                )
            case _:
                return False
    return True
