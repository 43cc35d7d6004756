"""What it costs to read a small file: `dstream` starts often, and most of its verbs read one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SMALL = """\
task "demo" {
  input {
    provider = "counter"
    config {
      interval  = {{ env "INTERVAL" | default "500" }}
      max_count = 3
    }
  }
  output {
    provider = "console"
  }
}
"""

PROGRAM = """
import sys, time
before = set(sys.modules)
start = time.perf_counter()
from dstream_core.config import evaluate_task, load_project
evaluate_task(load_project(sys.argv[1], environment={}), "demo")
print(time.perf_counter() - start)
print(*(set(sys.modules) - before))
"""


def run(path: Path) -> tuple[float, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, modules = done.stdout.strip().split("\n")
    return float(seconds), set(modules.split())


def test_no_heavy_module_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "dstream.hcl"
    path.write_text(SMALL)
    _, modules = run(path)
    heavy = {
        "pydantic",
        "msgspec",
        "rich",
        "typer",
        "hcl2",
        "lark",
        "pluggy",
        "difflib",
        "hashlib",
        "subprocess",
        "asyncio",
    }
    assert not {module.split(".")[0] for module in modules} & heavy
    assert "dstream_core.config.functions" not in modules
    assert "dstream_core.config.format" not in modules


def test_a_small_file_is_read_in_an_instant(tmp_path: Path) -> None:
    """About 35 ms where the bytecode is cached; the bound leaves room for a busy machine and a first run without."""
    path = tmp_path / "dstream.hcl"
    path.write_text(SMALL)
    assert min(run(path)[0] for _ in range(5)) < 0.25
