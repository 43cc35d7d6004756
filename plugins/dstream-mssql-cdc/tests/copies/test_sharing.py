"""Who has how many tables: arithmetic, and many copies that follow it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from dstream_mssql_cdc.leases.sharing import in_turn, share, surplus

NAMES = st.sets(st.text(min_size=1, max_size=4), min_size=1, max_size=8)


@given(NAMES, st.integers(0, 60))
def test_the_shares_add_up_and_are_even(members: set[str], tables: int) -> None:
    shares = {member: share(members, member, tables) for member in members}
    assert sum(shares.values()) == tables
    assert max(shares.values()) - min(shares.values()) <= 1


@given(NAMES, st.text(min_size=1), st.integers(0, 60))
def test_a_member_counts_itself_and_a_newcomer_takes_from_everybody_evenly(
    members: set[str], me: str, tables: int
) -> None:
    assert share(members - {me}, me, tables) == share(members | {me}, me, tables)
    for member in members - {me}:
        before, after = share(members - {me}, member, tables), share(members | {me}, member, tables)
        assert after <= before


@given(st.lists(st.text(max_size=3), unique=True), st.integers(0, 12), st.sets(st.text(max_size=3)))
def test_what_was_to_be_handed_over_stays_chosen(mine: list[str], most: int, leaving: set[str]) -> None:
    chosen = surplus(mine, most, leaving)
    assert len(chosen) == max(len(mine) - most, 0)
    assert chosen <= set(mine)
    assert surplus(mine, most, chosen) == chosen
    again = surplus(mine, most, leaving & set(mine))
    assert len(leaving & set(mine) & again) == min(len(leaving & set(mine)), len(again))
    assert surplus(mine, max(most - 1, 0), chosen) >= chosen


@given(st.sets(st.text(max_size=3)), st.text(max_size=3))
def test_everybody_tries_all_tables_in_an_order_of_their_own(names: set[str], me: str) -> None:
    assert set(in_turn(names, me)) == names
    assert in_turn(sorted(names), me) == in_turn(names, me)


class Copies:
    """Copies of a task that follow the arithmetic, with perfect locks."""

    def __init__(self, tables: int) -> None:
        self.tables = [f"t{number}" for number in range(tables)]
        self.holder: dict[str, str] = {}
        self.mine: dict[str, list[str]] = {}
        self.leaving: dict[str, set[str]] = {}
        self.moves = 0
        self._joined = 0

    def join(self) -> None:
        self._joined += 1
        self.mine[f"{self._joined:04d}"] = []
        self.leaving[f"{self._joined:04d}"] = set()

    def leave(self, which: int) -> None:
        member = sorted(self.mine)[which % len(self.mine)]
        for name in self.mine.pop(member):
            del self.holder[name]
        del self.leaving[member]

    def look(self, member: str) -> None:
        mine, most = self.mine[member], share(self.mine, member, len(self.tables))
        self.leaving[member] = surplus(mine, most, self.leaving[member])
        for name in self.leaving[member]:  # drained, and given back
            mine.remove(name)
            del self.holder[name]
        self.leaving[member] = set()
        free = [name for name in self.tables if name not in self.holder]
        for name in in_turn(free, member)[: max(most - len(mine), 0)]:
            assert name not in self.holder
            self.holder[name] = member
            mine.append(name)
            self.moves += 1


EVENTS = st.lists(st.tuples(st.sampled_from(["join", "leave", "look"]), st.integers(0, 7)), max_size=40)


@settings(max_examples=200)
@given(st.integers(0, 25), EVENTS)
def test_copies_come_to_even_shares_and_then_nothing_moves(tables: int, events: list[tuple[str, int]]) -> None:
    copies = Copies(tables)
    copies.join()
    for what, which in events:
        if what == "join":
            copies.join()
        elif what == "leave" and len(copies.mine) > 1:
            copies.leave(which)
        else:
            copies.look(sorted(copies.mine)[which % len(copies.mine)])
    for _ in range(2):  # one look to give back, one to take
        for member in sorted(copies.mine):
            copies.look(member)
    counts = Counter(copies.holder.values())
    assert set(copies.holder) == set(copies.tables)
    assert all(tables // len(copies.mine) <= counts[member] <= -(-tables // len(copies.mine)) for member in copies.mine)
    moves = copies.moves
    for member in sorted(copies.mine):
        copies.look(member)
    assert copies.moves == moves


@given(st.integers(1, 5), st.integers(0, 40))
def test_no_more_tables_move_than_a_newcomer_gets(copies_before: int, tables: int) -> None:
    copies = Copies(tables)
    for _ in range(copies_before):
        copies.join()
    for _ in range(2):
        for member in sorted(copies.mine):
            copies.look(member)
    moves = copies.moves
    copies.join()
    for _ in range(2):
        for member in sorted(copies.mine):
            copies.look(member)
    assert copies.moves - moves == tables // (copies_before + 1)
