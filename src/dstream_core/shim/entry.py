"""The generic stdio host: reads one command line, finds the provider, answers, and says what went wrong."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from dstream_core.api.info import ProviderInfo, RoleInfo
from dstream_core.api.log import Log
from dstream_core.errors import DStreamError, ExitCode, exit_code_of
from dstream_core.protocol.command import Command, decode_command
from dstream_core.protocol.handshake import Refusal, encode_refusal
from dstream_core.protocol.names import ROLES, Role
from dstream_core.shim.imports import resolve
from dstream_core.shim.job import Job, OptionsError, OrchestratorGoneError, make_job
from dstream_core.shim.stdio import CommandInput, ProtocolOutput, take_stdio

LOG_LEVEL_VARIABLE = "DSTREAM_LOG_LEVEL"

USAGE = """\
usage: {name} [--role input|output]

Reads one command line from stdin and speaks the DStream provider protocol on stdin and stdout, for instance:
  echo '{{"max_count": 3}}' | {name}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m dstream_core.shim ID [--role ROLE]`; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = "python -m dstream_core.shim ID"
    if not given or given[0].startswith("-"):
        return _usage(name, asked=bool(given) and given[0] in ("-h", "--help"))
    return _serve_arguments(given[0], given[1:], None, name)


def run_executable(provider_id: str, role: Role | None) -> int:
    """An executable that a plugin distribution installs; its arguments may name the role too."""
    return _serve_arguments(provider_id, sys.argv[1:], role, f"dstream-{provider_id}")


def serve(find: Callable[[bool], ProviderInfo], role: Role | None) -> int:
    """Answers one command line.

    Args:
        find: gives the provider, with its version if asked by True.
        role: the role to take if the command line names none.

    Returns:
        The exit code.
    """
    stdin, stdout = take_stdio()
    host = _Host(stdin, stdout)
    code = host.answer(find, role)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: the descriptor was closed from the start
        with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more
            stream.flush()
    return int(code)


class _Host:
    """One command line and its answer; knows whether `ready` is out, which decides how a failure is told."""

    def __init__(self, stdin: CommandInput, stdout: ProtocolOutput):
        self._stdin = stdin
        self._stdout = stdout
        self._log = Log(structured=True)
        self._reported: BaseException | None = None

    def answer(self, find: Callable[[bool], ProviderInfo], role: Role | None) -> ExitCode:
        if not self._stdin.is_ready():
            _warm_up(find, role)
        line = self._stdin.read_line()
        if line is None:
            return ExitCode.DONE
        try:
            command = decode_command(line)
            self._log = Log(structured=command.session is not None)
            return self._dispatch(find(command.verb == "describe"), command, role)
        except (BrokenPipeError, OrchestratorGoneError):
            return ExitCode.FAILED  # the orchestrator has gone, and with it whoever would read why
        except BaseException as error:  # noqa: BLE001  whatever it is, the orchestrator must learn of it
            self._report(error)
            return exit_code_of(error)

    def _dispatch(self, info: ProviderInfo, command: Command, role: Role | None) -> ExitCode:
        if command.verb == "describe":
            from dstream_core.shim.verb_run import write_manifest  # noqa: PLC0415  only what the verb needs

            write_manifest(info, self._stdout)
            return ExitCode.DONE
        job = make_job(info, command, role)
        if command.verb != "run":
            from dstream_core.shim.verb_run import run_verb  # noqa: PLC0415  only what the verb needs

            return run_verb(job, self._stdout)
        self._run(job)
        return ExitCode.DONE

    def _run(self, job: Job) -> None:
        if job.role == "input":
            from dstream_core.shim.input_run import InputRun  # noqa: PLC0415  an output does not need it

            InputRun(job, self._stdin, self._stdout, self._report).run()
        else:
            from dstream_core.shim.output_run import OutputRun  # noqa: PLC0415  an input does not need it

            OutputRun(job, self._stdin, self._stdout).run()

    def _report(self, error: BaseException) -> None:
        """Before `ready`: a refusal on stdout. After it: a log record. A bug keeps its traceback either way."""
        if error is self._reported:
            return
        self._reported = error
        if not isinstance(error, DStreamError) or os.environ.get(LOG_LEVEL_VARIABLE, "").lower() == "debug":
            traceback.print_exception(error)
        if self._stdout.announced:
            self._log.error(_message(error), **_details(error))
        else:
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        handled = error if isinstance(error, DStreamError) else None
        problems = error.problems if isinstance(error, OptionsError) else ()
        refusal = Refusal(
            _message(error),
            code=handled.code if handled else None,
            hint=handled.hint if handled else None,
            problems=problems,
        )
        with contextlib.suppress(OSError):  # nobody reads it; the exit code says enough
            self._stdout.write(encode_refusal(refusal))


def _serve_arguments(provider_id: str, arguments: Sequence[str], role: Role | None, name: str) -> int:
    given = list(arguments)
    if given[:1] == ["--role"] and len(given) == 2 and given[1] in ROLES:
        role = "input" if given[1] == "input" else "output"
    elif given:
        return _usage(name, asked=given[0] in ("-h", "--help"))

    def find(version: bool) -> ProviderInfo:
        from dstream_core.shim.loading import find_provider  # noqa: PLC0415  `--help` needs no entry points

        return find_provider(provider_id, versions=version)

    return serve(find, role)


def _warm_up(find: Callable[[bool], ProviderInfo], role: Role | None) -> None:
    """Imports what the command line will most likely need while nobody has asked yet.

    An input gets its command line when the output is ready; both are started together, so that their imports take
    place at the same time.
    """
    # Whatever fails here fails again, and is told, once there is a command line.
    with contextlib.suppress(Exception):
        info = find(False)
        for each in info.roles if role is None else (role,):
            role_info = info.role(each)
            if role_info is not None:
                _import_all(each, role_info)


def _import_all(role: Role, role_info: RoleInfo) -> None:
    importlib.import_module(f"dstream_core.shim.{role}_run")
    if role_info.options is not None:
        importlib.import_module("dstream_core.hookspecs.options")
        resolve(role_info.options, "options")
    resolve(role_info.implementation, "implementation")


def _usage(name: str, *, asked: bool) -> int:
    stream = sys.stdout if asked else sys.stderr
    stream.write(USAGE.format(name=name))
    return ExitCode.DONE if asked else ExitCode.CONFIGURATION


def _message(error: BaseException) -> str:
    if isinstance(error, DStreamError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _details(error: BaseException) -> dict[str, str]:
    if not isinstance(error, DStreamError):
        return {}
    return {"code": error.code} | ({"hint": error.hint} if error.hint else {})
