"""The seam: a batch's text in, items out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.parser.batch import parse_batch
from dstream_sandbox.sqlserver.language.run.interpreter import Interpreter
from dstream_sandbox.sqlserver.language.run.state import ReturnFrom, Scope
from dstream_sandbox.sqlserver.results import EnvChange, ErrorItem, Item, ReturnValue
from dstream_sandbox.sqlserver.types import SqlType


def execute_batch(
    session: Any,
    text: str,
    parameters: Mapping[str, tuple[SqlType, Any]] | None = None,
    outputs: Collection[str] = (),
) -> Iterator[Item]:
    """Runs a batch in a session of the engine.

    Args:
        session: See `engine.api.Session`.
        text: The T-SQL.
        parameters: Variables that the batch starts with: name with its `@`, type, value.
        outputs: Names among them whose last values come as ReturnValue at the end.

    Yields:
        What the batch has to say, as it happens.

    Raises:
        SqlError: The batch ended with it. Errors after which it goes on are items.
        CancelledError: The client asked to stop.
        KilledError: The session was killed.
    """
    scope = Scope()
    for name, (type_, value) in (parameters or {}).items():
        scope.types[name.lower()] = type_
        scope.values[name.lower()] = value
    statements = parse_batch(text, bool(session.options.get("quoted_identifier", True)))
    try:
        yield from Interpreter(session, scope, text).run(statements)
    except ReturnFrom:
        pass
    finally:
        session.try_depth = 0
    yield from _uncommittable(session)
    for name in outputs:
        yield ReturnValue(name, scope.types[name.lower()], scope.values[name.lower()])


def _uncommittable(session: Any) -> Iterator[Item]:
    """A doomed transaction does not outlive its batch (3998)."""
    if session.xact_state != -1:
        return
    number = session.transaction_id
    session.rollback()
    yield EnvChange("rollback", None, number)
    yield ErrorItem(
        SqlError(3998, "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.")
    )
