"""Nothing is lost when any of the three processes dies at any moment, and little repeats (invariants 1, 2, 8).

A generator appends numbered lines to a file; `dstream run` copies them to another; the orchestrator, the input and the
output are killed at random moments. A kill counts only if lines were in flight at that moment: all processes of the
run are frozen, the pipes between them are looked at, and if they hold lines the victim is killed. What should have
arrived, and which line stands at which offset, is known from the generator alone.

What may repeat is bounded, and held here at every kill:

- the next run's first line is exactly the one at the stored offset, and no line before that offset is missing;
- once all lines are in the output, the stored offset is soon their very end, and what came to rest never repeats;
- what the output had written some time before the kill is covered by the stored offset.

Both times are under `USUAL_LAG` in the middle of all kills and never over `LONGEST_LAG`. They are longer than the tenth of
a second of the documentation: the output's sync and the way of its count are in them, and what else the machine does.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dstream_core.testing.in_flight import freeze_in_flight, members, thaw

CONFIGURATION = """
variable "follow" {
  type    = bool
  default = true
}

task "copy" {
  input {
    provider = "file"
    config {
      path          = "in.jsonl"
      follow        = var.follow
      poll_interval = "20ms"
    }
  }
  output {
    provider = "file"
    config {
      path = "out.jsonl"
    }
  }
}
"""
VICTIMS = ("orchestrator", "input", "output")
ATTEMPTS_PER_KILL = 40
USUAL_LAG = 0.3
LONGEST_LAG = 5.0


class Generator:
    """Appends numbered lines to a file, in whole lines and in halves, and alone knows how many there are."""

    def __init__(self, path: Path, chance: random.Random):
        self._file = path.open("ab", buffering=0)
        self._chance = chance
        self._ends = [0]

    @property
    def count(self) -> int:
        return len(self._ends) - 1

    def lines_before(self, offset: int) -> int:
        """How many lines end at an offset or before; it must be the end of a line."""
        lines = bisect_left(self._ends, offset)
        assert self._ends[lines] == offset, f"byte {offset} is inside line {lines}"
        return lines

    def close(self) -> None:
        self._file.close()

    def append(self, lines: int) -> None:
        written = [
            b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * self._chance.randrange(0, 400))
            for number in range(self.count + 1, self.count + lines + 1)
        ]
        block = b"".join(written)
        middle = self._chance.randrange(len(block))
        self._file.write(block[:middle])
        self._file.write(block[middle:])
        self._ends += itertools.accumulate(map(len, written), initial=self._ends.pop())


def dstream(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("dstream")
    with (folder / "run.log").open("ab") as log:
        return subprocess.Popen([program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


class Output:
    """The output's file, read on as it grows."""

    def __init__(self, path: Path):
        self._path = path
        self._offset = 0
        self.numbers: list[int] = []
        """Of all whole lines; a torn one at the end is cut off by the next run."""

    def read_on(self) -> None:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._offset += len(whole) + 1
                self.numbers += [int(line[5 : line.index(b",")]) for line in whole.split(b"\n")]


@dataclass
class Kills:
    """What was seen of the runs: for each that was killed, where the next one has to begin, and what lags were seen."""

    folder: Path
    generator: Generator
    chance: random.Random
    output: Output
    begins: list[tuple[int, int]] = field(default_factory=list)
    """How many lines the output had between two runs, and how many lines of the input the stored offset covers."""
    lags: list[float] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)

    def stored(self) -> int:
        """Lines that the stored offset covers."""
        path = self.folder / ".dstream" / "state" / "copy" / "input" / "state.json"
        positions = json.loads(path.read_bytes())["partitions"] if path.exists() else {}
        offsets = [position["offset"] for name, position in positions.items() if name != "started"]
        return self.generator.lines_before(offsets[0]) if offsets else 0

    def come_to_rest(self, running: Callable[[], bool]) -> int:
        """Wait until all lines are in the output, and then stored; returns how many they are."""
        count = self.generator.count
        until(lambda: self._written_up_to() == count or not running(), "all lines in the output")
        begin = time.monotonic()
        until(lambda: self.stored() == count or not running(), "all lines stored")
        self.rests.append(time.monotonic() - begin)
        return count if running() else 0

    def _written_up_to(self) -> int:
        self.output.read_on()
        return self.output.numbers[-1] if self.output.numbers else 0

    def between_runs(self, at_rest: int, seen: list[tuple[float, int]], killed: float | None) -> None:
        """The processes are gone: what the next run has to go on from."""
        lock = (self.folder / ".dstream" / "locks" / "copy.run.lock").open("rb")
        with lock:
            until(lambda: is_free(lock.fileno()), "the claim is free")
            self.output.read_on()
            stored = self.stored()
        assert set(range(1, stored + 1)) <= set(self.output.numbers), "stored before it was delivered (invariant 1)"
        assert stored >= at_rest, f"{at_rest} lines were at rest, but only {stored} are stored"
        self.begins.append((len(self.output.numbers), stored))
        if killed is not None:
            unstored = [moment for moment, number in seen if number > stored]
            self.lags.append(killed - unstored[0] if unstored else 0.0)
            self.repeated.append(max(self._written_up_to() - stored, 0))

    def kill_one(self, victim: str) -> bool:
        """Start a run, kill the victim while lines are in flight; whether that came about."""
        run = dstream(self.folder, "run", "copy", "--log-level", "warning")
        at_rest = 0
        seen: list[tuple[float, int]] = []
        killed = None
        try:
            until(lambda: run.poll() is not None or len(members(run.pid)) == 3, "all three processes")
            if self.chance.random() < 0.5:
                self.generator.append(self.chance.randrange(1, 2000))
                at_rest = self.come_to_rest(lambda: run.poll() is None)
            killed = self._kill_in_flight(run, victim, seen)
        finally:
            if killed is None:
                run.terminate()
            try:
                run.wait(30)
            except subprocess.TimeoutExpired:
                run.kill()
            run.wait()
        self.between_runs(at_rest, seen, killed)
        return killed is not None

    def _kill_in_flight(self, run: subprocess.Popen[bytes], victim: str, seen: list[tuple[float, int]]) -> float | None:
        """Kill the victim at a random moment; notes in `seen` when the output had which line, returns when it was."""
        before = len(self.output.numbers)
        for _ in range(ATTEMPTS_PER_KILL):
            self.generator.append(self.chance.randrange(500, 12_000))
            time.sleep(self.chance.random() * 0.05)  # the random moment
            if run.poll() is not None:
                pytest.fail(f"the run ended by itself: {(self.folder / 'run.log').read_text()[-2000:]}")
            number = self._written_up_to()
            if len(self.output.numbers) > before:
                seen.append((time.monotonic(), number))
            processes = members(run.pid)
            if len(processes) == 3 and freeze_in_flight(processes):
                killed = time.monotonic()
                os.kill(processes[victim], signal.SIGKILL)
                thaw(pid for name, pid in processes.items() if name != victim)
                return killed
        return None


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.005)


def is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def runs_of(numbers: list[int]) -> list[tuple[int, int]]:
    """(first, last) of each stretch that counts up by one."""
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and number == stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    return stretches


@pytest.mark.kills
@pytest.mark.needs("linux")
@pytest.mark.timeout(0)  # bounded by the number of kills and of attempts for each
def test_file_to_file_under_kills_loses_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = request.config.getoption("--kills")
    seed = int(os.environ.get("DSTREAM_TEST_SEED") or random.randrange(1 << 32))
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    (tmp_path / "dstream.hcl").write_text(CONFIGURATION)
    generator = Generator(tmp_path / "in.jsonl", chance)
    generator.append(5000)
    runs = Kills(tmp_path, generator, chance, Output(tmp_path / "out.jsonl"))
    counted = 0
    for _ in range(kills * 2):
        counted += runs.kill_one(VICTIMS[counted % len(VICTIMS)])
        if counted == kills:
            break
    assert counted == kills, f"only {counted} kills hit lines in flight"
    generator.append(10)
    generator.close()
    last = dstream(tmp_path, "run", "copy", "--var", "follow=false")
    assert last.wait(120) == 0, (tmp_path / "run.log").read_text()[-2000:]

    lines = (tmp_path / "out.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b"", "the output ends in a whole line"
    numbers = [json.loads(line)["n"] for line in lines]
    stretches = runs_of(numbers)
    assert set(numbers) == set(range(1, generator.count + 1)), "nothing lost, nothing invented"
    high = 0
    for first, end in stretches:
        assert first <= high + 1, f"a gap before {first}: order is kept within and across runs"
        high = max(high, end)
    assert len(stretches) <= len(runs.begins) + 1, "lines repeat after a restart only"
    assert runs.stored() == generator.count
    for written, stored in runs.begins:
        assert numbers[written] == stored + 1, "a run begins with the line at the stored offset"
    sys.stdout.write(f"repeated {sorted(runs.repeated)} of {generator.count}\n")
    for times in (runs.lags, runs.rests):
        sys.stdout.write(f"{[round(each, 3) for each in sorted(times)]} s\n")
        assert statistics.median(times) < USUAL_LAG
        assert max(times) < LONGEST_LAG
