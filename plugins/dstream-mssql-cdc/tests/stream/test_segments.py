"""Which capture instance is read up to where, and when changes are gone."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_mssql_cdc.catalog.values import CaptureInstance
from dstream_mssql_cdc.position import ZERO, ChangePosition, before
from dstream_mssql_cdc.stream.segments import Gap, active, beginning, find_gap, next_segment, oldest


def lsn(number: int) -> bytes:
    return number.to_bytes(10, "big")


def instance(number: int, start: int) -> CaptureInstance:
    created = datetime(2026, 1, number)  # noqa: DTZ001  as the server gives it: local, without a zone
    return CaptureInstance(f"i{number}", number, lsn(start), (), True, None, False, f"i{number}_CT", created)


OLD, NEW = instance(1, 100), instance(2, 200)


def behind(number: int) -> ChangePosition:
    return ChangePosition.behind(lsn(number))


def inside(number: int) -> ChangePosition:
    return ChangePosition(lsn(number), 1, lsn(number), 2)


def test_one_instance_is_read_up_to_the_maximum() -> None:
    segment = next_segment([OLD], behind(120), lsn(500))
    assert segment is not None
    assert (segment.instance, segment.upper) == (OLD, lsn(500))


def test_nothing_is_left_behind_the_maximum() -> None:
    assert next_segment([OLD], behind(500), lsn(500)) is None


def test_a_transaction_read_in_part_is_not_done() -> None:
    assert next_segment([OLD], inside(500), lsn(500)) is not None


def test_the_older_instance_is_read_up_to_the_newer_ones_beginning() -> None:
    segment = next_segment([OLD, NEW], behind(150), lsn(500))
    assert segment is not None
    assert (segment.instance, segment.upper) == (OLD, lsn(199))


def test_then_the_newer_one_from_its_first_change() -> None:
    segment = next_segment([OLD, NEW], behind(199), lsn(500))
    assert segment is not None
    assert (segment.instance, segment.upper) == (NEW, lsn(500))


def test_the_older_one_while_the_capture_job_has_not_reached_the_newer() -> None:
    segment = next_segment([OLD, NEW], behind(150), lsn(180))
    assert segment is not None
    assert (segment.instance, segment.upper) == (OLD, lsn(180))


def test_cleanup_may_move_the_older_one_beyond_the_newer_one() -> None:
    moved = instance(1, 300)
    segment = next_segment([moved, NEW], behind(250), lsn(500))
    assert segment is not None
    assert (segment.instance, segment.upper) == (NEW, lsn(500))


@given(
    starts=st.lists(st.integers(2, 60), min_size=1, max_size=2, unique=True),
    commits=st.lists(st.integers(1, 80), max_size=30, unique=True),
    uppers=st.lists(st.integers(1, 90), min_size=1, max_size=8),
)
def test_every_change_is_read_once_and_from_the_instance_that_knows_it(
    starts: list[int], commits: list[int], uppers: list[int]
) -> None:
    starts.sort()
    instances = [instance(number, start) for number, start in enumerate(starts, start=1)]
    position, read = oldest(instances), []
    for upper in sorted(uppers):
        while (segment := next_segment(instances, position, lsn(upper))) is not None:
            read += [
                (commit, segment.instance.object_id)
                for commit in sorted(commits)
                if position < ChangePosition.behind(lsn(commit)) and lsn(commit) <= segment.upper
            ]
            position = ChangePosition.behind(segment.upper)
    reached = max(uppers)
    expected = [
        (commit, max(i.object_id for i in instances if i.start_lsn <= lsn(commit)))
        for commit in sorted(commits)
        if starts[0] <= commit <= reached
    ]
    assert read == expected


def test_no_gap_where_the_change_table_begins() -> None:
    assert find_gap([OLD], behind(99), lsn(500)) is None


@pytest.mark.parametrize("position", [behind(98), inside(99), inside(50)])
def test_purged(position: ChangePosition) -> None:
    assert find_gap([OLD], position, lsn(500)) == Gap("purged", position.lsn, lsn(100))


def test_purged_between_the_two_instances() -> None:
    assert find_gap([instance(1, 300), NEW], behind(150), lsn(500)) == Gap("purged", lsn(150), lsn(200))


def test_beyond_the_databases_maximum() -> None:
    assert find_gap([OLD], behind(501), lsn(500)) == Gap("beyond", lsn(501), lsn(500))


def test_a_table_enabled_ahead_of_the_capture_job_is_not_beyond() -> None:
    start = beginning([NEW], lsn(150))
    assert start == lsn(199)
    assert find_gap([NEW], ChangePosition.behind(start), lsn(150)) is None
    assert find_gap([NEW], ChangePosition.behind(start), None) is None


def test_a_snapshot_begins_at_the_maximum() -> None:
    assert beginning([OLD], lsn(150)) == lsn(150)


def test_the_active_instance_is_none_in_a_gap() -> None:
    assert active([OLD], behind(10)) is None


def test_before_the_first_number_there_is_none() -> None:
    assert before(ZERO) == ZERO
    assert before(lsn(256)) == lsn(255)
