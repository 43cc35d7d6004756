"""Memory of the provider's process while millions of rows pass."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from measure import Row

from mssql.provider import running
from mssql.speed import canned_server, lines_of

MEGABYTE = 1e6
SAMPLE_SECONDS = 0.05
FLAT = 5.0
"""Megabytes by which the highest point of the last fifth may exceed that of the second; the first fills queues."""


def resident_bytes(pid: int) -> int:
    """Resident memory of a process now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has gone")


def sampled(rows: int) -> list[tuple[int, int]]:
    """Lines and resident bytes, again and again until all changes were delivered."""
    last = lines_of("mixed", rows)
    samples, seen = [], 0.0
    with (
        canned_server("mixed", rows) as server,
        tempfile.TemporaryDirectory() as state,
        running(server, Path(state), snapshot="never") as provider,
    ):
        for _ in provider.chunks(patience=600.0):
            if time.monotonic() - seen >= SAMPLE_SECONDS:
                seen = time.monotonic()
                samples.append((provider.lines, resident_bytes(provider.process.pid)))
            if provider.lines >= last:
                return samples
    raise RuntimeError(f"the provider ended after {provider.lines} lines of {last}")


def steady_memory(quick: bool) -> list[Row]:
    """The highest points of five equal stretches."""
    rows = 1_000_000 if quick else 5_000_000
    samples = sampled(rows)
    share = lines_of("mixed", rows) / 5
    peaks = [
        max((size for lines, size in samples if part * share <= lines < (part + 1) * share), default=0) / MEGABYTE
        for part in range(5)
    ]
    growth = peaks[4] - peaks[1]
    note = f"highest of each fifth of {rows:,} rows: {', '.join(f'{peak:.1f}' for peak in peaks)} MB"
    return [Row("mssql: memory, growth over its rows", f"{growth:+.1f} MB", f"< {FLAT:.0f} MB", growth < FLAT, note)]
