"""`dstream status TASK`."""

from __future__ import annotations

import typer

from dstream_core.cli.commands.reports import report_document
from dstream_core.cli.commands.task_argument import TaskArgument
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session
from dstream_core.cli.texts import status_rows
from dstream_core.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("status", cls=QuickCommand)(with_session(status))


def status(session: Session, task: TaskArgument) -> int:
    """Show what of the task's infrastructure is there.

    Ends with 1 if something is not as it should be.
    """
    from dstream_core.engine.status import status as engine_status  # noqa: PLC0415  quick start: as above

    report = engine_status(session.request(), task, session.front())
    result = report.result
    if session.json:
        session.screen.json(report_document(report))
    else:
        if result.resources:
            session.screen.table(("TYPE", "NAME", "STATE", "DETAIL"), status_rows(result))
        session.screen.line(result.message or _verdict(result.healthy, len(result.resources)))
    return ExitCode.FAILED if result.healthy is False else ExitCode.DONE


def _verdict(healthy: bool | None, count: int) -> str:
    if healthy is False:
        return "Something is not as it should be."
    return f"{count} resources." if count else "No resources."
