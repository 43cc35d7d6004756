"""Python at both ends: counter -> null output through two shims, against the barest loop that does the same work."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from measure import BUILD, HERE, MissingPartError, Row, median, project, read_report, run_core, shell_pipeline

CONFIGURATION = """
task "bench" {{
  input {{
    provider = "counter"
    config {{
      interval  = 0
      max_count = {lines}
    }}
  }}
  output {{
    provider = "null"
    config {{
      report = "{report}"
    }}
  }}
}}
"""


def null_plugin() -> Path:
    """A folder for PYTHONPATH in which the null output counts as installed."""
    folder = BUILD / "null"
    information = folder / "dstream_null-0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: dstream-null\nVersion: 0\n")
    (information / "entry_points.txt").write_text("[dstream.providers]\nnull = dstream_null.plugin\n")
    package = folder / "dstream_null"
    package.mkdir(exist_ok=True)
    for source in (HERE / "null").glob("*.py"):
        (package / source.name).write_text(source.read_text())
    return folder


def _through_dstream(lines: int) -> float:
    with project("") as folder:
        report = folder / "null.json"
        (folder / "dstream.hcl").write_text(CONFIGURATION.format(lines=lines, report=report))
        run_core(["run", "bench"], folder, PYTHONPATH=str(null_plugin()))
        result = read_report(report)
    assert result["lines"] == lines, result
    return float(lines / result["seconds"])


def _bare(lines: int) -> float:
    with project("") as folder:
        report, loop = folder / "bare.json", str(HERE / "bare_loop.py")
        shell_pipeline([[sys.executable, loop, "produce", str(lines)], [sys.executable, loop, "consume", str(report)]])
        result = read_report(report)
    assert result["lines"] == lines, result
    return float(lines / result["seconds"])


def shims(quick: bool) -> list[Row]:
    """Records a second, each side building or parsing every envelope."""
    if importlib.util.find_spec("orjson") is None:
        raise MissingPartError("no orjson in this environment; use `uv run --group dev`")
    lines, rounds = (200_000, 3) if quick else (1_000_000, 5)
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(_bare(lines))
        ours.append(_through_dstream(lines))
    share = median([through / barely for through, barely in zip(ours, bare, strict=True)])
    note = f"{median(ours):,.0f} against {median(bare):,.0f} records a second"
    return [Row("shims: counter -> null / bare loop", f"{share:.2f}", ">= 0.5", share >= 0.5, note)]
