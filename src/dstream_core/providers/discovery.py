"""Discovery of installed providers: entry points of the group `dstream.providers`, asked through pluggy.

Entry points are loaded one at a time, so that a plugin which cannot be imported is a row with its reason and never
breaks another one or a command. Only `plugin.py` is imported here, never an options model or an implementation.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dstream_core.api.info import CommandInfo, ProviderInfo
from dstream_core.api.markers import PROJECT
from dstream_core.errors import ConfigurationError, Place
from dstream_core.hookspecs import discovery as specs
from dstream_core.protocol.names import ROLES, Role
from dstream_core.providers.installed import Installed
from dstream_core.providers.suggest import nearest

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint
    from pluggy import PluginManager


@dataclass(frozen=True)
class Catalogue:
    """Everything that the installed plugins say of themselves."""

    providers: tuple[Installed, ...]
    commands: tuple[CommandInfo, ...] = ()

    def named(self, provider_id: str) -> list[Installed]:
        """All rows with this ID; one ID may be an input of one distribution and an output of another."""
        return [row for row in self.providers if row.id == provider_id]

    def find(self, provider_id: str, role: Role, where: Place | None = None) -> Installed:
        """The usable provider with this ID; one that has the role, if there is one.

        Raises:
            ConfigurationError: not installed (with the nearest ID), broken, or two distributions bring it.
        """
        named = self.named(provider_id)
        usable = [row for row in named if row.status != "broken"]
        fitting = [row for row in usable if role in row.roles]
        if len(fitting) > 1:
            raise _conflict(provider_id, role, fitting, where)
        if fitting or usable:
            return (fitting or usable)[0]
        raise _broken(named[0], where) if named else _unknown(provider_id, self.providers, where)


def discover() -> Catalogue:
    """Loads every plugin's `plugin.py`, one at a time, and asks what it offers."""
    manager = _manager()
    rows: list[Installed] = []
    commands: list[CommandInfo] = []
    for entry_point in _entry_points():
        offered, more = _ask(manager, entry_point)
        rows += offered
        commands += more
    return Catalogue(tuple(_mark_conflicts(sorted(rows, key=lambda row: (row.id, row.distribution)))), tuple(commands))


def _entry_points() -> Sequence[EntryPoint]:
    from importlib_metadata import entry_points  # noqa: PLC0415  30 ms, which only commands that need plugins pay

    return sorted(
        entry_points(group=specs.ENTRY_POINT_GROUP), key=lambda entry_point: (entry_point.name, entry_point.value)
    )


def _manager() -> PluginManager:
    from pluggy import PluginManager  # noqa: PLC0415  as above

    manager = PluginManager(PROJECT)
    manager.add_hookspecs(specs)
    return manager


def _ask(manager: PluginManager, entry_point: EntryPoint) -> tuple[list[Installed], list[CommandInfo]]:
    name, version = _name_and_version(entry_point)
    try:
        with _registered(manager, entry_point) as plugin:
            infos = _flatten(_call(manager, "dstream_provider", plugin), ProviderInfo)
            commands = _flatten(_call(manager, "dstream_commands", plugin), CommandInfo)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a plugin raises is its row's reason
        return [Installed(entry_point.name, name, version, "broken", _reason(error))], []
    if not infos and not commands:
        reason = "it implements neither dstream_provider nor dstream_commands"
        return [Installed(entry_point.name, name, version, "broken", reason)], []
    return [Installed(info.id, name, info.version or version, info=info) for info in infos], commands


def _name_and_version(entry_point: EntryPoint) -> tuple[str, str]:
    """Of the distribution; its file is read directly, for the library's way loads the parser for e-mail: 20 ms."""
    distribution = entry_point.dist
    text = (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "") if distribution else ""
    headers = dict(line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines() if ": " in line)
    return headers.get("Name", "?"), headers.get("Version", "")


@contextlib.contextmanager
def _registered(manager: PluginManager, entry_point: EntryPoint) -> Iterator[object]:
    """The plugin, loaded and registered; stays so only if all its hooks are known ones."""
    # what a plugin prints while it is imported must not get into the data on stdout
    with contextlib.redirect_stdout(sys.stderr):
        plugin = entry_point.load()
        manager.register(plugin, f"{entry_point.name}={entry_point.value}")
        try:
            manager.check_pending()  # a misspelt hook is an error, not silence
            yield plugin
        except BaseException:
            manager.unregister(plugin)
            raise


def _call(manager: PluginManager, hook: str, plugin: object) -> list[Any]:
    """Asks this plugin alone: with all of them, one that raises would hide what the others answer."""
    others = [other for other in manager.get_plugins() if other is not plugin]
    answers: list[Any] = manager.subset_hook_caller(hook, others)()
    return answers


def _flatten(answers: list[Any], kind: type[Any]) -> list[Any]:
    items: list[Any] = []
    for answer in answers:
        items += [answer] if isinstance(answer, kind) else list(answer)
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"a hook answered with {type(item).__name__}, not with {kind.__name__}")
    return items


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _mark_conflicts(rows: Sequence[Installed]) -> Iterator[Installed]:
    """A provider is known by its ID and its role: whoever else claims the same is a conflict for both."""
    for row in rows:
        shared = [role for role in ROLES if role in row.roles and len(_rivals(rows, row, role)) > 1]
        if shared:
            error = _conflict_message(row.id, shared[0], _rivals(rows, row, shared[0]))
            yield replace(row, status="conflict", error=error)
        else:
            yield row


def _rivals(rows: Sequence[Installed], row: Installed, role: Role) -> list[Installed]:
    return [other for other in rows if other.id == row.id and role in other.roles]


def _conflict_message(provider_id: str, role: Role, rivals: Sequence[Installed]) -> str:
    names = " and ".join(sorted(rival.distribution for rival in rivals))
    return f'two distributions provide "{provider_id}" as {role}: {names}'


def _conflict(provider_id: str, role: Role, rivals: Sequence[Installed], where: Place | None) -> ConfigurationError:
    message = _conflict_message(provider_id, role, rivals)
    return ConfigurationError(message, code="provider/conflict", where=where, hint="uninstall one of them")


def _broken(row: Installed, where: Place | None) -> ConfigurationError:
    return ConfigurationError(
        f'the provider "{row.id}" of {row.distribution} {row.version} cannot be loaded: {row.error}',
        code="provider/broken",
        where=where,
        hint=f"reinstall it: pip install --force-reinstall {row.distribution}",
    )


def _unknown(provider_id: str, rows: Sequence[Installed], where: Place | None) -> ConfigurationError:
    near = nearest(provider_id, [row.id for row in rows])
    install = f"install it: pip install dstream-{provider_id}"
    hint = f'did you mean "{near}"? Otherwise {install}' if near else f"{install} (`dstream providers list` shows all)"
    message = f'no installed provider has the ID "{provider_id}"'
    return ConfigurationError(message, code="provider/unknown", where=where, hint=hint)
