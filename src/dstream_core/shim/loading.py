"""From a provider's ID to the plugin that brings it, one entry point at a time."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import importlib_metadata
import pluggy

from dstream_core.api.info import ProviderInfo
from dstream_core.api.markers import PROJECT
from dstream_core.errors import ConfigurationError, ProviderError
from dstream_core.hookspecs import discovery


@dataclass(frozen=True)
class BrokenPlugin:
    """An entry point that could not be asked; `reason` says why in one line."""

    name: str
    distribution: str
    reason: str


def find_provider(provider_id: str, *, versions: bool = False) -> ProviderInfo:
    """The installed provider with an ID.

    The entry point whose name is the ID is asked first, and if it answers no other plugin is imported. Otherwise the
    others are asked one by one; one that is broken does not break this one.

    Args:
        provider_id: the ID.
        versions: fills in a version that is left empty; that reads the distribution's metadata, which takes as long as
            the rest.

    Raises:
        ConfigurationError: no plugin brings it; names the nearest ID, and plugins that are broken.
        ProviderError: the plugin of that name is broken.
    """
    entry_points = list(importlib_metadata.entry_points(group=discovery.ENTRY_POINT_GROUP))
    entry_points.sort(key=lambda entry_point: entry_point.name != provider_id)
    seen: list[str] = []
    broken: list[BrokenPlugin] = []
    for entry_point in entry_points:
        try:
            infos = providers_of(entry_point, versions=versions)
        except ProviderError as error:
            if entry_point.name == provider_id:
                raise
            broken.append(BrokenPlugin(entry_point.name, _distribution(entry_point), error.message))
            continue
        for info in infos:
            if info.id == provider_id:
                return info
            seen.append(info.id)
    raise _not_found(provider_id, seen, broken)


def providers_of(entry_point: importlib_metadata.EntryPoint, *, versions: bool) -> Sequence[ProviderInfo]:
    """What one plugin announces; with `versions`, those left empty are those of its distribution.

    Raises:
        ProviderError: it cannot be imported, or does not answer as a plugin does.
    """
    try:
        plugin = entry_point.load()
    except Exception as error:  # a plugin may raise anything while it is imported
        raise ProviderError(
            f"plugin {entry_point.name!r} of {_distribution(entry_point)} cannot be imported:"
            f" {type(error).__name__}: {error}",
            code="provider/broken-plugin",
        ) from error
    infos = announced_by(plugin, entry_point.name)
    if not versions or entry_point.dist is None:
        return infos
    version = entry_point.dist.version
    return [info if info.version else replace(info, version=version) for info in infos]


def announced_by(plugin: Any, name: str) -> Sequence[ProviderInfo]:
    """What a plugin object's `dstream_provider` answers.

    Raises:
        ProviderError: it has no such hook, a misspelt one, or answers something else.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(discovery)
    try:
        manager.register(plugin, name)
        manager.check_pending()
        answers = manager.hook.dstream_provider()
    except pluggy.PluginValidationError as error:
        raise ProviderError(f"plugin {name!r}: {_one_line(error)}", code="provider/broken-plugin") from None
    except Exception as error:  # an author's hook may raise anything
        raise ProviderError(
            f"plugin {name!r} failed to announce its provider: {type(error).__name__}: {error}",
            code="provider/broken-plugin",
        ) from error
    infos = [info for answer in answers for info in _listed(answer)]
    if not infos or not all(isinstance(info, ProviderInfo) for info in infos):
        raise ProviderError(
            f"plugin {name!r} announces no ProviderInfo",
            code="provider/broken-plugin",
            hint="mark `dstream_provider` with @hookimpl and let it return a ProviderInfo",
        )
    return infos


def _listed(answer: Any) -> Iterable[Any]:
    return answer if isinstance(answer, (list, tuple)) else [answer]


def _not_found(provider_id: str, seen: Sequence[str], broken: Sequence[BrokenPlugin]) -> ConfigurationError:
    nearest = difflib.get_close_matches(provider_id, seen, n=1)
    hints = [f"did you mean {nearest[0]!r}?"] if nearest else []
    hints += [f"broken: {plugin.name} ({plugin.distribution}): {plugin.reason}" for plugin in broken]
    if not nearest:
        hints.append(f"installed: {', '.join(sorted(seen)) or 'none'}")
    return ConfigurationError(
        f"no installed plugin brings the provider {provider_id!r}", code="provider/not-found", hint="; ".join(hints)
    )


def _distribution(entry_point: importlib_metadata.EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else "an unknown distribution"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
