"""The state file: whose it is, and that it is never half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api.delivery.private_files import replace_file
from dstream_core.api.state import State
from dstream_core.errors import ConfigurationError, ProviderError, TemporaryError


def state(folder: Path, provider: str = "p", task: str = "t") -> State:
    return State(folder, provider, task)


def stored(folder: Path, positions: dict[str, bytes], identity: str = "db-1") -> None:
    first = state(folder)
    first.resume(identity)
    first.store(positions)


def test_positions_come_back_as_they_were(tmp_path: Path) -> None:
    value = {"lsn": "0x00", "n": 12345678901234567890123, "f": 0.1, "list": [1, None, True]}
    stored(tmp_path / "a" / "b", {"": json.dumps(value).encode(), "Orders": b"7"})
    again = state(tmp_path / "a" / "b")
    assert again.resume("db-1") == value
    assert again.resume("db-1", "Orders") == 7
    assert again.resume("db-1", "other") is None
    assert set(again.partitions()) == {"", "Orders"}


def test_nothing_is_there_before_the_first_store(tmp_path: Path) -> None:
    fresh = state(tmp_path / "not-yet")
    assert fresh.resume() is None
    assert fresh.partitions() == ()
    assert not fresh.path.parent.exists()


def test_null_forgets_a_partition_and_the_others_stay(tmp_path: Path) -> None:
    stored(tmp_path, {"a": b"1", "b": b"2"})
    stored(tmp_path, {"a": b"null", "c": b"3"})
    assert state(tmp_path).partitions() == ("b", "c")


@pytest.mark.parametrize(
    ("provider", "task", "identity", "named"),
    [
        ("other", "t", "db-1", ("provider 'p'", "provider 'other'")),
        ("p", "other", "db-1", ("task 't'", "task 'other'")),
        ("p", "t", "db-2", ("source 'db-1'", "source 'db-2'")),
        ("p", "t", "", ("source 'db-1'", "source ''")),
    ],
)
def test_a_position_of_another_source_is_refused_and_says_how_to_go_on(
    tmp_path: Path, provider: str, task: str, identity: str, named: tuple[str, str]
) -> None:
    stored(tmp_path, {"": b"7"})
    with pytest.raises(ConfigurationError) as caught:
        state(tmp_path, provider, task).resume(identity)
    assert caught.value.code == "state/other-source"
    assert all(name in caught.value.message for name in named)
    assert str(tmp_path / "state.json") in str(caught.value.hint)


def test_the_identity_is_checked_even_after_the_file_was_read(tmp_path: Path) -> None:
    stored(tmp_path, {"": b"7"})
    read = state(tmp_path)
    assert read.partitions() == ("",)
    with pytest.raises(ConfigurationError):
        read.resume("db-2")


def test_an_input_that_does_not_ask_keeps_the_identity(tmp_path: Path) -> None:
    stored(tmp_path, {"": b"7"})
    state(tmp_path).store({"": b"8"})
    assert state(tmp_path).resume("db-1") == 8


def test_one_run_reads_one_source(tmp_path: Path) -> None:
    one = state(tmp_path)
    one.resume("a")
    with pytest.raises(ProviderError, match="two sources"):
        one.resume("b")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format":1}', b'{"format":2,"partitions":{}}', b"\xff"])
def test_a_file_that_is_no_state_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        state(tmp_path).resume()
    assert caught.value.code == "state/unreadable"


def test_a_failed_replacement_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


class Elsewhere:
    """Positions in memory: a keeper."""

    def __init__(self, **rows: Any) -> None:
        self.rows: dict[str, Any] = rows
        self.loads = 0
        self.closed = 0
        self.inside: Any = None

    def load(self) -> dict[str, Any]:
        self.loads += 1
        return self.rows

    def store(self, positions: Any) -> None:
        if self.inside is not None:
            self.inside()
        self.rows = {**self.rows, **positions}

    def close(self) -> None:
        self.closed += 1


def test_a_keeper_takes_the_place_of_the_file(tmp_path: Path) -> None:
    stored(tmp_path, {"Orders": b"1"})
    before = (tmp_path / "state.json").read_bytes()
    elsewhere = Elsewhere(Orders=5, Items=6)
    one = state(tmp_path)
    one.keep_in(elsewhere)
    assert (one.resume("another-db", "Orders"), set(one.partitions())) == (5, {"Orders", "Items"})
    one.store({"Orders": b'{"n": 7}', "Items": b"null"})
    assert elsewhere.rows == {"Orders": {"n": 7}, "Items": None}
    assert one.resume("another-db", "Orders") == {"n": 7}
    assert one.partitions() == ("Orders",)
    assert elsewhere.loads == 1
    assert (tmp_path / "state.json").read_bytes() == before
    with pytest.raises(ProviderError, match="two sources"):
        one.resume("db-1")


def test_an_input_can_ask_where_it_stands_while_a_slow_keeper_stores(tmp_path: Path) -> None:
    elsewhere, one = Elsewhere(a=1), state(tmp_path)
    one.keep_in(elsewhere)
    asked: list[Any] = []
    elsewhere.inside = lambda: asked.append(one.resume("", "a"))
    one.store({"a": b"2"})
    assert (asked, one.resume("", "a")) == ([1], 2)


def test_a_keeper_is_closed_once(tmp_path: Path) -> None:
    elsewhere, one = Elsewhere(), state(tmp_path)
    one.keep_in(elsewhere)
    one.close()
    one.close()
    assert elsewhere.closed == 1
    state(tmp_path).close()


def test_what_could_not_be_kept_elsewhere_is_not_given_back(tmp_path: Path) -> None:
    elsewhere, one = Elsewhere(a=1), state(tmp_path)
    one.keep_in(elsewhere)

    def fail() -> None:
        raise TemporaryError("away")

    elsewhere.inside = fail
    with pytest.raises(TemporaryError):
        one.store({"a": b"2"})
    assert one.resume("", "a") == 1
