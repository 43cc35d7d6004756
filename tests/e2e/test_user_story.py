"""What a user does on the first day: stream a growing file, stop it, kill it, run it twice, pipe it into `head`."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dstream_core.runtime.posix_parts import descendants, unread_bytes

PROGRAM = str(Path(sys.executable).with_name("dstream"))
GROWING = """
    variable "follow" {
      type    = bool
      default = true
    }
    task "copy" {
      description = "a growing file into another"
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
          path = "out/copy.jsonl"
        }
      }
    }
"""
COUNT = """
    task "count" {{
      input {{
        provider = "counter"
        config {{
          interval  = {interval}
          max_count = {count}
        }}
      }}
      output {{
        provider = "console"
      }}
    }}
"""


class Source:
    """The growing file; it alone knows what is in it."""

    def __init__(self, path: Path):
        self.path = path
        self.count = 0

    def grow(self, lines: int) -> None:
        numbers = range(self.count + 1, self.count + lines + 1)
        with self.path.open("a") as file:
            file.writelines(f'{{"n":{number},"item":"tea"}}\n' for number in numbers)
        self.count += lines


def arrived(folder: Path) -> list[int]:
    try:
        lines = (folder / "out" / "copy.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line)["n"] for line in lines[:-1]]


def member(orchestrator: int, role: str) -> int | None:
    for pid, _session in descendants(orchestrator):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"dstream_core.shim" in command and role.encode() in command:
            return pid
    return None


def stored(folder: Path, task: str) -> Any:
    return json.loads((folder / ".dstream" / "state" / task / "input" / "state.json").read_bytes())["partitions"]


def test_a_growing_file_survives_the_death_of_each_process(dstream, tmp_path: Path, wait_for) -> None:
    """Invariants 1, 6, 8."""
    dstream.write(GROWING)
    source = Source(tmp_path / "in.jsonl")
    codes = {}
    for victim in ("input", "output", "orchestrator"):
        source.grow(500)
        run = dstream.start("run", "copy")
        before = len(arrived(tmp_path))
        wait_for(lambda: len(arrived(tmp_path)) > before, "the first lines of this run")  # noqa: B023  called at once
        family = [pid for pid, _session in descendants(run.pid)]
        source.grow(20_000)  # so that lines are on their way
        os.kill(run.pid if victim == "orchestrator" else member(run.pid, victim), signal.SIGKILL)
        died = time.monotonic()
        done = dstream.end(run)
        codes[victim] = done.code
        assert "Traceback" not in done.err, done.err
        wait_for(lambda: not any(map(alive, family)), "every process of the run is gone", 2)  # noqa: B023  called at once
        assert time.monotonic() - died < 15
    assert codes == {"input": 1, "output": 1, "orchestrator": -signal.SIGKILL}

    last = dstream("run", "copy", "--var", "follow=false")
    assert last.code == 0, last.err
    numbers = arrived(tmp_path)
    assert set(numbers) == set(range(1, source.count + 1)), "nothing lost, nothing invented"
    high = 0
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        assert number <= high + 1, f"a gap before {number}"
        high = max(high, number)
        assert following is None or following == number + 1 or following <= high, "order is kept"
    assert sum(a + 1 != b for a, b in itertools.pairwise(numbers)) <= 3, "repeats after a restart only"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_order_with_everything_acknowledged(
    dstream, tmp_path: Path, wait_for, sent: int, code: int
) -> None:
    """Invariant 7."""
    dstream.write(GROWING)
    source = Source(tmp_path / "in.jsonl")
    source.grow(2000)
    run = dstream.start("run", "copy")
    wait_for(lambda: arrived(tmp_path), "the first lines")
    source.grow(50_000)
    done = dstream.end(run, sent)
    assert done.code == code, done.err
    count = len(arrived(tmp_path))
    assert done.says(f"stopped by {signal.Signals(sent).name}: {count} records, {count} acknowledged")
    assert done.out == ""
    (position,) = [entry for entry in stored(tmp_path, "copy").values() if isinstance(entry, dict)]
    content = (tmp_path / "in.jsonl").read_bytes()
    assert position["offset"] == sum(map(len, content.splitlines(keepends=True)[:count]))


def test_ctrl_c_at_a_terminal_reaches_the_orchestrator_alone(dstream, tmp_path: Path) -> None:
    """The terminal signals the whole foreground group; the providers are not in it, and end in order."""
    dstream.write(COUNT.format(interval=5, count=0))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(PROGRAM, ["dstream", "run", "count"], dstream.environment | {"NO_COLOR": "1"})
    shown = b""
    while b"Message #3" not in shown:
        shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break  # the other side is closed
        if not data:
            break
        shown += data
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    text = shown.decode().replace("\r\n", "\n")
    assert os.waitstatus_to_exitcode(status) == 130, text
    records = text.count("Message #")
    assert f"stopped by SIGINT: {records} records, {records} acknowledged" in text
    assert "Traceback" not in text
    assert stored(tmp_path, "count") == {"": records}


def test_a_second_run_waits_five_seconds_then_says_who_has_the_task(dstream, wait_for) -> None:
    """Invariant 6."""
    dstream.write(COUNT.format(interval=20, count=0))
    first = dstream.start("run", "count")
    assert first.stdout is not None
    first.stdout.readline()
    began = time.monotonic()
    second = dstream("run", "count")
    waited = time.monotonic() - began
    assert second.code == 75
    assert 5 <= waited < 8
    assert second.says(f"`dstream run count` already runs as process {first.pid}, since 20")
    assert second.says(f"kill {first.pid}")
    assert second.out == ""

    third = dstream.start("run", "count", stdout=subprocess.PIPE)
    lock = dstream.folder / ".dstream" / "locks" / "count.run.lock"
    wait_for(lambda: has_open(third.pid, lock), "the third run waits for the claim")
    assert dstream.end(first, signal.SIGTERM).code == 0
    assert third.stdout is not None
    assert third.stdout.readline().startswith(b"Message #1:")  # numbered by the output, in its own run
    assert dstream.end(third, signal.SIGTERM).code == 0


def has_open(pid: int, path: Path) -> bool:
    found = []
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            found.append(os.readlink(link))
        except OSError:
            continue
    return str(path) in found


def test_a_stopped_counter_goes_on_and_a_finished_one_has_nothing_new(dstream, tmp_path: Path) -> None:
    """Invariant 8."""
    dstream.write(COUNT.format(interval=10, count=40))
    first = dstream.start("run", "count")
    assert first.stdout is not None
    head = first.stdout.readline()
    stopped = dstream.end(first, signal.SIGTERM)
    values = [json.loads(line.partition(": ")[2])["value"] for line in (head.decode() + stopped.out).splitlines()]
    assert 1 <= len(values) < 40
    rest = dstream("run", "count")
    values += [json.loads(line.partition(": ")[2])["value"] for line in rest.out.splitlines()]
    assert values == list(range(1, 41))
    again = dstream("run", "count")
    assert (again.code, again.out) == (0, "")
    assert again.says("0 records", "nothing new", str(tmp_path / ".dstream" / "state" / "count"))
    dstream.write(COUNT.format(interval=0, count=42))
    assert dstream("run", "count").out.count("Message") == 2


def test_an_output_that_dies_fails_the_run_which_says_what_was_not_acknowledged(dstream, tmp_path: Path) -> None:
    """It acknowledges three lines of ten, takes the rest and dies; the next run repeats what was in flight."""
    dstream.program(
        "dies",
        """
        read -r command
        echo '{"status":"ready","protocol":1,"role":"output","capabilities":["ack"]}'
        read -r one; read -r two; read -r three
        printf '%s\\n%s\\n%s\\n' "$one" "$two" "$three" >> arrived.jsonl
        echo '{"$dstream":{"ack":3}}'
        i=3; while [ $i -lt 10 ]; do read -r line; i=$((i + 1)); done
        echo "the disk is gone" >&2
        exit 9
        """,
        {"roles": ["output"]},
    )
    source = '    provider = "counter"\n    config {\n      interval = 20\n      max_count = 60\n    }'
    dstream.write(dstream.task("t", source, '    provider = "./dies"'))
    done = dstream("run", "t", "--json")
    assert done.code == 1
    assert done.says("output provider ./dies exited with code 9", "the disk is gone", "NOT acknowledged")
    summary = done.document
    assert (summary["reason"], summary["acknowledged"]) == ("failure", 3)
    assert summary["not_acknowledged"] == summary["records"] - 3 >= 7
    assert f"{summary['not_acknowledged']} NOT acknowledged" in done.err
    assert stored(tmp_path, "t") == {"": 3}


def test_head_takes_one_line_and_the_run_ends_in_order(dstream, tmp_path: Path) -> None:
    dstream.write(COUNT.format(interval=1, count=0))
    script = f'{{ {PROGRAM} run count; echo "code $?" >&2; }} | head -n 1'
    done = dstream("-c", script, program="/bin/sh")
    assert done.out.startswith("Message #1:")
    assert done.out.count("\n") == 1
    assert done.says("stopped by SIGTERM", "code 0")
    assert "BrokenPipe" not in done.err
    assert stored(tmp_path, "count")[""] >= 1


def test_text_waits_for_a_reader_that_sleeps(dstream, wait_for) -> None:
    """More than all pipes hold: the output is held back until somebody reads, and nothing is left out."""
    dstream.write(COUNT.format(interval=0, count=60_000))
    run = dstream.start("run", "count")
    assert run.stdout is not None
    full = run.stdout.fileno()
    wait_for(lambda: unread_bytes(full) >= 60_000, "the pipe to the reader is full")
    time.sleep(0.5)  # the reader that sleeps
    done = dstream.end(run)
    assert done.code == 0, done.err
    assert [line.partition(":")[0] for line in done.out.splitlines()] == [f"Message #{n}" for n in range(1, 60_001)]


@pytest.fixture
def shop(dstream, tmp_path: Path) -> Any:
    dstream.write(GROWING)
    dstream.write('{"n":1}\n', "in.jsonl")
    return dstream


@pytest.mark.parametrize(
    ("arguments", "code", "look"),
    [
        ("tasks", 0, lambda found: found[0]["name"] == "copy"),
        ("lint", 0, lambda found: found == {"ok": True, "diagnostics": []}),
        ("plan copy --detailed-exitcode", 2, lambda found: found["changes"]["create"] == 1),
        ("init copy", 0, lambda found: found["resources"][0]["action"] == "create"),
        ("status copy", 1, lambda found: found["healthy"] is False),
        ("discover copy", 0, lambda found: found["tables"][0]["name"] == "in"),
        ("check copy", 0, lambda found: [part["role"] for part in found["providers"]] == ["input", "output"]),
        ("destroy copy", 0, lambda found: found["verb"] == "destroy"),
        ("run copy --var follow=false", 0, lambda found: found["acknowledged"] == 1),
        ("providers list", 0, lambda found: {row["id"] for row in found} >= {"counter", "console", "file"}),
        ("providers show file", 0, lambda found: set(found["config_schema"]) == {"input", "output"}),
        ("fmt --check", None, lambda found: found is not None),
        ("lint --var follow=3", 2, lambda found: found["diagnostics"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_json_is_one_document_on_stdout(shop, arguments: str, code: int | None, look: Callable[[Any], Any]) -> None:
    done = shop(*arguments.split(), "--json")
    assert code in (None, done.code), done.err
    assert look(done.document), done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", ["run nothing", "providers show nothing"])
def test_an_error_leaves_stdout_to_the_document_alone(shop, arguments: str) -> None:
    done = shop(*arguments.split(), "--json")
    assert done.code == 2
    assert done.out == "" or json.loads(done.out) is not None
    assert done.says("error:")
