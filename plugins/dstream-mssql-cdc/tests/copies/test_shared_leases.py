"""Several copies on one place of locks: nobody reads what another reads, and everything is read by somebody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pytest

from dstream_core.api import ConfigurationError, Log, TemporaryError
from dstream_mssql_cdc.leases.backend import Renewal, clock, next_epoch
from dstream_mssql_cdc.leases.holdings import Taken
from dstream_mssql_cdc.leases.leases import NoLeases
from dstream_mssql_cdc.leases.shared_leases import SharedLeases

DURATION = 2.1
"""Of the leases in memory; the margin of a second leaves 1.1."""
TABLES = [f"dbo.t{number}" for number in range(10)]


class Place:
    """Locks in memory, with a time of their own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.locks: dict[str, tuple[str, int, float]] = {}
        self.epochs: dict[str, int] = {}
        self.alive: dict[str, float] = {}
        self.away = False


class InMemory:
    """`Backend` on a `Place`."""

    duration = DURATION

    def __init__(self, place: Place, member: str) -> None:
        self._place = place
        self._member = member
        self._epochs: dict[str, int] = {}
        self.frozen = False
        self.left = False

    def _reach(self) -> None:
        if self._place.away or self.frozen:
            raise TemporaryError("the place is away")

    def join(self) -> None:
        self.members()

    def members(self) -> set[str]:
        self._reach()
        with self._place.lock:
            self._place.alive[self._member] = clock() + DURATION
            return {name for name, until in self._place.alive.items() if until > clock()}

    def free(self, names: Collection[str]) -> Sequence[str]:
        self._reach()
        return list(names)

    def take(self, names: Sequence[str]) -> Mapping[str, Taken]:
        self._reach()
        taken, begin = {}, clock()
        with self._place.lock:
            for name in names:
                if self._place.locks.get(name, ("", 0, 0.0))[2] > clock():
                    continue
                epoch = self._place.epochs[name] = next_epoch(self._place.epochs.get(name))
                self._place.locks[name] = (self._member, epoch, clock() + DURATION)
                self._epochs[name] = epoch
                taken[name] = Taken(epoch, begin)
        return taken

    def renew(self, names: Collection[str]) -> Renewal:
        self._reach()
        with self._place.lock:
            kept = {name for name in names if self._mine(name)}
            for name in kept:
                self._place.locks[name] = (self._member, self._epochs[name], clock() + DURATION)
        return Renewal(kept, set(names) - kept)

    def release(self, names: Collection[str]) -> None:
        self._reach()
        with self._place.lock:
            for name in names:
                if self._mine(name):
                    del self._place.locks[name]

    def leave(self) -> None:
        self._reach()
        self.left = True
        with self._place.lock:
            self._place.alive.pop(self._member, None)

    def _mine(self, name: str) -> bool:
        return self._place.locks.get(name, ("", 0, 0.0))[:2] == (self._member, self._epochs.get(name))


class Copy:
    """A copy of a task that hands over at once what it is asked for."""

    def __init__(self, place: Place, member: str, log: Log, tables: Sequence[str] = TABLES) -> None:
        self.backend = InMemory(place, member)
        self.leases = SharedLeases(self.backend, member, log)
        self.leases.start(tables)

    def turn(self) -> None:
        for name in self.leases.should_release():
            self.leases.release(name)


@pytest.fixture
def log() -> Iterator[Log]:
    reading, writing = os.pipe()
    yield Log(structured=False, descriptor=writing)
    os.close(reading)
    os.close(writing)


@pytest.fixture
def copies(log: Log) -> Iterator[Callable[[Place, str], Copy]]:
    begun: list[Copy] = []

    def begin(place: Place, member: str) -> Copy:
        begun.append(Copy(place, member, log))
        return begun[-1]

    yield begin
    for copy in begun:
        copy.backend.frozen = False
        copy.leases.stop()


def until(condition: Callable[[], bool], turning: Sequence[Copy] = (), seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        for copy in turning:
            copy.turn()
        time.sleep(0.01)


def counts(*copies: Copy) -> list[int]:
    held = [set(copy.leases.held()) for copy in copies]
    assert len(set().union(*held)) == sum(map(len, held)), "a table has two readers"
    return [len(each) for each in held]


Begin = Callable[[Place, str], Copy]


def test_a_lonely_copy_has_everything_at_once_and_keeps_it(copies: Begin) -> None:
    only = copies(Place(), "a")
    epochs = only.leases.held()
    assert set(epochs) == set(TABLES)
    time.sleep(DURATION * 1.5)  # longer than any lease lasts unless it is renewed
    assert only.leases.held() == epochs
    assert only.leases.should_release() == set()


def test_shares_are_handed_over_when_a_copy_comes_and_taken_when_it_goes(copies: Begin) -> None:
    place = Place()
    first, second = copies(place, "1"), copies(place, "2")
    until(lambda: counts(first, second) == [5, 5], [first, second])
    before = second.leases.held()
    third = copies(place, "3")
    until(lambda: counts(first, second, third) == [4, 3, 3], [first, second, third])
    kept = dict(second.leases.held())
    assert kept.items() <= before.items(), "what a copy keeps is not taken anew"
    third.leases.stop()
    assert third.backend.left
    until(lambda: counts(first, second) == [5, 5], [first, second], DURATION)


def test_what_is_not_handed_over_yet_is_read_on_by_its_holder(copies: Begin) -> None:
    place = Place()
    first = copies(place, "1")
    second = copies(place, "2")
    until(lambda: len(first.leases.should_release()) == 5)
    chosen = first.leases.should_release()
    time.sleep(DURATION)
    assert (counts(first, second), first.leases.should_release()) == ([10, 0], chosen)


def test_a_dead_copy_is_followed_within_the_lease_with_larger_epochs(copies: Begin) -> None:
    place = Place()
    first, second = copies(place, "1"), copies(place, "2")
    until(lambda: counts(first, second) == [5, 5], [first, second])
    before = dict(second.leases.held())
    second.backend.frozen = True  # no renewal reaches the place any more
    until(lambda: counts(first, second)[1] == 0, [first])
    until(lambda: counts(first, second) == [10, 0], [first], DURATION * 1.2)
    assert all(first.leases.held()[name] > epoch for name, epoch in before.items())  # type: ignore[operator]  # with leases no epoch is None


def test_a_place_that_is_away_for_a_moment_costs_nothing_and_for_longer_everything(copies: Begin) -> None:
    place = Place()
    only = copies(place, "a")
    epochs = dict(only.leases.held())
    place.away = True
    time.sleep(0.3)  # shorter than the third of a lease between two renewals
    place.away = False
    time.sleep(DURATION)
    assert only.leases.held() == epochs
    place.away = True
    until(lambda: not only.leases.held())
    place.away = False
    until(lambda: set(only.leases.held()) == set(TABLES))
    assert all(only.leases.held()[name] > epoch for name, epoch in epochs.items())  # type: ignore[operator]  # with leases no epoch is None


def test_new_tables_are_taken_and_old_ones_are_to_be_given_back(copies: Begin) -> None:
    only = copies(Place(), "a")
    only.leases.wanted([*TABLES[1:], "dbo.new"])
    until(lambda: "dbo.new" in only.leases.held())
    assert only.leases.should_release() == {TABLES[0]}
    only.leases.release(TABLES[0])
    assert TABLES[0] not in only.leases.held()


def test_a_place_that_cannot_be_used_is_said_at_the_start(log: Log) -> None:
    backend = InMemory(Place(), "a")

    def refuse() -> None:
        raise ConfigurationError("no such account")

    backend.join = refuse  # type: ignore[method-assign]  # fails on purpose
    leases = SharedLeases(backend, "a", log)
    with pytest.raises(ConfigurationError):
        leases.start(TABLES)
    leases.stop()


def test_without_leases_everything_is_held_without_an_epoch() -> None:
    none = NoLeases()
    none.start(["a"])
    none.wanted(["a", "b"])
    assert none.held() == {"a": None, "b": None}
    none.release("a")
    assert (none.held(), none.should_release()) == ({"b": None}, set())
    none.stop()


class Unsure(InMemory):
    """Renews, but its answer to every second question is lost."""

    asked = 0

    def renew(self, names: Collection[str]) -> Renewal:
        self.asked += 1
        return Renewal() if self.asked % 2 else super().renew(names)


def test_a_lease_of_which_nothing_is_known_is_renewed_at_the_next_look(log: Log) -> None:
    """Not after another third of its life, when it may have run out."""
    leases = SharedLeases(Unsure(Place(), "1"), "1", log)
    leases.start(TABLES)
    before = dict(leases.held())
    time.sleep(DURATION)
    assert dict(leases.held()) == before
    leases.stop()
