"""`dstream destroy TASK`."""

from __future__ import annotations

import typer

from dstream_core.cli.commands.reports import show_changes
from dstream_core.cli.commands.task_argument import TaskArgument, YesOption
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("destroy", cls=QuickCommand)(with_session(destroy))


def destroy(session: Session, task: TaskArgument, yes: YesOption = False) -> int:
    """Take away what init made for the task.

    Nothing else is touched. On a terminal it shows its plan and asks.
    """
    from dstream_core.engine.destroy import destroy as engine_destroy  # noqa: PLC0415  quick start: as above

    return show_changes(session, engine_destroy(session.request(), task, session.front(), yes=yes), done=True)
