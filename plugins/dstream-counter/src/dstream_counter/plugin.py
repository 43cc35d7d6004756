"""What DStream may know about this plugin without loading it: names only."""

from __future__ import annotations

from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

PROVIDER = ProviderInfo(
    id="counter",
    summary="Counts: one record per interval",
    input=RoleInfo(
        implementation="dstream_counter.provider:Counter",
        options="dstream_counter.config:CounterOptions",
        verbs=("run", "check"),
    ),
)

main = executable("counter")


@hookimpl
def dstream_provider() -> ProviderInfo:
    """The counter, an input."""
    return PROVIDER
