"""`dstream status`: what of the output's infrastructure is there."""

from __future__ import annotations

from dstream_core.engine.asking import ask
from dstream_core.engine.front import Front
from dstream_core.engine.lifecycle import VerbReport, report, require_verb
from dstream_core.engine.prepare import prepare
from dstream_core.engine.request import Request
from dstream_core.engine.source import discover_source_if_possible


def status(request: Request, task_name: str, front: Front) -> VerbReport:
    """Asks the output what is there; goes on without what the input reads if that cannot be found out.

    Raises:
        DStreamError: it could not be asked, or failed.
    """
    prepared = prepare(request, task_name, front)
    require_verb(prepared, "status")
    source = discover_source_if_possible(prepared, front)
    outcome = ask(prepared, "output", "status", front, source=source)
    return report(prepared, "status", outcome, front)
