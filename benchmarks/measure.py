"""Running commands and seeing what they cost: wall time, CPU time and memory of the core's own processes."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / ".build"
TICK = os.sysconf("SC_CLK_TCK")
POLL = 0.02
"""Seconds between two looks at the memory of the core; the figure it reads is the kernel's high-water mark."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        figure: the measured value with its unit.
        target: the bound as text.
        met: whether it is met; None where the row only informs.
        note: how the figure came about.
    """

    name: str
    figure: str
    target: str
    met: bool | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED` or nothing."""
        return {True: "ok", False: "MISSED", None: ""}[self.met]


class MissingPartError(Exception):
    """The machine lacks a program that the row needs; the message names it."""


@dataclass
class CoreCost:
    """What the core's processes (the orchestrator and its guardian, no provider) cost.

    Attributes:
        cpu: seconds of user and system time.
        peak: high-water mark of resident memory in bytes, by process.
        exit_code: of the orchestrator.
        seconds: wall time.
        error: what it wrote to stderr.
    """

    cpu: float = 0.0
    peak: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0
    seconds: float = 0.0
    error: str = ""


def program(name: str) -> str:
    """The path of a program beside this Python, or on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise MissingPartError(f"no {name} on this machine")
    return found


def native(name: str) -> Path:
    """Compiles `native/NAME.c` unless that is done."""
    target, source = BUILD / name, HERE / "native" / f"{name}.c"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        subprocess.run([program("cc"), "-O3", "-o", str(target), str(source)], check=True)
        manifest = {"name": name, "version": "1", "protocol": 1, "capabilities": ["ack"], "commands": ["run"]}
        role = {"gen": "input", "sink": "output"}[name]
        Path(f"{target}.provider.json").write_text(json.dumps(manifest | {"roles": [role]}))
    return target


@contextmanager
def project(configuration: str) -> Iterator[Path]:
    """A folder with this `dstream.hcl`, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dstream-bench-") as folder:
        path = Path(folder)
        (path / "dstream.hcl").write_text(configuration)
        yield path


def cpu_seconds(pid: int) -> float | None:
    """User and system time of one process so far, its children left out; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICK


def precise_cpu_seconds(pid: int) -> float | None:
    """The same from the scheduler's own count, in nanoseconds, over all its threads."""
    total = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    except (OSError, IndexError):
        return cpu_seconds(pid)
    return total / 1e9


def peak_memory(pid: int) -> int | None:
    """High-water mark of resident memory in bytes; None if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return found


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def run_core(arguments: Sequence[str], folder: Path, **environment: str) -> CoreCost:
    """Runs `dstream ARGUMENTS` in a folder to its end and says what its own processes cost.

    CPU time of the orchestrator is read when it has ended and before it is reaped, so none is missed; the guardian's when
    it was last seen.
    """
    cost = CoreCost()
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [program("dstream"), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ | environment,
        )
        guardian_cpu: dict[int, float] = {}
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, cost.peak, guardian_cpu))
        watcher.start()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        cost.seconds = time.perf_counter() - started
        cost.cpu = (cpu_seconds(process.pid) or 0.0) + sum(guardian_cpu.values())
        ended.set()
        watcher.join()
        cost.exit_code = process.wait()
        errors.seek(0)
        cost.error = errors.read().decode(errors="replace")
    if cost.exit_code:
        raise RuntimeError(f"dstream {' '.join(arguments)} ended with {cost.exit_code}:\n{cost.error[-2000:]}")
    return cost


def _watch(pid: int, ended: threading.Event, peak: dict[str, int], guardian_cpu: dict[int, float]) -> None:
    while not ended.wait(POLL):
        memory = peak_memory(pid)
        if memory:
            peak["orchestrator"] = max(peak.get("orchestrator", 0), memory)
        for child in children(pid):  # the guardian; providers are its children
            guardian_cpu[child] = cpu_seconds(child) or guardian_cpu.get(child, 0.0)
            peak["guardian"] = max(peak.get("guardian", 0), peak_memory(child) or 0)


def shell_pipeline(commands: Sequence[Sequence[str]]) -> list[float]:
    """Runs programs as a pipeline of plain pipes; the CPU seconds of each."""
    processes: list[subprocess.Popen[bytes]] = []
    for index, command in enumerate(commands):
        stdin = processes[-1].stdout if processes else subprocess.DEVNULL
        stdout = subprocess.PIPE if index < len(commands) - 1 else subprocess.DEVNULL
        process = subprocess.Popen(list(command), stdin=stdin, stdout=stdout)
        if processes and processes[-1].stdout:
            processes[-1].stdout.close()
        processes.append(process)
    costs = []
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        costs.append(usage.ru_utime + usage.ru_stime)
    return costs


def read_report(path: Path) -> dict[str, Any]:
    """What a sink wrote: lines, bytes, seconds."""
    report: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    return report


def median(values: Sequence[float]) -> float:
    """The middle one: one disturbed run does not move it."""
    return statistics.median(values)
