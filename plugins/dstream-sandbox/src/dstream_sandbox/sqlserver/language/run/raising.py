"""PRINT, RAISERROR, THROW."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.formatting import formatted
from dstream_sandbox.sqlserver.language.messages import syntax_error
from dstream_sandbox.sqlserver.language.run.state import Scope, Status
from dstream_sandbox.sqlserver.language.run.variables import typed
from dstream_sandbox.sqlserver.language.statements import Print, RaiseError, Throw
from dstream_sandbox.sqlserver.results import Info, Item
from dstream_sandbox.sqlserver.types import MAX, nvarchar


def print_text(session: Any, scope: Scope, node: Print, line: int) -> Iterator[Item]:
    """PRINT: message 0."""
    type_, value = typed(session, scope, node.value)
    text = "" if value is None else str(converter(type_, nvarchar(MAX))(value))
    yield Info(0, text[:4000] or " ", 0, 1, line, scope.procedure)


def raise_error(session: Any, scope: Scope, status: Status, node: RaiseError, line: int) -> Iterator[Item]:
    """RAISERROR: a message below severity 11, else an error.

    Raises:
        SqlError: 50000 with the text, or the number given.
    """
    (kind, message), (_, severity), (_, state), *rest = (typed(session, scope, a) for a in node.arguments)
    if not isinstance(severity, int | None) or not isinstance(state, int | None):
        raise syntax_error(str(severity if isinstance(state, int | None) else state))
    number = int(message) if kind.is_integer else 50_000
    text = (
        f"Error {number}, severity {severity}, state {state} was raised, but no message with that error number was found in sys.messages."
        if kind.is_integer
        else str(message or "")
    )
    text = formatted(text, [value for _, value in rest])
    severity = 0 if severity is None else int(severity)
    if severity > 18 and "LOG" not in node.options:
        raise SqlError(
            2754,
            "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.",
        )
    state = max(0, min(255, int(state or 0)))
    if severity <= 10:
        yield Info(number, text, severity, state, line, scope.procedure)
        return
    raise SqlError(number, text, severity, state, line, scope.procedure, ends_batch=False if severity < 20 else None)


def throw(session: Any, scope: Scope, status: Status, node: Throw, line: int) -> SqlError:
    """THROW: the error to be raised; it ends the batch.

    Raises:
        SqlError: 10704, THROW alone outside of CATCH.
    """
    if not node.arguments:
        caught = status.caught
        if caught is None:
            raise SqlError(
                10704,
                "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.",
                15,
            )
        caught.ends_batch = True
        return caught
    (_, number), (kind, message), (_, state) = (typed(session, scope, a) for a in node.arguments)
    if not isinstance(number, int) or not isinstance(state, int):
        raise syntax_error(str(state if isinstance(number, int) else number))
    if not 50_000 <= number <= 2**31 - 1:
        return SqlError(
            35_100,
            f"Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.",
            16,
            10,
        )
    text = str(converter(kind, nvarchar(2048))(message)) if message is not None else ""
    return SqlError(number, text.replace("%%", "%"), 16, state, line, scope.procedure, ends_batch=True)
