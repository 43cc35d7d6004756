"""From a provider as the user named it to what is started, and what is known of it before the start."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dstream_core.errors import ConfigurationError, Place
from dstream_core.protocol.names import ACK_CAPABILITY, PROTOCOL_VERSION, Role, Verb
from dstream_core.providers.discovery import Catalogue, discover
from dstream_core.providers.executables import find_executable
from dstream_core.providers.manifests import manifest_beside

Kind = Literal["provider", "provider_path", "provider_ref", "provider_image"]


@dataclass(frozen=True)
class Reference:
    """A provider as a task names it.

    Attributes:
        kind: the argument that names it; `provider` holds a plugin ID here, paths are `provider_path`.
        text: the plugin ID, path, OCI reference or image.
        role: its position in the task.
        where: the place of the reference in the file.
        directory: the folder that a path is relative to: that of the file.
    """

    kind: Kind
    text: str
    role: Role
    where: Place | None
    directory: Path


@dataclass(frozen=True)
class Resolved:
    """A provider that can be started.

    Attributes:
        name: for messages: the ID, or the path as written.
        role: its position in the task.
        argv: program and arguments.
        protocol: 1, or 0 for an older provider.
        roles: roles that it can take; empty if unknown (older providers are not checked).
        verbs: verbs that it answers in this role; None if unknown.
        capabilities: what it announces.
        options: import string of its options model (plugins).
        schema: JSON Schema of its options (manifests).
        distribution: what installed it (plugins).
        version: its version, if known.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    protocol: int = PROTOCOL_VERSION
    roles: tuple[Role, ...] = ()
    verbs: frozenset[str] | None = None
    capabilities: frozenset[str] = frozenset({ACK_CAPABILITY})
    options: str | None = None
    schema: Mapping[str, Any] | None = None
    distribution: str | None = None
    version: str = ""

    @property
    def older(self) -> bool:
        """Whether it speaks the protocol from before version 1."""
        return self.protocol == 0

    def answers(self, verb: Verb) -> bool:
        """Whether it is known to answer a verb."""
        return self.verbs is not None and verb in self.verbs


def resolve(reference: Reference, catalogue: Catalogue | None = None) -> Resolved:
    """What to start for a provider that a task names; starts nothing.

    Args:
        reference: the provider as written.
        catalogue: the installed plugins; discovered if a plugin ID is asked for and none is given.

    Raises:
        ConfigurationError: not installed, broken, not executable, or of a kind that this version cannot run.
    """
    if reference.kind in ("provider_ref", "provider_image"):
        raise _unsupported(reference)
    if reference.kind == "provider":
        return _plugin(reference, catalogue)
    return _executable(reference)


def shim_argv(provider_id: str, role: Role) -> tuple[str, ...]:
    """The command that hosts an installed provider. `-P`: modules lying in the working directory are not for it."""
    return (sys.executable, "-P", "-m", "dstream_core.shim", provider_id, "--role", role)


def _plugin(reference: Reference, catalogue: Catalogue | None) -> Resolved:
    if catalogue is None:
        catalogue = discover()
    installed = catalogue.find(reference.text, reference.role, reference.where)
    info = installed.role(reference.role)
    return Resolved(
        name=installed.id,
        role=reference.role,
        argv=shim_argv(installed.id, reference.role),
        roles=installed.roles,
        verbs=frozenset(info.verbs) if info else None,
        capabilities=frozenset(info.capabilities) if info else frozenset(),
        options=info.options if info else None,
        distribution=installed.distribution,
        version=installed.version,
    )


def _executable(reference: Reference) -> Resolved:
    path = find_executable(reference.text, reference.directory, reference.where)
    manifest = manifest_beside(path, reference.where)
    if manifest is None or manifest.protocol == 0:
        return Resolved(reference.text, reference.role, (str(path),), protocol=0, capabilities=frozenset())
    verbs = (manifest.commands or {}).get(reference.role)
    return Resolved(
        name=reference.text,
        role=reference.role,
        argv=(str(path),),
        protocol=manifest.protocol,
        roles=tuple(role for role in ("input", "output") if role in manifest.roles),
        verbs=frozenset(verbs) if verbs is not None else None,
        capabilities=manifest.capabilities,
        schema=(manifest.config_schema or {}).get(reference.role),
        version=manifest.version,
    )


def _unsupported(reference: Reference) -> ConfigurationError:
    what = "OCI artifacts" if reference.kind == "provider_ref" else "container images"
    return ConfigurationError(
        f"this version cannot run providers from {what} yet ({reference.kind})",
        code="provider/unsupported-source",
        where=reference.where,
        hint="install it as a plugin and name its ID with `provider`, or unpack it and name its path with `provider_path`",
    )
