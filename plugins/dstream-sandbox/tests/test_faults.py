"""Faults on command: each of them at every byte, packet and row of a small answer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pymssql
import pytest
from conftest import Wire
from python_tds import pytds

from dstream_sandbox.sqlserver.tds.faults import Action, Fault, Place

ROWS = 12


def fetch(wire: Wire, text: str = f"numbers({ROWS})", **more: Any) -> list[Any]:
    connection = pymssql.connect(**wire.arguments(**more))
    try:
        cursor = connection.cursor()
        cursor.execute(text)
        return list(cursor.fetchall())
    finally:
        connection.close()


def fetch_into(cursor: Any, got: list[Any]) -> None:
    """What came before an error counts as well."""
    cursor.execute(f"numbers({ROWS})")
    for row in cursor:
        got.append(row)  # noqa: PERF402  as above


def armed(wire: Wire, action: Action, place: Place = "start", position: int = 0, **more: Any) -> Fault:
    fault = Fault(action, place=place, position=position, **{"pattern": "numbers", **more})
    wire.faults.add(fault)
    return fault


def answer_size(wire: Wire) -> int:
    """Bytes of the answer: the first position where a cut does not happen."""
    sizes = []
    low, high = 0, 100_000
    while low < high:
        middle = (low + high) // 2
        fault = armed(wire, "delay", "byte", middle)
        fetch(wire)
        sizes.append(middle)
        low, high = (middle + 1, high) if fault.fired else (low, middle)
        wire.faults.clear()
    return low


@pytest.mark.parametrize("action", ["fin", "rst"])
def test_cut_before_every_byte(wire: Wire, action: Action) -> None:
    size = answer_size(wire)
    assert 100 < size < 1000
    for position in range(size):
        fault = armed(wire, action, "byte", position)
        with pytest.raises(pymssql.Error):
            fetch(wire)
        assert fault.fired == 1, position
    beyond = armed(wire, action, "byte", size)
    assert len(fetch(wire)) == ROWS
    assert (beyond.matched, beyond.fired) == (1, 0)


@pytest.mark.parametrize("action", ["fin", "rst"])
def test_cut_at_every_row(wire: Wire, action: Action) -> None:
    for position in range(ROWS + 1):
        fault = armed(wire, action, "row", position)
        with pytest.raises(pymssql.Error):
            fetch(wire)
        assert fault.fired == 1, position
    beyond = armed(wire, action, "row", ROWS + 1)
    assert len(fetch(wire)) == ROWS
    assert beyond.fired == 0


@pytest.mark.parametrize("action", ["fin", "rst"])
def test_cut_at_every_packet(wire: Wire, action: Action) -> None:
    text = "numbers(400)"
    for position in range(100):
        fault = armed(wire, action, "packet", position)
        try:
            rows = fetch(wire, text)
        except pymssql.Error:
            assert fault.fired == 1
        else:
            assert (fault.fired, len(rows)) == (0, 400)
            break
    assert 3 < position < 100


def test_rows_before_a_cut_arrive(wire: Wire) -> None:
    armed(wire, "fin", "row", 5)
    got: list[Any] = []
    with pytest.raises(pymssql.Error):
        fetch_into(wire.cursor(), got)
    assert len(got) == 5


@pytest.mark.parametrize("action", ["fin", "rst"])
def test_a_cut_at_the_start_is_before_the_statement(wire: Wire, action: Action) -> None:
    armed(wire, action)
    with pytest.raises(pymssql.Error):
        fetch(wire)
    assert not any("numbers" in text for text, _ in wire.engine.sessions[-1].executed)
    armed(wire, action, "byte", 0)
    with pytest.raises(pymssql.Error):
        fetch(wire)
    assert any("numbers" in text for text, _ in wire.engine.sessions[-1].executed)


@pytest.mark.parametrize("action", ["fin", "rst"])
def test_a_cut_at_the_end_is_after_the_answer(wire: Wire, action: Action) -> None:
    fault = armed(wire, action, "end")
    cursor, got = wire.cursor(), []
    try:
        fetch_into(cursor, got)
        assert len(got) == ROWS
    except pymssql.Error:
        assert action == "rst", "a reset takes along what the client's kernel has received and nobody has read"
    with pytest.raises(pymssql.Error):
        fetch_into(cursor, got)
    assert fault.fired == 1


def test_an_error_in_place_of_the_answer(wire: Wire) -> None:
    armed(wire, "error", number=1205, message="deadlock")
    cursor = wire.cursor()
    with pytest.raises(pymssql.OperationalError) as failed:
        cursor.execute("numbers(3)")
    assert failed.value.args[0] == 1205
    cursor.execute("numbers(3)")
    assert len(cursor.fetchall()) == 3


def test_an_error_after_every_row(wire: Wire) -> None:
    for position in range(ROWS + 1):
        armed(wire, "error", "row", position, number=22859, message="on command")
        cursor = wire.cursor()
        with pytest.raises(pymssql.Error) as failed:
            fetch_into(cursor, [])
        assert "on command" in str(failed.value)
        cursor.execute("numbers(1)")
        assert len(cursor.fetchall()) == 1


def test_a_fatal_error_on_command(wire: Wire) -> None:
    armed(wire, "error", number=40197, severity=20)
    with pytest.raises(pymssql.Error):
        fetch(wire)
    assert wire.engine.sessions[-1].closed.wait(10)


@pytest.mark.parametrize(("place", "position"), [("start", 0), ("byte", 50), ("packet", 0), ("row", 3), ("end", 0)])
def test_a_delay_changes_nothing_but_time(wire: Wire, place: Place, position: int) -> None:
    fault = armed(wire, "delay", place, position, milliseconds=120)
    started = time.monotonic()
    assert len(fetch(wire)) == ROWS
    if place != "end":  # that one is after the answer: the client does not wait for it
        assert time.monotonic() - started >= 0.11
        assert fault.fired == 1


@pytest.mark.parametrize(("place", "position"), [("start", 0), ("byte", 50), ("packet", 0), ("row", 3)])
def test_what_hangs_goes_on_when_released(wire: Wire, place: Place, position: int) -> None:
    fault = armed(wire, "hang", place, position)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(fetch(wire)))
    thread.start()
    deadline = time.monotonic() + 10
    while not fault.fired and time.monotonic() < deadline:
        time.sleep(0.005)
    assert got == []
    wire.faults.release(fault.id)
    thread.join(10)
    assert len(got[0]) == ROWS


def test_a_client_that_does_not_wait_for_what_hangs(wire: Wire) -> None:
    armed(wire, "hang")
    with pytest.raises(pymssql.Error):
        fetch(wire, timeout=1)
    assert wire.engine.sessions[-1].closed.wait(10)
    assert len(fetch(wire)) == ROWS


def test_throttle(wire: Wire) -> None:
    armed(wire, "throttle", bytes_per_second=2000)
    started = time.monotonic()
    assert len(fetch(wire)) == ROWS
    assert time.monotonic() - started > 0.15


def test_logins_are_refused_with_a_number(wire: Wire) -> None:
    wire.faults.add(Fault("error", on="login", number=18456, message="Login failed for user 'sa'.", count=2))
    for _ in range(2):
        with pytest.raises(pytds.Error, match="Login failed for user 'sa'"):
            pytds.connect("127.0.0.1", "db1", "sa", "secret", port=wire.server.port)
    assert wire.cursor() is not None


@pytest.mark.parametrize("action", ["fin", "rst"])
@pytest.mark.parametrize("stage", ["connect", "login"])
def test_connections_are_cut_before_they_are_one(wire: Wire, action: Action, stage: Any) -> None:
    for position in range(0, 300, 7) if stage == "login" else [0]:
        place: Place = "byte" if stage == "login" else "start"
        fault = Fault(action, on=stage, place=place, position=position)
        wire.faults.add(fault)
        with pytest.raises(pymssql.OperationalError):
            wire.connect()
        assert fault.fired == 1
    assert wire.cursor() is not None


def test_nobody_listens(wire: Wire) -> None:
    cursor = wire.cursor()
    wire.server.stop_listening()
    with pytest.raises(pymssql.OperationalError):
        wire.connect()
    cursor.execute("numbers(1)")
    assert len(cursor.fetchall()) == 1
    wire.server.listen_again()
    assert wire.cursor() is not None


def test_all_connections_are_closed(wire: Wire) -> None:
    cursors = [wire.cursor() for _ in range(5)]
    assert wire.server.connections()["most"] == 5
    assert wire.server.close_all() == 5
    for cursor in cursors:
        with pytest.raises(pymssql.Error):
            cursor.execute("numbers(1)")
    assert wire.server.connections()["current"] == 0


def test_faults_find_their_application(wire: Wire) -> None:
    fault = armed(wire, "fin", application="victim", count=0)
    assert len(fetch(wire, appname="bystander")) == ROWS
    for _ in range(2):
        with pytest.raises(pymssql.Error):
            fetch(wire, appname="victim")
    wire.faults.clear(fault.id)
    assert len(fetch(wire, appname="victim")) == ROWS
    assert fault.fired == 2
