"""Leases on real blobs, held by threads and by real processes that are stopped, killed and woken up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient
from holders import Holder, take_over_from_one_that_stands_still_and_one_that_is_killed, until

from dstream_core.api import ConfigurationError, Log
from dstream_mssql_cdc.blobs import BlobContainer, open_container
from dstream_mssql_cdc.leases.azure_blob import BlobBackend, lease_seconds
from dstream_mssql_cdc.leases.names import lock_blob, member_folder, original_locks
from dstream_mssql_cdc.leases.shared_leases import SharedLeases
from dstream_mssql_cdc.nested_options import LockOptions

TABLES = ["dbo.Orders", "dbo.Customers", "sales.Größe [a/b]", "dbo.Items"]
LEASE = 15


@pytest.fixture
def log_text(tmp_path: Path) -> Iterator[tuple[Log, Callable[[], str]]]:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    yield Log(structured=False, descriptor=descriptor), path.read_text
    os.close(descriptor)


Logged = tuple[Log, Callable[[], str]]


Make = Callable[..., BlobBackend]


@pytest.fixture
def backend(lock_options: LockOptions, log_text: Logged) -> Make:
    def make(
        member: str = "1", *, task: str = "task", database: str = "Shop", server: str | None = None
    ) -> BlobBackend:
        container = open_container(lock_options)
        made = BlobBackend(container, task, database, member, LEASE, log_text[0], server)
        made.join()
        return made

    return make


def test_a_table_has_one_holder_and_each_taking_a_larger_epoch(backend: Make) -> None:
    one, two = backend("1"), backend("2")
    taken = one.take(TABLES)
    assert set(taken) == set(TABLES)
    assert (list(two.free(TABLES)), two.take(TABLES)) == ([], {})
    assert one.renew(TABLES).kept == set(TABLES)
    one.release(TABLES)
    assert set(two.free(TABLES)) == set(TABLES)
    again = two.take(TABLES)
    assert all(again[name].epoch > taken[name].epoch for name in TABLES)
    assert one.renew(TABLES).lost == set(TABLES)
    two.release(TABLES)
    for each in (one, two):
        each.leave()


def test_names_of_locks_contain_task_database_and_table(container: BlobContainer, backend: Make) -> None:
    one = backend()
    other_task = backend(task="other")
    other_database = backend(database="Shop2")
    for each in (one, other_task, other_database):
        assert set(each.take(TABLES)) == set(TABLES)
    assert "dstream/task/Shop/locks/dbo.Orders.lock" in container.list("")
    for each in (one, other_task, other_database):
        each.release(TABLES)
        each.leave()


def test_members_are_those_whose_blobs_are_leased(container: BlobContainer, backend: Make) -> None:
    one, two = backend("1"), backend("2")
    container.write(member_folder("task", "Shop") + "dead", b"")
    assert one.members() == {"1", "2"}
    assert len(container.list(member_folder("task", "Shop"))) == 2
    two.leave()
    assert one.members() == {"1"}
    one.leave()
    assert container.list(member_folder("task", "Shop")) == {}


def test_a_member_that_was_taken_for_dead_takes_part_again(container: BlobContainer, backend: Make) -> None:
    one, two = backend("1"), backend("2")
    container.delete(member_folder("task", "Shop") + "1", one._member_id)
    one._member_renew = 0.0
    assert one.members() == {"1", "2"}
    assert two.members() == {"1", "2"}
    one.leave()
    two.leave()


def test_a_lost_blob_does_not_take_the_epoch_back(container: BlobContainer, backend: Make) -> None:
    one = backend()
    first = one.take(["dbo.Orders"])["dbo.Orders"].epoch
    one.release(["dbo.Orders"])
    container.delete(lock_blob("task", "Shop", "dbo.Orders"))
    time.sleep(1.1)  # the epoch follows the time of day in seconds
    assert one.take(["dbo.Orders"])["dbo.Orders"].epoch > first
    one.release(["dbo.Orders"])
    one.leave()


class Original:
    """The Go provider's way with a lock: an endless lease."""

    def __init__(self, connection_string: str, container: str, name: str) -> None:
        self.client = ContainerClient.from_connection_string(connection_string, container)
        self.blob = self.client.get_blob_client(name)
        self.blob.upload_blob(b"", overwrite=True)
        self.lease = self.blob.acquire_lease(-1)

    def stop(self) -> None:
        self.lease.release()
        self.client.close()


def test_an_original_that_holds_its_lock_is_waited_for_and_named(
    azurite: str, lock_options: LockOptions, container: BlobContainer, log_text: Logged, backend: Make
) -> None:
    [name, *_] = original_locks("sqlserver01.example.com", "dbo.Orders")
    assert name == "sqlserver01/Orders.lock"
    original = Original(azurite, lock_options.container_name or "", name)
    one = backend(server="sqlserver01.example.com")
    assert set(one.take(["dbo.Orders", "dbo.Customers"])) == {"dbo.Customers"}
    assert "az storage blob lease break" in log_text[1]()
    assert not container.list("dstream/task/Shop/locks/dbo.Orders")["dstream/task/Shop/locks/dbo.Orders.lock"].leased
    original.stop()
    assert set(one.take(["dbo.Orders"])) == {"dbo.Orders"}
    one.release(["dbo.Orders", "dbo.Customers"])
    assert not any(blob.leased for path, blob in container.list("").items() if "copies" not in path)
    one.leave()


def test_an_original_finds_its_lock_leased_and_lately_written(
    azurite: str, lock_options: LockOptions, container: BlobContainer, backend: Make
) -> None:
    """It breaks leases on blobs that were not modified for 2 minutes."""
    assert container.exists()
    [name, *_] = original_locks("sqlserver01", "dbo.Orders")
    Original(azurite, lock_options.container_name or "", name).stop()
    client = ContainerClient.from_connection_string(azurite, lock_options.container_name or "")
    before = client.get_blob_client(name).get_blob_properties().etag
    one = backend(server="sqlserver01")
    one.take(["dbo.Orders"])
    properties = client.get_blob_client(name).get_blob_properties()
    assert (properties.lease.state, properties.etag != before) == ("leased", True)
    one._locks["dbo.Orders"].touched -= 60
    one.renew(["dbo.Orders"])
    assert client.get_blob_client(name).get_blob_properties().etag != properties.etag
    client.close()
    one.release(["dbo.Orders"])
    one.leave()


@pytest.mark.parametrize(
    ("server", "table", "first"),
    [
        ("SQL01.example.com", "dbo.Orders", "sql01/Orders.lock"),
        ("sql01", "sales.Orders", "sql01/sales.Orders.lock"),
        ("sql01\\prod", "dbo.Orders", "sql01/Orders.lock"),
    ],
)
def test_the_originals_names(server: str, table: str, first: str) -> None:
    names = original_locks(server, table)
    assert names[0] == first
    assert len(set(names)) == len(names)


def test_the_originals_name_of_an_address_is_its_machine() -> None:
    assert "/" in original_locks("127.0.0.1", "dbo.Orders")[0]
    assert "127.0.0.1/Orders.lock" in original_locks("127.0.0.1", "dbo.Orders")
    assert not original_locks("localhost", "dbo.Orders")[0].startswith("localhost")


@pytest.mark.parametrize(("longest", "seconds"), [(15, 15), (30, 26), (60, 52)])
def test_a_lease_is_shorter_than_the_pause_it_may_cause(longest: float, seconds: int) -> None:
    assert lease_seconds(longest) == seconds


def test_azure_knows_no_such_lease() -> None:
    with pytest.raises(ConfigurationError):
        lease_seconds(14)


@pytest.fixture
def start(lock_options: LockOptions) -> Iterator[Callable[[], Holder]]:
    options = {
        "type": "azure_blob",
        "connection_string": lock_options.connection_string.get_secret_value(),  # type: ignore[union-attr]  # it is there
        "container_name": lock_options.container_name,
        "lease": LEASE,
    }
    begun: list[Holder] = []

    def begin() -> Holder:
        begun.append(Holder(options=options, tables=TABLES))
        return begun[-1]

    yield begin
    for holder in begun:
        holder.end()


def test_a_killed_process_is_followed_within_the_lease_and_a_stopped_one_knows_when_it_wakes(
    start: Callable[[], Holder],
) -> None:
    take_over_from_one_that_stands_still_and_one_that_is_killed(start, LEASE)


def test_what_a_process_gives_back_at_its_end_is_free_at_once(
    start: Callable[[], Holder], container: BlobContainer
) -> None:
    one = start()
    until(lambda: len(one.held) == 4, 20)
    one.end()
    assert not any(blob.leased for blob in container.list("").values())


def test_many_tables_in_one_container(lock_options: LockOptions, log_text: Logged, container: BlobContainer) -> None:
    tables = [f"dbo.t{number}" for number in range(200)]
    member = uuid4().hex
    leases = SharedLeases(
        BlobBackend(open_container(lock_options), "task", "Shop", member, LEASE, log_text[0]), member, log_text[0]
    )
    leases.start(tables)
    until(lambda: len(leases.held()) == 200, 20)
    leases.stop()
    assert not any(blob.leased for blob in container.list("").values())
