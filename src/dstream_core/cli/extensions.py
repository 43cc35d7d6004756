"""Commands that plugins add, looked for only when a verb is not one of the core's own, or for the help."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import typer

from dstream_core.api.info import CommandInfo
from dstream_core.cli.quick import QuickGroup
from dstream_core.errors import ProviderError


class ExtensibleGroup(QuickGroup):
    """The app's commands, and those of plugins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The core's commands in their order, then the plugins'."""
        own = super().list_commands(ctx)
        return own + sorted({info.name for info in _plugin_commands()} - set(own))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; the core's own win over a plugin's of the same name."""
        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name.startswith("-"):
            return found
        info = next((info for info in _plugin_commands() if info.name == cmd_name), None)
        return None if info is None else _load(info)


_found: list[Sequence[CommandInfo]] = []


def _plugin_commands() -> Sequence[CommandInfo]:
    if not _found:
        # quick start: a verb of the core does not read the metadata of every distribution
        from dstream_core.providers.discovery import discover  # noqa: PLC0415  as above

        _found.append(discover().commands)
    return _found[0]


def _load(info: CommandInfo) -> Any:
    """The command that a plugin names: a typer app, or a function with typer's annotations."""
    module, _, attribute = info.target.partition(":")
    try:
        target = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a plugin's module may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"the command {info.name} ({info.target}) cannot be loaded: {reason}"
        raise ProviderError(message, code="cli/plugin-command") from error
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name=info.name, help=info.help)(target)
        target = app
    command = typer.main.get_command(target)
    command.name = info.name
    command.help = command.help or info.help
    return command
