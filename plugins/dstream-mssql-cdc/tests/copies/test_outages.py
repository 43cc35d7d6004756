"""Copies while the database, or the session that holds their locks, is away for longer than a lease.

Nothing is lost, no position goes back, and once it is there again everything is read again soon: not table by table.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoint_history import CheckpointHistory
from replicas import Group, check_epochs, merged, overlap
from workload_model import Workload
from writing import differences, prepared

from dstream_sandbox.sqlserver.client import SqlServerSandbox

pytestmark = pytest.mark.long

TABLES = 30
LEASE = 5.0
LOCKS = 'lock_config = { type = "sqlserver", lease = "5s" }'
SOON = 20.0
"""Seconds until everything is read again: a retry's pause, the wait for a lease to run out, a load."""


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


class Outages:
    """Two copies on a database, and a writer between the outages."""

    def __init__(self, server: SqlServerSandbox, folder: Path, seed: int) -> None:
        self.server = server
        self.workload = Workload(random.Random(seed), TABLES)
        self.first_connection = prepared(server, self.workload)
        self.history = CheckpointHistory(server, "Shop")
        self.group = Group(self.history, TABLES)
        self.folder = folder
        self.took: list[float] = []

    def begin(self) -> None:
        for number in range(2):
            self.group.begin(self.folder / f"copy{number}", LOCKS, SOURCE=self.server.connection_string("Shop"))
        self.group.wait_for_even_shares()

    def write(self, transactions: int = 60) -> None:
        for _ in range(transactions):
            self.server.control.sql(self.workload.transaction(), "Shop")

    def delivered(self) -> None:
        begin = time.monotonic()
        self.group.until(
            lambda: not differences(self.workload, merged(self.group.replicas).tables), "it is as the source"
        )
        self.took.append(time.monotonic() - begin)

    def lock_sessions(self) -> list[int]:
        sessions = self.server.control.connections()["sessions"]
        return [session["spid"] for session in sessions if "leases" in session["application"]]

    def taken_anew(self, before: dict[str, tuple[str, int]]) -> int:
        now = self.history.holders()
        return sum(now[name][1] > epoch for name, (_, epoch) in before.items() if name in now)


def test_nothing_is_lost_while_the_database_or_the_session_of_the_locks_is_away(
    tmp_path: Path, server: SqlServerSandbox
) -> None:
    seed = random.randrange(1 << 32)
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    outages = Outages(server, tmp_path, seed)
    control, group, history = server.control, outages.group, outages.history
    with group:
        outages.begin()
        outages.delivered()

        before = history.holders()
        spids = outages.lock_sessions()
        assert len(spids) == 2
        outages.write(20)
        for spid in spids:
            control.kill(spid)
        outages.write()
        group.until(lambda: outages.taken_anew(before) == TABLES, "all locks are taken anew")
        outages.delivered()

        before = history.holders()
        outages.write(20)
        control.stop_listening()
        control.close_connections()
        outages.write()
        time.sleep(LEASE + 1)
        control.listen()
        outages.delivered()
        assert outages.taken_anew(before) == TABLES

        group.wait_for_even_shares()
        before = history.holders()
        outages.write(20)
        hung = control.hang(spid=outages.lock_sessions()[0])
        group.until(lambda: len(group.shares) == 1 and sum(group.shares) == TABLES, "the other one has everything")
        outages.write()
        outages.delivered()
        control.release(hung)
        group.wait_for_even_shares()
        outages.write()
        outages.delivered()
        group.stop()
    outages.first_connection.close()
    whole = merged(group.replicas)
    assert differences(outages.workload, whole.tables) == []
    whole.check_ids()
    check_epochs(group.replicas)
    history.check()
    sys.stdout.write(
        f"{len(whole.lines)} lines, {overlap(group.replicas)} repeated under a newer lease; "
        f"delivered after {', '.join(f'{each:.1f}' for each in outages.took)} s\n"
    )
    assert max(outages.took) < SOON
