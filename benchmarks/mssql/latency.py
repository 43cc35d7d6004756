"""From a commit to the line on stdout, while little happens."""

from __future__ import annotations

import json
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Row, median

from dstream_sandbox.sqlserver.client import SqlServerSandbox
from mssql.provider import Provider, reading, running
from mssql.sessions import Session, session

POLL_SECONDS = 0.2
ALLOWANCE = 0.05
CAPTURE_SECONDS = 0.005
"""Between two looks of the capture job at the log; SQL Server's own default is 5 s, which no reader can shorten."""
MAXIMUM = "SELECT sys.fn_cdc_get_max_lsn()"


@dataclass(frozen=True)
class Change:
    """When things happened to one row.

    Attributes:
        committed: just before the statement that wrote it was sent.
        visible: the last look at which the capture job had not come to it.
    """

    committed: float
    visible: float


def _written(run: Session, number: int) -> Change:
    """Writes a row, and waits until its change can be read."""
    before = run(MAXIMUM)
    committed = visible = time.monotonic()
    run(f"INSERT INTO dbo.T (Id) VALUES ({number})")
    while True:
        looked = time.monotonic()
        if run(MAXIMUM) != before:
            return Change(committed, visible)
        visible = looked
        time.sleep(0.001)


def _arrivals(provider: Provider, arrived: dict[int, float]) -> None:
    """Notes when each row came; runs in a thread until the provider ends."""
    rest = b""
    for piece in provider.chunks(600.0):
        now = time.monotonic()
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            arrived.setdefault(json.loads(line)["data"]["Id"], now)


def measured(changes: int, seed: int) -> list[tuple[float, float]]:
    """Seconds from the commit, and from when it could be read, for each of so many changes at random moments."""
    chance = random.Random(seed)
    arrived: dict[int, float] = {}
    with SqlServerSandbox(databases=["bench"], capture_interval=CAPTURE_SECONDS) as server, session(server) as run:
        run("EXEC sys.sp_cdc_enable_db")
        run("CREATE TABLE dbo.T (Id int NOT NULL PRIMARY KEY)")
        run("EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'T', @role_name = NULL")
        with (
            tempfile.TemporaryDirectory() as state,
            running(server, Path(state), snapshot="never", poll_interval=POLL_SECONDS) as provider,
            reading(provider, lambda: _arrivals(provider, arrived)),
        ):
            written = {}
            for number in range(changes):
                time.sleep(chance.uniform(0.5, 3.5) * POLL_SECONDS)
                written[number] = _written(run, number)
            _await(arrived, changes)
    return [(arrived[number] - at.committed, arrived[number] - at.visible) for number, at in written.items()]


def _await(arrived: dict[int, float], changes: int) -> None:
    deadline = time.monotonic() + 30
    while len(arrived) < changes:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(arrived)} changes of {changes} arrived")
        time.sleep(0.01)


def latency(quick: bool) -> list[Row]:
    """The median against half a poll interval, and what comes on top of it."""
    found = measured(30 if quick else 150, seed=4)
    committed, visible = (sorted(values) for values in zip(*found, strict=True))
    bound = POLL_SECONDS / 2 + ALLOWANCE
    middle = median(committed)
    note = (
        f"99 of 100 in {_percentile(committed):.0f} ms; from when the change row could be read: median "
        f"{median(visible) * 1000:.0f}, 99 of 100 in {_percentile(visible):.0f} ms; poll_interval {POLL_SECONDS * 1000:.0f} ms"
    )
    return [
        Row(
            "mssql: commit to stdout, median",
            f"{middle * 1000:.0f} ms",
            f"< {bound * 1000:.0f} ms",
            middle < bound,
            note,
        )
    ]


def _percentile(values: list[float]) -> float:
    return values[min(int(len(values) * 0.99), len(values) - 1)] * 1000
