"""Every error that DStream raises on purpose, and the one table of exit codes.

The tree is cut by what the catcher does: correct the configuration (2), try again later (75), give up (1). A handled
error is one readable message with its place and the next step; anything that is not a `DStreamError` is a bug and
keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line and of version-1 providers (PROTOCOL "End")."""

    DONE = 0
    FAILED = 1
    CONFIGURATION = 2
    TEMPORARY = 75
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text file; `line` and `column` count from 1, columns in characters.

    `end_line` and `end_column` close the span (the column behind its last character) when more than a point is known.
    """

    file: str
    line: int
    column: int
    end_line: int | None = None
    end_column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong in a file the user wrote.

    Attributes:
        code: stable and documented, in the form `area/what`, such as `config/unknown-local`.
        message: what is wrong, in one sentence; holds no value that may be secret.
        where: the place, if one is known.
        hint: what to do, or the nearest right spelling.
        excerpt: the source line with a caret line under it, ready to print.
        severity: `error` or `warning`.
    """

    code: str
    message: str
    where: Place | None = None
    hint: str | None = None
    excerpt: str | None = None
    severity: str = "error"


class DStreamError(Exception):
    """A failure with a stable code, a message, the place and what to do.

    Args:
        message: what went wrong, in one sentence, without secrets.
        code: stable, `area/what`; the class's default when left out.
        where: the place in the user's file, if there is one.
        hint: the next step for the reader.
    """

    exit_code: ExitCode = ExitCode.FAILED
    default_code: str = "core/failed"

    def __init__(self, message: str, *, code: str | None = None, where: Place | None = None, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.where = where
        self.hint = hint


class ConfigurationError(DStreamError):
    """The configuration or the command line is wrong: a restart will not help."""

    exit_code = ExitCode.CONFIGURATION
    default_code = "config/invalid"


class DiagnosticsError(ConfigurationError):
    """One or more diagnostics about a file; the message is the first of them."""

    default_code = "config/diagnostics"

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        first = diagnostics[0]
        super().__init__(first.message, code=first.code, where=first.where, hint=first.hint)
        self.diagnostics = tuple(diagnostics)


class TemporaryError(DStreamError):
    """The cause is likely to pass (a server away, throttling): a restart is worth it."""

    exit_code = ExitCode.TEMPORARY
    default_code = "core/temporary"


class ProviderError(DStreamError):
    """A provider failed, broke the protocol, or could not be started."""

    default_code = "provider/failed"


class InterruptedRunError(DStreamError):
    """The user asked to end (Ctrl-C) and the run ended in order."""

    exit_code = ExitCode.INTERRUPTED
    default_code = "core/interrupted"


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code for an error: the error's own, 130 for Ctrl-C, else 1."""
    if isinstance(error, DStreamError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED
