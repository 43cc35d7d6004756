"""`dstream`: the app, its commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from dstream_core.cli.commands import (
    check,
    destroy,
    discover,
    fmt,
    init,
    lint,
    plan,
    providers,
    run,
    status,
    tasks,
)
from dstream_core.cli.extensions import ExtensibleGroup
from dstream_core.cli.globals import takes_globals
from dstream_core.cli.render import Screen
from dstream_core.cli.session import Shared
from dstream_core.errors import DStreamError, ExitCode, exit_code_of


def make_app() -> typer.Typer:
    """The app with all commands of the core."""
    app = typer.Typer(
        name="dstream",
        help="Terraform for data streaming: tasks in dstream.hcl, providers by `pip install`.",
        cls=ExtensibleGroup,
        invoke_without_command=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(takes_globals(_before_the_verb))
    for module in (run, init, plan, status, destroy, discover, check, lint, fmt, tasks):
        module.register(app)
    providers.register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command line and exits with its code (docs/reference/exit-codes.md).

    Args:
        arguments: without the program's name; those of the process if left out.
    """
    sys.exit(run_command_line(sys.argv[1:] if arguments is None else list(arguments)))


def run_command_line(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code."""
    shared = Shared(Screen.of_process())
    try:
        code = _run(arguments, shared)
    except DStreamError as error:
        shared.screen.error(error)
        if shared.debug:
            shared.screen.traceback(error)
        code = int(exit_code_of(error))
        if "--detailed-exitcode" in arguments:
            code = int(ExitCode.FAILED)  # 2 says "changes" there, so that every error is 1
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last stop: what comes here is a bug, and says so
        shared.screen.bug(error)
        code = int(ExitCode.FAILED)
    try:
        shared.screen.close()
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    return code


def _run(arguments: list[str], shared: Shared) -> int:
    command = typer.main.get_command(make_app())
    try:
        command.main(arguments, prog_name="dstream", obj=shared)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return int(ExitCode.DONE)


def _before_the_verb(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    shared = context.find_object(Shared)
    assert shared is not None, "main puts it there"
    if version:
        from importlib_metadata import version as version_of  # noqa: PLC0415  30 ms for this flag only

        shared.screen.line(f"dstream {version_of('dstream-core')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        shared.screen.line(context.get_help())
        raise typer.Exit
