"""The command line as typer knows it: the app with all commands of the core."""

from __future__ import annotations

from typing import Annotated, Any

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
from dstream_core.cli.session import Shared
from dstream_core.errors import ConfigurationError, DStreamError

_UsageError: Any
_CommandError: Any
_UsageError, _CommandError = typer.BadParameter.__mro__[1:3]
"""Typer's errors for a wrong command line, and for whatever a plugin's command says of itself; where they are imported
from differs between typer's versions."""


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


def parse_and_run(arguments: list[str], shared: Shared) -> int:
    """Runs a command line.

    Returns:
        Its exit code.

    Raises:
        SystemExit: a shell asked for completions and got them.
        KeyboardInterrupt: Ctrl-C.
        DStreamError: the command line is wrong, or the command failed.
    """
    try:
        code = typer.main.get_command(make_app()).main(
            arguments, prog_name="dstream", standalone_mode=False, obj=shared
        )
    except _UsageError as error:
        raise _wrong_command_line(error) from None
    except _CommandError as error:
        raise DStreamError(error.format_message(), code="cli/command-failed") from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    return code if isinstance(code, int) else 0


def _wrong_command_line(error: Any) -> ConfigurationError:
    """What typer says of a command line, as every other error is said."""
    command = error.ctx.command_path if error.ctx is not None else "dstream"
    return ConfigurationError(
        error.format_message().rstrip("."),
        code="usage/command-line",
        hint=f"`{command} --help` shows what it takes",
    )


def _before_the_verb(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    shared = context.find_object(Shared)
    assert shared is not None, "main puts it there"
    if version:
        from importlib_metadata import version as version_of  # noqa: PLC0415  30 ms for this flag only

        number = version_of("dstream-core")
        if shared.flags.json:
            shared.screen.json({"version": number})
        else:
            shared.screen.line(f"dstream {number}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        shared.screen.line(context.get_help())
        raise typer.Exit
