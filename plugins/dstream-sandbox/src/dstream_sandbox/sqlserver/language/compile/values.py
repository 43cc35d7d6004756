"""What compiled expressions are, and what they see when they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.types import INT, DateTime2, SqlType

Row: TypeAlias = tuple[Any, ...]


@dataclass(slots=True)
class Run:
    """One execution of one statement.

    Attributes:
        session: The engine's session.
        variables: Values by name, with `@`, in lower case; assignments write here.
        status: What `@@ROWCOUNT`, `@@ERROR` and ERROR_…() answer (see `statements.state`).
        cache: Results of subqueries that depend on no row.
        common: Rows of table variables by name.
    """

    session: Any
    variables: dict[str, Any]
    status: Any = None
    cache: dict[Any, Any] = field(default_factory=dict)
    moment: tuple[DateTime2, DateTime2, int] | None = None

    def now(self) -> tuple[DateTime2, DateTime2, int]:
        """Local time, UTC, and the offset in minutes: the same for the whole statement."""
        if self.moment is None:
            local, utc = self.session.server.now(), self.session.server.utc_now()
            local = local if isinstance(local, DateTime2) else DateTime2.of(local)
            utc = utc if isinstance(utc, DateTime2) else DateTime2.of(utc)
            offset = round((local.total_ticks - utc.total_ticks) / 600_000_000)
            self.moment = (local, utc, offset)
        return self.moment


class Frame:
    """One level of queries: the row of the query around, and its frame."""

    __slots__ = ("outer", "outer_row", "run")

    def __init__(self, run: Run, outer_row: Row = (), outer: Frame | None = None) -> None:
        self.run = run
        self.outer_row = outer_row
        self.outer = outer


Evaluate: TypeAlias = Callable[[Row, Frame], Any]
"""A row of the query's sources and its frame, to a value of the expression's type, or None for NULL."""

Predicate: TypeAlias = Callable[[Row, Frame], "bool | None"]
"""True, False, or None for unknown."""


@dataclass(slots=True)
class Compiled:
    """An expression that can run.

    Attributes:
        type: Of every value.
        evaluate: Gives the value.
        nullable: Whether NULL may come.
        column: Its place in the row, when it is a column of this query's sources and nothing else.
        depends: Whether it looks at this query's row at all.
        null: The constant NULL, which has no type of its own.
        literal: A constant of the text (its `value` is known when compiling).
        value: Of a literal.
        name: The column's name, for results.
        identity: An identity column.
        collated: COLLATE was written.
    """

    type: SqlType
    evaluate: Evaluate
    nullable: bool = True
    column: int | None = None
    depends: bool = True
    null: bool = False
    literal: bool = False
    value: Any = None
    name: str = ""
    identity: bool = False
    computed: bool = True
    collated: bool = False

    @property
    def key(self) -> Callable[[Any], Any]:
        """How values compare."""
        return comparable(self.type)


def constant(value: Any, type_: SqlType | None) -> Compiled:
    """A literal; NULL without a type is an int until something else decides."""
    return Compiled(
        type_ or INT,
        lambda row, frame: value,
        nullable=value is None,
        depends=False,
        null=type_ is None and value is None,
        literal=True,
        value=value,
    )
