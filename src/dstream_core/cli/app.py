"""`dstream`: the one place where a command line starts and where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dstream_core.cli.render import Screen
from dstream_core.cli.session import Flags, Shared
from dstream_core.errors import DStreamError, ExitCode, exit_code_of

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
    shared = Shared(Screen.of_process())
    detailed = "--detailed-exitcode" in arguments  # 2 says "changes" there, so that every error is 1
    try:
        code = _run(arguments, shared)
        if detailed and code and not shared.understood:
            code = int(ExitCode.FAILED)
    except DStreamError as error:
        shared.screen.error(error)
        if shared.debug:
            shared.screen.traceback(error)
        code = int(exit_code_of(error))
        if detailed:
            code = int(ExitCode.FAILED)
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the last stop: what comes here is a bug, and says so
        shared.screen.bug(error)
        code = int(ExitCode.FAILED)
    try:
        shared.screen.close()
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    return code


def _run(arguments: list[str], shared: Shared) -> int:
    if arguments[:2] == _LIST and arguments[2:] in ([], ["--json"]) and _COMPLETION not in os.environ:
        return _list_providers(shared, json="--json" in arguments)
    from dstream_core.cli.parser import parse_and_run  # noqa: PLC0415  see _list_providers

    try:
        parse_and_run(arguments, shared)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return int(ExitCode.DONE)


def _list_providers(shared: Shared, *, json: bool) -> int:
    """`dstream providers list` as scripts call it: typer would cost more than all the rest of it."""
    from dstream_core.cli.provider_table import show_installed  # noqa: PLC0415  only this command pays

    return show_installed(shared.session(Flags(json=json)))
