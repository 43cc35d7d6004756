"""Commands whose options are plain text, so that typer needs no pydantic to read them.

Recent versions of typer convert every value by a pydantic adapter, whose import takes as long as all the rest of
`dstream providers list`. All our options are text or flags: there is nothing to convert. Where typer has no such
adapters this changes nothing. tests/integration/cli/test_quick_start.py notices if it no longer helps.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

_ADAPTER = "_runtime_param"


class PlainValue:
    """Takes a value as the command line has it: text, or a list of texts."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value itself; of what may be repeated, a list."""
        if param.multiple or param.nargs == -1:
            return list(value or ())
        return value


class QuickCommand(TyperCommand):
    """A command that takes its values as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with that of `--help`."""
        return take_as_they_are(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """A group of commands that takes its values as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with that of `--help`."""
        return take_as_they_are(super().get_params(ctx))


def take_as_they_are(params: list[Any]) -> list[Any]:
    """Keeps typer from making adapters for these parameters."""
    for param in params:
        if hasattr(param, _ADAPTER):
            setattr(param, _ADAPTER, PlainValue())
    return params
