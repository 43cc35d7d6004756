"""Names of columns: which table of which query they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.language.compile.values import Compiled, Row
from dstream_sandbox.sqlserver.language.messages import ambiguous_column, invalid_column, unbound_identifier
from dstream_sandbox.sqlserver.language.syntax import Names
from dstream_sandbox.sqlserver.types import SqlType


@dataclass(slots=True)
class BoundColumn:
    """A column of a source."""

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    computed: bool = False


@dataclass(slots=True)
class Binding:
    """A source of a query: its alias, its columns, and where they begin in the joined row.

    Attributes:
        alias: Empty for a source without one.
        names: The parts of the table's name when it has no alias: `dbo.t.c` finds it too.
        used: Lower-case names of columns that the statement looks at (for permissions).
    """

    alias: str
    columns: Sequence[BoundColumn]
    offset: int
    names: Names = ()
    used: set[str] = field(default_factory=set)
    places: dict[str, int] = field(default_factory=dict)
    hidden: bool = False

    def __post_init__(self) -> None:
        for place, column in enumerate(self.columns):
            self.places.setdefault(column.name.lower(), place)

    def answers_to(self, qualifier: Names) -> bool:
        """Whether a prefix means this source."""
        if len(qualifier) == 1:
            return self.alias.lower() == qualifier[0].lower()
        if not self.names:
            return False
        return tuple(n.lower() for n in self.names[-len(qualifier) :]) == tuple(n.lower() for n in qualifier)


class Scope:
    """The sources of one query, and the query around it.

    Args:
        parent: The scope of the query around; None at the top.
        environment: What the whole statement shares.
    """

    def __init__(self, environment: Environment, parent: Scope | None = None) -> None:
        self.environment = environment
        self.parent = parent
        self.bindings: list[Binding] = []
        self.escapes = False

    @property
    def width(self) -> int:
        """Columns of the joined row."""
        return sum(len(binding.columns) for binding in self.bindings)

    def add(self, binding: Binding) -> None:
        """Puts a source behind the others."""
        self.bindings.append(binding)

    def find(self, parts: Names) -> tuple[Binding, int] | None:
        """The source and the place in it of a column; None if it is not of this query.

        Raises:
            SqlError: 209 for an ambiguous name, 207 for a table of this query without such a column.
        """
        name, qualifier = parts[-1].lower(), parts[:-1]
        found: list[tuple[Binding, int]] = []
        for binding in self.bindings:
            if qualifier and not binding.answers_to(qualifier):
                continue
            if not qualifier and binding.hidden:
                continue
            place = binding.places.get(name)
            if place is not None:
                found.append((binding, place))
            elif qualifier and len(qualifier) == 1:
                raise invalid_column(parts[-1])
        if len(found) > 1:
            raise ambiguous_column(parts[-1])
        return found[0] if found else None

    def column(self, parts: Names) -> Compiled:
        """A column by its name, in this query or one around.

        Raises:
            SqlError: 207, 4104, 209.
        """
        depth = 0
        scope: Scope | None = self
        while scope is not None:
            found = scope.own_column(parts, depth)
            if found is not None:
                self._mark(depth)
                return found
            scope, depth = scope.parent, depth + 1
        raise unbound_identifier(".".join(parts)) if len(parts) > 1 else invalid_column(parts[-1])

    def _mark(self, depth: int) -> None:
        scope: Scope | None = self
        while depth and scope is not None:
            scope.escapes = True
            scope, depth = scope.parent, depth - 1

    def own_column(self, parts: Names, depth: int) -> Compiled | None:
        """A column of this very query, as seen from a query so many levels inside."""
        found = self.find(parts)
        if found is None:
            return None
        binding, place = found
        column = binding.columns[place]
        binding.used.add(column.name.lower())
        return _reference(column, binding.offset + place, depth)


def _reference(column: BoundColumn, place: int, depth: int) -> Compiled:
    return Compiled(
        column.type,
        _reader(place, depth),
        column.nullable,
        column=place if depth == 0 else None,
        depends=depth == 0,
        name=column.name,
        identity=column.identity,
        computed=column.computed,
    )


def _reader(place: int, depth: int) -> Callable[[Row, Any], Any]:
    if depth == 0:
        return lambda row, frame: row[place]
    if depth == 1:
        return lambda row, frame: frame.outer_row[place]

    def read(row: Row, frame: Any) -> Any:
        for _ in range(depth - 1):
            frame = frame.outer
        return frame.outer_row[place]

    return read


@dataclass(slots=True)
class Dependency:
    """A relation that a plan was made for: if it is another one the next time, the plan is made anew."""

    database: str | None
    schema: str | None
    name: str
    relation: Any
    columns: tuple[Any, ...]


@dataclass(slots=True)
class Environment:
    """What compiling one statement knows and finds out.

    Attributes:
        session: The engine's session.
        variables: Types of the variables in sight.
        tables: Table variables in sight, by name.
        dependencies: Relations that were looked up.
        bindings: Sources over relations, for permissions: (relation, binding).
        seen: Variables that were used, with the types they had.
        functions: How the engine's functions were looked up from a session, and what was found.
    """

    session: Any
    variables: Mapping[str, SqlType] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    dependencies: list[Dependency] = field(default_factory=list)
    bindings: list[tuple[Any, Binding]] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    functions: list[tuple[Callable[[Any], Any], Any]] = field(default_factory=list)
    view_depth: int = 0
