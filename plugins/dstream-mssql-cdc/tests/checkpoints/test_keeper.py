"""What every keeper holds: a table belongs to its newest reader, and a lease that is lost stores nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from dstream_core.api import ProviderError, TemporaryError
from dstream_mssql_cdc.checkpoints.keeper import Entry, FencedKeeper
from dstream_mssql_cdc.leases.leases import NoLeases


class Held(NoLeases):
    """Leases that a test gives and takes."""

    def __init__(self, **held: int | None) -> None:
        super().__init__()
        self._held = held

    def hold(self, **held: int | None) -> None:
        self._held = held


class Place:
    def __init__(self) -> None:
        self.positions: dict[str, Any] = {}
        self.marks: dict[str, tuple[str, int]] = {}


class InMemory(FencedKeeper):
    def __init__(self, place: Place, leases: NoLeases) -> None:
        super().__init__(leases, "memory")
        self.place = place
        self.taken: list[str] = []

    def open(self) -> None:
        pass

    def look(self, names: Collection[str]) -> Mapping[str, dict[str, Any]]:
        return {name: self.place.positions[name] for name in names}

    def close(self) -> None:
        pass

    def _take(self, names: Mapping[str, int | None]) -> Mapping[str, dict[str, Any] | None]:
        found = {}
        for name, epoch in names.items():
            if epoch is None or self.place.marks.get(name, ("", 0))[1] <= epoch:
                self.place.marks[name] = (self._writer, epoch or 0)
                self.taken.append(name)
                found[name] = self.place.positions.get(name)
        return found

    def _write(self, entries: Mapping[str, Entry]) -> set[str]:
        refused = {name for name, each in entries.items() if self.place.marks[name] != (self._writer, each.epoch or 0)}
        self.place.positions |= {name: each.document for name, each in entries.items() if name not in refused}
        return refused


def position(number: int, epoch: int | None = None) -> dict[str, Any]:
    return {"n": number} | ({} if epoch is None else {"epoch": epoch})


def test_positions_are_stored_without_their_epoch_and_come_back() -> None:
    place, leases = Place(), Held(a=5, b=6)
    keeper = InMemory(place, leases)
    assert keeper.load() == {}
    keeper.store({"a": position(1, 5)})
    assert (place.positions, keeper.load()) == ({"a": {"n": 1}}, {"a": {"n": 1}})
    assert InMemory(place, Held(a=7)).load() == {"a": {"n": 1}}


def test_a_table_is_marked_once_for_each_lease() -> None:
    leases = Held(a=5)
    keeper = InMemory(Place(), leases)
    keeper.load()
    keeper.load()
    leases.hold(a=5, b=1)
    keeper.load()
    leases.hold(a=9)
    keeper.load()
    assert keeper.taken == ["a", "b", "a"]


def test_what_was_read_under_a_lost_lease_is_dropped_even_after_it_was_gained_again() -> None:
    place, leases = Place(), Held(a=5)
    keeper = InMemory(place, leases)
    keeper.load()
    keeper.store({"a": position(1, 5)})
    other = InMemory(place, Held(a=6))
    other.load()
    other.store({"a": position(2, 6)})
    keeper.store({"a": position(3, 5)})
    assert place.positions == {"a": {"n": 2}}
    leases.hold(a=7)
    assert keeper.load() == {"a": {"n": 2}}
    keeper.store({"a": position(4, 5)})
    assert place.positions == {"a": {"n": 2}}
    keeper.store({"a": position(5, 7)})
    assert place.positions == {"a": {"n": 5}}


def test_a_lease_that_is_older_than_the_newest_reader_loads_nothing() -> None:
    place = Place()
    InMemory(place, Held(a=6)).load()
    keeper = InMemory(place, Held(a=5, b=5))
    with pytest.raises(TemporaryError, match=r"newer reader has a$"):
        keeper.load()
    assert keeper.taken == ["b"]


def test_without_leases_the_run_that_came_last_has_it_and_the_other_ends() -> None:
    place = Place()
    first, second = InMemory(place, Held(a=None)), InMemory(place, Held(a=None))
    first.load()
    first.store({"a": position(1)})
    assert second.load() == {"a": {"n": 1}}
    with pytest.raises(ProviderError, match="another run of this task") as caught:
        first.store({"a": position(2)})
    assert caught.value.code == "mssql/two-readers"
    assert place.positions == {"a": {"n": 1}}


def test_none_forgets() -> None:
    place = Place()
    keeper = InMemory(place, Held(a=5))
    keeper.load()
    keeper.store({"a": position(1, 5)})
    keeper.store({"a": None})
    assert keeper.load() == {}
