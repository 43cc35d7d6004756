"""Commit times across the changes of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dstream_core.api import ProviderError
from dstream_mssql_cdc.commit_time import CommitClock, CommitTimes

SPRING = datetime.fromisoformat("2026-03-29T01:00")
"""In UTC: Berlin goes from +1 to +2."""
AUTUMN = datetime.fromisoformat("2026-10-25T01:00")
"""In UTC: Berlin goes from +2 to +1."""
MINUTE = timedelta(minutes=1)


def berlin(utc: datetime) -> datetime:
    return utc + timedelta(hours=2 if SPRING <= utc < AUTUMN else 1)


def offset(utc: datetime) -> int:
    return int((berlin(utc) - utc).total_seconds() // 60)


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
@pytest.mark.parametrize("pause", [1, 7, 29, 59])
def test_what_is_read_as_it_happens_is_exact(change: datetime, pause: int) -> None:
    begin = change - timedelta(hours=3)
    clock = CommitClock(offset(begin))
    clock.observe(berlin(begin), begin)
    looked = begin
    for minute in range(6 * 60):
        commit = begin + minute * MINUTE
        if commit - looked >= pause * MINUTE:
            clock.observe(berlin(commit), commit)
            looked = commit
        if pause == 1 or abs(commit - change) > pause * MINUTE:
            assert clock.utc(berlin(commit)) == commit


@pytest.mark.parametrize("minutes", range(1, 170, 7))
def test_a_backlog_over_the_change_in_spring_is_exact(minutes: int) -> None:
    begin = SPRING - timedelta(hours=2)
    clock = CommitClock(offset(begin))
    for minute in range(0, 240, 10):
        clock.observe(berlin(begin + minute * MINUTE), begin + minute * MINUTE)
    commit = begin + minutes * MINUTE
    assert clock.utc(berlin(commit)) == commit


def test_without_a_look_the_offset_is_that_of_the_catalogue() -> None:
    assert CommitClock(-300).utc(datetime.fromisoformat("2026-01-01")) == datetime.fromisoformat("2026-01-01T05:00")


def test_looks_that_agree_take_no_memory() -> None:
    clock = CommitClock(60)
    for minute in range(1000):
        clock.observe(berlin(SPRING - minute * MINUTE - MINUTE), SPRING - minute * MINUTE - MINUTE)
    assert len(clock._spans) == 1


def test_texts() -> None:
    times = CommitTimes(CommitClock(120))
    assert times["2026-06-01 00:30:00.997"] == "2026-05-31T22:30:00.997Z"
    assert times[datetime.fromisoformat("2026-06-01 00:30:00")] == "2026-05-31T22:30:00.000Z"
    assert times[None] is None
    with pytest.raises(ProviderError, match="is no time"):
        times["now"]
