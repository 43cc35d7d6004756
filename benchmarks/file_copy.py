"""A file of 500-byte lines copied into another, with checkpoints, against the same copy by Benthos."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from measure import BUILD, HERE, MissingPartError, Row, median, native, program, project, run_core

CONFIGURATION = """
task "copy" {{
  input {{
    provider = "file"
    config {{
      path = "{source}"
    }}
  }}
  output {{
    provider = "file"
    config {{
      path = "{target}"
    }}
  }}
}}
"""

PEER_CONFIGURATION = """
input:
  file:
    paths: ["{source}"]
    scanner: {{ lines: {{}} }}
output:
  file:
    path: "{target}"
    codec: lines
http: {{ enabled: false }}
logger: {{ level: ERROR }}
"""


def benthos() -> Path:
    """Builds the peer unless that is done; needs Go."""
    target, source = BUILD / "benthos", HERE / "peers" / "benthos"
    if not target.exists():
        BUILD.mkdir(exist_ok=True)
        subprocess.run([program("go"), "build", "-o", str(target), "."], cwd=source, check=True)
    return target


def _source(folder: Path, lines: int) -> Path:
    path = folder / "source.jsonl"
    with path.open("wb") as file:
        subprocess.run([str(native("gen")), "--plain", str(lines), "500"], stdout=file, check=True)
    return path


def _by_dstream(source: Path, target: Path) -> float:
    with project(CONFIGURATION.format(source=source, target=target)) as folder:
        return run_core(["run", "copy"], folder).seconds


def _by_benthos(source: Path, target: Path) -> float:
    with project("") as folder:
        (folder / "peer.yaml").write_text(PEER_CONFIGURATION.format(source=source, target=target))
        started = time.perf_counter()
        subprocess.run([str(benthos()), "-c", "peer.yaml"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
        return time.perf_counter() - started


def file_copy(quick: bool) -> list[Row]:
    """Whole commands, start to exit, each reading and writing the same bytes."""
    lines, rounds = (100_000, 1) if quick else (1_000_000, 3)
    name, target_text = "file -> file: speed / Benthos'", ">= 2"
    try:
        benthos()
    except (MissingPartError, subprocess.CalledProcessError) as error:
        return [Row(name, "-", target_text, None, f"not measured: {error}")]
    ours: list[float] = []
    theirs: list[float] = []
    with project("") as folder:
        source = _source(folder, lines)
        for _ in range(rounds):
            for run, times in ((_by_benthos, theirs), (_by_dstream, ours)):
                target = folder / "target.jsonl"
                times.append(run(source, target))
                copied = target.read_bytes().count(b"\n")
                assert copied == lines, (run.__name__, copied)
                target.unlink()
    share = median([peer / own for peer, own in zip(theirs, ours, strict=True)])
    note = f"{lines / median(ours):,.0f} against {lines / median(theirs):,.0f} lines a second"
    return [Row(name, f"{share:.2f}", target_text, share >= 2, note)]
