"""Pauses between passes and after failures."""

from __future__ import annotations

from dstream_mssql_cdc.stream.polling import QUIET_PASSES, Backoff, Polling


def middle() -> float:
    return 0.5


def test_short_while_there_are_changes() -> None:
    polling = Polling(1.0, 60.0, middle)
    assert {polling.pause(True) for _ in range(20)} == {1.0}


def test_a_few_empty_passes_are_no_silence() -> None:
    polling = Polling(1.0, 60.0, middle)
    assert {polling.pause(False) for _ in range(QUIET_PASSES)} == {1.0}


def test_grows_to_the_longest_while_nothing_changes_and_is_short_at_the_first_change() -> None:
    polling = Polling(1.0, 5.0, middle)
    pauses = [polling.pause(False) for _ in range(QUIET_PASSES + 10)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0
    assert polling.pause(True) == 1.0


def test_varies_by_a_tenth() -> None:
    assert Polling(10.0, 10.0, lambda: 0.0).pause(True) == 9.0
    assert Polling(10.0, 10.0, lambda: 1.0).pause(True) == 11.0


def test_back_off_doubles_up_to_its_limit_and_forgets() -> None:
    backoff = Backoff(1.0, 8.0, lambda: 1.0)
    assert [backoff.failed() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    backoff.succeeded()
    assert backoff.failed() == 1.0


def test_half_of_the_back_off_is_chance() -> None:
    assert Backoff(2.0, 8.0, lambda: 0.0).failed() == 1.0


def test_any_number_of_failures_is_counted() -> None:
    backoff = Backoff(1.0, 30.0, lambda: 1.0)
    assert [backoff.failed() for _ in range(2000)][-1] == 30.0
