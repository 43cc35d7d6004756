"""Commands that plugins add, looked for only when a verb is not one of the core's own, or for the help."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import typer

from dstream_core.api.info import CommandInfo
from dstream_core.cli.quick import QuickCommand, QuickGroup
from dstream_core.errors import ProviderError


class ExtensibleGroup(QuickGroup):
    """The app's commands, and those of plugins."""

    def invoke(self, ctx: Any) -> None:
        """Runs the command; what a plugin's function returns is no exit code (`typer.Exit` is one)."""
        super().invoke(ctx)

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
        return None if info is None else PluginCommand(info)


class PluginCommand(QuickCommand):
    """A plugin's command, which is imported when it is called and not for the help.

    Args:
        info: what the plugin says of it.
    """

    def __init__(self, info: CommandInfo):
        super().__init__(info.name, help=info.help, rich_markup_mode=None)
        self._info = info

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, by which it is run."""
        return _load(self._info).make_context(info_name, args, parent=parent, **extra)


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
