"""What DStream may know about this plugin without loading it: names only."""

from __future__ import annotations

from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

PROVIDER = ProviderInfo(
    id="console",
    summary="Shows records on the terminal",
    output=RoleInfo(
        implementation="dstream_console.provider:Console",
        options="dstream_console.config:ConsoleOptions",
        verbs=("run", "init", "plan", "status", "destroy", "check"),
    ),
)

main = executable("console")


@hookimpl
def dstream_provider() -> ProviderInfo:
    """The console, an output."""
    return PROVIDER
