"""What DStream may know about this plugin without loading it: names only."""

from __future__ import annotations

from collections.abc import Sequence

from dstream_core.api import CommandInfo, hookimpl


@hookimpl
def dstream_commands() -> Sequence[CommandInfo]:
    """`dstream sandbox …`."""
    return [CommandInfo("sandbox", "dstream_sandbox.commands:app", "Starts local stand-ins, to try out and to test.")]
