"""`dstream fmt [PATH…]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dstream_core.cli.globals import with_session
from dstream_core.cli.quick import QuickCommand
from dstream_core.cli.session import Session
from dstream_core.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("fmt", cls=QuickCommand)(with_session(fmt))


def fmt(
    session: Session,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files, or directories of .hcl files; `-` formats stdin to stdout."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; end with 1 if a file is not in the format.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what changes.")] = False,
) -> int:
    """Bring configuration files into the one format.

    Prints the names of those that change.
    """
    # quick start: only this command pays for these
    from dstream_core.engine.fmt import Formatted, format_files, format_stdin  # noqa: PLC0415  as above

    given = [Path(path) for path in paths or ()] or [session.config]
    if given == [Path("-")]:
        formatted: list[Formatted] = [format_stdin(b"" if sys.stdin is None else sys.stdin.buffer.read())]
        if not check and not diff:
            session.screen.text(formatted[0].after.encode())
            return ExitCode.DONE
    else:
        formatted = format_files(given, write=not check)
    changed = [item for item in formatted if item.changed]
    if session.json:
        session.screen.json({"changed": [str(item.path) for item in changed], "checked": len(formatted)})
    for item in changed if not session.json else ():
        session.screen.line(str(item.path))
        if diff:
            session.screen.line(item.diff())
    return ExitCode.FAILED if check and changed else ExitCode.DONE
