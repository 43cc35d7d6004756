"""The environment of a provider's process."""

from __future__ import annotations

from collections.abc import Mapping

from dstream_core.config.model import ProviderBlock

COLOR = "DSTREAM_COLOR"
_VARIABLE_PREFIX = "DSTREAM_VAR_"


def child_environment(
    environment: Mapping[str, str], block: ProviderBlock, other: ProviderBlock, *, color: bool
) -> dict[str, str]:
    """The whole environment of the provider of `block`.

    It lacks the variables that only the other block's templates name, and those that set the configuration's variables,
    which arrive in a provider's options alone (invariant 5).

    Args:
        environment: the orchestrator's.
        block: the provider's own block.
        other: the task's other block.
        color: whether text that the provider prints reaches a terminal that takes colours.
    """
    hidden = other.environment - block.environment
    child = {
        name: value
        for name, value in environment.items()
        if name not in hidden and not name.startswith(_VARIABLE_PREFIX) and name != COLOR
    }
    if color:
        child[COLOR] = "1"
    return child
