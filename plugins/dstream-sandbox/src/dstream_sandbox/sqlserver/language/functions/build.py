"""How built-in functions are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.messages import argument_count
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import SqlType

Builder: TypeAlias = Callable[[Any, Call], Compiled]
"""The compiler and the call, to the compiled call."""

Result: TypeAlias = "SqlType | Callable[[list[Compiled]], SqlType]"


def applied(
    type_: SqlType, function: Callable[..., Any], operands: Sequence[Compiled], nullable: bool = True
) -> Compiled:
    """A function of values none of which may be NULL: then it is NULL."""
    depends = any(operand.depends for operand in operands)
    if len(operands) == 1:
        only = operands[0].evaluate

        def one(row: Row, frame: Frame) -> Any:
            value = only(row, frame)
            return None if value is None else function(value)

        return Compiled(type_, one, nullable, depends=depends)
    inner = [operand.evaluate for operand in operands]

    def several(row: Row, frame: Frame) -> Any:
        values = [evaluate(row, frame) for evaluate in inner]
        return None if None in values else function(*values)

    return Compiled(type_, several, nullable, depends=depends)


def strict(
    returns: Result, parameters: Sequence[SqlType | None], function: Callable[..., Any], least: int | None = None
) -> Builder:
    """A function that is NULL if an argument is.

    Args:
        returns: The result's type, or how it follows from the arguments.
        parameters: What each argument is converted to; None: it stays as it is.
        function: Python's part.
        least: How many arguments must be there (all).
    """

    def build(compiler: Any, node: Call) -> Compiled:
        arguments = compiler.values(node.arguments)
        check_count(node, len(parameters) if least is None else least, len(parameters))
        type_ = returns if isinstance(returns, SqlType) else returns(arguments)
        changed = [a if p is None else converted(a, p) for a, p in zip(arguments, parameters, strict=False)]
        return applied(type_, function, changed)

    return build


def check_count(node: Call, least: int, most: int) -> None:
    """174: a wrong number of arguments."""
    count = len(node.arguments)
    if not least <= count <= most:
        raise argument_count(node.names[-1], str(least) if least == most else f"{least} to {most}")


def of_frame(type_: SqlType, function: Callable[[Frame], Any], nullable: bool = True) -> Builder:
    """A function without arguments that looks at the session or the statement."""

    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 0, 0)
        return Compiled(type_, lambda row, frame: function(frame), nullable, depends=False)

    return build
