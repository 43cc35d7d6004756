"""Who is alive, told without comparing clocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dstream_mssql_cdc.leases.holdings import Holdings, Taken
from dstream_mssql_cdc.leases.roster import Roster

DURATION = 13.0


class Clock:
    def __init__(self, now: float = 0.0, rate: float = 1.0) -> None:
        self.now = now
        self.rate = rate

    def __call__(self) -> float:
        return self.now * self.rate


def test_who_counts_up_is_alive_and_who_does_not_is_dead_after_a_lease() -> None:
    clock = Clock()
    roster = Roster(DURATION, clock)
    roster.look({"a": 1, "b": 1})
    assert (roster.alive, roster.dead) == ({"a", "b"}, set())
    clock.now = 12.0
    roster.look({"a": 2, "b": 1})
    clock.now = 13.0
    assert (roster.alive, roster.dead) == ({"a"}, {"b"})
    roster.look({"a": 2, "b": 2})
    assert roster.alive == {"a", "b"}
    roster.look({"a": 3})
    assert (roster.alive, roster.dead) == ({"a"}, set())


STEPS = st.lists(
    st.tuples(st.sampled_from(["beat", "look", "pause"]), st.floats(0, 8), st.floats(0, 8), st.floats(0, 8)),
    max_size=30,
)


@given(STEPS, st.floats(0.98, 1.02), st.floats(0.98, 1.02))
def test_who_is_taken_for_dead_relies_on_nothing(
    steps: list[tuple[str, float, float, float]], rate_of_holder: float, rate_of_observer: float
) -> None:
    """A beat reaches the table somewhere between its begin and its answer; both clocks go at speeds of their own."""
    holder_clock, observer_clock = Clock(rate=rate_of_holder), Clock(rate=rate_of_observer)
    holdings, roster = Holdings(DURATION, holder_clock), Roster(DURATION, observer_clock)
    beat = 1
    holdings.take("table", Taken(1, holder_clock()))

    def advance(seconds: float) -> None:
        holder_clock.now += seconds
        observer_clock.now += seconds

    roster.look({"holder": beat})
    for what, before, middle, after in steps:
        advance(before)
        if what == "beat":
            begin = holder_clock()
            advance(middle)
            beat += 1
            roster.look({"holder": beat})
            advance(after)
            holdings.renewed("table", begin)
        elif what == "look":
            roster.look({"holder": beat})
        if "holder" in roster.dead:
            assert holdings.shown() == {}
