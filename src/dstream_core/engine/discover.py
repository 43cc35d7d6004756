"""`dstream discover`: what the input would read."""

from __future__ import annotations

from dstream_core.engine.asking import ask, checked
from dstream_core.engine.front import Front
from dstream_core.engine.lifecycle import VerbReport
from dstream_core.engine.prepare import located, prepare
from dstream_core.engine.request import Request
from dstream_core.engine.source import listed_tables
from dstream_core.errors import ConfigurationError
from dstream_core.protocol.result import Result
from dstream_core.providers.roles import no_such_verb


def discover(request: Request, task_name: str, front: Front) -> VerbReport:
    """Asks the input what it would read; one that cannot say is taken at the `tables` of its options.

    Raises:
        DStreamError: it could not be asked, failed, or knows of nothing.
    """
    prepared = prepare(request, task_name, front)
    source = prepared.provider("input")
    if not source.older and source.answers("discover"):
        outcome = checked(ask(prepared, "input", "discover", front), prepared, "input")
        return VerbReport(task_name, "discover", outcome.result, outcome.document)
    listed = listed_tables(prepared.task.input.config)
    if listed is None:
        error = ConfigurationError(no_such_verb(source.name, "input", "discover"), code="provider/no-such-verb")
        raise located(prepared.project, error, prepared.task.input.where)
    message = f"{source.name} does not answer discover; these are the tables of its options"
    return VerbReport(task_name, "discover", Result(source=listed, message=message), {"source": listed})
