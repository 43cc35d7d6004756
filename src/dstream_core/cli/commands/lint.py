"""`dstream lint [TASK]`."""

from __future__ import annotations

from typing import Annotated

import typer

from dstream_core.cli.completion import complete_task
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session
from dstream_core.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("lint", cls=QuickCommand)(with_session(lint))


def lint(
    session: Session,
    task: Annotated[
        str | None,
        typer.Argument(metavar="[TASK]", help="Check this task's providers only.", autocompletion=complete_task),
    ] = None,
) -> int:
    """Show everything that is wrong with the configuration.

    With its place and, where possible, a suggestion. Starts no provider.
    """
    # quick start: only this command pays for these
    from dstream_core.config.diagnostics import to_json  # noqa: PLC0415  as above
    from dstream_core.engine.lint import lint as engine_lint  # noqa: PLC0415  as above

    found = engine_lint(session.request(), session.front(), task)
    errors = [item for item in found if item.severity == "error"]
    if session.json:
        session.screen.json({"ok": not errors, "diagnostics": [to_json(item) for item in found]})
    else:
        for item in found:
            session.screen.diagnostic(item)
        session.screen.say(_summary(len(errors), len(found) - len(errors)))
    return ExitCode.CONFIGURATION if errors else ExitCode.DONE


def _summary(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return "No problems."
    counts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for count, word in counts if count) + "."
