"""`dstream init TASK`."""

from __future__ import annotations

import typer

from dstream_core.cli.commands.reports import show_changes
from dstream_core.cli.commands.task_argument import TaskArgument, YesOption
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("init", cls=QuickCommand)(with_session(init))


def init(session: Session, task: TaskArgument, yes: YesOption = False) -> int:
    """Create what the task's output needs.

    Run it twice and nothing changes the second time. On a terminal it asks if something would be deleted or replaced.
    """
    from dstream_core.engine.init import init as engine_init  # noqa: PLC0415  quick start: only this command pays

    return show_changes(session, engine_init(session.request(), task, session.front(), yes=yes), done=True)
