"""The conformance suite passes what conforms, in any language, and each check fails on what breaks its rule."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

from dstream_core.protocol.names import Role
from dstream_core.testing import ConformanceError, Subject, conformance_checks, run_conformance
from dstream_core.testing.conformance import Check

FOREIGN = Path(__file__).parent / "foreign.py"

ROLES: tuple[Role, ...] = ("input", "output")
CASES = [(role, check) for role in ROLES for check in conformance_checks(role)]
COMMON = ["describe", "empty-stdin", "ready", "unknown-option", "unknown-option-secret", "long-command"]
BROKEN: list[tuple[Role, str]] = [
    *(("input", rule) for rule in [*COMMON, "verb-without-answer", "verbs-answer"]),
    *(("input", rule) for rule in ["envelopes", "stop", "stop-half-line", "orphaned", "unacknowledged-comes-again"]),
    *(("output", rule) for rule in ["acknowledges", "never-ahead", "no-lines", "unfinished-line", "dead-letter"]),
]


@functools.cache
def subject(role: Role, broken: str = "") -> Subject:
    arguments = ["--break", broken] if broken else []
    return Subject([sys.executable, FOREIGN, role, *arguments], role, patience=10 if not broken else 1.5)


@pytest.mark.parametrize(("role", "check"), CASES, ids=str)
def test_a_provider_in_another_language_passes(role: Role, check: Check) -> None:
    check.run(subject(role))


@pytest.mark.parametrize(("role", "rule"), BROKEN)
def test_what_breaks_a_rule_fails_its_check(role: Role, rule: str) -> None:
    (check,) = [check for check in conformance_checks(role) if rule.startswith(check.name)][-1:]
    with pytest.raises(ConformanceError) as caught:
        check.run(subject(role, rule))
    assert str(caught.value).startswith(check.rule)


def test_every_check_has_a_case_that_breaks_it() -> None:
    for _, check in CASES:
        assert any(rule.startswith(check.name) for _, rule in BROKEN), check.name


def test_all_at_once_tells_each_outcome() -> None:
    outcomes = {outcome.name: outcome for outcome in run_conformance(subject("output", "no-lines"))}
    assert outcomes["describe"].status == "passed"
    assert outcomes["no-lines"].status == "failed"
    assert "exit code 1" in outcomes["no-lines"].detail
    assert set(outcomes) == {check.name for check in conformance_checks("output")}


def test_a_program_that_is_no_provider_fails_all_that_start_it() -> None:
    outcomes = run_conformance(Subject(["true"], "input", patience=2))
    assert [outcome.name for outcome in outcomes if outcome.status == "passed"] == ["empty-stdin"]


def test_a_program_that_is_not_there_is_an_outcome_too(tmp_path: Path) -> None:
    outcomes = run_conformance(Subject([tmp_path / "missing"], "output", patience=2))
    assert {outcome.status for outcome in outcomes} == {"failed"}


def installed(provider: str, role: Role, **config: object) -> Subject:
    return Subject([sys.executable, "-m", "dstream_core.shim", provider, "--role", role], role, config)


@pytest.mark.parametrize("check", conformance_checks("input"), ids=str)
def test_the_counter_conforms(check: Check) -> None:
    check.run(installed("counter", "input", interval=5))


@pytest.mark.parametrize("check", conformance_checks("output"), ids=str)
def test_the_console_conforms(check: Check) -> None:
    check.run(installed("console", "output"))


@pytest.mark.parametrize(("role", "check"), CASES, ids=str)
def test_the_file_provider_conforms(role: Role, check: Check, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    if role == "input":
        path.write_text("".join(f'{{"n":{number}}}\n' for number in range(1, 50)))
    check.run(installed("file", role, path=str(path)))
