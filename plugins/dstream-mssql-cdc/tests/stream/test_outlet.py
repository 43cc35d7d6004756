"""The queue between reading threads and the emitting one."""

from __future__ import annotations

import threading

import pytest

from dstream_core.api import Checkpoint, EncodedLines
from dstream_mssql_cdc.stream.outlet import Outgoing, Outlet


def outgoing(text: bytes) -> Outgoing:
    return Outgoing(EncodedLines(text, 1), "dbo.T", None)


def test_first_in_first_out() -> None:
    outlet = Outlet()
    items = [outgoing(b"a\n"), Outgoing(Checkpoint(1, "dbo.T"), "dbo.T", 7), outgoing(b"b\n")]
    assert all(outlet.put(item) for item in items)
    assert [outlet.take(0) for _ in items] == items
    assert outlet.take(0) is None
    assert outlet.empty


def test_readers_wait_for_room() -> None:
    outlet = Outlet(limit=2)
    assert outlet.put(outgoing(b"large\n"))
    thread = threading.Thread(target=outlet.put, args=(outgoing(b"next\n"),))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    first = outlet.take(5)
    second = outlet.take(5)
    thread.join(5)
    assert not thread.is_alive()
    assert [first, second] == [outgoing(b"large\n"), outgoing(b"next\n")]


def test_a_failure_comes_behind_what_was_read_before_it() -> None:
    outlet = Outlet()
    outlet.put(outgoing(b"a\n"))
    outlet.fail(RuntimeError("first"))
    outlet.fail(RuntimeError("second"))
    assert outlet.take(0) == outgoing(b"a\n")
    with pytest.raises(RuntimeError, match="first"):
        outlet.take(0)


def test_a_failure_wakes_who_waits() -> None:
    outlet = Outlet()
    threading.Timer(0.05, outlet.fail, (RuntimeError("late"),)).start()
    with pytest.raises(RuntimeError, match="late"):
        outlet.take(10)


def test_closed_takes_nothing_in_and_lets_readers_go() -> None:
    outlet = Outlet(limit=1)
    outlet.put(outgoing(b"a\n"))
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(outlet.put(outgoing(b"b\n"))))
    thread.start()
    outlet.close()
    thread.join(5)
    assert answers == [False]
    assert outlet.closed
    assert outlet.take(0) == outgoing(b"a\n")
    assert outlet.take(10) is None
