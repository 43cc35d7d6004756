"""The manifest: what a provider says of itself without being started (PROTOCOL "Who speaks version 1")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.errors import ConfigurationError
from dstream_core.protocol.exact_json import decode_json, encode_json
from dstream_core.protocol.names import PROTOCOL_VERSION, ROLES, VERBS


@dataclass(frozen=True)
class Manifest:
    """Name, roles, verbs and options of one provider.

    Attributes:
        name: the provider's ID.
        version: its version.
        roles: positions in a task that it can take; empty if the manifest names none (older: not checked).
        commands: verbs it answers, by role where they differ (`{"input": [...]}`); empty if not named.
        capabilities: such as `ack`.
        protocol: 1, or 0 for an older provider.
        config_schema: JSON Schema of its options, by role where they differ; None if not known.
        summary: one line.
    """

    name: str
    version: str = ""
    roles: tuple[str, ...] = ()
    commands: Mapping[str, tuple[str, ...]] | None = None
    capabilities: frozenset[str] = frozenset()
    protocol: int = 0
    config_schema: Mapping[str, Mapping[str, Any]] | None = None
    summary: str = ""


def encode_manifest(manifest: Manifest) -> bytes:
    """The one line that `describe` prints."""
    document: dict[str, Any] = {
        "name": manifest.name,
        "version": manifest.version,
        "summary": manifest.summary,
        "roles": list(manifest.roles),
        "commands": {role: list(verbs) for role, verbs in (manifest.commands or {}).items()},
        "capabilities": sorted(manifest.capabilities),
        "protocol": manifest.protocol,
        "config_schema": dict(manifest.config_schema or {}),
    }
    return encode_json(document) + b"\n"


def decode_manifest(text: bytes | str, origin: str) -> Manifest:
    """The manifest in a JSON document.

    `commands` and `config_schema` may be one value for all roles or an object by role; the original's
    `provider.json` (`type` for the role, no `protocol`) is understood and means an older provider.

    Args:
        text: the document.
        origin: its file or source, for messages.

    Raises:
        ConfigurationError: not a JSON object, or a protocol that is not spoken here.
    """
    try:
        document = decode_json(text)
    except ValueError as error:
        raise ConfigurationError(f"{origin} is not JSON: {error}", code="provider/manifest") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{origin} must hold one JSON object", code="provider/manifest")
    protocol = document.get("protocol", 0)
    if protocol not in (0, PROTOCOL_VERSION):
        raise ConfigurationError(
            f"{origin} asks for protocol {protocol!r}, this version speaks {PROTOCOL_VERSION}",
            code="provider/protocol-version",
            hint="upgrade dstream-core, or use a version of the provider that speaks protocol 1",
        )
    roles = _roles(document, origin)
    return Manifest(
        name=str(document.get("name", "")),
        version=str(document.get("version", "")),
        roles=roles,
        commands=_commands(document.get("commands"), roles, origin),
        capabilities=frozenset(map(str, document.get("capabilities") or ())),
        protocol=protocol,
        config_schema=_schemas(document.get("config_schema"), roles, origin),
        summary=str(document.get("summary") or document.get("description") or ""),
    )


def _roles(document: Mapping[str, Any], origin: str) -> tuple[str, ...]:
    roles = document.get("roles", document.get("type", ()))
    named = [roles] if isinstance(roles, str) else list(roles or ())
    known = tuple(role for role in named if role in ROLES)
    if document.get("protocol") and (not known or len(known) != len(named)):
        raise ConfigurationError(f'{origin}: `roles` must hold "input", "output" or both', code="provider/manifest")
    return known


def _commands(value: Any, roles: tuple[str, ...], origin: str) -> Mapping[str, tuple[str, ...]] | None:
    if not value:
        return None
    by_role = value if isinstance(value, dict) else dict.fromkeys(roles or ROLES, value)
    if not all(isinstance(verbs, list) for verbs in by_role.values()):
        raise ConfigurationError(
            f"{origin}: `commands` must be a list of verbs, or one by role", code="provider/manifest"
        )
    return {role: tuple(verb for verb in verbs if verb in VERBS) for role, verbs in by_role.items()}


def _schemas(value: Any, roles: tuple[str, ...], origin: str) -> Mapping[str, Mapping[str, Any]] | None:
    if not value:
        return None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{origin}: `config_schema` must be a JSON Schema object", code="provider/manifest")
    if set(value) <= set(ROLES) and all(isinstance(schema, dict) for schema in value.values()):
        return value
    return dict.fromkeys(roles or ROLES, value)
