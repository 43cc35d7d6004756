"""The relay against `cat` in its place, and its memory with huge lines; C programs at both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from measure import CoreCost, Row, median, native, program, project, read_report, run_core, shell_pipeline

CONFIGURATION = """
task "bench" {{
  input {{
    provider = "{gen}"
    config {{
      lines = {lines}
      size  = {size}
    }}
  }}
  output {{
    provider = "{sink}"
    config {{
      report = "{report}"
    }}
  }}
}}
"""


@dataclass
class _Series:
    speed: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def _through_cat(lines: int, size: int, folder: Path) -> tuple[float, float]:
    report = folder / "cat.json"
    gen, sink = native("gen"), native("sink")
    costs = shell_pipeline(
        [[str(gen), "--plain", str(lines), str(size)], [program("cat")], [str(sink), "--plain", str(report)]]
    )
    result = read_report(report)
    assert result["lines"] == lines, result
    return result["bytes"] / result["seconds"], costs[1]


def _through_dstream(lines: int, size: int) -> tuple[float, CoreCost]:
    with project("") as folder:
        report = folder / "sink.json"
        text = CONFIGURATION.format(gen=native("gen"), sink=native("sink"), lines=lines, size=size, report=report)
        (folder / "dstream.hcl").write_text(text)
        cost = run_core(["run", "bench"], folder)
        result = read_report(report)
    assert result["lines"] == lines, result
    return result["bytes"] / max(result["seconds"], 1e-9), cost


def relay(quick: bool) -> list[Row]:
    """Throughput and CPU time of the core, 500-byte lines, against the same programs with `cat` between them."""
    lines, rounds = (200_000, 3) if quick else (2_000_000, 7)
    cat, core, start = _Series(), _Series(), _Series()
    with project("") as folder:
        for _ in range(rounds):
            speed, cpu = _through_cat(lines, 500, folder)
            cat.speed.append(speed)
            cat.cpu.append(cpu)
            speed, cost = _through_dstream(lines, 500)
            core.speed.append(speed)
            core.cpu.append(cost.cpu)
            start.cpu.append(_through_dstream(1, 500)[1].cpu)
    # Round by round: what else the machine does changes more slowly than the two take turns.
    throughput = median([ours / theirs for ours, theirs in zip(core.speed, cat.speed, strict=True)])
    own = median(core.cpu) - median(start.cpu)
    share = own / median(cat.cpu)
    speeds = f"{median(core.speed) / 1e9:.2f} against {median(cat.speed) / 1e9:.2f} GB/s"
    times = f"{own:.2f} s (and {median(start.cpu):.2f} s start-up) against {median(cat.cpu):.2f} s"
    return [
        Row("relay: throughput / cat's", f"{throughput:.2f}", ">= 0.9", throughput >= 0.9, speeds),
        Row("relay: CPU time / cat's", f"{share:.2f}", "<= 2", share <= 2, times),
    ]


def memory(quick: bool) -> list[Row]:
    """Peak memory of the core while lines of 16 MiB pass, and how much of it grew with their number."""
    few = _through_dstream(2, 16 << 20)[1]
    many = _through_dstream(8 if quick else 64, 16 << 20)[1]
    peak, before = many.peak.get("orchestrator", 0), few.peak.get("orchestrator", 0)
    guardian = many.peak.get("guardian", 0) / 1e6
    note = f"guardian {guardian:.1f} MB; with 2 such lines {before / 1e6:.1f} MB"
    flat = abs(peak - before) < 5_000_000
    return [
        Row("memory: 16 MiB lines, core's peak", f"{peak / 1e6:.1f} MB", "< 60 MB", 0 < peak < 60_000_000, note),
        Row("memory: growth with their number", f"{(peak - before) / 1e6:+.1f} MB", "< 5 MB", flat),
    ]
