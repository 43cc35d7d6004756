"""The child's plugin manager: exactly one provider in one role."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy

from dstream_core.api.info import ProviderInfo
from dstream_core.api.markers import PROJECT
from dstream_core.errors import ConfigurationError, ProviderError
from dstream_core.hookspecs import lifecycle
from dstream_core.protocol.names import LIFECYCLE_VERBS, Role, Verb
from dstream_core.shim.imports import resolve


class Hooks:
    """One provider's hooks in one role; a verb cannot be answered by another one.

    Args:
        info: the provider.
        role: the role; the provider must have it.

    Raises:
        ProviderError: the implementation cannot be imported, or has a hook that does not exist or takes other
            arguments.
    """

    def __init__(self, info: ProviderInfo, role: Role):
        role_info = info.role(role)
        if role_info is None:
            raise ProviderError(f"{info.id} has no role {role}")
        self._info = info
        self._role: Role = role
        implementation = resolve(role_info.implementation, f"the implementation of {info.id},")
        if inspect.isclass(implementation):
            implementation = implementation()
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(lifecycle)
        try:
            self._manager.register(implementation, info.id)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise ProviderError(
                f"{info.id} is not implemented as the hooks are specified: {' '.join(str(error).split())}",
                code="provider/hooks",
            ) from None

    def require(self, verb: Verb) -> str:
        """The name of the hook that answers a verb.

        Raises:
            ConfigurationError: the provider has none for it.
        """
        name = f"dstream_run_{self._role}" if verb == "run" else f"dstream_{verb}"
        if not self.has(name):
            raise ConfigurationError(
                missing_hook_message(self._info.id, self._role, verb), code="provider/no-such-verb"
            )
        return name

    def has(self, name: str) -> bool:
        """Whether the provider implements a hook."""
        return bool(getattr(self._manager.hook, name).get_hookimpls())

    def call(self, name: str, context: Any) -> Any:
        """Calls a hook."""
        return getattr(self._manager.hook, name)(context=context)


def missing_hook_message(provider_id: str, role: Role, verb: Verb) -> str:
    """Why a provider does not answer a verb, for the user."""
    article = "an input" if role == "input" else "an output"
    if role == "input" and verb in LIFECYCLE_VERBS:
        return f"{provider_id} is an input provider and has no infrastructure to {verb}"
    if verb in LIFECYCLE_VERBS:
        return f"{provider_id} has no infrastructure of its own to {verb}"
    if verb == "run":
        return f"{provider_id} cannot run as {article}: it has no hook dstream_run_{role}"
    return f"{provider_id} does not answer `{verb}` as {article} provider"
