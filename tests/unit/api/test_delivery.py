"""The books of the api: acknowledged runs, the ledger, rejects, positions. All pure, most with made-up orders of events."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api.delivery.dead_letters import DeadLetters
from dstream_core.api.delivery.intervals import Intervals
from dstream_core.api.delivery.ledger import Ledger
from dstream_core.api.delivery.positions import BLOCK_BYTES_LIMIT, PENDING_LIMIT, Block, Positions
from dstream_core.api.delivery.rejects import RejectedLineError, Rejects, TooManyRejectsError
from dstream_core.errors import DStreamError, ProviderError

RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))))


@given(RANGES)
def test_intervals_are_a_set(ranges: list[tuple[int, int]]) -> None:
    intervals, model = Intervals(), set[int]()
    for first, last in ranges:
        added = set(range(first, last + 1))
        assert intervals.add(first, last) == len(added - model)
        model |= added
    for number in range(80):
        run = intervals.run_of(number)
        assert (run is not None) == (number in model)
        if run is not None:
            assert set(range(run[0], run[1] + 1)) <= model
            assert not {run[0] - 1, run[1] + 1} & model
    assert len(intervals) == sum(1 for number in model if number - 1 not in model)


@given(RANGES, st.integers(0, 80))
def test_intervals_forget_what_lies_before(ranges: list[tuple[int, int]], limit: int) -> None:
    intervals = Intervals()
    for first, last in ranges:
        intervals.add(first, last)
    before = [intervals.run_of(number) for number in range(80)]
    intervals.drop_before(limit)
    for number, run in enumerate(before):
        assert intervals.run_of(number) == (run if run is not None and run[1] >= limit else None)


@given(st.permutations(range(1, 30)))
def test_the_count_is_what_is_acknowledged_without_a_gap(order: list[int]) -> None:
    """Invariant 2."""
    counts: list[int] = []
    ledger = Ledger(lambda: counts.append(ledger.count))
    ledger.hand_out(29, 29)
    done: set[int] = set()
    for number in order:
        assert ledger.acknowledge(number, number, 1) == 1
        assert ledger.acknowledge(number, number, 0) == 0
        done.add(number)
        assert ledger.count == next(n for n in range(30) if n + 1 not in done)
    assert counts == sorted(set(counts))
    assert (ledger.count, ledger.unacknowledged, ledger.outstanding) == (29, 0, 0)


def test_acknowledgements_from_many_threads() -> None:
    advanced: list[int] = []
    ledger = Ledger(lambda: advanced.append(1))
    ledger.hand_out(8000, 8000)
    numbers = list(range(1, 8001))
    random.Random(7).shuffle(numbers)

    def acknowledge(part: list[int]) -> None:
        for number in part:
            ledger.acknowledge(number, number, 1)

    threads = [threading.Thread(target=acknowledge, args=(numbers[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.count, ledger.outstanding) == (8000, 0)


def test_room_is_a_bound_on_bytes_except_for_a_single_line() -> None:
    ledger = Ledger(lambda: None, limit=100)
    assert ledger.wait_for_room(500, 0)
    ledger.hand_out(1, 500)
    assert not ledger.wait_for_room(1, 0)
    ledger.acknowledge(1, 1, 500)
    assert ledger.wait_for_room(60, 0)
    ledger.hand_out(2, 60)
    assert ledger.wait_for_room(40, 0)
    assert not ledger.wait_for_room(41, 0)


def test_whoever_waits_for_room_learns_of_a_failure() -> None:
    ledger = Ledger(lambda: None, limit=1)
    ledger.hand_out(1, 1)
    threading.Timer(0.05, lambda: ledger.fail(ProviderError("over"))).start()
    with pytest.raises(DStreamError, match="over"):
        ledger.wait_for_room(1, 10)


def make_rejects(folder: Path, *, stop: bool = False, limit: int = 3) -> tuple[Ledger, Rejects, DeadLetters]:
    ledger = Ledger(lambda: None)
    letters = DeadLetters(folder / "letters", "task", "provider")
    return ledger, Rejects(ledger, letters, stop=stop, limit=limit), letters


def numbers_kept(folder: Path) -> list[int]:
    path = folder / "letters" / "rejected.jsonl"
    return [json.loads(line)["number"] for line in path.read_bytes().splitlines()] if path.exists() else []


def test_rejects_in_a_row_are_counted_by_line_and_not_by_time(tmp_path: Path) -> None:
    _, rejects, letters = make_rejects(tmp_path)
    for number in (1, 2, 4, 5, 7):
        rejects.reject(number, b"x", "why", 0)
    with pytest.raises(TooManyRejectsError, match="5 lines in a row"):
        rejects.reject(3, b"x", "why", 0)
    letters.close()
    assert numbers_kept(tmp_path) == [1, 2, 4, 5, 7, 3]


def test_a_delivered_line_between_ends_the_row(tmp_path: Path) -> None:
    ledger, rejects, letters = make_rejects(tmp_path, limit=2)
    for number in range(1, 100, 2):
        rejects.reject(number, b"x", "why", 0)
        ledger.acknowledge(number + 1, number + 1, 0)
    letters.close()
    assert ledger.count == 100


def test_a_row_reaches_over_acknowledged_rejects(tmp_path: Path) -> None:
    ledger, rejects, letters = make_rejects(tmp_path, limit=4)
    ledger.acknowledge(1, 10, 0)
    for number in (11, 12, 13):
        rejects.reject(number, b"x", "why", 0)
    assert ledger.count == 13
    with pytest.raises(TooManyRejectsError, match="4 lines"):
        rejects.reject(14, b"x", "why", 0)
    letters.close()


def test_stop_keeps_nothing_and_fails_the_delivery(tmp_path: Path) -> None:
    ledger, rejects, _ = make_rejects(tmp_path, stop=True)
    ledger.hand_out(9, 9)
    with pytest.raises(RejectedLineError, match="line 7 cannot be delivered: why"):
        rejects.reject(7, b"x", "why", 1)
    ledger.acknowledge(1, 6, 6)
    ledger.acknowledge(8, 9, 2)
    assert ledger.count == 6
    assert isinstance(ledger.failure, RejectedLineError)
    assert numbers_kept(tmp_path) == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=80),
    st.lists(st.integers(0, 80), max_size=20),
)
def test_a_position_is_storable_once_its_count_is_acknowledged(
    emitted: list[tuple[str, int]], acknowledgements: list[int]
) -> None:
    """Invariant 1."""
    positions = Positions()
    for count, (partition, position) in enumerate(emitted, start=1):
        positions.marks[partition].append((count, position))
    stored: dict[str, bytes] = {}
    for acknowledged in sorted(acknowledgements):
        positions.acknowledge(acknowledged)
        stored |= positions.storable()
        expected = {partition: b"%d" % position for partition, position in emitted[:acknowledged]}
        assert stored == expected


def test_positions_are_bounded_and_the_newest_stays() -> None:
    positions = Positions()
    total = PENDING_LIMIT * 5
    for count in range(1, total + 1):
        positions.marks["a" if count % 3 else "b"].append((count, count))
        if count % 1000 == 0:
            positions.thin()
    assert sum(map(len, positions.marks.values())) <= PENDING_LIMIT + 1000
    positions.acknowledge(total // 2)
    assert all(total // 3 < int(value) <= total // 2 for value in positions.storable().values())
    positions.acknowledge(total)
    newest = {n: max(c for c in range(total - 3, total + 1) if bool(c % 3) is (n == "a")) for n in "ab"}
    assert {n: int(value) for n, value in positions.storable().items()} == newest
    assert positions.storable() == {}


@pytest.mark.parametrize("acknowledged_at_once", [1, 700, 20_000])
def test_positions_that_are_left_lie_close_together(acknowledged_at_once: int) -> None:
    """Invariant 8: however much is in flight, what is stored is never far behind what is acknowledged."""
    positions = Positions()
    in_flight = PENDING_LIMIT * 40
    for count in range(1, in_flight + 1):
        positions.marks[""].append((count, count))
        if count % 1000 == 0:
            positions.thin()
    assert len(positions.marks[""]) <= PENDING_LIMIT
    stored, farthest = 0, 0
    for acknowledged in range(acknowledged_at_once, in_flight, max(acknowledged_at_once, 97)):
        positions.acknowledge(acknowledged)
        stored = int(positions.storable().get("", stored))
        assert stored <= acknowledged, "invariant 1"
        farthest = max(farthest, acknowledged - stored)
    assert farthest <= in_flight / 1000


def test_marks_are_thinned_anew_once_all_of_them_are_acknowledged() -> None:
    positions = Positions()
    for start in range(0, PENDING_LIMIT * 6, PENDING_LIMIT * 2):
        for count in range(start, start + PENDING_LIMIT * 2):
            positions.marks[""].append((count, count))
        positions.thin()
        positions.acknowledge(start + PENDING_LIMIT * 2)
        positions.storable()
    for count in range(1_000_000, 1_000_100):
        positions.marks[""].append((count, count))
    positions.thin()
    assert len(positions.marks[""]) == 100


def block(before: int, count: int, partition: str = "", size: int = 1) -> Block:
    return Block(partition, before, count, size, lambda first: before + first)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.booleans()), max_size=30),
    st.lists(st.integers(0, 150), max_size=20),
)
def test_a_block_is_divided_where_the_acknowledgement_ends(
    emitted: list[tuple[str, int, bool]], acknowledgements: list[int]
) -> None:
    """Invariants 1 and 8: with blocks that can be divided, the stored position is exactly the acknowledged one."""
    positions = Positions()
    lines: list[tuple[str, int]] = []
    for partition, count, dividable in emitted:
        before = len(lines)
        if dividable:
            positions.add_block(block(before, count, partition))
        positions.marks[partition].append((before + count, before + count))
        lines += [
            (partition, number if dividable or number == before + count else 0)
            for number in range(before + 1, before + count + 1)
        ]
    stored: dict[str, bytes] = {}
    for acknowledged in sorted(acknowledgements):
        positions.acknowledge(acknowledged)
        news = positions.storable()
        stored |= news
        expected = {partition: b"%d" % number for partition, number in lines[:acknowledged] if number}
        assert stored == expected
        assert positions.storable() == {}, "nothing is stored twice"


def test_blocks_that_can_be_divided_are_kept_within_a_bound() -> None:
    positions = Positions()
    size = BLOCK_BYTES_LIMIT // 4
    for number in range(10):
        positions.add_block(block(number * 10, 10, size=size))
        positions.marks[""].append((number * 10 + 10, number * 10 + 10))

    def stored_at(count: int) -> int | None:
        positions.acknowledge(count)
        position = positions.storable().get("")
        return None if position is None else int(position)

    assert [stored_at(count) for count in (35, 45, 50, 55)] == [35, 40, 50, None]
    positions.add_block(block(100, 10, size=size))
    positions.marks[""].append((110, 110))
    assert stored_at(105) == 105, "there is room again"


def test_acknowledgements_do_not_go_back() -> None:
    positions = Positions()
    positions.acknowledge(5)
    positions.acknowledge(3)
    assert positions.acknowledged == 5
