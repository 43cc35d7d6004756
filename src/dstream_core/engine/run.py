"""`dstream run`: stream from the input to the output until one of them, or the user, ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dstream_core.engine.asking import refused
from dstream_core.engine.front import Front
from dstream_core.engine.launch import make_launch
from dstream_core.engine.prepare import Prepared, prepare
from dstream_core.engine.request import Request
from dstream_core.engine.source import discover_source
from dstream_core.errors import DStreamError, ExitCode
from dstream_core.protocol.names import ROLES
from dstream_core.providers.roles import check_verb
from dstream_core.runtime.claims import claim
from dstream_core.runtime.values import RefusedError, RunOutcome


@dataclass(frozen=True)
class RunReport:
    """What came of a run.

    Attributes:
        task: the task.
        outcome: the numbers, and the failure if there was one.
        dead_letters: where its dead letters lie.
        positions: where the input's positions lie.
    """

    task: str
    outcome: RunOutcome
    dead_letters: Path
    positions: Path

    @property
    def nothing_new(self) -> bool:
        """Whether there was nothing behind what earlier runs delivered."""
        outcome = self.outcome
        ended = outcome.failure is None and outcome.reason == "end of input"
        return ended and outcome.records == 0 and any(self.positions.iterdir())


def run(request: Request, task_name: str, front: Front) -> RunReport:
    """Runs a task to its end.

    Returns:
        The report; a failure during the run is in it.

    Raises:
        DStreamError: the run could not begin.
    """
    prepared = prepare(request, task_name, front)
    for role in ROLES:
        check_verb(prepared.provider(role), "run", prepared.block(role).where)
    lock = prepared.folder.lock(task_name, "run")
    # Invariant 6: one run of a task at a time; the claim is inherited by every child.
    with claim(lock, f"dstream run {task_name}") as held:
        source = discover_source(prepared, front)
        from dstream_core.runtime.pipeline import run_pipeline  # noqa: PLC0415  quick start: asyncio, once all is well

        for role in ROLES:
            if prepared.provider(role).older:
                _say_older(prepared, role == "input", front)
        prepared.redactor.prepare()
        outcome = run_pipeline(
            make_launch(prepared, "input", "run"),
            make_launch(prepared, "output", "run", source=source, color=front.color),
            claims=[held],
            observer=front,
            stop_timeout=prepared.task.settings.stop_timeout,
            on_counts=front.counts if front.live else None,
        )
    outcome = replace(outcome, failure=_with_place(prepared, outcome.failure))
    folder = prepared.folder
    return RunReport(task_name, outcome, folder.dead_letters(task_name), folder.state(task_name, "input"))


def _say_older(prepared: Prepared, is_input: bool, front: Front) -> None:
    provider = prepared.provider("input" if is_input else "output")
    front.notice(
        "warning",
        f"{provider.role} provider {provider.name} has no manifest that says protocol 1: it runs as an older provider, "
        "without acknowledgements and without a check of its role",
    )


def _with_place(prepared: Prepared, failure: DStreamError | None) -> DStreamError | None:
    """A failure with its place in the file: that of the options that a provider refused."""
    if not isinstance(failure, RefusedError) or failure.exit_code != ExitCode.CONFIGURATION:
        return failure
    return refused(prepared.project, prepared.block(failure.role), failure)
