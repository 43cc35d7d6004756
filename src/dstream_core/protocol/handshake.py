"""The handshake: the first line that a version-1 provider writes (PROTOCOL "Start")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.protocol.exact_json import decode_json, encode_json
from dstream_core.protocol.names import PROTOCOL_VERSION, Role

HANDSHAKE_LIMIT = 64 * 1024
"""Bytes of an older provider's stdout that are examined for a handshake, at most."""


@dataclass(frozen=True)
class Ready:
    """`{"status":"ready"}`; `protocol` is 0 when the line does not name one (older providers)."""

    protocol: int = 0
    role: str | None = None
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """`{"status":"error"}`: the provider cannot do what was asked.

    `problems` are the options that are wrong: `{"path": [...], "message": "..."}`, so that the caller can point at
    them in the user's file.
    """

    message: str
    code: str | None = None
    hint: str | None = None
    problems: tuple[Mapping[str, Any], ...] = ()


def encode_ready(role: Role, capabilities: Iterable[str] = ()) -> bytes:
    """The line that says: options valid, remote reached, `role` begins."""
    document = {"status": "ready", "protocol": PROTOCOL_VERSION, "role": role, "capabilities": sorted(capabilities)}
    return encode_json(document) + b"\n"


def encode_refusal(refusal: Refusal) -> bytes:
    """The line that says why the provider does not begin."""
    document: dict[str, Any] = {"status": "error", "message": refusal.message}
    if refusal.code:
        document["code"] = refusal.code
    if refusal.hint:
        document["hint"] = refusal.hint
    if refusal.problems:
        document["problems"] = [dict(problem) for problem in refusal.problems]
    return encode_json(document) + b"\n"


def decode_handshake(line: bytes) -> Ready | Refusal | None:
    """The handshake in a line, or None: then the line is data or text of an older provider."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        document = decode_json(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    status = document.get("status")
    if status == "ready":
        return _ready(document)
    if status == "error":
        return _refusal(document)
    return None


def _ready(document: Mapping[str, Any]) -> Ready:
    protocol = document.get("protocol")
    capabilities = document.get("capabilities")
    role = document.get("role")
    return Ready(
        protocol=protocol if isinstance(protocol, int) and not isinstance(protocol, bool) else 0,
        role=role if isinstance(role, str) else None,
        capabilities=frozenset(map(str, capabilities)) if isinstance(capabilities, list) else frozenset(),
    )


def _refusal(document: Mapping[str, Any]) -> Refusal:
    code, hint, problems = document.get("code"), document.get("hint"), document.get("problems")
    return Refusal(
        message=str(document.get("message") or document.get("error") or "no reason given"),
        code=code if isinstance(code, str) and code else None,
        hint=hint if isinstance(hint, str) and hint else None,
        problems=tuple(item for item in problems if isinstance(item, dict)) if isinstance(problems, list) else (),
    )
