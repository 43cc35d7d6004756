"""The command line as typer knows it: the app with all commands of the core."""

from __future__ import annotations

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
from dstream_core.cli.session import Shared


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


def parse_and_run(arguments: list[str], shared: Shared) -> None:
    """Runs a command line.

    Raises:
        SystemExit: always at its end, or for a wrong command line, with the code.
        DStreamError: the command failed.
    """
    typer.main.get_command(make_app()).main(arguments, prog_name="dstream", obj=shared)


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
