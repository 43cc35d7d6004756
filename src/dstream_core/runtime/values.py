"""The values around processes: what to start, and what came of it. No operating system in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from dstream_core.errors import DStreamError, ExitCode
from dstream_core.protocol.handshake import Refusal
from dstream_core.protocol.names import ACK_CAPABILITY, Role
from dstream_core.protocol.result import Result

START_TIMEOUT = 30.0
"""Seconds a version-1 provider has for its first line, from when its command line is written (PROTOCOL "Start")."""

STOP_TIMEOUT = 25.0
"""Seconds that all the steps of a shutdown have together (PROTOCOL "End")."""


@dataclass(frozen=True)
class ProviderLaunch:
    """One provider process to start.

    Attributes:
        name: as the user wrote it, for messages (`counter`, `./bin/mine`).
        role: its position in the task.
        argv: program and arguments; no secret may stand here (invariant 5).
        environment: the whole environment of the child.
        directory: its working directory.
        command: the command line for its stdin, with the newline.
        protocol: 1, or 0 for an older provider.
        capabilities: what its manifest says it can; the handshake's list counts once it is there.
        start_timeout: seconds until its handshake is missed.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    command: bytes = field(repr=False)
    protocol: int = 1
    capabilities: frozenset[str] = frozenset({ACK_CAPABILITY})
    start_timeout: float = START_TIMEOUT

    @property
    def older(self) -> bool:
        """Whether the provider speaks the protocol from before version 1."""
        return self.protocol == 0

    def __str__(self) -> str:
        return f"{self.role} provider {self.name}"


class Observer(Protocol):
    """Who is told what happens while providers run. No method may block: a slow terminal must not stop the relay."""

    def text(self, data: bytes) -> None:
        """Whole lines that an output printed for the user."""

    def text_backlog(self) -> int:
        """Bytes of such text that are not on the terminal yet; the runtime stops reading while it is high."""

    def log_line(self, provider: str, line: bytes, dropped: int) -> None:
        """A line of a provider's stderr as it is; `dropped` bytes behind its end were cut."""

    def log_record(self, provider: str, record: Mapping[str, Any]) -> None:
        """A log record with structure: `level`, `message` and more."""

    def progress(self, provider: str, numbers: Mapping[str, Any]) -> None:
        """Numbers a provider reported."""

    def notice(self, level: Literal["debug", "info", "warning", "error"], message: str) -> None:
        """What the runtime itself has to say."""


StopReason = Literal["end of input", "SIGINT", "SIGTERM", "failure"]


@dataclass(frozen=True)
class RunOutcome:
    """What came of a run.

    Attributes:
        reason: why it ended.
        records: data lines handed to the output.
        acknowledged: of those, how many are durable at the destination (or were read, with best effort).
        rejected: of those, how many were kept as dead letters, as the output reported.
        bytes: bytes of data relayed.
        seconds: from the first start to the last exit.
        best_effort: the output does not acknowledge; `acknowledged` counts what it read.
        discarded: lines read from the input that could no longer be delivered.
        failure: what went wrong, if something did.
    """

    reason: StopReason
    records: int
    acknowledged: int
    rejected: int
    bytes: int
    seconds: float
    best_effort: bool = False
    discarded: int = 0
    failure: DStreamError | None = None


@dataclass(frozen=True)
class VerbOutcome:
    """What a provider answered to a lifecycle verb: its result as a value and as the object it wrote."""

    result: Result
    document: Mapping[str, Any]
    exit_code: int


class RefusedError(DStreamError):
    """A provider answered the command line with `status: error`.

    `role` says which provider; `exit_code` is that of the table for the provider's own; `problems` name options by
    path: `{"path": [...], "message": "..."}`.
    """

    default_code = "provider/refused"

    def __init__(self, launch: ProviderLaunch, refusal: Refusal, exit_code: ExitCode):
        super().__init__(f"{launch}: {refusal.message}", code=refusal.code, hint=refusal.hint)
        self.exit_code = exit_code
        self.role = launch.role
        self.problems = refusal.problems


def refusal_error(launch: ProviderLaunch, refusal: Refusal, exit_code: int | None) -> RefusedError:
    """The error for a refusal; exit codes 2 and 75 have their meaning from version-1 providers only (PROTOCOL "End")."""
    meanings = {} if launch.older else {2: ExitCode.CONFIGURATION, 75: ExitCode.TEMPORARY}
    return RefusedError(launch, refusal, meanings.get(exit_code or 0, ExitCode.FAILED))
