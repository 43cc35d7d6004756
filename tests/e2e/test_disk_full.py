"""When there is no room, nothing is acknowledged that is not on disk; with room again the next run completes."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytestmark = pytest.mark.needs("linux", "root", "unshare", "nsenter", "mount")

PROGRAM = str(Path(sys.executable).with_name("dstream"))
MANY = """
    task "t" {{
      input {{
        provider = "file"
        config {{
          path = "in.jsonl"
        }}
      }}
      output {{
        provider = "file"
        config {{
          path = "{path}"{more}
        }}
      }}
    }}
"""


class Disk:
    """A file system of 64 kB in a mount namespace of its own; commands run inside it, `path` looks at it from outside."""

    def __init__(self, project: Any, lacking: Callable[[str], NoReturn]):
        self.project = project
        (project.folder / "disk").mkdir()
        script = "mount -t tmpfs -o size=64k none disk && echo mounted && exec sleep 600"
        self.holder = project.start("-m", "sh", "-c", script, program="unshare")
        assert self.holder.stdout is not None
        if self.holder.stdout.readline() != b"mounted\n":
            lacking(f"private mounts: {self.holder.stderr.read().decode()}")
        self.path = Path(f"/proc/{self.holder.pid}/root") / (project.folder / "disk").relative_to("/")

    def run(self, *arguments: str) -> Any:
        inside = ("-m", "-t", str(self.holder.pid), f"--wdns={self.project.folder}", PROGRAM)
        return self.project(*inside, *arguments, program="nsenter")

    def fill(self, leave: int = 0) -> None:
        """Leaves so many kB."""
        with (self.path / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                size = file.tell()
            file.truncate(max(0, size - leave * 1024))

    def make_room(self) -> None:
        subprocess.run(["nsenter", "-m", "-t", str(self.holder.pid), "mount", "-o", "remount,size=64m", "none",
                        self.project.folder / "disk"], check=True)  # fmt: skip

    def end(self) -> None:
        self.holder.send_signal(signal.SIGKILL)
        self.holder.communicate()


@pytest.fixture
def disk(dstream, lacking: Callable[[str], NoReturn]) -> Iterator[Disk]:
    made = Disk(dstream, lacking)
    yield made
    made.end()


def source(folder: Path, count: int, width: int = 100) -> list[int]:
    with (folder / "in.jsonl").open("w") as file:
        file.writelines(f'{{"n":{number},"pad":"{"x" * width}"}}\n' for number in range(count))
    return list(range(count))


def whole_lines(content: bytes) -> list[int]:
    *lines, rest = content.split(b"\n")
    assert rest == b"", "no half line"
    return [json.loads(line)["n"] for line in lines]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".tmp")]


def test_a_full_output_directory(dstream, disk: Disk, tmp_path: Path) -> None:
    numbers = source(tmp_path, 5000)
    dstream.write(MANY.format(path="disk/out.jsonl", more=""))
    full = disk.run("run", "t", "--json")
    assert full.code == 75, full.err
    assert full.says("out.jsonl: No space left on device", "make room")
    acknowledged = full.document["acknowledged"]
    assert acknowledged < 5000
    there = whole_lines((disk.path / "out.jsonl").read_bytes()) if (disk.path / "out.jsonl").exists() else []
    assert there == numbers[: len(there)]
    assert len(there) >= acknowledged, "nothing is acknowledged that is not there"

    disk.make_room()
    again = disk.run("run", "t")
    assert again.code == 0, again.err
    assert whole_lines((disk.path / "out.jsonl").read_bytes()) == numbers[: len(there)] + numbers[acknowledged:]


def test_a_full_state_directory(dstream, disk: Disk, tmp_path: Path) -> None:
    """Data flows, but the position cannot be stored: the run fails, says so, and repeats; state.json stays whole."""
    numbers = source(tmp_path, 100)
    dstream.write(MANY.format(path="out.jsonl", more=""))
    first = disk.run("run", "t", "--state-dir", "disk/state")
    assert first.code == 0, first.err
    state = disk.path / "state" / "state" / "t" / "input" / "state.json"
    before = state.read_bytes()
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write('{"n":100}\n')
    disk.fill()
    full = disk.run("run", "t", "--state-dir", "disk/state", "--json")
    assert full.code in (1, 75), full.err
    assert full.says("No space left on device")
    assert state.read_bytes() == before
    assert leftovers(disk.path) == []

    disk.make_room()
    again = disk.run("run", "t", "--state-dir", "disk/state")
    assert again.code == 0, again.err
    arrived = whole_lines((tmp_path / "out.jsonl").read_bytes())
    assert arrived[:100] == numbers
    assert set(arrived[100:]) == {100}
    assert len(arrived) <= 102, "repeats of what was in flight only"
    assert json.loads(state.read_bytes())["partitions"] != json.loads(before)["partitions"]


def test_no_room_for_the_state_directory_at_all(dstream, disk: Disk, tmp_path: Path) -> None:
    numbers = source(tmp_path, 10)
    dstream.write(MANY.format(path="out.jsonl", more=""))
    disk.fill()
    full = disk.run("run", "t", "--state-dir", "disk/state")
    assert full.code in (1, 75), full.err
    assert full.says("No space left on device", "disk/")
    disk.make_room()
    again = disk.run("run", "t", "--state-dir", "disk/state")
    assert again.code == 0, again.err
    assert sorted(set(whole_lines((tmp_path / "out.jsonl").read_bytes()))) == numbers


def test_full_dead_letters(dstream, disk: Disk, tmp_path: Path) -> None:
    """Invariant 10: a line that can be neither delivered nor kept stops the run, and comes again."""
    wrong = [f'{{"n":{number},"other":"{"y" * 900}"}}' for number in range(200)]
    (tmp_path / "in.jsonl").write_text("".join(f"{line}\n" for line in wrong))
    text = MANY.format(path="out.csv", more='\n          columns = ["n"]')
    dstream.write(text.replace("      output {", "      output {\n        max_rejects = 1000"))
    full = disk.run("run", "t", "--state-dir", "disk/state", "--json")
    assert full.code in (1, 75), full.err
    assert full.says("dead letter", "No space left on device")
    letters = disk.path / "state" / "dead-letters" / "t" / "rejected.jsonl"
    kept = [json.loads(line) for line in letters.read_bytes().splitlines()]
    acknowledged = full.document["acknowledged"]
    assert acknowledged <= len(kept) < 200
    assert leftovers(disk.path) == []

    disk.make_room()
    again = disk.run("run", "t", "--state-dir", "disk/state")
    assert again.code == 0, again.err
    lines = [json.loads(line)["line"] for line in letters.read_bytes().splitlines()]
    found = {json.dumps(json.loads(line)["data"], separators=(",", ":")) for line in lines}
    assert found == set(wrong)


def test_a_limit_to_the_size_of_files(dstream, tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the output's file may not grow; the signal that comes with it kills nobody."""
    numbers = source(tmp_path, 3000)
    dstream.write(MANY.format(path="out.jsonl", more=""))
    limited = dstream("run", "t", "--json", preexec_fn=limit_files(100_000))
    assert limited.code == 1
    assert limited.says("out.jsonl: File too large")
    acknowledged = limited.document["acknowledged"]
    there = whole_lines((tmp_path / "out.jsonl").read_bytes())
    assert acknowledged <= len(there) < 3000
    assert dstream("run", "t").code == 0
    assert whole_lines((tmp_path / "out.jsonl").read_bytes()) == numbers[: len(there)] + numbers[acknowledged:]


def limit_files(size: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def test_a_log_on_a_full_disk(dstream, disk: Disk, tmp_path: Path) -> None:
    """stderr and stdout on a full disk: what cannot be told is not told, and the data still arrives."""
    numbers = source(tmp_path, 10)
    dstream.write(MANY.format(path="out.jsonl", more=""))
    disk.fill()
    with (disk.path / "ballast").open("ab") as nowhere:
        done = dstream("run", "t", stdout=nowhere, stderr=nowhere)
    assert done.code == 0
    assert whole_lines((tmp_path / "out.jsonl").read_bytes()) == numbers
