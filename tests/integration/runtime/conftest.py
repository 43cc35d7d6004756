"""Pipelines of real processes, in this process or under an orchestrator that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dstream_core.protocol.command import Command, Session, encode_command
from dstream_core.runtime.claims import claim
from dstream_core.runtime.pipeline import run_pipeline
from dstream_core.runtime.values import ProviderLaunch, RunOutcome
from dstream_core.runtime.verb import run_verb

STOP_TIMEOUT = 5.0
HERE = Path(__file__).parent


@dataclass
class Recorder:
    """An observer that keeps what it is told."""

    texts: list[bytes] = field(default_factory=list)
    log: list[tuple[str, bytes, int]] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    backlog: int = 0

    def text(self, data: bytes) -> None:
        self.texts.append(data)

    def text_backlog(self) -> int:
        return self.backlog

    def log_line(self, provider: str, line: bytes, dropped: int) -> None:
        self.log.append((provider, line, dropped))

    def log_record(self, provider: str, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def progress(self, provider: str, numbers: Mapping[str, Any]) -> None:
        pass

    def notice(self, level: str, message: str) -> None:
        self.notices.append((level, message))


def launch(
    role: str,
    argv: Sequence[str],
    folder: Path,
    *,
    older: bool = False,
    verb: str = "run",
    start_timeout: float = 10.0,
    config: Mapping[str, Any] | None = None,
) -> ProviderLaunch:
    session = None if older else Session(role=role, task="test", state_dir=str(folder))  # type: ignore[arg-type]  # any role may be tried
    command = encode_command(Command(verb, dict(config or {}), session))  # type: ignore[arg-type]  # any verb may be tried
    return ProviderLaunch(
        name=Path(argv[-1] if len(argv) < 4 else argv[3]).name,
        role=role,  # type: ignore[arg-type]  # as above
        argv=tuple(argv),
        environment=dict(os.environ),
        directory=folder,
        command=command,
        protocol=0 if older else 1,
        start_timeout=start_timeout,
    )


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


@pytest.fixture
def pipeline(tmp_path: Path, observer: Recorder) -> Callable[..., RunOutcome]:
    """`pipeline(input_argv, output_argv, older_input=…, older_output=…)`: run it here, to its end."""

    def run(source: Sequence[str], sink: Sequence[str], **options: Any) -> RunOutcome:
        common = {"start_timeout": options.get("start_timeout", 10.0), "config": options.get("config")}
        with claim(tmp_path / "lock", "test") as held:
            return run_pipeline(
                launch("input", source, tmp_path, older=options.get("older_input", False), **common),
                launch("output", sink, tmp_path, older=options.get("older_output", False), **common),
                claims=[held],
                observer=observer,
                stop_timeout=options.get("stop_timeout", STOP_TIMEOUT),
            )

    return run


@pytest.fixture
def verb(tmp_path: Path, observer: Recorder) -> Callable[..., Any]:
    """`verb(argv, "plan", older=…)`: run a lifecycle verb here."""

    def run(argv: Sequence[str], name: str = "plan", **options: Any) -> Any:
        return run_verb(launch("output", argv, tmp_path, verb=name, **options), observer=observer)

    return run


class Orchestrator:
    """A pipeline in a process of its own, to be signalled and killed."""

    def __init__(self, folder: Path, source: Sequence[str], sink: Sequence[str], **options: Any):
        wrapper = options.pop("wrapper", ())
        document = {"input": list(source), "output": list(sink), "folder": str(folder), **options}
        argv = [*wrapper, sys.executable, str(HERE / "orchestrate.py"), json.dumps(document)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def outcome(self, timeout: float = 30.0) -> dict[str, Any]:
        """What its run came to, as it printed it."""
        stdout, stderr = self.process.communicate(timeout=timeout)
        assert stdout, stderr.decode()
        return json.loads(stdout.splitlines()[-1])


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Callable[..., Orchestrator]]:
    """`orchestrator(input_argv, output_argv, **options)`: start one; it is killed at the end of the test."""
    started: list[Orchestrator] = []

    def start(source: Sequence[str], sink: Sequence[str], **options: Any) -> Orchestrator:
        started.append(Orchestrator(tmp_path, source, sink, **options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """`wait_until(condition, seconds, what)`: what the condition answers once it is true; fails the test after that."""

    def wait(condition: Callable[[], Any], seconds: float = 10.0, what: str = "") -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what or condition}")
            time.sleep(0.01)
        return answer

    return wait
