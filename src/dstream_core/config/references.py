"""Which locals an expression refers to, found without evaluating it."""

from __future__ import annotations

from collections.abc import Iterable

from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression, Node, children


def locals_in(expression: Expression, known: Iterable[str]) -> list[tuple[str, Node]]:
    """The names of the locals that an expression may look at, each with the node that does.

    Args:
        expression: where to look.
        known: the names of all locals: `local` on its own refers to each of them.
    """
    everything = list(known)
    found: list[tuple[str, Node]] = []
    pending: list[Node] = [expression]
    while pending:
        node = pending.pop()
        match node:
            case nodes.Attribute(source=nodes.Variable(name="local"), name=name):
                found.append((name, node))
            case nodes.Index(
                source=nodes.Variable(name="local"), key=nodes.Template(parts=(nodes.Literal(value=str(name)),))
            ):
                found.append((name, node))
            case nodes.Variable(name="local"):
                found.extend((name, node) for name in everything)
            case nodes.ObjectItem(key=nodes.Variable(), value=value):
                pending.append(value)
            case _:
                pending.extend(children(node))
    found.reverse()
    return found
