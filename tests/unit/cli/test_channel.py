"""The writer threads, against real pipes."""

from __future__ import annotations

import contextlib
import os
import re
import threading

import pytest

from dstream_core.cli.channel import Channel, Item

PIPE = 64 * 1024


@pytest.fixture
def pipe():
    source, sink = os.pipe()
    yield source, sink
    for descriptor in (source, sink):
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(descriptor)


def read_until(source: int, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += os.read(source, 1 << 20)
    return data


def test_everything_comes_in_order(pipe) -> None:
    source, sink = pipe
    channel = Channel(sink)
    for number in range(1000):
        channel.write(b"%d\n" % number)
    assert read_until(source, b"999\n") == b"".join(b"%d\n" % number for number in range(1000))
    assert channel.flush(5)
    assert channel.backlog == 0


def test_who_writes_never_waits_and_loses_nothing(pipe) -> None:
    """Nobody reads the pipe while twenty times its size is put."""
    source, sink = pipe
    channel = Channel(sink)
    for _ in range(20):
        channel.write(b"x" * PIPE)
    assert channel.backlog > 10 * PIPE
    assert not channel.flush(0.05)
    channel.write(b"\n")
    assert len(read_until(source, b"\n")) == 20 * PIPE + 1
    assert channel.flush(5)


def test_what_may_be_dropped_is_counted_and_said(pipe) -> None:
    source, sink = pipe
    channel = Channel(sink, limit=2 * PIPE, dropped=lambda count: b"%d left out\n" % count)
    line = b"y" * 1023 + b"\n"
    for _ in range(1000):
        channel.put(Item(len(line), lambda: line, droppable=True))
    channel.write(b"important\n")
    data, left_out = b"", 0
    while data.count(line) + left_out < 1000:  # said once or in parts, as the writer gets on
        data += read_until(source, b"left out\n")
        left_out = sum(map(int, re.findall(rb"(\d+) left out\n", data)))
    assert data.count(line) + left_out == 1000
    assert b"important\n" in data
    assert 100 < data.count(line) < 1000


def test_nobody_reads_any_more(pipe) -> None:
    source, sink = pipe
    channel = Channel(sink)
    called = threading.Event()
    channel.on_broken = called.set
    os.close(source)
    channel.write(b"x\n")
    assert called.wait(5)
    channel.write(b"more\n")
    assert channel.flush(5)
    assert channel.broken


def test_a_bug_in_an_item_leaves_nobody_waiting(pipe) -> None:
    _source, sink = pipe
    channel = Channel(sink)
    channel.put(Item(1, lambda: b"x" * (1 // 0)))
    assert channel.flush(5)
    assert isinstance(channel.failure, ZeroDivisionError)


def test_the_footer_stays_below(pipe) -> None:
    source, sink = pipe
    channel = Channel(sink)
    channel.set_footer(b"live")
    assert channel.flush(5)
    channel.write(b"line\n")
    assert channel.flush(5)
    channel.set_footer(b"")
    assert channel.flush(5)
    os.close(sink)
    assert os.read(source, 1000) == b"live\r\x1b[Kline\nlive\r\x1b[K"
