"""What makes a program a version-1 provider, as checks that run: for any language.

```python
import pytest
from dstream_core.testing import Subject, conformance_checks

SUBJECT = Subject(["./bin/mine"], role="input", config={"path": "sample.jsonl"})


@pytest.mark.parametrize("check", conformance_checks("input"), ids=str)
def test_conformance(check):
    check.run(SUBJECT)
```

`run_conformance` runs them all without pytest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dstream_core.errors import DStreamError, ExitCode
from dstream_core.protocol.command import Session
from dstream_core.protocol.control import CONTROL_PREFIX
from dstream_core.protocol.exact_json import decode_json
from dstream_core.protocol.handshake import Refusal
from dstream_core.protocol.manifest import Manifest, decode_manifest
from dstream_core.protocol.names import ACK_CAPABILITY, Role, Verb
from dstream_core.protocol.result import decode_result
from dstream_core.testing.process import PATIENCE, ProviderProcess

STRANGE_OPTION = "no_such_option_5f3a"


class ConformanceError(AssertionError):
    """The provider does not do what the protocol asks; the message says what and where it is written."""


class NotApplicableError(Exception):
    """The check does not concern this provider."""


@dataclass(frozen=True)
class Subject:
    """A provider to be checked.

    Attributes:
        command: program and arguments.
        role: the role it is checked in.
        config: options with which it runs: an input should yield a few lines and end, or go on for ever.
        lines: for an output: envelopes that it can deliver.
        environment: variables beside those of this process.
        patience: seconds for each single step.
    """

    command: Sequence[str | Path]
    role: Role
    config: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[Mapping[str, Any]] = tuple({"data": {"n": number}, "metadata": {}} for number in range(1, 4))
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE

    def start(self, **arguments: Any) -> ProviderProcess:
        """The provider, ready to be entered; arguments as for `ProviderProcess`."""
        arguments.setdefault("environment", self.environment)
        arguments.setdefault("config", self.config)
        return ProviderProcess(self.command, self.role, **arguments)

    @cached_property
    def manifest(self) -> Manifest:
        """What it answers to `describe`."""
        with self.start(verb="describe", older=True, config={}) as provider:
            lines = provider.read_rest(self.patience)
            code = provider.wait(self.patience)
        _expect(code == 0, f"describe ended with exit code {code}")
        _expect(len(lines) == 1, f"describe wrote {len(lines)} lines, wanted is the manifest and nothing else")
        return decode_manifest(lines[0], "the manifest")


@dataclass(frozen=True)
class Check:
    """One check: `run(subject)` raises `ConformanceError`, or `NotApplicableError`, or returns."""

    name: str
    roles: tuple[Role, ...]
    rule: str
    function: Callable[[Subject], None]

    def __str__(self) -> str:
        return self.name

    def run(self, subject: Subject) -> None:
        """Checks one provider.

        Raises:
            ConformanceError: the rule is broken.
        """
        try:
            self.function(subject)
        except NotApplicableError:
            return
        except AssertionError as error:
            raise ConformanceError(f"{self.rule}: {error}") from None

    def outcome(self, subject: Subject) -> CheckOutcome:
        """Checks one provider and tells what came of it."""
        try:
            self.function(subject)
        except NotApplicableError as reason:
            return CheckOutcome(self.name, self.rule, "skipped", str(reason))
        except (AssertionError, OSError, DStreamError, ValueError) as error:
            return CheckOutcome(self.name, self.rule, "failed", str(error))
        return CheckOutcome(self.name, self.rule, "passed")


@dataclass(frozen=True)
class CheckOutcome:
    """What came of one check; `status` is passed, failed or skipped, `detail` says why."""

    name: str
    rule: str
    status: str
    detail: str = ""


_CHECKS: list[Check] = []


def conformance_checks(role: Role) -> list[Check]:
    """The checks for a role, for `pytest.mark.parametrize("check", …, ids=str)`."""
    return [check for check in _CHECKS if role in check.roles]


def run_conformance(subject: Subject) -> list[CheckOutcome]:
    """All checks of a provider in its role, one after the other."""
    return [check.outcome(subject) for check in conformance_checks(subject.role)]


def _check(*roles: Role, rule: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    def add(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        name = function.__name__.removeprefix("_").replace("_", "-")
        _CHECKS.append(Check(name, roles or ("input", "output"), rule, function))
        return function

    return add


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


@_check(rule="`describe` prints the manifest, and nothing else")
def _describe(subject: Subject) -> None:
    manifest = subject.manifest
    _expect(bool(manifest.name), "the manifest has no name")
    _expect(manifest.protocol == 1, "the manifest does not say protocol 1")
    _expect(subject.role in manifest.roles, f"the manifest does not name the role {subject.role}")


@_check(rule="a stdin that ends before any line means: do nothing and exit with 0")
def _empty_stdin(subject: Subject) -> None:
    with subject.start(send_command=False) as provider:
        provider.close_stdin()
        lines = provider.read_rest(subject.patience)
        code = provider.wait(subject.patience)
    _expect(code == 0, f"exit code {code}")
    _expect(not lines, f"it wrote {len(lines)} lines")


@_check(rule="the first line is `ready`, with protocol 1 and its role")
def _ready(subject: Subject) -> None:
    with subject.start() as provider:
        ready = provider.wait_ready(subject.patience)
        _expect(ready.protocol == 1, f"it announces protocol {ready.protocol}")
        _expect(ready.role == subject.role, f"it announces the role {ready.role}")
        announced = ACK_CAPABILITY in ready.capabilities
    expected = ACK_CAPABILITY in subject.manifest.capabilities
    _expect(announced == expected, "`ready` and manifest do not agree about the capability ack")


@_check(rule="an unknown option is refused with an error and exit code 2")
def _unknown_option(subject: Subject) -> None:
    if subject.manifest.config_schema is None:
        raise NotApplicableError("it publishes no schema of its options")
    with subject.start(config={**subject.config, STRANGE_OPTION: "secret-value-91c2"}) as provider:
        refusal = provider.handshake(subject.patience)
        provider.close_stdin()
        code = provider.wait(subject.patience)
        log = provider.stderr
    _expect(isinstance(refusal, Refusal), "it is ready although an option does not exist")
    _expect(code == ExitCode.CONFIGURATION, f"exit code {code}")
    _expect("secret-value-91c2" not in log + str(refusal), "the option's value stands in the message or the log")


@_check(rule="a command line of any length is read whole")
def _long_command(subject: Subject) -> None:
    session = Session(subject.role, "test", arguments={"padding": "x" * 3_000_000})
    with subject.start(session=session) as provider:
        provider.wait_ready(subject.patience)


@_check(rule="a verb that it does not answer is an error, and nothing is done")
def _verb_without_answer(subject: Subject) -> None:
    verb = _unanswered_verb(subject)
    with subject.start(verb=verb) as provider:
        refusal = provider.handshake(subject.patience)
        code = provider.wait(subject.patience)
    _expect(isinstance(refusal, Refusal), f"it is ready for {verb}, which its manifest does not name")
    _expect(code != 0, "exit code 0")


@_check(rule="a lifecycle verb answers one result behind `ready` and exits")
def _verbs_answer(subject: Subject) -> None:
    commands = (subject.manifest.commands or {}).get(subject.role, ())
    asked: tuple[Verb, ...] = ("check", "status", "plan")
    answered = [verb for verb in asked if verb in commands]
    if not answered:
        raise NotApplicableError("it answers none of check, status, plan")
    for verb in answered:
        with subject.start(verb=verb) as provider:
            provider.wait_ready(subject.patience)
            result = decode_result(provider.result(subject.patience))
            rest = provider.read_rest(subject.patience)
            code = provider.wait(subject.patience)
        _expect(not rest, f"{verb} wrote {len(rest)} lines behind its result")
        _expect((code == 0) == (not result.failed), f"{verb} says failed={result.failed}, but its exit code is {code}")


@_check("input", rule="every line on stdout is an envelope with `data`")
def _envelopes(subject: Subject) -> None:
    for number, line in enumerate(_some_lines(subject), start=1):
        document = decode_json(line)
        _expect(isinstance(document, dict) and "data" in document, f"line {number} is no envelope")
        _expect(isinstance(document.get("metadata", {}), dict), f"`metadata` of line {number} is no object")


@_check("input", rule="at `stop` it closes stdout behind a whole line, takes acknowledgements, and exits with 0")
def _stop(subject: Subject) -> None:
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.stop()
        count = len(provider.read_rest(subject.patience))
        provider.ack(count)
        provider.close_stdin()
        code = provider.wait(subject.patience)
        _expect(code == 0, f"exit code {code}")
        _expect(not provider.unfinished, f"stdout ends inside a line, with {len(provider.unfinished)} bytes")


@_check("input", rule="when stdin ends without a stop, the orchestrator has died: it ends by itself")
def _orphaned(subject: Subject) -> None:
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.close_stdin()
        provider.read_rest(subject.patience)
        provider.wait(subject.patience)


@_check("input", rule="a position is stored after the acknowledgement only, so what was not acknowledged comes again")
def _unacknowledged_comes_again(subject: Subject) -> None:
    with subject.start() as provider:
        first = _first_data(provider, subject)
        provider.kill()
        with subject.start(state_dir=provider.state_dir) as again:
            _expect(_first_data(again, subject) == first, "the first line was never acknowledged, yet it is gone")


@_check("output", rule="every line is acknowledged before it exits with 0, by counts that never go back")
def _acknowledges(subject: Subject) -> None:
    _needs_ack(subject)
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.send(subject.lines)
        provider.wait_ack(len(subject.lines), subject.patience)
        provider.close_stdin()
        provider.read_rest(subject.patience)
        code = provider.wait(subject.patience)
    _expect(code == 0, f"exit code {code}")


@_check("output", rule="no line is acknowledged that was not sent")
def _never_ahead(subject: Subject) -> None:
    _needs_ack(subject)
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.send(subject.lines[:1])
        counts = provider.wait_ack(1, subject.patience)
        provider.close_stdin()
        provider.read_rest(subject.patience)
    _expect(max(counts) == 1, f"one line was sent, {max(counts)} were acknowledged")


@_check("output", rule="no lines at all are no error")
def _no_lines(subject: Subject) -> None:
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.close_stdin()
        provider.read_rest(subject.patience)
        code = provider.wait(subject.patience)
    _expect(code == 0, f"exit code {code}")


@_check("output", rule="a line without its newline at the end of stdin is not a line")
def _unfinished_line(subject: Subject) -> None:
    _needs_ack(subject)
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.send(subject.lines[:1])
        provider.write(b'{"data":{"n":2},"meta')
        provider.close_stdin()
        counts = provider.wait_ack(1, subject.patience)
        rest = provider.read_rest(subject.patience)
    later = [line for line in rest if line.startswith(CONTROL_PREFIX)]
    _expect(counts[-1] == 1 and not later, "it acknowledged more than the one whole line")


@_check("output", rule="a line that cannot be delivered becomes a dead letter and is acknowledged")
def _dead_letter(subject: Subject) -> None:
    _needs_ack(subject)
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        provider.write(b"no envelope at all\n")
        provider.send(subject.lines[:1])
        provider.wait_ack(2, subject.patience)
        kept = [path for path in provider.dead_letters.glob("*") if b"no envelope at all" in path.read_bytes()]
        provider.close_stdin()
        provider.read_rest(subject.patience)
    _expect(bool(kept), "it was acknowledged, but it is not among the dead letters")


def _needs_ack(subject: Subject) -> None:
    if ACK_CAPABILITY not in subject.manifest.capabilities:
        raise NotApplicableError("it does not acknowledge")


def _unanswered_verb(subject: Subject) -> Verb:
    commands = (subject.manifest.commands or {}).get(subject.role, ())
    candidates: tuple[Verb, ...] = ("destroy", "init", "discover", "state")
    for verb in candidates:
        if verb not in commands:
            return verb
    raise NotApplicableError("it answers every verb")


def _some_lines(subject: Subject, count: int = 100) -> list[bytes]:
    """The first lines of an input, up to `count`, or what it writes before its stop takes effect."""
    with subject.start() as provider:
        provider.wait_ready(subject.patience)
        deadline = time.monotonic() + min(subject.patience, 2.0)
        while len(provider.stdout) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        provider.stop()
        provider.read_rest(subject.patience)
        return provider.stdout[1:][:count]


def _first_data(provider: ProviderProcess, subject: Subject) -> Any:
    provider.wait_ready(subject.patience)
    line = provider.read_line(subject.patience)
    if line is None:
        raise NotApplicableError("it has no lines")
    document = decode_json(line)
    return _stable(document["data"]) if isinstance(document, dict) and "data" in document else line


def _stable(data: Any) -> Any:
    """Data without what may differ from one reading to the next: times."""
    if not isinstance(data, dict):
        return data
    return {name: value for name, value in data.items() if "time" not in name.lower()}
