"""What DStream may know about this plugin without loading it: names only."""

from __future__ import annotations

from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

PROVIDER = ProviderInfo(
    id="file",
    summary="Reads and writes files: JSON Lines, CSV, plain lines",
    input=RoleInfo(
        implementation="dstream_file.input:FileInput",
        options="dstream_file.config:FileInputOptions",
        verbs=("run", "discover", "check"),
    ),
    output=RoleInfo(
        implementation="dstream_file.output:FileOutput",
        options="dstream_file.config:FileOutputOptions",
        verbs=("run", "init", "plan", "status", "destroy", "check"),
    ),
)

main_input = executable("file", "input")
main_output = executable("file", "output")


@hookimpl
def dstream_provider() -> ProviderInfo:
    """Files, as input and as output."""
    return PROVIDER
