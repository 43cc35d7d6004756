"""Roles and verbs, checked before anything starts: an input in the output position is a message, not a crash."""

from __future__ import annotations

from dstream_core.errors import ConfigurationError, Place
from dstream_core.protocol.names import LIFECYCLE_VERBS, Role, Verb
from dstream_core.providers.resolution import Resolved


def role_problem(provider: Resolved, other: Resolved | None, where: Place | None) -> ConfigurationError | None:
    """Why a provider cannot stand where it stands; None if it can, or if its manifest does not say.

    Args:
        provider: the provider to judge.
        other: the provider in the task's other block, to see that the two are swapped.
        where: the place of the reference in the file.
    """
    if not provider.roles or provider.role in provider.roles:
        return None
    proper = provider.roles[0]
    if other is not None and other.roles and other.role not in other.roles:
        hint = "the two are swapped: exchange the `input` and the `output` block's providers"
    else:
        hint = f"use it in the `{proper}` block, and an {provider.role} provider here (`dstream providers list`)"
    message = f"{provider.name} is an {proper} provider, but stands in the `{provider.role}` block"
    return ConfigurationError(message, code="provider/role", where=where, hint=hint)


def check_verb(provider: Resolved, verb: Verb, where: Place | None = None) -> None:
    """Refuses a verb that a provider is known not to answer.

    Raises:
        ConfigurationError: it has no hook for the verb.
    """
    if provider.verbs is None or verb in provider.verbs:
        return
    known = ", ".join(sorted(provider.verbs))
    raise ConfigurationError(
        no_such_verb(provider.name, provider.role, verb),
        code="provider/no-such-verb",
        where=where,
        hint=f"it answers {known}",
    )


def no_such_verb(name: str, role: Role, verb: Verb) -> str:
    """What to say when a provider has nothing for a verb."""
    if verb in LIFECYCLE_VERBS:
        return f"{name} is an {role} provider and has no infrastructure to {_INFINITIVES.get(verb, verb)}"
    if verb == "discover":
        return f"{name} cannot say what it would read: it does not answer discover"
    return f"{name} does not answer {verb}"


_INFINITIVES = {"status": "report the status of"}
