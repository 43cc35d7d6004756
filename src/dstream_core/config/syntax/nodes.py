"""The syntax tree. Every node knows where it starts and where it ends, in characters from the file's start."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeGuard

from dstream_core.config.records import Record
from dstream_core.config.templates.pipeline import Call as TemplateCall
from dstream_core.config.templates.pipeline import Constant as TemplateConstant


class Node(Record):
    """What every node has; `end` is the offset behind its last character."""

    start: int
    end: int


class Expression(Node):
    """Anything that has a value."""


class Literal(Expression):
    """A number, bool, null, or a stretch of text in a template."""

    value: bool | str | Decimal | None


class Template(Expression):
    """A string or heredoc: its parts one after the other, as a string."""

    parts: tuple[Expression, ...]


class Wrap(Expression):
    """A string that is nothing but one `${ }`: the value inside keeps its type."""

    inner: Expression


class Join(Expression):
    """A `%{ for }` directive: its results, joined to one string."""

    loop: For


class Action(Expression):
    """A template action `{{ … }}`: text inside a string, one complete literal where it stands `bare`.

    `action` is None if it is a comment or if it was refused when it was parsed.
    """

    action: TemplateConstant | TemplateCall | None
    bare: bool


class Variable(Expression):
    """A name on its own."""

    name: str


class Attribute(Expression):
    """`source.name`; `name_start` is where the name starts."""

    source: Expression
    name: str
    name_start: int


class Index(Expression):
    """`source[key]`, or `source.0`; `bracket` is where the bracket starts."""

    source: Expression
    key: Expression
    bracket: int


class Splat(Expression):
    """`source.*.each` or `source[*].each`; `each` refers to the element by `Element`."""

    source: Expression
    each: Expression
    marker: int


class Element(Expression):
    """The element that the nearest splat around it is at."""


class Call(Expression):
    """A function call; `expand` says that the last argument is a list of arguments (`...`)."""

    name: str
    name_end: int
    arguments: tuple[Expression, ...]
    expand: bool


class Conditional(Expression):
    """`condition ? yes : no`."""

    condition: Expression
    yes: Expression
    no: Expression


class Binary(Expression):
    """An operator between two operands."""

    operator: str
    left: Expression
    right: Expression


class Unary(Expression):
    """`-` or `!` before its operand."""

    operator: str
    operand: Expression


class Parentheses(Expression):
    """An expression in parentheses."""

    inner: Expression


class TupleMaker(Expression):
    """`[a, b]`."""

    items: tuple[Expression, ...]


class ObjectItem(Node):
    """`key = value` in an object; a bare name as key stands for itself."""

    key: Expression
    value: Expression


class ObjectMaker(Expression):
    """`{ a = b }`."""

    items: tuple[ObjectItem, ...]


class For(Expression):
    """`[for k, v in collection : value if condition]`, or with `key => value` an object."""

    key_name: str | None
    value_name: str
    collection: Expression
    key: Expression | None
    value: Expression
    condition: Expression | None
    group: bool


class Argument(Node):
    """`name = value` in a body."""

    name: str
    name_end: int
    value: Expression


class Label(Node):
    """A block's label."""

    text: str


class Block(Node):
    """`type "label" { body }`; `open` is where the opening brace stands."""

    type: str
    type_end: int
    labels: tuple[Label, ...]
    open: int
    body: Body


class Body(Node):
    """Arguments and blocks, in the order of the file; of an argument that is set twice only the first is here."""

    items: tuple[Argument | Block, ...]

    @property
    def arguments(self) -> dict[str, Argument]:
        """The arguments by name."""
        return {item.name: item for item in self.items if isinstance(item, Argument)}

    @property
    def blocks(self) -> list[Block]:
        """The blocks, in order."""
        return [item for item in self.items if isinstance(item, Block)]


def is_text(node: Node) -> TypeGuard[Literal]:
    """Whether a part of a template is plain text, and not a value that is put in."""
    return isinstance(node, Literal) and isinstance(node.value, str)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly inside a node."""
    for value in vars(node).values():
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))
