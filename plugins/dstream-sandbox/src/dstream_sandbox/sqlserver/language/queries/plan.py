"""What a compiled query is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dstream_sandbox.sqlserver.language.compile.values import Evaluate, Frame, Row
from dstream_sandbox.sqlserver.types import SqlType


@dataclass(slots=True)
class Output:
    """A column of a query's result."""

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    computed: bool = True
    null: bool = False


@dataclass(slots=True)
class Assigned:
    """`SELECT @x = …`: the variable and its value from a row before projection."""

    variable: str
    value: Evaluate


@dataclass(slots=True)
class Plan:
    """A query that can run.

    Attributes:
        columns: Of the result.
        rows: Runs it in a frame: tuples as wide as `columns`, lazily where the query allows it.
        correlated: Whether it looks at rows of queries around.
        assigned: Variables that each row is written to; then there is no result.
        into: The table that the result is written to.
        order: Places of output columns by which the rows come sorted, as far as is known.
    """

    columns: list[Output]
    rows: Callable[[Frame], Iterator[Row]]
    correlated: bool = False
    assigned: list[Assigned] = field(default_factory=list)
    into: tuple[str, ...] = ()
