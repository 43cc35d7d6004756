"""Relations and functions that are computed: a line of column declarations and a Python function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Row
from dstream_sandbox.sqlserver.types import SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

Produce = Callable[["Session", "Database"], Iterable[Row]]
Authorise = Callable[["Session", "Database"], None]


def declared(text: str, collation: str | None = None) -> tuple[ColumnInfo, ...]:
    """Columns from declarations: `"name sysname, object_id int not null, type varchar(60)"`."""
    columns = []
    for number, part in enumerate(_split(text), 1):
        name, _, type_text = part.strip().partition(" ")
        nullable = not type_text.endswith(" not null")
        kind = SqlType.parse(type_text.removesuffix(" not null"))
        columns.append(
            ColumnInfo(name, kind, nullable, collation=collation if kind.is_character else None, column_id=number)
        )
    return tuple(columns)


def _split(text: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


class SystemView:
    """A catalog view or DMV of one database.

    Args:
        database: Whose.
        schema: `sys`, `INFORMATION_SCHEMA`, `cdc`, `dbo` (in msdb).
        name: Its name.
        columns: See `declared`.
        produce: Gives the rows, in the columns' order.
        authorise: Raises when the session may not read it; None: everyone may.
    """

    sort_key: tuple[str, ...] = ()

    def __init__(
        self,
        database: Database,
        schema: str,
        name: str,
        columns: Sequence[ColumnInfo],
        produce: Produce,
        authorise: Authorise | None = None,
    ) -> None:
        self.database = database
        self.schema = schema
        self.name = name
        self.columns = tuple(columns)
        self._produce = produce
        self._authorise = authorise
        self.public = authorise is None
        self.object_id = -(abs(hash((schema, name))) % 2_000_000_000)
        if authorise is not None:
            self.authorise = self._check

    def _check(self, session: Session, permission: str) -> None:
        if self._authorise is not None:
            self._authorise(session, self.database)

    def scan(
        self,
        session: Session,
        low: Sequence[Any] | None = None,
        high: Sequence[Any] | None = None,
        hints: Sequence[str] = (),
    ) -> Iterator[Row]:
        """The rows as things stand now."""
        session.reader.check_hints(hints)
        return iter(self._produce(session, self.database))

    def row_count(self, session: Session) -> int:
        """A guess."""
        return 100


@dataclass(slots=True)
class Function:
    """A scalar system function; see `api.ScalarFunction`."""

    name: str
    returns: SqlType
    call: Callable[..., Any]
    arguments: Sequence[SqlType | None] = ()
    minimum: int = 0

    def __call__(self, session: Session, *arguments: Any) -> Any:
        """Its value."""
        return self.call(session, *arguments)
