"""`dstream plan`: what init would do, or destroy; changes nothing."""

from __future__ import annotations

from dstream_core.engine.front import Front
from dstream_core.engine.lifecycle import VerbReport, ask_plan, require_verb
from dstream_core.engine.prepare import located, prepare
from dstream_core.engine.request import Request
from dstream_core.engine.source import discover_source
from dstream_core.errors import ConfigurationError


def plan(request: Request, task_name: str, front: Front, *, destroy: bool = False) -> VerbReport:
    """Asks the output what it would do.

    Args:
        request: what was asked.
        task_name: the task.
        front: shows what happens.
        destroy: plan the destruction; the input is not asked then.

    Raises:
        DStreamError: it could not be asked, or failed.
    """
    prepared = prepare(request, task_name, front, needs_input=not destroy)
    require_verb(prepared, "plan")
    if destroy and prepared.output.older:
        message = f"{prepared.output.name} is an older provider, which cannot plan its destruction"
        error = ConfigurationError(message, code="provider/no-such-verb")
        raise located(prepared.project, error, prepared.task.output.where)
    source = None if destroy else discover_source(prepared, front)
    return ask_plan(prepared, front, source, destroy=destroy)
