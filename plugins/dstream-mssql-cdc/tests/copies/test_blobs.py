"""What locks and checkpoints rely on, from the client's names for errors to conditional writes, against the emulator."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient
from azurite_server import ACCOUNT, KEY, free_port
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api import ConfigurationError, TemporaryError
from dstream_mssql_cdc.blob_names import LONGEST_SEGMENT, segment
from dstream_mssql_cdc.blobs import BlobContainer, ConflictError, open_container
from dstream_mssql_cdc.nested_options import LockOptions

NAMES = [
    "dbo.Orders",
    "sales.a b",
    "dbo.a/b\\c",
    "dbo.Größe",
    "dbo.x?#%25&=+",
    "dbo.'\"[]",
    "dbo.end.",
    "dbo." + "é" * 128,
]


def options(connection_string: str, name: str = "somewhere") -> LockOptions:
    return LockOptions.model_validate(
        {"type": "azure_blob", "connection_string": connection_string, "container_name": name, "lease": 15}
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_blob_of_any_tables_name(container: BlobContainer, name: str) -> None:
    blob = f"dstream/{segment(name)}.lock"
    etag = container.write(blob, b"1")
    found = container.read(blob)
    assert found is not None
    assert (found.data, found.etag) == (b"1", etag)
    assert list(container.list("dstream/")) == [blob]


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_different_names_are_different_blobs(one: str, other: str) -> None:
    for name in (one, other):
        assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segment(name)), name
        assert len(segment(name)) <= LONGEST_SEGMENT
        assert not segment(name).endswith(".")
    assert (segment(one) == segment(other)) == (one == other)


def test_a_write_counts_only_if_the_blob_is_what_it_was(container: BlobContainer) -> None:
    first = container.write("a", b"1")
    with pytest.raises(ConflictError):
        container.write("a", b"2")
    second = container.write("a", b"2", etag=first)
    with pytest.raises(ConflictError):
        container.write("a", b"3", etag=first)
    with pytest.raises(ConflictError):
        container.write("missing", b"3", etag=first)
    assert container.write("a", b"3", etag=second) != second


def test_nothing_is_there(container: BlobContainer) -> None:
    assert container.read("missing") is None
    assert container.properties("missing") is None
    container.delete("missing")
    container.release("missing", str(uuid4()))
    with pytest.raises(ConflictError):
        container.renew("missing", str(uuid4()))
    with pytest.raises(ConflictError):
        container.set_metadata("missing", {}, str(uuid4()))


def test_a_lease_excludes_others_until_it_is_given_back(container: BlobContainer) -> None:
    mine, theirs = str(uuid4()), str(uuid4())
    container.lease("a", mine, 15)
    with pytest.raises(ConflictError):
        container.lease("a", theirs, 15)
    with pytest.raises(ConflictError):
        container.set_metadata("a", {"epoch": "1"}, theirs)
    container.delete("a")  # somebody else's: it stays
    container.set_metadata("a", {"epoch": "7"}, mine)
    found = container.properties("a")
    assert found is not None
    assert (found.metadata, found.leased, found.endless) == ({"epoch": "7"}, True, False)
    assert container.list("")["a"].leased
    container.renew("a", mine)
    container.release("a", mine)
    assert not container.list("")["a"].leased
    with pytest.raises(ConflictError):
        container.renew("a", mine)
    container.lease("a", theirs, 15)


def test_a_missing_container_is_made(azurite: str) -> None:
    container = open_container(options(azurite, f"new-{uuid4().hex}"))
    with pytest.raises(TemporaryError, match="gone"):
        container.read("a")
    container.ensure()
    container.ensure()
    assert container.read("a") is None
    container.close()


def test_an_account_that_cannot_be_reached_is_temporary() -> None:
    away = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{free_port()}/{ACCOUNT};"
    container = open_container(options(away))
    with pytest.raises(TemporaryError, match="cannot be reached") as caught:
        container.ensure()
    assert KEY not in str(caught.value)
    container.close()


def test_a_wrong_key_says_what_to_do(azurite: str) -> None:
    wrong = azurite.replace(KEY, "d3Jvbmc=")
    container = open_container(options(wrong))
    with pytest.raises(ConfigurationError, match="not allowed") as caught:
        container.ensure()
    assert caught.value.code == "mssql/blobs-denied"
    assert "d3Jvbmc" not in f"{caught.value.message} {caught.value.hint}"
    container.close()


def test_a_text_that_is_no_connection_string() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_container(options("Server=sql.example.com"))
    assert caught.value.code == "mssql/blob-connection-string"


def test_a_lease_without_end_is_told_apart(azurite: str, lock_options: LockOptions, container: BlobContainer) -> None:
    client = ContainerClient.from_connection_string(azurite, lock_options.container_name or "")
    client.upload_blob("a", b"")
    client.get_blob_client("a").acquire_lease(-1)
    found = container.properties("a")
    assert found is not None
    assert found.endless
    client.close()


def test_a_blob_that_is_removed_between_making_and_taking(
    container: BlobContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, removals = container.create_empty, [1]

    def create_and_remove(name: str) -> None:
        create(name)
        if removals:
            removals.pop()
            container.delete(name)

    monkeypatch.setattr(container, "create_empty", create_and_remove)
    container.lease("a", str(uuid4()), 15)
    assert container.list("")["a"].leased
