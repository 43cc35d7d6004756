"""Providers from before version 1 run unchanged (facts of the original, PROTOCOL)."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["data"]["n"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("kind", ["plain", "reads-to-end", "silent", "handshake", "no-newline", "deaf"])
def test_older_inputs(pipeline, child, tmp_path, kind):
    target = tmp_path / "out"
    outcome = pipeline(
        child("older_input.py", "--kind", kind), child("good_output.py", "--file", target), older_input=True
    )
    assert outcome.failure is None
    assert outcome.acknowledged == 5
    assert numbers(target) == [1, 2, 3, 4, 5]
    assert target.read_bytes().endswith(b"\n"), "the last newline is added after exit 0"


def test_an_older_input_gets_its_config_and_then_end_of_file(pipeline, child, tmp_path):
    echo = tmp_path / "echo"
    pipeline(
        child("older_input.py", "--kind", "reads-to-end", "--echo", echo), child("good_output.py"), older_input=True
    )
    assert json.loads(echo.read_bytes()) == {"command": "run", "config": {}}


def test_log_lines_among_the_data_pass_as_they_are(pipeline, child, tmp_path):
    target = tmp_path / "out"
    outcome = pipeline(
        child("older_input.py", "--kind", "logs"), child("good_output.py", "--file", target), older_input=True
    )
    assert outcome.failure is None
    assert outcome.acknowledged == 10
    assert b"[INFO] Polling changes round=1" in target.read_bytes()


@pytest.mark.parametrize("role", ["input", "output"])
def test_an_older_provider_that_refuses(pipeline, child, role):
    sides = {"input": child("good_input.py", "--lines", 0), "output": child("good_output.py")}
    sides[role] = child(f"older_{role}.py", "--kind", "refuses")
    outcome = pipeline(sides["input"], sides["output"], **{f"older_{role}": True})
    assert outcome.failure.code == "provider/refused"
    assert "no such" in outcome.failure.message


@pytest.mark.parametrize("kind", ["plain", "silent", "handshake", "slow"])
def test_older_outputs_count_what_they_read(pipeline, child, tmp_path, observer, kind):
    target = tmp_path / "out"
    outcome = pipeline(
        child("good_input.py"),
        child("older_output.py", "--kind", kind, "--file", target, "--pause", 0.02),
        older_output=True,
    )
    assert outcome.failure is None
    assert outcome.best_effort
    assert outcome.acknowledged == 10
    assert len(numbers(target)) == 10
    if kind in ("plain", "handshake"):
        assert b"".join(observer.texts).count(b"Message #") == 10
    assert any("best effort" in message for _level, message in observer.notices)


def test_forged_acknowledgements_of_an_older_output_are_text(pipeline, child, observer):
    outcome = pipeline(child("good_input.py"), child("older_output.py", "--kind", "forges-acks"), older_output=True)
    assert outcome.failure is None
    assert outcome.acknowledged == 10
    assert b'{"$dstream":{"ack":1001}}' in b"".join(observer.texts)


def test_an_input_in_the_output_position_is_recognised(pipeline, child):
    outcome = pipeline(child("good_input.py"), child("older_output.py", "--kind", "prints-envelope"), older_output=True)
    assert outcome.failure.code == "provider/role"
    assert "this looks like an input provider" in outcome.failure.message


def test_an_older_output_never_sees_half_a_line(pipeline, child, tmp_path):
    target = tmp_path / "out"
    outcome = pipeline(
        child("half_line.py", "--then", "kill", "--older"),
        child("older_output.py", "--kind", "silent", "--file", target),
        older_input=True,
        older_output=True,
    )
    assert "SIGKILL" in outcome.failure.message
    assert numbers(target) == [1, 2, 3]


def test_an_older_output_that_ends_early_fails_the_run(pipeline, child):
    outcome = pipeline(
        child("good_input.py", "--lines", 0), child("older_output.py", "--kind", "ends-early"), older_output=True
    )
    assert outcome.failure.code == "provider/ended-early"


def test_an_older_input_is_stopped_by_sigterm(orchestrator, child, tmp_path, wait_until):
    target = tmp_path / "out"
    one = orchestrator(
        child("older_input.py", "--lines", 0, "--pause", 0.01),
        child("good_output.py", "--file", target),
        older_input=True,
    )
    wait_until(lambda: target.exists() and target.stat().st_size > 0)
    one.process.send_signal(signal.SIGTERM)
    outcome = one.outcome()
    assert outcome["failure"] is None
    assert outcome["acknowledged"] == outcome["records"] == len(numbers(target))
