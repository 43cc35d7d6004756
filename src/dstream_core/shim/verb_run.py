"""Every verb but run: one hook, one result."""

from __future__ import annotations

import traceback
from typing import Any

from dstream_core.api.context import Context
from dstream_core.api.info import ProviderInfo
from dstream_core.api.stopping import StopSignal
from dstream_core.errors import DStreamError, ExitCode, ProviderError, exit_code_of
from dstream_core.protocol.handshake import encode_ready
from dstream_core.protocol.manifest import Manifest, encode_manifest
from dstream_core.protocol.names import PROTOCOL_VERSION
from dstream_core.protocol.result import Result, encode_result
from dstream_core.shim.awaiting import settled
from dstream_core.shim.hooks import Hooks
from dstream_core.shim.imports import resolve
from dstream_core.shim.job import Job, load_options
from dstream_core.shim.signals import on_first_signal
from dstream_core.shim.stdio import ProtocolOutput


def run_verb(job: Job, stdout: ProtocolOutput) -> ExitCode:
    """Answers a verb with the result of its hook.

    The first SIGTERM sets `context.stopping`, and the hook finishes the resource in hand.

    Raises:
        DStreamError: the verb could not begin; after `ready` a failure is a result instead.
    """
    verb = job.command.verb
    options = load_options(job)
    hooks = Hooks(job.info, job.role)
    hook = hooks.require(verb)
    stop = StopSignal()
    on_first_signal(stop.set)
    context: Context[Any] = Context(job.info.id, verb, job.session, options, job.log, stop)
    stdout.announce(encode_ready(job.role, job.capabilities))
    try:
        result = settled(hooks.call(hook, context))
        if not isinstance(result, Result):
            raise ProviderError(f"{hook} of {job.info.id} answered {type(result).__name__}, not a Result")
        code = ExitCode.FAILED if result.failed else ExitCode.DONE
        line = encode_result(result)
    except Exception as error:  # noqa: BLE001  an author's hook may raise anything; the orchestrator gets it as a result
        code = exit_code_of(error)
        line = encode_result(_failed(error))
    stdout.write(line)
    return code


def write_manifest(info: ProviderInfo, stdout: ProtocolOutput) -> None:
    """Answers `describe`: the manifest, and nothing else."""
    roles = [(role, role_info) for role in info.roles if (role_info := info.role(role)) is not None]
    schemas: dict[str, dict[str, Any]] = {
        role: _schema(info, role_info.options) for role, role_info in roles if role_info.options
    }
    manifest = Manifest(
        name=info.id,
        version=info.version,
        roles=info.roles,
        commands={role: role_info.verbs for role, role_info in roles},
        capabilities=frozenset(name for _, role_info in roles for name in role_info.capabilities),
        protocol=PROTOCOL_VERSION,
        config_schema=schemas or None,
        summary=info.summary,
    )
    stdout.write(encode_manifest(manifest))


def _schema(info: ProviderInfo, options: str) -> dict[str, Any]:
    from dstream_core.hookspecs.options import options_schema  # noqa: PLC0415  pydantic costs 60 ms

    return options_schema(resolve(options, f"the options of {info.id},"))


def _failed(error: Exception) -> Result:
    if isinstance(error, DStreamError):
        extra = {"code": error.code} | ({"hint": error.hint} if error.hint else {})
        return Result(failed=True, error=error.message, extra=extra)
    traceback.print_exception(error)
    return Result(failed=True, error=f"{type(error).__name__}: {error}")
