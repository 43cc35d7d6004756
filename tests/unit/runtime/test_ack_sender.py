"""Acknowledgements on their way to an input that reads slowly, not at all, or has gone."""

from __future__ import annotations

import asyncio
import os

from dstream_core.protocol.control import STOP_LINE, encode_ack
from dstream_core.runtime.ack_sender import AckSender
from dstream_core.runtime.streams import Writer


def pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def fill(descriptor: int) -> None:
    for size in (4096, 1):
        while True:
            try:
                os.write(descriptor, b"z" * size)
            except BlockingIOError:
                break


async def read_until(descriptor: int, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        try:
            got += os.read(descriptor, 1 << 20)
        except BlockingIOError:
            await asyncio.sleep(0)
    return got.lstrip(b"z")


def test_of_the_counts_that_wait_only_the_newest_is_kept_and_stop_comes_behind():
    async def body() -> None:
        reader, writer = pipe()
        sender = AckSender(writer)
        fill(writer)
        for count in range(1, 100_000):
            sender.send(count)
        sender.send_stop()
        await sender.flush(0.01)
        got = await asyncio.wait_for(read_until(reader, STOP_LINE), 5)
        assert got == encode_ack(1) + encode_ack(99_999) + STOP_LINE
        await sender.flush(5.0)
        sender.close()
        sender.send(100_000)
        os.close(writer)
        assert os.read(reader, 1) == b""
        os.close(reader)

    asyncio.run(body())


def test_an_input_that_has_gone_ends_it_silently():
    async def body() -> None:
        reader, writer = pipe()
        sender = AckSender(writer)
        fill(writer)
        sender.send(1)
        os.close(reader)
        await asyncio.wait_for(sender.flush(5.0), 6)
        sender.send(2)
        sender.send_stop()
        sender.close()
        os.close(writer)

    asyncio.run(body())


def test_a_stopped_writer_never_touches_the_number_again():
    """A closed descriptor's number comes back for something else."""

    async def body() -> None:
        reader, writer = pipe()
        number = 200
        os.dup2(writer, number)
        os.close(writer)
        command = Writer(number, b"secret" * 100_000)
        assert not command.done.done()
        command.stop()
        again_reader, again = pipe()
        os.dup2(again, number)
        os.read(reader, 1 << 20)
        for _ in range(5):
            await asyncio.sleep(0)
        for descriptor in (again, number):
            os.close(descriptor)
        assert os.read(again_reader, 10) == b""
        os.close(again_reader)
        os.close(reader)
        assert command.done.done()

    asyncio.run(body())
