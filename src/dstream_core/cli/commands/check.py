"""`dstream check TASK`."""

from __future__ import annotations

import typer

from dstream_core.cli.commands.task_argument import TaskArgument
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session
from dstream_core.errors import ExitCode, exit_code_of


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("check", cls=QuickCommand)(with_session(check))


def check(session: Session, task: TaskArgument) -> int:
    """Ask both providers whether a run could begin; changes nothing."""
    from dstream_core.engine.check import check as engine_check  # noqa: PLC0415  quick start: only this command pays

    rows = engine_check(session.request(), task, session.front())
    if session.json:
        session.screen.json(
            {
                "task": task,
                "ok": all(row.error is None for row in rows),
                "providers": [
                    {
                        "role": row.role,
                        "provider": row.name,
                        "ok": row.error is None,
                        "message": row.message,
                        "code": row.error.code if row.error else None,
                        "hint": row.error.hint if row.error else None,
                        "result": dict(row.document),
                    }
                    for row in rows
                ],
            }
        )
    else:
        shown = [(row.role, row.name, "failed" if row.error else "ok", _lines(row.message)[0]) for row in rows]
        session.screen.table(("ROLE", "PROVIDER", "CHECK", "MESSAGE"), shown)
        for row in rows:
            hint = row.error.hint if row.error else None
            for line in (*_lines(row.message)[1:], *(_lines(f"hint: {hint}") if hint else ())):
                session.screen.line(f"{row.role}: {line}")
    codes = [exit_code_of(row.error) for row in rows if row.error is not None]
    return codes[0] if codes else ExitCode.DONE


def _lines(text: str) -> list[str]:
    return text.splitlines() or [""]
