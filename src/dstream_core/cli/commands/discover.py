"""`dstream discover TASK`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from dstream_core.cli.commands.task_argument import TaskArgument
from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("discover", cls=QuickCommand)(with_session(discover))


def discover(session: Session, task: TaskArgument) -> int:
    """Show what the task's input would read."""
    from dstream_core.engine.discover import discover as engine_discover  # noqa: PLC0415  quick start: as above

    report = engine_discover(session.request(), task, session.front())
    source = report.result.source or {}
    if session.json:
        session.screen.json(source)
        return 0
    place = " ".join(str(source[name]) for name in ("server", "database") if source.get(name))
    if place:
        session.screen.line(place)
    rows = list(_rows(source))
    if rows:
        session.screen.table(("TABLE", "PRIMARY KEY", "COLUMNS"), rows)
    if report.result.message:
        session.screen.say(report.result.message)
    if not rows:
        session.screen.line("No tables.")
    return 0


def _rows(source: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for table in source.get("tables") or ():
        if isinstance(table, Mapping):
            name = ".".join(str(table[part]) for part in ("schema", "name") if table.get(part))
            yield name, ", ".join(map(str, table.get("primary_key") or ())), _columns(table.get("columns") or ())


def _columns(columns: Any) -> str:
    return ", ".join(
        f"{column.get('name')} {column.get('type', '')}".strip() for column in columns if isinstance(column, Mapping)
    )
