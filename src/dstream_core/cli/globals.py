"""The global flags as typer takes them, for the app and for every command: they may stand before or after the verb."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dstream_core.cli.session import Shared, flags_of

_PANEL = "Global flags"

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "config": (
        Annotated[
            str | None,
            typer.Option(
                "--config",
                "-c",
                metavar="PATH",
                show_default="./dstream.hcl",
                help="The configuration: a file, or a directory with a dstream.hcl.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "var": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--var", metavar="NAME=VALUE", help="Set a variable; may be repeated.", rich_help_panel=_PANEL
            ),
        ],
        None,
    ),
    "var_file": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--var-file", metavar="FILE", help="Set variables from a file; may be repeated.", rich_help_panel=_PANEL
            ),
        ],
        None,
    ),
    "state_dir": (
        Annotated[
            str | None,
            typer.Option(
                "--state-dir",
                metavar="DIR",
                show_default=".dstream beside the configuration",
                help="Where positions, locks and dead letters lie.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "json": (
        Annotated[bool, typer.Option("--json", help="Print data as JSON.", rich_help_panel=_PANEL)],
        False,
    ),
    "log_level": (
        Annotated[
            str | None,
            typer.Option(
                "--log-level",
                "-l",
                metavar="LEVEL",
                show_default="info, or $DSTREAM_LOG_LEVEL",
                help="debug, info, warning or error.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "log_format": (
        Annotated[
            str | None,
            typer.Option(
                "--log-format",
                "-f",
                metavar="text|json",
                show_default="text",
                help="How the log is written.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    "log_time": (
        Annotated[
            bool, typer.Option("--log-time", "-t", help="Begin log lines with the time.", rich_help_panel=_PANEL)
        ],
        False,
    ),
}


def global_parameters() -> list[inspect.Parameter]:
    """The global flags as parameters of a function."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(name, kind, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]


def with_session(function: Callable[..., int | None]) -> Callable[..., None]:
    """A function as typer takes it, from one that takes a `Session` first and returns its exit code."""
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if name != "session"
    ]

    def command(context: typer.Context, **given: Any) -> None:
        flags = flags_of({name: given.pop(name) for name in _OPTIONS})
        shared: Shared = context.find_object(Shared) or context.obj
        code = function(shared.session(flags), **given)
        if code:
            raise typer.Exit(int(code))

    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    _declare(command, [first, *own, *global_parameters()])
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    return command


def takes_globals(function: Callable[..., None]) -> Callable[..., None]:
    """A callback of an app that takes the global flags before the verb, beside its own parameters."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())

    def callback(context: typer.Context, **given: Any) -> None:
        flags = flags_of({name: given.pop(name) for name in _OPTIONS})
        shared: Shared = context.find_object(Shared) or context.obj
        shared.flags = shared.flags.merged(flags)
        function(context, **given)

    rest = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own[1:]]
    _declare(callback, [own[0], *rest, *global_parameters()])
    callback.__name__ = function.__name__
    callback.__doc__ = function.__doc__
    return callback


def _declare(function: Any, parameters: list[inspect.Parameter]) -> None:
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
