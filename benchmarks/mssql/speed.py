"""Rows a second from the server to stdout, against the barest loop over the same statements."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import HERE, Row, cpu_seconds, median

from dstream_sandbox.sqlserver.client import SqlServerSandbox
from mssql.canned_engine import SETTINGS
from mssql.canned_rows import MIXED
from mssql.provider import running

PAGE = 10_000
"""Rows of a page: the default of `batch_size`, and given to snapshots too."""
TARGET = 0.6
WARM_UP = 3 * PAGE
"""Rows before the clock starts, on both sides."""


@dataclass(frozen=True)
class Rate:
    """What a side reached.

    Attributes:
        rows: a second.
        cpu: microseconds of processor time a row, in the process that reads.
    """

    rows: float
    cpu: float


@contextmanager
def canned_server(kind: str, rows: int) -> Iterator[SqlServerSandbox]:
    """The sandbox's wire before a table that is replayed."""
    environment = {"PYTHONPATH": str(HERE), SETTINGS: json.dumps({"kind": kind, "rows": rows})}
    with SqlServerSandbox(engine="mssql.canned_engine:CannedServer", environment=environment) as server:
        yield server


def lines_of(kind: str, rows: int) -> int:
    """How many lines rows of a change table make: the row before an update has none of its own."""
    return rows - rows // len(MIXED) * MIXED.count(3) if kind == "mixed" else rows


def through_provider(server: SqlServerSandbox, kind: str, rows: int) -> Rate:
    """Rows from the server to the end of the provider's stdout."""
    first, last = lines_of(kind, WARM_UP), lines_of(kind, rows)
    options: dict[str, Any] = {"snapshot": "only", "snapshot_chunk_rows": PAGE} if kind == "rows" else {}
    started: tuple[float, float, int] | None = None
    with tempfile.TemporaryDirectory() as state, running(server, Path(state), **{"snapshot": "never"} | options) as it:
        for _ in it.chunks():
            if started is None and it.lines >= first:
                started = time.perf_counter(), it.cpu(), it.lines
            if it.lines >= last:
                break
        if started is None:
            raise RuntimeError(f"the provider ended after {it.lines} lines: {it.complaint()}")
        seconds, cpu, lines = time.perf_counter() - started[0], it.cpu() - started[1], it.lines - started[2]
    assert it.lines == last, f"{it.lines} lines instead of {last}"
    measured = lines * rows / last
    return Rate(measured / seconds, cpu / measured * 1e6)


def statements_of(server: SqlServerSandbox) -> list[str]:
    """The statements that read rows, as the provider sent them."""
    return [seen["text"] for seen in server.control.statements() if "SELECT TOP (1" in seen["text"]]


def bare(server: SqlServerSandbox, statements: list[str]) -> Rate:
    """The same statements in a process that takes the rows and forgets them."""
    given = {"connection": server.pymssql("bench"), "statements": statements, "warm_up": WARM_UP}
    answer = subprocess.run(
        [sys.executable, str(HERE / "mssql" / "bare_loop.py")],
        input=json.dumps(given).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    result = json.loads(answer.stdout)
    return Rate(result["rows"] / result["seconds"], result["cpu"] / result["rows"] * 1e6)


NAMES = {
    "mixed": "mssql: changes to stdout / bare loop",
    "inserts": "mssql: inserts alone / bare loop",
    "rows": "mssql: snapshot to stdout / bare loop",
}


def speed(kind: str, quick: bool) -> list[Row]:
    """One kind of rows, both sides in turns."""
    rows, rounds = (200_000, 3) if quick else (600_000, 5)
    ours, bares = [], []
    with canned_server(kind, rows) as server:
        for _ in range(rounds):
            server.control.clear_statements()
            ours.append(through_provider(server, kind, rows))
            statements = statements_of(server)
            before = cpu_seconds(server.pid) or 0.0
            bares.append(bare(server, statements))
        served = ((cpu_seconds(server.pid) or 0.0) - before) / rows * 1e6
    share = _of(ours, bares, lambda rate: rate.rows)
    cost = _of(bares, ours, lambda rate: rate.cpu)
    note = (
        f"{_middle(ours, lambda rate: rate.rows):,.0f} against {_middle(bares, lambda rate: rate.rows):,.0f} rows a second; "
        f"CPU a row {_middle(ours, lambda rate: rate.cpu):.1f} against {_middle(bares, lambda rate: rate.cpu):.1f} us "
        f"({cost:.2f}), the server's {served:.1f} us"
    )
    return [Row(NAMES[kind], f"{share:.2f}", f">= {TARGET}", share >= TARGET, note)]


def _of(some: list[Rate], others: list[Rate], value: Callable[[Rate], float]) -> float:
    return median([value(one) / value(other) for one, other in zip(some, others, strict=True)])


def _middle(rates: list[Rate], value: Callable[[Rate], float]) -> float:
    return median([value(rate) for rate in rates])
