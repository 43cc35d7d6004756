"""Copies of one task: who is killed or stands still is followed, nothing is lost, and what comes twice can be told.

A seeded writer changes tables while holders are killed (SIGKILL) and stopped for longer than their lease (SIGSTOP,
then SIGCONT), always at a moment when lines of theirs are between input and output. What all copies delivered, in the
order of `LeaseEpoch` and then of position, must be what the writer left.

`--kills N` says how many rounds: a tenth of it with three copies, of which one is killed while another is stopped; a
fifteenth with two, of which one is killed or stopped. The default moves more than 200 tables.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoint_history import CheckpointHistory
from replicas import check_epochs, merged, overlap
from takeovers import Takeovers
from workload_model import Workload
from writing import Writer, differences, prepared

from dstream_sandbox.sqlserver.client import SqlServerSandbox

TABLES = 75
LEASE = 5.0
LOCKS = 'lock_config = { type = "sqlserver", lease = "5s" }'


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


@pytest.mark.kills
@pytest.mark.needs("linux")
@pytest.mark.timeout(0)  # bounded by the number of rounds
@pytest.mark.parametrize("copies", [2, 3])
def test_others_follow_a_copy_that_is_killed_or_stands_still(
    copies: int, tmp_path: Path, server: SqlServerSandbox, request: pytest.FixtureRequest
) -> None:
    rounds = max(request.config.getoption("--kills") // (15 if copies == 2 else 10), 1)
    seed = int(os.environ.get("DSTREAM_TEST_SEED") or random.randrange(1 << 32))
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    workload = Workload(random.Random(seed), TABLES)
    connection = prepared(server, workload)
    history = CheckpointHistory(server, "Shop")
    takeovers = Takeovers(history, TABLES, chance=random.Random(seed))
    writer = Writer(connection, workload, pause=0.01)
    try:
        with takeovers:
            for number in range(copies):
                takeovers.begin(tmp_path / f"copy{number}", LOCKS, SOURCE=server.connection_string("Shop"))
            takeovers.wait_for_even_shares()
            for number in range(rounds):
                takeovers.round(kills=copies > 2 or number % 2 == 0, stops=copies > 2 or number % 2 == 1)
            writer.end()
            takeovers.until(lambda: not differences(workload, merged(takeovers.replicas).tables), "it is as the source")
            takeovers.stop()
    finally:
        writer.stop()
        connection.close()
    whole = merged(takeovers.replicas)
    assert differences(workload, whole.tables) == []
    whole.check_ids()
    check_epochs(takeovers.replicas)
    history.check()
    sys.stdout.write(
        f"{copies} copies, {takeovers.taken} tables taken over within {max(takeovers.took):.1f} s, {len(whole.lines)} lines, {overlap(takeovers.replicas)} "
        f"repeated under a newer lease, late {takeovers.late}, {history.writes} writes of positions\n"
    )
    assert max(takeovers.took) < 2 * LEASE
    assert takeovers.taken >= rounds * (TABLES // copies)
