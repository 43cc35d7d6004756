"""Nothing is lost when any of the three processes dies at any moment (invariants 1, 2, 8).

A generator appends numbered lines to a file; `dstream run` copies them to another; the orchestrator, the input and the
output are killed at random moments. A kill counts only if lines were in flight at that moment: all processes of the
run are frozen, the pipes between them are looked at, and if they hold lines the victim is killed. What should have
arrived is known from the generator alone. That lines repeat after restarts only is held here; how many of them repeat
is not bounded yet.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dstream_core.runtime.posix_parts import descendants

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
TERMIOS_FIONREAD = 0x541B
ATTEMPTS_PER_KILL = 40


class Generator:
    """Appends numbered lines to a file, in whole lines and in halves, and alone knows how many there are."""

    def __init__(self, path: Path, chance: random.Random):
        self._file = path.open("ab", buffering=0)
        self._chance = chance
        self.count = 0

    def close(self) -> None:
        self._file.close()

    def append(self, lines: int) -> None:
        block = b"".join(
            b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * self._chance.randrange(0, 400))
            for number in range(self.count + 1, self.count + lines + 1)
        )
        middle = self._chance.randrange(len(block))
        self._file.write(block[:middle])
        self._file.write(block[middle:])
        self.count += lines


def dstream(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name("dstream")
    with (folder / "run.log").open("ab") as log:
        return subprocess.Popen([program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def members(orchestrator: int) -> dict[str, int]:
    """The processes of a run that streams, by what they are."""
    found = {"orchestrator": orchestrator}
    for pid, _session in descendants(orchestrator):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        for role in (b"input", b"output"):
            if b"dstream_core.shim" in command and role in command:
                found[role.decode()] = pid
    return found


def bytes_in_pipes(pid: int) -> int:
    """Unread bytes of data in the pipes that a frozen output reads (its log is written, not read)."""
    unread = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            readable = int(flags(pid, link.name), 8) & os.O_ACCMODE == os.O_RDONLY
            if not readable or not os.readlink(link).startswith("pipe:"):
                continue
            descriptor = os.open(link, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            unread += int.from_bytes(fcntl.ioctl(descriptor, TERMIOS_FIONREAD, b"\0\0\0\0"), sys.byteorder)
        finally:
            os.close(descriptor)
    return unread


def flags(pid: int, descriptor: str) -> str:
    text = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
    return next(line.split()[1] for line in text.splitlines() if line.startswith("flags:"))


def freeze_in_flight(processes: dict[str, int]) -> bool:
    """Stop all processes; keep them stopped if lines are between input and output, else let them go on."""
    for pid in processes.values():
        os.kill(pid, signal.SIGSTOP)
    if bytes_in_pipes(processes["output"]) > 0:
        return True
    for pid in processes.values():
        os.kill(pid, signal.SIGCONT)
    return False


def kill_one(folder: Path, generator: Generator, chance: random.Random, victim: str) -> bool:
    """Start a run, kill the victim while lines are in flight; whether that came about."""
    run = dstream(folder, "run", "copy", "--log-level", "warning")
    try:
        for _ in range(ATTEMPTS_PER_KILL):
            generator.append(chance.randrange(200, 3000))
            time.sleep(chance.random() * 0.08)  # the random moment
            if run.poll() is not None:
                pytest.fail(f"the run ended by itself: {(folder / 'run.log').read_text()[-2000:]}")
            processes = members(run.pid)
            if len(processes) == 3 and freeze_in_flight(processes):
                os.kill(processes[victim], signal.SIGKILL)
                for name, pid in processes.items():
                    if name != victim:
                        os.kill(pid, signal.SIGCONT)
                return True
        return False
    finally:
        if run.poll() is None:
            try:
                run.wait(30 if victim != "orchestrator" else 5)
            except subprocess.TimeoutExpired:
                run.kill()
        run.wait()


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
    counted = 0
    for _ in range(kills * 2):
        victim = VICTIMS[counted % len(VICTIMS)]
        counted += kill_one(tmp_path, generator, chance, victim)
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
    assert len(stretches) <= kills + 1, "lines repeat after a restart only"
