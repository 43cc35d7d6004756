"""Positions in real blobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from dstream_core.api import ConfigurationError, ProviderError, TemporaryError
from dstream_mssql_cdc.blobs import BlobContainer, ConflictError, open_container
from dstream_mssql_cdc.checkpoints.azure_blob import BlobKeeper
from dstream_mssql_cdc.leases.leases import NoLeases
from dstream_mssql_cdc.leases.names import position_blob
from dstream_mssql_cdc.nested_options import LockOptions

NAMES = ["dbo.Orders", "sales.Größe [a/b]"]


class Held(NoLeases):
    def __init__(self, epoch: int | None, names: list[str]) -> None:
        super().__init__()
        self._held = dict.fromkeys(names, epoch)


Make = Callable[..., BlobKeeper]


@pytest.fixture
def make(lock_options: LockOptions) -> Iterator[Make]:
    made: list[BlobKeeper] = []

    def one(epoch: int | None, *, names: list[str] = NAMES, guid: str = "g1", task: str = "task") -> BlobKeeper:
        made.append(BlobKeeper(open_container(lock_options), guid, task, "Shop", Held(epoch, names)))
        made[-1].open()
        return made[-1]

    yield one
    for keeper in made:
        keeper.close()


def at(number: int, epoch: int | None = None) -> dict[str, object]:
    return {"n": number} if epoch is None else {"n": number, "epoch": epoch}


def test_positions_come_back(make: Make) -> None:
    first = make(1)
    assert first.load() == {}
    first.store({name: at(7, 1) for name in NAMES})
    first.store({NAMES[0]: at(8, 1)})
    assert make(None).look([NAMES[0], "dbo.unknown"]) == {NAMES[0]: at(8)}
    first.store({NAMES[0]: at(9, 1)})
    assert make(2).load() == {NAMES[0]: at(9), NAMES[1]: at(7)}


def test_a_stale_reader_never_stores_again(make: Make) -> None:
    old, new = make(1), make(2)
    old.load()
    old.store({NAMES[0]: at(1, 1)})
    new.load()
    old.store({NAMES[0]: at(9, 1)})
    new.store({NAMES[0]: at(2, 2)})
    old.store({NAMES[0]: at(9, 1)})
    assert make(3).load()[NAMES[0]] == at(2)
    with pytest.raises(TemporaryError, match="newer reader"):
        make(1).load()


def test_a_write_whose_answer_was_lost_is_known_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = make(1)
    keeper.load()
    write, failing = BlobContainer.write, [True]

    def lose_the_answer(self: BlobContainer, name: str, data: bytes, *, etag: str | None = None) -> str:
        written = write(self, name, data, etag=etag)
        if failing:
            failing.clear()
            raise TemporaryError("the answer was lost")
        return written

    monkeypatch.setattr(BlobContainer, "write", lose_the_answer)
    with pytest.raises(TemporaryError):
        keeper.store({NAMES[0]: at(1, 1)})
    keeper.store({NAMES[0]: at(2, 1)})
    assert make(2).load()[NAMES[0]] == at(2)


def test_a_mark_that_meets_a_write_is_set_behind_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = make(1), make(2)
    old.load()
    write = BlobContainer.write
    meeting = [NAMES[0]]

    def write_in_between(self: BlobContainer, name: str, data: bytes, *, etag: str | None = None) -> str:
        if meeting:
            meeting.clear()
            old.store({NAMES[0]: at(5, 1)})
            raise ConflictError("changed in between")
        return write(self, name, data, etag=etag)

    monkeypatch.setattr(BlobContainer, "write", write_in_between)
    assert new.load()[NAMES[0]] == at(5)


def test_a_position_from_before_a_gain_does_not_use_the_new_mark(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that stores may be on its way while the one that reads gains the table anew."""
    keeper = make(1)
    keeper.load()
    write = keeper._write

    def gained_in_between(entries: Any) -> set[str]:
        other = make(2)
        other.load()
        other.store({NAMES[0]: at(5, 2)})
        keeper._leases.held()[NAMES[0]] = 3  # type: ignore[index]  # the test's own leases
        keeper.load()
        return write(entries)

    monkeypatch.setattr(keeper, "_write", gained_in_between)
    keeper.store({NAMES[0]: at(1, 1)})
    assert make(None).look(NAMES) == {NAMES[0]: at(5)}


def test_without_leases_the_last_to_come_has_it(make: Make) -> None:
    first, second = make(None), make(None)
    first.load()
    first.store({NAMES[0]: at(1)})
    assert second.load() == {NAMES[0]: at(1)}
    with pytest.raises(ProviderError, match="another run"):
        first.store({NAMES[0]: at(2)})


def test_from_leases_to_none_and_back(make: Make) -> None:
    with_leases = make(50)
    with_leases.load()
    with_leases.store({NAMES[0]: at(1, 50)})
    without = make(None)
    assert without.load() == {NAMES[0]: at(1)}
    without.store({NAMES[0]: at(2)})
    assert make(51).load() == {NAMES[0]: at(2)}


def test_tasks_are_apart(make: Make) -> None:
    one = make(1)
    one.load()
    one.store({NAMES[0]: at(1, 1)})
    assert make(1, task="other").load() == {}


def test_another_database_is_refused(make: Make) -> None:
    one = make(1)
    one.load()
    with pytest.raises(ConfigurationError, match="belongs to database g1, this one is g2") as caught:
        make(2, guid="g2").load()
    assert caught.value.code == "mssql/other-database"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 2}', b"\xff", b'{"format":1,"epoch":1,"writer":"x"}']
)
def test_a_blob_that_is_no_checkpoint_is_refused(
    make: Make, azurite: str, lock_options: LockOptions, content: bytes
) -> None:
    with ContainerClient.from_connection_string(azurite, lock_options.container_name or "") as client:
        make(1)
        client.upload_blob(position_blob("task", "Shop", NAMES[0]), content)
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        make(1).load()
    assert caught.value.code == "mssql/checkpoint-unreadable"
    assert "delete it to begin anew" in str(caught.value.hint)


def test_what_a_blob_says(make: Make, container: BlobContainer) -> None:
    keeper = make(3)
    keeper.load()
    keeper.store({NAMES[1]: at(1, 3)})
    blob = container.read(position_blob("task", "Shop", NAMES[1]))
    assert blob is not None
    document = json.loads(blob.data)
    document.pop("writer")
    assert document == {
        "format": 1,
        "database": "g1",
        "task": "task",
        "table": NAMES[1],
        "epoch": 3,
        "position": at(1),
    }
