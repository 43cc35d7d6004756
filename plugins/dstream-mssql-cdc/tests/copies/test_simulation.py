"""Copies of a task in made-up time: slow answers, copies that stand still, die, come and go. Never two readers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pytest

from dstream_core.api import Log, TemporaryError
from dstream_mssql_cdc.leases.backend import Renewal
from dstream_mssql_cdc.leases.holdings import Taken
from dstream_mssql_cdc.leases.shared_leases import SharedLeases

DURATION = 15.0
TABLES = [f"dbo.t{number}" for number in range(12)]


class World:
    """The place of the locks, with the only true time."""

    def __init__(self, seed: int) -> None:
        self.now = 1000.0
        self.random = random.Random(seed)
        self.locks: dict[str, tuple[str, int, float]] = {}
        self.epochs: dict[str, int] = {}
        self.alive: dict[str, float] = {}
        self.copies: dict[str, Copy] = {}
        self.newest: dict[str, int] = {}
        self.taken = 0

    def take_time(self, most: float = 0.5) -> None:
        """Something takes a while; now and then a long while, in which the process may stand still."""
        self.now += self.random.uniform(0, 20.0 if self.random.random() < 0.02 else most)
        self.check()

    def check(self) -> None:
        readers: dict[str, str] = {}
        for copy in self.copies.values():
            for name, epoch in copy.leases.held().items():
                assert name not in readers, f"{name} is read by {readers[name]} and {copy.name}"
                readers[name] = copy.name
                assert epoch is not None
                assert epoch >= self.newest.get(name, 0), f"{name} is read under a lease older than one before"
                self.newest[name] = epoch


class Locks:
    """`Backend` in the world."""

    duration = DURATION

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.epochs: dict[str, int] = {}

    def _reach(self) -> None:
        self.world.take_time()
        if self.world.random.random() < 0.03:
            raise TemporaryError("no answer")

    def join(self) -> None:
        self.members()

    def members(self) -> set[str]:
        self._reach()
        self.world.alive[self.name] = self.world.now + DURATION
        alive = {name for name, until in self.world.alive.items() if until > self.world.now}
        self.world.take_time()
        return alive

    def free(self, names: Collection[str]) -> Sequence[str]:
        self._reach()
        return [name for name in names if self.world.locks.get(name, ("", 0, 0.0))[2] <= self.world.now]

    def take(self, names: Sequence[str]) -> Mapping[str, Taken]:
        taken = {}
        for name in names:
            begin = self.world.now
            self.world.take_time(0.05)
            if self.world.locks.get(name, ("", 0, 0.0))[2] > self.world.now:
                continue
            self.epochs[name] = self.world.epochs[name] = self.world.epochs.get(name, 0) + 1
            self.world.locks[name] = (self.name, self.epochs[name], self.world.now + DURATION)
            self.world.take_time(0.05)
            self.world.taken += 1
            taken[name] = Taken(self.epochs[name], begin)
        return taken

    def renew(self, names: Collection[str]) -> Renewal:
        kept = set()
        for name in names:
            self.world.take_time(0.05)
            if self._mine(name):
                self.world.locks[name] = (self.name, self.epochs[name], self.world.now + DURATION)
                kept.add(name)
        self._reach()
        return Renewal(kept, set(names) - kept)

    def release(self, names: Collection[str]) -> None:
        self._reach()
        for name in names:
            if self._mine(name):
                del self.world.locks[name]

    def leave(self) -> None:
        self.world.alive.pop(self.name, None)

    def _mine(self, name: str) -> bool:
        return self.world.locks.get(name, ("", 0, 0.0))[:2] == (self.name, self.epochs.get(name))


class Copy:
    def __init__(self, world: World, name: str, log: Log) -> None:
        self.name = name
        self.until = 0.0
        self.leases = SharedLeases(Locks(world, name), name, log, clock=lambda: world.now)
        self.leases.wanted(TABLES)

    def turn(self) -> None:
        for name in self.leases.should_release():
            self.leases.release(name)
        try:
            self.leases._round()
        except TemporaryError:
            return


@pytest.fixture
def log() -> Iterator[Log]:
    null = os.open(os.devnull, os.O_WRONLY)
    yield Log(structured=False, descriptor=null)
    os.close(null)


def settle(world: World, turns: int) -> None:
    for _ in range(turns):
        for copy in list(world.copies.values()):
            copy.turn()
        world.now += 1.0
        world.check()


def disturb(world: World, begin: Callable[[], None]) -> None:
    what = world.random.random()
    names = sorted(world.copies)
    if what < 0.1 and len(names) < 4:
        begin()
    elif what < 0.17 and len(names) > 1:
        del world.copies[world.random.choice(names)]  # killed
    elif what < 0.22 and len(names) > 1:
        world.copies.pop(world.random.choice(names)).leases.stop()
    elif what < 0.3:
        world.copies[world.random.choice(names)].until = world.now + world.random.uniform(1, 40)  # SIGSTOP


@pytest.mark.parametrize("seed", range(25))
def test_never_two_readers_and_in_the_end_even_shares(seed: int, log: Log) -> None:
    world, numbers = World(seed), iter(range(1000))

    def begin() -> None:
        name = f"{next(numbers):04d}"
        world.copies[name] = Copy(world, name, log)

    begin()
    for _ in range(150):
        disturb(world, begin)
        for copy in list(world.copies.values()):
            if world.now >= copy.until:
                copy.turn()
        world.now += world.random.uniform(0, 1)
        world.check()
    assert world.taken > len(TABLES)
    world.random = random.Random(-1)
    world.random.random = lambda: 1.0  # type: ignore[method-assign]  # no more failures and no more standing still
    settle(world, 60)
    counts = sorted(len(copy.leases.held()) for copy in world.copies.values())
    share, rest = divmod(len(TABLES), len(counts))
    assert counts == [share] * (len(counts) - rest) + [share + 1] * rest
    taken = world.taken
    settle(world, 30)
    assert world.taken == taken, "tables move though nothing happens"
