"""The null output: takes every envelope apart and throws it away. For benchmarks only."""

from __future__ import annotations

from dstream_core.api import ProviderInfo, RoleInfo, hookimpl


@hookimpl
def dstream_provider() -> ProviderInfo:
    """An output that goes nowhere."""
    return ProviderInfo(
        id="null",
        summary="Parses every envelope and keeps none",
        output=RoleInfo(implementation="dstream_null.provider:Null"),
    )
