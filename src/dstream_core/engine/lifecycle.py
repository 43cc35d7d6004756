"""What plan, init, status and destroy have in common: they run on the output provider only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.engine.asking import ask, checked
from dstream_core.engine.front import Front
from dstream_core.engine.prepare import Prepared, located
from dstream_core.errors import ConfigurationError
from dstream_core.protocol.names import Verb
from dstream_core.protocol.result import Action, Result, count_changes
from dstream_core.providers.roles import check_verb
from dstream_core.runtime.values import VerbOutcome

_LOSING: frozenset[Action | None] = frozenset({"delete", "replace"})


@dataclass(frozen=True)
class VerbReport:
    """What a provider answered to a verb.

    Attributes:
        task: the task.
        verb: what was asked.
        result: the answer.
        document: the answer as the provider wrote it, for `--json`.
    """

    task: str
    verb: Verb
    result: Result
    document: Mapping[str, Any]

    @property
    def changes(self) -> dict[str, int]:
        """How many resources are (to be) created, updated, deleted, left: as counted, or as an older provider says."""
        if any(resource.action for resource in self.result.resources):
            return count_changes(self.result.resources)
        said = self.document.get("changes")
        counts = said if isinstance(said, dict) else {}
        names = ("create", "update", "delete", "same")
        return {name: counts[name] if type(counts.get(name)) is int else 0 for name in names}

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to do."""
        changes = self.changes
        return any(changes[name] for name in ("create", "update", "delete"))


def report(prepared: Prepared, verb: Verb, outcome: VerbOutcome, front: Front) -> VerbReport:
    """The report of a verb that succeeded.

    Raises:
        DStreamError: it did not; what it did before is shown.
    """
    if outcome.result.failed:
        front.show_failed(prepared.task.name, verb, outcome.result, outcome.document)
    checked(outcome, prepared, "output")
    return VerbReport(prepared.task.name, verb, outcome.result, outcome.document)


def require_verb(prepared: Prepared, verb: Verb) -> None:
    """Refuses a verb that the output has no infrastructure for, before anything starts.

    Raises:
        DiagnosticsError: with the place of the provider in the file.
    """
    try:
        check_verb(prepared.output, verb)
    except ConfigurationError as error:
        raise located(prepared.project, error, prepared.task.output.where) from None


def ask_plan(prepared: Prepared, front: Front, source: Mapping[str, Any] | None, *, destroy: bool) -> VerbReport:
    """The output's plan for init, or for destroy."""
    arguments = {"destroy": True} if destroy else {}
    outcome = ask(prepared, "output", "plan", front, source=source, arguments=arguments)
    return report(prepared, "plan", outcome, front)


def plans_ahead(prepared: Prepared) -> bool:
    """Whether a plan can be asked for before something is done; an older provider's plan knows no destroy."""
    return not prepared.output.older and prepared.output.answers("plan")


def losses(result: Result) -> tuple[str, ...]:
    """The decisions that a plan asks of the user: `delete`, `replace`."""
    return tuple(sorted({str(resource.action) for resource in result.resources if resource.action in _LOSING}))
