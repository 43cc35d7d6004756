"""What no client library does, and what a broken one might do."""

from __future__ import annotations

import contextlib
import random
import struct
import time

import pytest
from conftest import Wire
from raw_client import HEADERS, PRELOGIN, RawClient, login7

from dstream_sandbox.sqlserver.tds.encode import encoder
from dstream_sandbox.sqlserver.tds.packets import packets_of
from dstream_sandbox.sqlserver.tds.typeinfo import type_info
from dstream_sandbox.sqlserver.types import INT

ATTENTION_DONE = struct.pack("<BHHQ", 0xFD, 0x20, 0, 0)


def test_a_request_byte_by_byte(wire: Wire) -> None:
    with RawClient(wire.server.port) as client:
        for byte in packets_of(1, HEADERS + "numbers(1)".encode("utf-16-le"), 512):
            client.send(bytes([byte]))
        assert "number 0".encode("utf-16-le") in client.answer()


def test_a_request_of_many_small_packets(wire: Wire) -> None:
    text = "numbers(1) -- " + "x" * 5000
    with RawClient(wire.server.port) as client:
        client.send(packets_of(1, HEADERS + text.encode("utf-16-le"), 20))
        assert "number 0".encode("utf-16-le") in client.answer()
    assert wire.engine.sessions[-1].executed[-1][0] == text


@pytest.mark.parametrize("status", [0x09, 0x11])
def test_a_session_is_reset_when_asked(wire: Wire, status: int) -> None:
    with RawClient(wire.server.port) as client:
        client.batch("numbers(1)", status)
        assert client.answer().startswith(b"\xe3\x03\x00\x12\x00\x00")
    assert wire.engine.sessions[-1].resets == 1


def test_attention_when_nothing_runs(wire: Wire) -> None:
    with RawClient(wire.server.port) as client:
        client.packet(6, b"")
        assert client.answer() == ATTENTION_DONE
        client.batch("numbers(1)")
        assert client.answer().endswith(struct.pack("<BHHQ", 0xFD, 0x10, 0xC1, 1))


def test_attention_right_behind_a_request(wire: Wire) -> None:
    """Whichever wins, there is exactly one acknowledgement, and the session goes on."""
    with RawClient(wire.server.port) as client:
        for _ in range(200):
            client.batch("numbers(2)")
            client.packet(6, b"")
            body = client.answer()
            if not body.endswith(ATTENTION_DONE):
                assert client.answer() == ATTENTION_DONE
        client.batch("numbers(1)")
        assert "number 0".encode("utf-16-le") in client.answer()


def test_attention_while_an_engine_waits(wire: Wire) -> None:
    with RawClient(wire.server.port) as client:
        for _ in range(20):
            client.batch("wait")
            client.packet(6, b"")
            started = time.monotonic()
            assert client.answer().endswith(ATTENTION_DONE)
            assert time.monotonic() - started < 5


def test_a_request_that_the_client_gave_up_is_not_run(wire: Wire) -> None:
    with RawClient(wire.server.port) as client:
        client.packet(1, HEADERS + "numbers(9)".encode("utf-16-le"), 0)
        client.packet(1, b"", 0x03)
        client.batch("numbers(1)")
        assert "number 0".encode("utf-16-le") in client.answer()
    assert [text for text, _ in wire.engine.sessions[-1].executed] == ["numbers(1)"]


def test_two_calls_in_one_message(wire: Wire) -> None:
    call = struct.pack("<H", 4) + "proc".encode("utf-16-le") + b"\x00\x00"
    argument = b"\x00\x00" + type_info(INT) + encoder(INT, 0x74000004)(5)
    wire.engine.answers["EXEC [proc]"] = wire.engine.answers["EXEC [dbo].[proc]"]
    with RawClient(wire.server.port) as client:
        client.packet(3, HEADERS + call + argument + b"\xff" + call)
        body = client.answer()
    assert body.count(struct.pack("<Bi", 0x79, 7)) == 2
    assert body.endswith(struct.pack("<BHHQ", 0xFE, 0, 0xE0, 0))
    assert struct.pack("<BHHQ", 0xFE, 1, 0xE0, 0) in body


def test_a_client_that_does_not_read_does_not_hold_the_server(wire: Wire) -> None:
    with RawClient(wire.server.port) as client:
        client.batch("slow")
        time.sleep(0.2)  # until the kernel's buffers are full
        started = time.monotonic()
        assert wire.server.close_all() == 1
        assert time.monotonic() - started < 5
    assert wire.engine.sessions[-1].closed.wait(5)


def test_login_of_a_client_that_says_nothing(wire: Wire) -> None:
    client = RawClient(wire.server.port)
    client.send(packets_of(0x12, PRELOGIN)[:11])
    client.socket.close()
    assert wire.cursor() is not None


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_is_answered_or_disconnected(wire: Wire, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    call = struct.pack("<H", 4) + "proc".encode("utf-16-le") + b"\x00\x00"
    argument = b"\x00\x00" + type_info(INT) + encoder(INT, 0x74000004)(5)
    seeds = [
        (3, HEADERS + call + argument),
        (1, HEADERS + "several ж".encode("utf-16-le")),
        (14, HEADERS + b"\x05\x00\x00\x00"),
    ]
    for _ in range(60):
        with RawClient(wire.server.port) as client:
            kind, body = chance.choice(seeds)
            broken = bytearray(body)
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            client.packet(kind, bytes(broken[: chance.randint(1, len(broken))]))
            client.packet(1, HEADERS + "numbers(1)".encode("utf-16-le"))
            client.answer()
    assert [record.message for record in caplog.records if record.exc_info] == []
    assert wire.cursor() is not None


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_before_the_login(wire: Wire, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        client = RawClient(wire.server.port)
        with contextlib.suppress(OSError), client.socket:
            for kind, body in ((0x12, PRELOGIN), (0x10, login7())):
                broken = bytearray(body)
                broken[chance.randrange(len(broken))] = chance.randrange(256)
                client.send(packets_of(kind, bytes(broken)))
            client.socket.shutdown(1)
            while client.answer():
                pass
    assert [record.message for record in caplog.records if record.exc_info] == []
    assert wire.cursor() is not None
