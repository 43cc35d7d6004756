"""How a run ends: in order, with deadlines, whoever asks for it, and however the orchestrator itself dies."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from dstream_core.runtime.claims import ClaimedError, claim
from dstream_core.runtime.posix_parts import descendants


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(orchestrator, child, tmp_path, wait_until, number):
    """Invariant 7: what the input wrote is drained, flushed, acknowledged and committed before both exit."""
    notes, target = tmp_path / "journal", tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 0, "--journal", notes), child("good_output.py", "--file", target)
    )
    wait_until(lambda: size(target) > 10_000)
    one.process.send_signal(number)
    outcome = one.outcome()
    entries = [json.loads(line) for line in notes.read_text().splitlines()]
    [sent] = [entry["sent"] for entry in entries if "sent" in entry]
    acks = [entry["ack"] for entry in entries if "ack" in entry]
    assert outcome["failure"] is None
    assert outcome["reason"] == ("SIGINT" if number == signal.SIGINT else "SIGTERM")
    assert sent == acks[-1] == outcome["acknowledged"] == len(target.read_bytes().splitlines())
    assert {"stop": True} in entries
    assert entries[-1] == {"end": True}


def test_a_second_ctrl_c_ends_at_once(orchestrator, child, tmp_path, wait_until):
    target = tmp_path / "out"
    one = orchestrator(child("stubborn.py"), child("good_output.py", "--file", target), stop_timeout=60.0)
    wait_until(lambda: size(target) > 0)
    one.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at the same moment are one to the kernel
    one.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert one.outcome()["reason"] == "SIGINT"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_provider_that_ignores_everything_is_killed_in_time(orchestrator, child, tmp_path, wait_until, role):
    pid_file, notes = tmp_path / "pid", tmp_path / "journal"
    stubborn = child("stubborn.py", "--role", role, "--pid-file", pid_file)
    sides = {
        "input": child("good_input.py", "--lines", 0, "--pause", 0.01, "--journal", notes),
        "output": child("good_output.py"),
    } | {role: stubborn}
    one = orchestrator(sides["input"], sides["output"], stop_timeout=3.0)
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    time.sleep(0.3)  # let it stream; nothing it does tells that it is ready
    began = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    outcome = one.outcome()
    assert time.monotonic() - began < 4.5, "3 s for all steps, and the guardian's second"
    assert any("in time" in notice for notice in outcome["notices"]), "the run says so"
    assert outcome["failure"] is not None
    assert not alive(int(pid_file.read_text()))


def test_lines_that_a_stalled_output_does_not_take_are_told(orchestrator, child, tmp_path, wait_until):
    target = tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 0),
        child("good_output.py", "--stall-after", 1, "--file", target),
        stop_timeout=3.0,
    )
    wait_until(lambda: size(target) > 0)
    one.process.send_signal(signal.SIGTERM)
    outcome = one.outcome()
    assert outcome["failure"] is not None
    assert outcome["acknowledged"] < outcome["records"]


@pytest.mark.needs("linux")
@pytest.mark.parametrize(
    ("victim", "embedded"),
    [("orchestrator", False), ("guardian", False), ("guardian", True), ("input", False), ("output", False)],
)
def test_whoever_is_killed_nobody_is_left(orchestrator, child, tmp_path, wait_until, victim, embedded):
    """Invariant 6, with a daemon in a session of its own and an older input that ignores everything.

    A program that embeds the runtime keeps its other children, whatever becomes of the guardian.
    """
    daemon, pid_file = tmp_path / "daemon", tmp_path / "input"
    one = orchestrator(
        child("stubborn.py", "--older", "--pid-file", pid_file),
        child("forks.py", "--role", "output", "--daemon", "--ignore", "--stay", "--pid-file", daemon),
        older_input=True,
        stop_timeout=2.0,
        embedded=embedded,
    )
    wait_until(lambda: daemon.exists() and pid_file.exists() and pid_file.read_text())
    family = [pid for pid, _session in descendants(one.process.pid) if not command_line(pid).startswith("sleep")]
    assert len(family) >= 4
    target = {
        "orchestrator": one.process.pid,
        "guardian": next(pid for pid in family if "guardian.py" in command_line(pid)),
        "input": int(pid_file.read_text()),
        "output": next(pid for pid in family if "forks.py" in command_line(pid)),
    }[victim]
    os.kill(target, signal.SIGKILL)
    seconds = 2.0 if victim in ("orchestrator", "guardian") else 8.0
    wait_until(lambda: not any(map(alive, family)), seconds, "every process of the run is gone")
    if victim != "orchestrator":
        outcome = one.outcome()
        assert outcome["failure"] is not None
        assert outcome.get("own_child_lives") in ((True,) if embedded else (None,))


def test_the_claim_is_free_only_when_the_last_child_is_gone(orchestrator, child, tmp_path, wait_until):
    """Invariant 6: a provider never meets its own successor."""
    pid_file = tmp_path / "pid"
    one = orchestrator(child("stubborn.py", "--pid-file", pid_file), child("good_output.py"))
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    with pytest.raises(ClaimedError, match=f"process {one.process.pid}, since 20"), claim(tmp_path / "lock", "me", 0.2):
        pass
    one.process.kill()
    with claim(tmp_path / "lock", "me", wait=5.0):
        assert not alive(int(pid_file.read_text())), "the claim was free while a child of the old run lived"


def test_a_slow_output_has_all_the_time_when_the_input_ended_by_itself(pipeline, child, tmp_path):
    """Deadlines are for a stop that was asked for; delivering what was read is not hurried."""
    target = tmp_path / "out"
    outcome = pipeline(
        child("good_input.py", "--lines", 60),
        child("good_output.py", "--file", target, "--rate", 30, "--hold"),
        stop_timeout=1.0,
    )
    assert outcome.failure is None
    assert outcome.acknowledged == 60
