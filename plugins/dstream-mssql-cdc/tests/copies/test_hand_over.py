"""Copies that come and go: tables are shared evenly within the time of a lease, nothing is repeated, nothing moves twice.

The writer goes on all the time. The clocks of the copies are a day apart: nobody compares times of different machines.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoint_history import CheckpointHistory
from replicas import Group, check_epochs, merged, overlap, where
from workload_model import Workload
from writing import Writer, differences, prepared

from dstream_sandbox.sqlserver.client import SqlServerSandbox

pytestmark = pytest.mark.long

TABLES = 40
LEASE = 10.0
LOCKS = 'lock_config = { type = "sqlserver", lease = "10s" }'
COPIES = "SELECT COUNT(*) FROM dbo.dstream_copies"
QUIET = 2.0
"""Seconds in which nothing moves."""


OTHER_CLOCK = """import os, time
_now, _now_ns, _ahead = time.time, time.time_ns, int(os.environ["CLOCK_AHEAD"])
time.time = lambda: _now() + _ahead
time.time_ns = lambda: _now_ns() + _ahead * 10**9
"""
DAY = 86_400


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


def test_copies_that_come_and_go_hand_over_without_a_repetition(tmp_path: Path, server: SqlServerSandbox) -> None:
    seed = int(os.environ.get("DSTREAM_TEST_SEED") or random.randrange(1 << 32))
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    workload = Workload(random.Random(seed), TABLES)
    connection = prepared(server, workload)
    history = CheckpointHistory(server, "Shop")
    (tmp_path / "sitecustomize.py").write_text(OTHER_CLOCK)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    source = {"SOURCE": server.connection_string("Shop"), "PYTHONPATH": path}
    took: list[float] = []

    def settle() -> None:
        begin = time.monotonic()
        group.wait_for_even_shares()
        took.append(time.monotonic() - begin)

    with Group(history, TABLES) as group:
        first = group.begin(tmp_path / "copy0", LOCKS, CLOCK_AHEAD="0", **source)
        group.until(lambda: not differences(workload, merged(group.replicas).tables), "the rows that were there")
        writer = Writer(connection, workload, pause=0.01)
        try:
            for number, ahead in ((1, DAY), (2, -DAY)):
                group.begin(tmp_path / f"copy{number}", LOCKS, CLOCK_AHEAD=str(ahead), **source)
                group.until(lambda: server.control.sql(COPIES, "Shop")[0][0] == len(group.replicas), "it takes part")
                settle()
            before = history.holders()
            time.sleep(QUIET)
            assert history.holders() == before, "tables move though nothing happens"
            first.stop()
            settle()
            group.replicas[1].stop()
            settle()
        finally:
            writer.end()
        group.until(lambda: not differences(workload, merged(group.replicas).tables), "it is as the source")
        group.stop()
    whole = merged(group.replicas)
    assert differences(workload, whole.tables) == []
    check_epochs(group.replicas)
    history.check()
    assert (whole.repeats(), overlap(group.replicas)) == (0, 0)
    assert max(took) <= LEASE, took
    assert max(where(line)[0] for line in group.replicas[1].destination.lines) > time.time() + DAY / 2
    sys.stdout.write(f"{len(whole.lines)} lines; even shares after {', '.join(f'{each:.1f}' for each in took)} s\n")
