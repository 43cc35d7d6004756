"""One command line's work: what is asked of which provider, before it is known how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dstream_core.api.info import ProviderInfo
from dstream_core.api.log import Log
from dstream_core.errors import ConfigurationError, ProviderError
from dstream_core.protocol.command import Command, Session
from dstream_core.protocol.names import Role
from dstream_core.shim.imports import resolve

STATE_DIR_VARIABLE = "DSTREAM_STATE_DIR"
BY_HAND_TASK = "by-hand"


class OrchestratorGoneError(ProviderError):
    """stdin ended, or stdout broke, before anybody said stop."""

    default_code = "provider/orchestrator-gone"


class OptionsError(ConfigurationError):
    """Options that the provider's model does not take; `problems` are as the handshake carries them."""

    default_code = "config/options"

    def __init__(self, provider_id: str, problems: tuple[Mapping[str, Any], ...]):
        lines = [f"`{_dotted(problem['path'])}` {problem['message']}" for problem in problems]
        hints = [str(problem["hint"]) for problem in problems if problem.get("hint")]
        super().__init__(f"options of {provider_id}: {'; '.join(lines)}", hint="; ".join(hints) or None)
        self.problems = problems


@dataclass(frozen=True)
class Job:
    """A command for one provider in one role.

    Attributes:
        info: the provider.
        role: its role.
        command: the command line.
        session: what the orchestrator told; made up from the surroundings if it is an older one.
        older: no `dstream` member came: no stop, no acknowledgements (PROTOCOL "Who speaks version 1").
        log: the log.
    """

    info: ProviderInfo
    role: Role
    command: Command
    session: Session
    older: bool
    log: Log

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What `ready` announces."""
        role_info = self.info.role(self.role)
        return role_info.capabilities if role_info is not None else ()


def make_job(info: ProviderInfo, command: Command, wanted: Role | None) -> Job:
    """The job that a command line means.

    Raises:
        ConfigurationError: the provider cannot take the role, or has two and nothing says which.
    """
    older = command.session is None
    role = _role(info, command, wanted)
    session = command.session or _by_hand(info, role)
    return Job(info, role, command, session, older, Log(structured=not older))


def load_options(job: Job) -> Any:
    """The validated options: an instance of the provider's model, or a dict if it has none.

    Raises:
        OptionsError: options are unknown, missing or wrong.
        ProviderError: the model cannot be imported.
    """
    role_info = job.info.role(job.role)
    config = job.command.config
    if role_info is None or role_info.options is None:
        return _plain(config)
    from dstream_core.hookspecs.options import validate_options  # noqa: PLC0415  pydantic costs 60 ms

    model = resolve(role_info.options, f"the options of {job.info.id},")
    checked = validate_options(model, config)
    if checked.instance is None:
        raise OptionsError(job.info.id, tuple(problem.document() for problem in checked.problems))
    return checked.instance


def _role(info: ProviderInfo, command: Command, wanted: Role | None) -> Role:
    role = command.session.role if command.session is not None else None
    if role is None:
        role = info.roles[0] if len(info.roles) == 1 else wanted
    if role is None:
        raise ConfigurationError(
            f"{info.id} is both an input and an output provider, and the command does not say which is meant",
            code="provider/which-role",
            hint="add --role input or --role output",
        )
    if role not in info.roles:
        raise ConfigurationError(
            f"{info.id} is an {info.roles[0]} provider and cannot be used as an {role}", code="provider/wrong-role"
        )
    return role


def _by_hand(info: ProviderInfo, role: Role) -> Session:
    directory = os.environ.get(STATE_DIR_VARIABLE) or str(Path(".dstream", BY_HAND_TASK, f"{info.id}-{role}"))
    return Session(
        role=role,
        task=BY_HAND_TASK,
        state_dir=directory,
        dead_letters=str(Path(directory, "dead-letters")),
        input_protocol=0,
    )


def state_directory(session: Session) -> Path:
    """The provider's state directory.

    Raises:
        ProviderError: the orchestrator named none.
    """
    if session.state_dir is None:
        raise ProviderError("the orchestrator named no state_dir", code="protocol/no-state-dir")
    return Path(session.state_dir)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options without a model as JSON gives them to most programs: numbers with a fraction are floats."""
    return {key: _plain_value(value) for key, value in config.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return float(value) if hasattr(value, "is_finite") else value


def _dotted(path: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
