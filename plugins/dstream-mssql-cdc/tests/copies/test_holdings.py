"""A lease stops counting here before it can run out for others, whatever happens to this process."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dstream_mssql_cdc.leases.holdings import Holdings, Taken

DURATION = 15.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_counts_from_when_it_was_asked_for_and_not_from_the_answer() -> None:
    clock = Clock()
    holdings = Holdings(DURATION, clock)
    holdings.take("a", Taken(7, begin=95.0))
    assert holdings.shown() == {"a": 7}
    clock.now = 95.0 + DURATION - 1.0
    assert holdings.shown() == {}
    assert holdings.expired() == ["a"]


def test_a_lease_that_ran_out_while_the_process_stood_still_never_counts_again() -> None:
    clock = Clock()
    holdings = Holdings(DURATION, clock)
    holdings.take("a", Taken(7, clock.now))
    clock.now += 3600.0  # SIGSTOP
    assert holdings.shown() == {}
    holdings.renewed("a", clock.now)  # the service may have renewed it: nobody else wanted it
    assert holdings.shown() == {}
    holdings.drop("a")
    holdings.take("a", Taken(8, clock.now))
    assert holdings.shown() == {"a": 8}


def test_a_lease_that_must_not_be_used_yet_shows_when_its_time_has_come() -> None:
    clock = Clock()
    holdings = Holdings(60.0, clock)
    holdings.take("a", Taken(1, clock.now, wait=20.0))
    assert (holdings.shown(), holdings.names, holdings.next_turn()) == ({}, ["a"], 120.0)
    clock.now = 120.0
    assert holdings.shown() == {"a": 1}
    assert holdings.next_turn() == float("inf")


class AgainstTheService(RuleBasedStateMachine):
    """Random takings, renewals, delays and pauses, against a service that keeps its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.holdings = Holdings(DURATION, self.clock)
        self.service: dict[str, float] = {}
        self.epoch = 0

    @rule(name=st.sampled_from("abc"), there=st.floats(0, 20), back=st.floats(0, 20))
    def take(self, name: str, there: float, back: float) -> None:
        begin = self.clock.now
        self.clock.now += there
        if self.service.get(name, 0.0) > self.clock.now or name in self.holdings.names:
            return
        self.epoch += 1
        self.service[name] = self.clock.now + DURATION
        self.clock.now += back
        self.holdings.take(name, Taken(self.epoch, begin))

    @rule(name=st.sampled_from("abc"), there=st.floats(0, 20), back=st.floats(0, 20))
    def renew(self, name: str, there: float, back: float) -> None:
        begin = self.clock.now
        self.clock.now += there
        if name in self.holdings.names:
            self.service[name] = self.clock.now + DURATION
            self.clock.now += back
            self.holdings.renewed(name, begin)

    @rule(seconds=st.floats(0, 40))
    def pause(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def drop_expired(self) -> None:
        for name in self.holdings.expired():
            self.holdings.drop(name)

    @invariant()
    def what_counts_is_ours(self) -> None:
        for name in self.holdings.shown():
            assert self.clock.now < self.service[name]


TestAgainstTheService: Any = AgainstTheService.TestCase


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 20)), max_size=10), st.lists(st.floats(0, 60), max_size=10))
def test_what_is_shown_is_what_a_look_at_each_lease_would_give(
    leases: list[tuple[float, float]], looks: list[float]
) -> None:
    clock = Clock()
    holdings = Holdings(DURATION, clock)
    for number, (begin, wait) in enumerate(leases):
        holdings.take(str(number), Taken(number, clock.now + begin, wait))
    for look in sorted(looks):
        clock.now = 100.0 + look
        counts = {
            str(number): number
            for number, (begin, wait) in enumerate(leases)
            if 100.0 + begin + wait <= clock.now < 100.0 + begin + holdings.valid_seconds
        }
        assert holdings.shown() == counts
