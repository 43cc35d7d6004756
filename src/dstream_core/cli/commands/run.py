"""`dstream run TASK`."""

from __future__ import annotations

import typer

from dstream_core.cli.commands.task_argument import TaskArgument
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session
from dstream_core.cli.texts import summary_document, summary_line
from dstream_core.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run", cls=QuickCommand)(with_session(run))


def run(session: Session, task: TaskArgument) -> int:
    """Stream from the task's input to its output.

    Ends when the input has no more, or in order when you press Ctrl-C or send SIGTERM. The next run goes on behind what
    was delivered. With --json stdout is JSON lines: {"text": …} for each line that the output prints, last the summary.
    """
    from dstream_core.engine.run import run as engine_run  # noqa: PLC0415  quick start: only this command pays

    front = session.front(text_is_talk=False, text_is_json=session.json)
    front.stop_when_unread()
    try:
        report = engine_run(session.request(), task, front)
    finally:
        front.stop_no_more()
    outcome = report.outcome
    if session.json:
        session.screen.json(summary_document(task, outcome, str(report.dead_letters)))
    session.screen.record("", "info", summary_line(outcome, str(report.dead_letters)), {})
    if report.nothing_new:
        message = f"nothing new since the last run; to begin again from the start, remove {report.positions}"
        session.screen.record("", "info", message, {})
    if outcome.failure is not None:
        session.screen.error(outcome.failure)
    if outcome.reason == "SIGINT":
        return ExitCode.INTERRUPTED
    return outcome.failure.exit_code if outcome.failure is not None else ExitCode.DONE
