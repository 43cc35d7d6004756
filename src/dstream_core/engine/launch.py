"""From a prepared task to the processes to start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dstream_core.engine.environment import child_environment
from dstream_core.engine.prepare import Prepared
from dstream_core.errors import ConfigurationError
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
    name = partial(_folder_name, directory=prepared.project.directory)
    return Session(
        role=role,
        task=task.name,
        state_dir=name((folder.state if verb in _CHANGING else folder.state_to_look_at)(task.name, role)),
        dead_letters=name(folder.dead_letters(task.name)) if for_output and verb == "run" else None,
        on_reject=settings.on_reject,
        max_rejects=settings.max_rejects,
        source=source if for_output and verb in _WITH_SOURCE else None,
        input_protocol=0 if older_input else PROTOCOL_VERSION,
        consent=consent,
        arguments=arguments,
    )


def _folder_name(path: Path, directory: Path) -> str:
    """A folder as JSON can say it; from the provider's own folder where the whole path is no text.

    Raises:
        ConfigurationError: the path is no text there either.
    """
    for text in (str(path), os.path.relpath(path, directory)):
        if _is_unicode(text):
            return text
    raise ConfigurationError(
        f"the name of the folder {path} is not UTF-8, so that no provider can be told of it",
        code="state/directory",
        hint="name another one with --state-dir",
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_bare(prepared: Prepared, role: Role) -> bool:
    return prepared.block(role).settings.envelope == "bare"
