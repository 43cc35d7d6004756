"""From a prepared task to the processes to start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dstream_core.engine.environment import child_environment
from dstream_core.engine.prepare import Prepared
from dstream_core.protocol.command import Command, Session, encode_command
from dstream_core.protocol.names import PROTOCOL_VERSION, Role, Verb
from dstream_core.runtime.values import ProviderLaunch

_WITH_SOURCE: frozenset[Verb] = frozenset({"run", "init", "plan", "status"})
_CHANGING: frozenset[Verb] = frozenset({"run", "init", "destroy", "state"})


def make_launch(
    prepared: Prepared,
    role: Role,
    verb: Verb,
    *,
    source: Mapping[str, Any] | None = None,
    consent: tuple[str, ...] = (),
    arguments: Mapping[str, Any] | None = None,
    color: bool = False,
) -> ProviderLaunch:
    """The process of one provider for one verb.

    Args:
        prepared: the task.
        role: which of its providers.
        verb: what it is asked.
        source: what the input reads, for an output.
        consent: what the user agreed to.
        arguments: what the command line asked of the verb.
        color: whether text that it prints may be coloured.
    """
    block, provider = prepared.block(role), prepared.provider(role)
    session = None
    if not provider.older:
        session = _session(prepared, role, verb, source, consent, arguments or {})
    command = encode_command(Command(verb, block.config, session), bare=provider.older and _is_bare(prepared, role))
    other = prepared.task.output if role == "input" else prepared.task.input
    return ProviderLaunch(
        name=provider.name,
        role=role,
        argv=provider.argv,
        environment=child_environment(prepared.request.environment, block, other, color=color),
        directory=prepared.project.directory,
        command=command,
        protocol=provider.protocol,
        capabilities=provider.capabilities,
        start_timeout=block.settings.start_timeout,
    )


def _session(
    prepared: Prepared,
    role: Role,
    verb: Verb,
    source: Mapping[str, Any] | None,
    consent: tuple[str, ...],
    arguments: Mapping[str, Any],
) -> Session:
    task, folder, settings = prepared.task, prepared.folder, prepared.block(role).settings
    for_output = role == "output"
    older_input = prepared.input is not None and prepared.input.older
    return Session(
        role=role,
        task=task.name,
        state_dir=str((folder.state if verb in _CHANGING else folder.state_to_look_at)(task.name, role)),
        dead_letters=str(folder.dead_letters(task.name)) if for_output and verb == "run" else None,
        on_reject=settings.on_reject,
        max_rejects=settings.max_rejects,
        source=source if for_output and verb in _WITH_SOURCE else None,
        input_protocol=0 if older_input else PROTOCOL_VERSION,
        consent=consent,
        arguments=arguments,
    )


def _is_bare(prepared: Prepared, role: Role) -> bool:
    return prepared.block(role).settings.envelope == "bare"
