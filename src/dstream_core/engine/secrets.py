"""Which texts of a task are secret: gathered from the configuration and from what providers declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from dstream_core.config.model import ConfigPath, ProviderBlock
from dstream_core.engine.redaction import secrets_within
from dstream_core.errors import DStreamError
from dstream_core.providers.resolution import Resolved

_LEAST_DIGITS = 6
"""A shorter number is found everywhere; masking it would hide the log and not the number."""


def block_secrets(block: ProviderBlock, provider: Resolved | None) -> set[str]:
    """Everything in a block that must not be printed.

    That is: options declared secret; sensitive variables; values of eight characters or more that came from the
    environment, unless the option is declared not secret; passwords and keys inside connection strings.
    """
    declared, exempt = _declared(block, provider)
    secrets = set(block.secrets_except(exempt))
    for path, text in _leaves(block.config, ()):
        secrets.update(secrets_within(text))
        if any(path[: len(prefix)] == prefix for prefix in declared):
            secrets.add(text)
    for secret in list(secrets):
        secrets.update(secrets_within(secret))
    return secrets


def _declared(block: ProviderBlock, provider: Resolved | None) -> tuple[frozenset[ConfigPath], frozenset[ConfigPath]]:
    nothing: frozenset[ConfigPath] = frozenset()
    if provider is None or (provider.options is None and provider.schema is None) or not _has_text(block.config):
        return nothing, nothing
    from dstream_core.providers.options import declared_secrets  # noqa: PLC0415  quick start: imports pydantic

    try:
        return declared_secrets(provider, block.config)
    except DStreamError:
        # The provider itself will say what is wrong with its options; until then every text in them counts as secret.
        return frozenset((name,) for name in block.config), nothing


def _has_text(config: Mapping[str, Any]) -> bool:
    return any(True for _ in _leaves(config, ()))


def _leaves(value: Any, at: ConfigPath) -> Iterator[tuple[ConfigPath, str]]:
    """The texts in a config that could be secret, with their paths; long numbers too, as a PIN may be one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*at, index))
    elif isinstance(value, str) and value:
        yield at, value
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool) and len(str(value)) >= _LEAST_DIGITS:
        yield at, str(value)
