"""What running a batch yields, item by item, in the order in which a client is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import SqlType


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result.

    Args:
        name: As it is shown; "" for an expression without an alias.
        type: Its type; every value of it in a row is None or the Python value that `types` names for it.
        nullable: Whether None may come.
        identity: Whether it is a table's identity column.
        computed: Whether it is a computed column or an expression (it cannot be written).
    """

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    computed: bool = False


@dataclass(slots=True)
class RowSet:
    """The result of one query. It stands for its own end: no `Done` follows, the wire counts the rows.

    The rows are taken one after another while they are sent, so an iterator that works lazily keeps memory bounded. It may
    raise SqlError in the middle. The next item of the batch is asked for after the last row, or after `close()` of the rows
    (where they have that method) when the client cancelled.

    Args:
        columns: One and more.
        rows: Tuples (or lists) as long as `columns`.
        counted: Whether the number of rows is told (not under `SET NOCOUNT ON`).
        order: Ordinals (from 1) of the columns that it is ordered by, if that is to be told.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    counted: bool = True
    order: Sequence[int] = ()


Command: TypeAlias = Literal["", "select", "insert", "update", "delete", "merge", "set", "exec", "ddl"]


@dataclass(frozen=True, slots=True)
class Done:
    """A statement without a result set is at its end.

    Args:
        count: Rows affected; None: not told (DDL, SET, or under `SET NOCOUNT ON`).
        command: What kind of statement it was.
    """

    count: int | None = None
    command: Command = ""


@dataclass(frozen=True, slots=True)
class Info:
    """A message that is no error: PRINT, RAISERROR below 11, "Changed database context to …" (5701)."""

    number: int
    message: str
    severity: int = 0
    state: int = 1
    line: int = 1
    procedure: str = ""


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """An error after which the batch goes on. One that ends the batch is raised as SqlError."""

    error: SqlError


EnvKind: TypeAlias = Literal["database", "language", "collation", "begin", "commit", "rollback"]


@dataclass(frozen=True, slots=True)
class EnvChange:
    """Something that clients keep track of has changed.

    Args:
        kind: "database" (names), "language", "begin" (new: the transaction's number, an int of up to 63 bits),
            "commit" and "rollback" (old: the transaction's number).
        new: What it is now.
        old: What it was before.
    """

    kind: EnvKind
    new: str | int | None = None
    old: str | int | None = None


@dataclass(frozen=True, slots=True)
class ReturnStatus:
    """A procedure that the batch executed has ended with this status (the wire ends the procedure with it)."""

    status: int


@dataclass(frozen=True, slots=True)
class ReturnValue:
    """The last value of an output parameter that the client asked for (see `seam.Session.execute`, `outputs`)."""

    name: str
    type: SqlType
    value: Any


Item: TypeAlias = RowSet | Done | Info | ErrorItem | EnvChange | ReturnStatus | ReturnValue
