"""Copies whose leases and positions are blobs: killed, stopped, without their storage, with a lease broken by hand.

Azure keeps a lease for 15 seconds at least, so this takes its time.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobLeaseClient
from blob_watch import BlobWatch
from replicas import check_epochs, merged, overlap
from takeovers import Takeovers
from workload_model import Workload
from writing import Writer, differences, prepared

from dstream_core.runtime.posix_parts import descendants
from dstream_mssql_cdc.blobs import BlobContainer
from dstream_mssql_cdc.leases.names import lock_blob
from dstream_mssql_cdc.nested_options import LockOptions
from dstream_sandbox.sqlserver.client import SqlServerSandbox

TABLES = 24
LEASE = 15.0
LOCKS = (
    'lock_config = { type = "azure_blob", connection_string = env("LOCKS"), container_name = env("CONTAINER"), '
    'lease = "15s" }'
)


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


def break_and_delete(container: BlobContainer, table: str) -> None:
    """What somebody does by hand who believes that nobody reads it any more."""
    name = lock_blob("copy", "Shop", table)
    BlobLeaseClient(container._blob(name)).break_lease(lease_break_period=0)
    container.delete(name)


def storage_processes() -> list[int]:
    pids = [pid for pid, _ in descendants(os.getpid())]
    return [pid for pid in pids if b"azurite" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.kills
@pytest.mark.needs("linux", "azurite-blob")
@pytest.mark.timeout(0)  # bounded by the patience of each step
def test_copies_with_leases_on_blobs(
    tmp_path: Path, server: SqlServerSandbox, lock_options: LockOptions, container: BlobContainer
) -> None:
    seed = int(os.environ.get("DSTREAM_TEST_SEED") or random.randrange(1 << 32))
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    workload = Workload(random.Random(seed), TABLES)
    connection = prepared(server, workload)
    watch = BlobWatch(container, "copy", "Shop")
    copies = Takeovers(watch, TABLES, chance=random.Random(seed))
    writer = Writer(connection, workload, pause=0.01)
    assert lock_options.connection_string is not None
    environment = {
        "SOURCE": server.connection_string("Shop"),
        "LOCKS": lock_options.connection_string.get_secret_value(),
        "CONTAINER": lock_options.container_name or "",
    }
    storage: list[int] = []
    try:
        with copies:
            for number in range(3):
                copies.begin(tmp_path / f"copy{number}", LOCKS, **environment)
            copies.wait_for_even_shares()
            broken, (_, epoch) = copies.chance.choice(sorted(watch.holders().items()))
            break_and_delete(container, broken)
            copies.round(kills=True, stops=True)
            assert watch.holders()[broken][1] > epoch
            storage = storage_processes()
            assert storage
            signal_all(storage, signal.SIGSTOP)
            time.sleep(LEASE)
            silent = count(copies)
            time.sleep(2)
            assert count(copies) == silent, "somebody reads without a lease"
            signal_all(storage, signal.SIGCONT)
            copies.wait_for_even_shares()
            writer.end()
            copies.until(lambda: not differences(workload, merged(copies.replicas).tables), "it is as the source")
            copies.stop()
    finally:
        signal_all(storage, signal.SIGCONT)
        writer.stop()
        connection.close()
    watch.holders()
    whole = merged(copies.replicas)
    assert differences(workload, whole.tables) == []
    whole.check_ids()
    check_epochs(copies.replicas)
    assert max(copies.took) < 2 * LEASE
    sys.stdout.write(
        f"{copies.taken} tables taken over within {max(copies.took):.1f} s, {len(whole.lines)} lines, {overlap(copies.replicas)} repeated under a newer "
        f"lease, late {copies.late}\n"
    )


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def count(copies: Takeovers) -> int:
    return sum(replica.destination.read_on() for replica in copies.replicas)
