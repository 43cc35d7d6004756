"""What flows: every byte in order, whatever the lines are, with acknowledgements on the way back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest


def ticks(pid: int) -> int:
    """CPU time a process has used, in clock ticks (proc(5): utime + stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def ticks_when_quiet(pid: int) -> int:
    """Its CPU time once half a second passed without any; else 0."""
    before = ticks(pid)
    time.sleep(0.5)  # the measure itself: CPU time over a stretch of time
    return before if ticks(pid) == before and before > 0 else 0


def memory_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def journal(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_arrives_and_is_acknowledged_to_the_input(pipeline, child, tmp_path):
    notes, target = tmp_path / "journal", tmp_path / "out"
    outcome = pipeline(
        child("good_input.py", "--lines", 20_000, "--size", 200, "--journal", notes),
        child("good_output.py", "--file", target),
    )
    assert outcome.failure is None
    assert (outcome.reason, outcome.records, outcome.acknowledged) == ("end of input", 20_000, 20_000)
    assert outcome.bytes == target.stat().st_size == 20_000 * 200
    assert [json.loads(line)["data"]["n"] for line in target.read_bytes().splitlines()] == list(range(1, 20_001))
    acks = [entry["ack"] for entry in journal(notes) if "ack" in entry]
    assert acks == sorted(acks), "invariant 2"
    assert acks[-1] == 20_000
    assert journal(notes)[-1] == {"end": True}


def test_an_input_without_lines_ends_well(pipeline, child):
    outcome = pipeline(child("odd_lines.py", "--repeat", 0), child("good_output.py"))
    assert outcome.failure is None
    assert (outcome.records, outcome.acknowledged) == (0, 0)


def test_lines_are_moved_byte_for_byte_whatever_they_hold(pipeline, child, tmp_path):
    """Invariant 3: NUL bytes, no UTF-8, control lines as data, empty lines."""
    target = tmp_path / "out"
    outcome = pipeline(child("odd_lines.py", "--repeat", 500), child("good_output.py", "--file", target))
    expected = tmp_path / "expected"
    again = pipeline(child("odd_lines.py"), child("good_output.py", "--file", expected))
    assert outcome.failure is None
    assert target.read_bytes() == expected.read_bytes() * 500
    assert outcome.acknowledged == 500 * again.acknowledged


def test_a_line_of_64_mib(pipeline, child, tmp_path):
    target = tmp_path / "out"
    outcome = pipeline(child("odd_lines.py", "--long-mib", 64), child("good_output.py", "--file", target))
    assert outcome.failure is None
    assert (outcome.records, outcome.bytes, target.stat().st_size) == (1, 64 << 20, 64 << 20)


@pytest.mark.needs("linux")
def test_a_stalled_output_stops_the_input_and_memory_stays_flat(orchestrator, child, wait_until):
    """Back-pressure is the pipe's: an endless input against a stalled output leaves the orchestrator small and idle."""
    one = orchestrator(
        child("good_input.py", "--lines", 0, "--size", 100_000), child("good_output.py", "--stall-after", 3)
    )
    written = wait_until(lambda: ticks_when_quiet(one.process.pid), what="the orchestrator becomes idle")
    assert memory_mib(one.process.pid) < 60
    assert ticks(one.process.pid) - written <= 5, "it spins while it waits"


@pytest.mark.parametrize("kind", ["lines", "no-newline", "binary", "empty-lines"])
@pytest.mark.parametrize("role", ["input", "output"])
def test_a_flood_of_stderr_is_drained(pipeline, child, role, kind):
    flood = child(
        "flood_stderr.py", "--role", role, "--kind", kind, "--mib", {"no-newline": 64, "empty-lines": 1}.get(kind, 2)
    )
    sides = {"input": child("good_input.py"), "output": child("good_output.py")} | {role: flood}
    outcome = pipeline(sides["input"], sides["output"])
    assert outcome.failure is None
    assert outcome.acknowledged == 10


def test_text_of_the_output_reaches_the_user_in_whole_lines(pipeline, child, observer):
    outcome = pipeline(child("good_input.py"), child("good_output.py", "--say", "hello, {user}"))
    assert outcome.failure is None
    assert b"".join(observer.texts) == b"hello, {user}\n"
