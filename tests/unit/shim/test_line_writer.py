"""Lines to the pipe: whole ones, in order, soon, and none twice, from two threads."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dstream_core.api.delivery.positions import Positions
from dstream_core.shim.line_writer import LineWriter
from dstream_core.shim.stdio import ProtocolOutput, UserScreen


class Pipe:
    """A pipe whose other end is read in a thread."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        self.output = ProtocolOutput(writer)
        self.received = bytearray()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while chunk := os.read(self.reader, 65536):
            self.received += chunk


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    made.thread.start()
    yield made
    made.output.close()
    made.thread.join(5)
    os.close(made.reader)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def make(pipe: Pipe, written: list[int] | None = None) -> LineWriter:
    return LineWriter(pipe.output, Positions(), (written if written is not None else []).append, lambda: None)


def test_a_lone_line_is_written_without_being_asked(pipe: Pipe) -> None:
    writer = make(pipe)
    for count in range(1, 20):
        writer.lines.append(b"line %d" % count)
        if writer.idle:
            writer.wake()
        until(lambda count=count: pipe.received.count(b"\n") == count)  # type: ignore[misc]  a lambda with a default
    writer.finish()


def test_two_threads_write_every_line_once_and_in_order(pipe: Pipe) -> None:
    written: list[int] = []
    writer = make(pipe, written)
    for number in range(200_000):
        writer.lines.append(b"%d" % number)
        if writer.idle:
            writer.wake()
        if number % 5000 == 0:
            writer.flush()
    writer.finish()
    pipe.output.close()
    pipe.thread.join(10)
    assert bytes(pipe.received) == b"".join(b"%d\n" % number for number in range(200_000))
    assert written == sorted(written)
    assert written[-1] == writer.begun == 200_000


def test_newlines_inside_a_line_become_spaces(pipe: Pipe) -> None:
    writer = make(pipe)
    writer.lines += [b'{"data":{\n}}', b"second"]
    writer.finish()
    until(lambda: pipe.received == b'{"data":{ }}\nsecond\n')


def test_whole_pieces_keep_their_place(pipe: Pipe) -> None:
    writer = make(pipe)
    writer.lines.append(b"1")
    writer.write_lines(b"2\n3\n", 2)
    writer.lines.append(b"4")
    writer.finish()
    until(lambda: pipe.received == b"1\n2\n3\n4\n")
    assert writer.begun == 4


def test_a_broken_pipe_is_told_by_the_second_thread_and_raised_in_the_first() -> None:
    reader, descriptor = os.pipe()
    os.close(reader)
    told = threading.Event()
    writer = LineWriter(ProtocolOutput(descriptor), Positions(), lambda count: None, told.set)
    writer.lines.append(b"line")
    writer.wake()
    assert told.wait(5)
    with pytest.raises(BrokenPipeError):
        writer.flush()
    with pytest.raises(BrokenPipeError):
        writer.finish()
    os.close(descriptor)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", b""),
        ("a", b"a\n"),
        ("a\nb\n", b"a\nb\n"),
        ("\n", b"\n"),
        ('{"$dstream"', b' {"$dstream"\n'),
        ('x\n{"$dstream":1}\ny', b'x\n {"$dstream":1}\ny\n'),
        (' {"$dstream"', b' {"$dstream"\n'),
        ("\ud800ä", "\\ud800ä\n".encode()),
    ],
)
def test_text_for_the_user(pipe: Pipe, text: str, written: bytes) -> None:
    UserScreen(pipe.output).write(text)
    pipe.output.close()
    pipe.thread.join(5)
    assert pipe.received == written
