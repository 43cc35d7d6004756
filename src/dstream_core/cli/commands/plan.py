"""`dstream plan TASK`."""

from __future__ import annotations

from typing import Annotated

import typer

from dstream_core.cli.commands.reports import show_changes
from dstream_core.cli.commands.task_argument import TaskArgument
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session

CHANGES = 2
"""With --detailed-exitcode: there is something to do."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("plan", cls=QuickCommand)(with_session(plan))


def plan(
    session: Session,
    task: TaskArgument,
    destroy: Annotated[bool, typer.Option("--destroy", help="Show what destroy would do.")] = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="0: nothing to do, 2: there are changes, 1: any error."),
    ] = False,
) -> int:
    """Show what init would do; changes nothing."""
    from dstream_core.engine.plan import plan as engine_plan  # noqa: PLC0415  quick start: only this command pays

    report = engine_plan(session.request(), task, session.front(), destroy=destroy)
    show_changes(session, report, done=False)
    return CHANGES if detailed_exitcode and report.has_changes else 0
