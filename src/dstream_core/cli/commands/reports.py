"""What plan, init and destroy show alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dstream_core.cli.session import Session
from dstream_core.cli.texts import plan_lines

if TYPE_CHECKING:
    from dstream_core.engine.lifecycle import VerbReport


def show_changes(session: Session, report: VerbReport, *, done: bool) -> int:
    """Shows what is to be changed, or was; returns 0."""
    if session.json:
        session.screen.json(report_document(report))
    else:
        for line in plan_lines(report.result, report.changes, done=done, color=session.screen.color_out):
            session.screen.line(line)
    return 0


def report_document(report: VerbReport) -> dict[str, Any]:
    """A report as data: what the provider answered, with the task, the verb and the counts."""
    return {"task": report.task, "verb": report.verb, **report.document, "changes": report.changes}
