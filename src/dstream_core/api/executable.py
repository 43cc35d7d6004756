"""The executable that a plugin distribution installs."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from dstream_core.protocol.names import Role


def executable(provider_id: str, role: Role | None = None) -> Callable[[], int]:
    """The function for `[project.scripts]`: the stdio host with one provider, for use by path and by hand.

    Args:
        provider_id: the ID that the distribution's plugin announces.
        role: for a provider with both roles, the one that this executable takes when its command line names none.

    Returns:
        A function without arguments that answers one command line and returns the exit code.
    """

    def main() -> int:
        # By name: the api must not depend on its host, which depends on the api.
        entry = importlib.import_module("dstream_core.shim.entry")
        code: int = entry.run_executable(provider_id, role)
        return code

    return main
