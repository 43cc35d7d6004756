"""`dstream check`: whether a run could begin; asks both providers and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dstream_core.engine.asking import ask, checked
from dstream_core.engine.front import Front
from dstream_core.engine.lint import option_diagnostics
from dstream_core.engine.prepare import Prepared, prepare
from dstream_core.engine.request import Request
from dstream_core.errors import DiagnosticsError, DStreamError, InterruptedRunError
from dstream_core.protocol.names import ROLES, Role


@dataclass(frozen=True)
class Checked:
    """One provider's part of a check.

    Attributes:
        role: its position.
        name: the provider.
        message: what it found.
        document: its answer, for `--json`; empty if it was not asked.
        error: why a run could not begin.
    """

    role: Role
    name: str
    message: str
    document: Mapping[str, Any] = field(default_factory=dict)
    error: DStreamError | None = None


def check(request: Request, task_name: str, front: Front) -> list[Checked]:
    """Checks the options of both providers and asks those that answer `check`.

    Raises:
        DiagnosticsError: the file, a role or an option is wrong.
    """
    prepared = prepare(request, task_name, front)
    problems = [
        item
        for role in ROLES
        for item in option_diagnostics(prepared.project, prepared.block(role), prepared.provider(role))
        if item.severity == "error"  # of what is odd, the provider itself tells
    ]
    if problems:
        raise DiagnosticsError(problems)
    return [_check(prepared, role, front) for role in ROLES]


def _check(prepared: Prepared, role: Role, front: Front) -> Checked:
    provider = prepared.provider(role)
    if provider.older:
        return Checked(role, provider.name, "not checked: an older provider cannot be asked")
    if not provider.answers("check"):
        return Checked(role, provider.name, "options are valid; it has no check of its own")
    try:
        outcome = checked(ask(prepared, role, "check", front), prepared, role)
    except InterruptedRunError:
        raise
    except DStreamError as error:
        return Checked(role, provider.name, error.message, error=error)
    result = outcome.result
    if result.healthy is False:
        message = result.message or "it says that it is not healthy"
        return Checked(role, provider.name, message, outcome.document, DStreamError(message, code="check/unhealthy"))
    return Checked(role, provider.name, result.message or "a run could begin", outcome.document)
