"""The reading threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dstream_mssql_cdc.stream.workers import Workers


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_no_more_jobs_at_the_same_time_than_threads() -> None:
    workers = Workers(3, 3, lambda error: None)
    lock, running, most, done = threading.Lock(), 0, 0, 0

    def job() -> None:
        nonlocal running, most, done
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
            done += 1

    for _ in range(30):
        workers.add("changes", job)
    until(lambda: done == 30)
    assert most == 3
    assert workers.close(5)


def test_snapshots_leave_a_thread_for_changes() -> None:
    workers = Workers(2, 1, lambda error: None)
    release, changed = threading.Event(), threading.Event()
    for _ in range(3):
        workers.add("snapshot", lambda: release.wait(5) and None)
    workers.add("changes", changed.set)
    assert changed.wait(5)
    assert workers.waiting("snapshot") == 2
    release.set()
    assert workers.close(5)


def test_an_exception_is_told_and_the_thread_goes_on() -> None:
    told: list[BaseException] = []
    workers = Workers(1, 1, told.append)
    workers.add("changes", lambda: 1 // 0 and None)
    ran = threading.Event()
    workers.add("changes", ran.set)
    assert ran.wait(5)
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert workers.close(5)


def test_closed_forgets_what_waits() -> None:
    workers = Workers(1, 1, lambda error: None)
    release, begun = threading.Event(), threading.Event()
    ran: list[int] = []

    def hold() -> None:
        begun.set()
        release.wait(5)

    workers.add("changes", hold)
    assert begun.wait(5)
    workers.add("changes", lambda: ran.append(1))
    threading.Timer(0.05, release.set).start()
    assert workers.close(5)
    workers.add("changes", lambda: ran.append(2))
    assert ran == []


def test_a_job_that_does_not_end_is_left() -> None:
    workers = Workers(1, 1, lambda error: None)
    release, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        release.wait(5)

    workers.add("changes", hold)
    assert begun.wait(5)
    assert not workers.close(0.05)
    release.set()


def test_the_end_waits_so_long_for_all_threads_together() -> None:
    released = threading.Event()
    workers = Workers(4, 4, lambda error: None)

    held: list[None] = []

    def hold() -> None:
        held.append(None)
        released.wait(30)

    for _ in range(4):
        workers.add("changes", hold)
    until(lambda: len(held) == 4)
    began = time.monotonic()
    assert not workers.close(0.3)
    assert time.monotonic() - began < 0.9
    released.set()
    assert workers.close(10)
