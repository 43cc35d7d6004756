"""`dstream tasks`."""

from __future__ import annotations

import typer

from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session

BY_EXPRESSION = "(expression)"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("tasks", cls=QuickCommand)(with_session(tasks))


def tasks(session: Session) -> int:
    """List the tasks of the configuration."""
    from dstream_core.engine.tasks import list_tasks  # noqa: PLC0415  quick start: only this command pays

    rows = list_tasks(session.request())
    if session.json:
        session.screen.json([row.document() for row in rows])
    elif rows:
        session.screen.table(
            ("TASK", "INPUT", "OUTPUT", "DESCRIPTION"),
            [
                (row.name, row.input or BY_EXPRESSION, row.output or BY_EXPRESSION, row.description or "")
                for row in rows
            ],
        )
    else:
        session.screen.say("The configuration has no tasks.")
    return 0
