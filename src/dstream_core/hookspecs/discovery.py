"""Hooks of a plugin module (`plugin.py`): what it brings, in names and import strings.

They are called in the orchestrator for every installed plugin, so they import nothing but `dstream_core.api`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from dstream_core.api.info import CommandInfo, ProviderInfo
from dstream_core.api.markers import PROJECT

hookspec = pluggy.HookspecMarker(PROJECT)

ENTRY_POINT_GROUP = "dstream.providers"
"""The entry points of plugins; an entry point bears the ID of its provider and names the module with the hooks."""


@hookspec
def dstream_provider() -> ProviderInfo | Sequence[ProviderInfo]:
    """The provider, or the providers, of this plugin."""
    raise NotImplementedError


@hookspec
def dstream_commands() -> Sequence[CommandInfo]:
    """Commands that this plugin adds to the `dstream` command line."""
    raise NotImplementedError
