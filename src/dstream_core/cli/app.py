"""`dstream`: the one place where a command line starts and where errors become messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence

from dstream_core.cli.render import Screen
from dstream_core.cli.session import Flags, Shared
from dstream_core.errors import DStreamError, ExitCode, TemporaryError, exit_code_of

_LIST = ["providers", "list"]
_COMPLETION = "_DSTREAM_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command line and exits with its code (docs/reference/exit-codes.md).

    Args:
        arguments: without the program's name; those of the process if left out.
    """
    sys.exit(run_command_line(sys.argv[1:] if arguments is None else list(arguments)))


def run_command_line(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code."""
    _open_standard_descriptors()
    shared = Shared(Screen.of_process())
    on_error = ExitCode.FAILED if "--detailed-exitcode" in arguments else None  # 2 says "changes" there
    code = _with_messages(lambda: _run(arguments, shared), shared, on_error)
    code = _with_messages(shared.screen.close, shared, on_error) or code  # what was said may still be on its way
    shared.screen.close_log()
    return code


def _with_messages(work: Callable[[], int | None], shared: Shared, on_error: ExitCode | None) -> int:
    """Does it; an error becomes a message, and `on_error` or its own exit code."""
    try:
        return work() or int(ExitCode.DONE)
    except DStreamError as error:
        shared.screen.error(error)
        if shared.debug:
            shared.screen.traceback(error)
        return int(on_error or exit_code_of(error))
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last stop: what comes here is a bug, and says so
        shared.screen.bug(error)
        return int(ExitCode.FAILED)


def _run(arguments: list[str], shared: Shared) -> int:
    if arguments[:2] == _LIST and arguments[2:] in ([], ["--json"]) and _COMPLETION not in os.environ:
        return _list_providers(shared, json="--json" in arguments)
    from dstream_core.cli.parser import parse_and_run  # noqa: PLC0415  see _list_providers

    try:
        return parse_and_run(arguments, shared)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except OSError as error:
        raise _of_the_system(error) from error


def _of_the_system(error: OSError) -> DStreamError:
    """What the system refused, and nobody has said better, is no bug: permissions, a full disk, a folder that has gone."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return DStreamError(f"{reason}: {os.fsdecode(error.filename)}", code="core/system")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the help, which typer writes itself, has no name
        return TemporaryError(f"nothing can be written: {reason}", code="core/system")
    try:
        os.getcwd()
    except OSError:
        return DStreamError("the current folder is no longer there", code="core/system", hint="cd to one that is")
    return DStreamError(reason, code="core/system")


def _open_standard_descriptors() -> None:
    """What was started with a closed stdin, stdout or stderr must not write its words into the next file it opens."""
    try:
        for descriptor in range(3):
            os.fstat(descriptor)
    except OSError:
        from dstream_core.runtime.posix_parts import occupy_standard_descriptors  # noqa: PLC0415  hardly ever needed

        occupy_standard_descriptors()


def _list_providers(shared: Shared, *, json: bool) -> int:
    """`dstream providers list` as scripts call it: typer would cost more than all the rest of it."""
    from dstream_core.cli.provider_table import show_installed  # noqa: PLC0415  only this command pays

    return show_installed(shared.session(Flags(json=json)))
