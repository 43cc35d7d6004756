"""The command line: the one line that a provider reads before anything else (PROTOCOL "Start")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dstream_core.errors import ConfigurationError
from dstream_core.protocol.exact_json import decode_json, encode_json
from dstream_core.protocol.names import PROTOCOL_VERSION, ROLES, VERBS, Role, Verb


@dataclass(frozen=True)
class Session:
    """The `dstream` member: what the orchestrator tells a version-1 provider about the run it is part of.

    Attributes:
        role: the provider's position in the task.
        task: the task's name.
        state_dir: directory where the provider may keep positions; its own, 0700.
        dead_letters: directory for lines that cannot be delivered (outputs).
        on_reject: `dead_letter` or `stop` (outputs).
        max_rejects: rejected lines in a row after which the output stops.
        source: what the input's `discover` found, for outputs; None if it was not asked.
        input_protocol: 0 if the input is an older provider, for an output's run.
        consent: decisions the user agreed to (`install`, `delete`, `replace`).
        arguments: what the command line asked of the verb.
    """

    role: Role
    task: str
    state_dir: str | None = None
    dead_letters: str | None = None
    on_reject: str = "dead_letter"
    max_rejects: int = 100
    source: Mapping[str, Any] | None = None
    input_protocol: int = PROTOCOL_VERSION
    consent: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """One command line. `session` is None for an older orchestrator, or to an older provider."""

    verb: Verb
    config: Mapping[str, Any]
    session: Session | None = None


def encode_command(command: Command, *, bare: bool = False) -> bytes:
    """The line for a provider's stdin, with its newline; `bare` sends the config object alone (oldest providers)."""
    if bare:
        return encode_json(dict(command.config)) + b"\n"
    document: dict[str, Any] = {"command": command.verb, "config": dict(command.config)}
    if command.session is not None:
        document["dstream"] = _session_document(command.session)
    return encode_json(document) + b"\n"


def decode_command(line: bytes) -> Command:
    """What the line asks for. An object without `command` is a bare config and means `run`.

    Raises:
        ConfigurationError: the line is not one JSON object, names an unknown verb, or a newer protocol.
    """
    try:
        document = decode_json(line)
    except ValueError as error:
        raise ConfigurationError(f"the command line is not JSON: {error}", code="protocol/command") from None
    if not isinstance(document, dict):
        raise ConfigurationError("the command line must be a JSON object", code="protocol/command")
    if not isinstance(document.get("command"), str):
        return Command("run", document)
    verb = document["command"]
    if verb not in VERBS:
        raise ConfigurationError(
            f"unknown command {verb!r}", code="protocol/unknown-verb", hint=f"commands are {', '.join(VERBS)}"
        )
    config = document.get("config")
    if config is not None and not isinstance(config, dict):
        raise ConfigurationError("`config` must be a JSON object", code="protocol/command")
    return Command(verb, config or {}, _session(document.get("dstream")))


def _session_document(session: Session) -> dict[str, Any]:
    document: dict[str, Any] = {"protocol": PROTOCOL_VERSION, "task": session.task, "role": session.role}
    optional: dict[str, Any] = {
        "state_dir": session.state_dir,
        "dead_letters": session.dead_letters,
        "source": session.source,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    if session.role == "output":
        document.update(
            on_reject=session.on_reject, max_rejects=session.max_rejects, input_protocol=session.input_protocol
        )
    document["consent"] = list(session.consent)
    document["arguments"] = dict(session.arguments)
    return document


def _session(document: Any) -> Session | None:
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("role") not in ROLES:
        raise ConfigurationError("`dstream` must be an object with a role", code="protocol/command")
    if document.get("protocol") != PROTOCOL_VERSION:
        raise ConfigurationError(
            f"protocol {document.get('protocol')!r} is not spoken here, only {PROTOCOL_VERSION}",
            code="protocol/version",
            hint="install a version of this provider that fits the installed dstream-core",
        )
    return Session(
        role=document["role"],
        task=str(document.get("task", "")),
        state_dir=document.get("state_dir"),
        dead_letters=document.get("dead_letters"),
        on_reject=document.get("on_reject", "dead_letter"),
        max_rejects=int(document.get("max_rejects", 100)),
        source=document.get("source"),
        input_protocol=int(document.get("input_protocol", PROTOCOL_VERSION)),
        consent=tuple(document.get("consent", ())),
        arguments=document.get("arguments") or {},
    )
