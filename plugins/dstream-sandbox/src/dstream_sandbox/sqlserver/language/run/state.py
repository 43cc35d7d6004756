"""What a batch that runs remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import SqlType


@dataclass(slots=True)
class Status:
    """What `@@ROWCOUNT`, `@@ERROR` and ERROR_…() answer; one for a session.

    Attributes:
        rowcount: Of the last statement.
        error: Number of the last statement's error, 0 without.
        caught: The error that the CATCH block at work handles.
        depth: How deep procedures are nested.
    """

    rowcount: int = 0
    error: int = 0
    caught: SqlError | None = None
    depth: int = 0


@dataclass(slots=True)
class Scope:
    """Variables of one batch or procedure.

    Attributes:
        types: By name with `@`, in lower case.
        values: The same; table variables among them.
        tables: Table variables alone.
        procedure: The procedure's name, "" in a batch.
    """

    types: dict[str, SqlType] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    procedure: str = ""


class BreakLoop(Exception):  # noqa: N818  control flow, no error
    """BREAK."""


class ContinueLoop(Exception):  # noqa: N818  control flow, no error
    """CONTINUE."""


class ReturnFrom(Exception):  # noqa: N818  control flow, no error
    """RETURN."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def status_of(session: Any) -> Status:
    """The session's status."""
    found: Status | None = session.state.get("language.status")
    if found is None:
        found = session.state["language.status"] = Status()
    return found
