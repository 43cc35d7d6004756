"""`dstream providers list | show | describe`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dstream_core.engine.front import Front
from dstream_core.errors import ConfigurationError
from dstream_core.protocol.command import Command, encode_command
from dstream_core.protocol.manifest import Manifest, decode_manifest
from dstream_core.protocol.names import Role
from dstream_core.providers.discovery import discover
from dstream_core.providers.executables import find_executable
from dstream_core.providers.installed import Installed
from dstream_core.providers.option_rows import Option, option_rows
from dstream_core.runtime.values import ProviderLaunch


@dataclass(frozen=True)
class RoleDetails:
    """What a provider is in one role."""

    role: Role
    verbs: tuple[str, ...]
    capabilities: tuple[str, ...]
    schema: Mapping[str, Any] | None
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Details:
    """One installed provider with its options."""

    installed: Installed
    roles: tuple[RoleDetails, ...]

    def document(self) -> dict[str, Any]:
        """As data, for `--json`."""
        document = self.installed.document()
        document["config_schema"] = {each.role: dict(each.schema) for each in self.roles if each.schema is not None}
        return document


def show_provider(provider_id: str) -> list[Details]:
    """An installed provider with its options; one for each distribution that brings it.

    Raises:
        ConfigurationError: it is not installed, or broken.
        ProviderError: its options cannot be loaded.
    """
    catalogue = discover()
    rows = [row for row in catalogue.named(provider_id) if row.status != "broken"]
    if not rows:
        catalogue.find(provider_id, "input")  # raises: broken, or not installed
    return [Details(row, tuple(_role_details(row, role) for role in row.roles)) for row in rows]


def describe_provider(path: Path, front: Front) -> Manifest:
    """Starts an executable to ask for its manifest; only because the user asked for just that.

    Raises:
        ConfigurationError: there is no such executable, or what it prints is no manifest.
        ProviderError: it failed.
    """
    from dstream_core.runtime.verb import run_describe  # noqa: PLC0415  quick start: `list` needs no asyncio

    executable = find_executable(str(path), Path.cwd())
    launch = ProviderLaunch(
        name=str(path),
        role="output",
        argv=(str(executable),),
        environment=dict(os.environ),
        directory=Path.cwd(),
        command=encode_command(Command("describe", {})),
    )
    printed = run_describe(launch, observer=front)
    if not printed.strip():
        message = f"{path} printed no manifest: it is an older provider, or none at all"
        raise ConfigurationError(message, code="provider/manifest")
    return decode_manifest(printed, f"what {path} printed")


def _role_details(row: Installed, role: Role) -> RoleDetails:
    info = row.role(role)
    assert info is not None, "only the roles that it has"
    schema: Mapping[str, Any] | None = None
    if info.options is not None:
        from dstream_core.providers.options import model_schema  # noqa: PLC0415  pydantic is not for `list`

        schema = model_schema(info.options, row.id)
    return RoleDetails(role, info.verbs, info.capabilities, schema, option_rows(schema) if schema is not None else ())
