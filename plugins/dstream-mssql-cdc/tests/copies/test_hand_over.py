"""Copies that come and go: tables are shared evenly within the time of a lease, nothing is repeated, nothing moves twice.

The writer goes on all the time.
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
from replicas import Group, check_epochs, merged, overlap
from workload_model import Workload
from writing import Writer, differences, prepared

from dstream_sandbox.sqlserver.client import SqlServerSandbox

TABLES = 40
LEASE = 10.0
LOCKS = 'lock_config = { type = "sqlserver", lease = "10s" }'
COPIES = "SELECT COUNT(*) FROM dbo.dstream_copies"
QUIET = 2.0
"""Seconds in which nothing moves."""


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
    source = {"SOURCE": server.connection_string("Shop")}
    took = []

    def settle() -> None:
        begin = time.monotonic()
        group.wait_for_even_shares()
        took.append(time.monotonic() - begin)

    with Group(history, TABLES) as group:
        first = group.begin(tmp_path / "copy0", LOCKS, **source)
        group.until(lambda: not differences(workload, merged(group.replicas).tables), "the rows that were there")
        writer = Writer(connection, workload, pause=0.01)
        try:
            for number in (1, 2):
                group.begin(tmp_path / f"copy{number}", LOCKS, **source)
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
    sys.stdout.write(f"{len(whole.lines)} lines; even shares after {', '.join(f'{each:.1f}' for each in took)} s\n")
