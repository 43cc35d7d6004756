"""How quick it is to start and how quiet when nothing happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from measure import Row, median, precise_cpu_seconds, program, project, tree

STREAM = """
task "demo" {{
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

LOADED = """
import sys
sys.argv = ["dstream", "providers", "list"]
from dstream_core.cli.app import main
try:
    main()
except SystemExit:
    pass
finally:
    sys.stderr.write(" ".join(sorted(sys.modules)))
"""

HEAVY = ("asyncio", "azure", "http", "pulumi", "pydantic", "pymssql", "rich", "socket", "ssl", "urllib.request")
"""Nothing of these is loaded by `providers list`: no SDK, no options' model, no network, no terminal library."""


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def providers_list(quick: bool) -> list[Row]:
    """`dstream providers list`, not on a terminal, against `python -c pass`; and what it imports."""
    ours, bare = [], []
    with project(STREAM.format(interval=0, count=1)) as folder:
        for _ in range(5 if quick else 25):
            bare.append(_seconds([sys.executable, "-c", "pass"], folder))
            ours.append(_seconds([program("dstream"), "providers", "list"], folder))
        command = [sys.executable, "-c", LOADED]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    loaded = [name for name in done.stderr.split() if any(name == top or name.startswith(top + ".") for top in HEAVY)]
    ratio = median([own / least for own, least in zip(ours, bare, strict=True)])
    note = f"{median(ours) * 1000:.0f} ms against {median(bare) * 1000:.0f} ms"
    return [
        Row("providers list / python -c pass", f"{ratio:.1f}", "<= 20", ratio <= 20, note),
        Row("providers list: heavy imports", str(len(loaded)), "0", not loaded, " ".join(loaded[:5])),
    ]


def first_record(quick: bool) -> list[Row]:
    """From the start of `dstream run` (counter -> console) to the first record on its stdout."""
    times = []
    for _ in range(3 if quick else 9):
        with project(STREAM.format(interval=0, count=1)) as folder:
            started = time.perf_counter()
            with subprocess.Popen(
                [program("dstream"), "run", "demo"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                assert process.stdout
                if not process.stdout.readline():
                    raise RuntimeError("the run printed no record")
                times.append(time.perf_counter() - started)
    seconds = median(times)
    return [Row("start to first record", f"{seconds:.2f} s", "<= 0.8 s", seconds <= 0.8, f"slowest {max(times):.2f} s")]


def idle(quick: bool) -> list[Row]:
    """CPU time of a pipeline that waits, all its processes together, as a share of one core."""
    window = 5 if quick else 20
    with (
        project(STREAM.format(interval=3_600_000, count=0)) as folder,
        subprocess.Popen(
            [program("dstream"), "run", "demo"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdout
        process.stdout.readline()  # the first record is through: from here on nothing happens
        time.sleep(1)
        pids = tree(process.pid)
        before = {pid: precise_cpu_seconds(pid) or 0.0 for pid in pids}
        time.sleep(window)
        used = {pid: (precise_cpu_seconds(pid) or 0.0) - before[pid] for pid in pids}
        os.kill(process.pid, signal.SIGTERM)
    share = sum(used.values()) / window
    note = f"{len(pids)} processes over {window} s; orchestrator alone {used[process.pid] / window:.3%}"
    return [Row("idle pipeline, share of a core", f"{share:.3%}", "< 0.5 %", share < 0.005, note)]
