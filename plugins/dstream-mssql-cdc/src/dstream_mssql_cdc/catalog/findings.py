"""What a check finds, one line each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dstream_core.api import DStreamError, Resource, Result

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what, such as `capture job` or `dbo.Orders`.
        severity: `error` stops a run, `warning` may stop it later or makes it worse.
        text: one line.
        remedy: what to do, T-SQL as a rule.
    """

    subject: str
    severity: Severity
    text: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """It as a line for people."""
        remedy = f" — {' '.join(self.remedy.split())}" if self.remedy else ""
        return f"{self.severity}: {self.subject}: {self.text}{remedy}"


def failed(subject: str, error: DStreamError) -> Finding:
    """The finding for an error."""
    return Finding(subject, "error", error.message, error.hint or "")


def check_result(findings: Sequence[Finding]) -> Result:
    """The answer to `check`: every finding a resource, and whether a run could begin."""
    errors = [finding for finding in findings if finding.severity == "error"]
    warnings = [finding for finding in findings if finding.severity == "warning"]
    resources = [
        Resource(
            id=f"{number}",
            type="check",
            name=finding.subject,
            state=finding.severity,
            detail=finding.text + (f"\n{finding.remedy}" if finding.remedy else ""),
        )
        for number, finding in enumerate(findings, 1)
    ]
    told = [finding.line for finding in (*errors, *warnings)]
    summary = f"{_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}, {len(findings)} things checked"
    return Result(resources, message="\n".join((summary, *told)), healthy=not errors)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
