"""The relay over real pipes: partial writes, back-pressure, discarding at every point, what is appended at the end."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstream_core.runtime import posix_parts
from dstream_core.runtime.relay import CHUNK, Relay, count_newlines


class Bench:
    """A relay between two pipes whose far ends are held here."""

    def __init__(self, transform: Callable[[bytes], bytes] | None = None) -> None:
        self.source_read, self.source = os.pipe()
        self.sink, self.sink_write = os.pipe()
        self.open = {self.source_read, self.source, self.sink, self.sink_write}
        for descriptor in self.open:
            os.set_blocking(descriptor, False)
        self.writes: list[tuple[int, int]] = []
        self.relay = Relay(self.source_read, self.sink_write, transform, lambda *write: self.writes.append(write))

    def close(self, descriptor: int) -> None:
        self.open.remove(descriptor)
        os.close(descriptor)

    def take(self, size: int = 1 << 20) -> bytes:
        try:
            return os.read(self.sink, size)
        except BlockingIOError:
            return b""

    async def feed(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.source, view) :]
            except BlockingIOError:
                await asyncio.sleep(0)

    async def fill(self) -> int:
        """Write lines until the relay takes no more; how many bytes."""
        written = idle = 0
        while idle < 20:
            try:
                written, idle = written + os.write(self.source, b"x" * 99 + b"\n"), 0
            except BlockingIOError:
                idle += 1
                await asyncio.sleep(0)
        return written

    async def drain(self) -> bytes:
        """Everything that still comes, until the relay is done."""
        got = bytearray()
        while not self.relay.done.done():
            got += self.take()
            await asyncio.sleep(0)
        return bytes(got + self.take())


@asynccontextmanager
async def bench(transform: Callable[[bytes], bytes] | None = None) -> AsyncIterator[Bench]:
    one = Bench(transform)
    try:
        yield one
    finally:
        one.relay.stop()
        for descriptor in one.open:
            os.close(descriptor)


def run(body: Callable[[], Awaitable[None]], seconds: float = 20.0) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(body(), seconds)

    asyncio.run(bounded())


@given(st.binary(max_size=300), st.integers(0, 300))
def test_newlines_are_counted_as_count_does(data, size):
    size = min(size, len(data))
    assert count_newlines(data, size) == data[:size].count(b"\n")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=3 * CHUNK // 2), max_size=4), st.integers(1, 100_000))
def test_every_byte_passes_in_order_whatever_is_read_at_a_time(chunks, step):
    async def body() -> None:
        async with bench() as one:
            one.relay.start(b"first\n")
            got = bytearray()
            data = b"".join(chunks)

            async def read() -> None:
                while not one.relay.done.done():
                    got.extend(one.take(step))
                    await asyncio.sleep(0)
                while more := one.take():
                    got.extend(more)

            reading = asyncio.create_task(read())
            await one.feed(data)
            one.close(one.source)
            await reading
            whole = b"first\n" + data
            assert bytes(got) == whole
            assert (one.relay.lines, one.relay.bytes) == (whole.count(b"\n"), len(whole))
            assert one.relay.discarded == 0
            assert one.relay.mid_line == (not whole.endswith(b"\n"))
            assert sum(size for size, _lines in one.writes) == len(whole)
            assert sum(lines for _size, lines in one.writes) == one.relay.lines

    run(body)


@pytest.mark.needs("linux")
@pytest.mark.parametrize("enlarged", [False, True])
@pytest.mark.parametrize("size", [100, 4000, 4096, 5000, 300_000])
def test_much_data_is_shared_between_the_pipes_and_counted(
    monkeypatch: pytest.MonkeyPatch, enlarged: bool, size: int
) -> None:
    """Invariants 2 and 3: the same bytes and counts as when they are copied, whatever the writes were like."""
    shared = counting_tee(monkeypatch)

    async def body() -> None:
        async with bench() as one:
            for end in (one.source, one.sink_write) if enlarged else ():
                posix_parts.enlarge_pipe(end)
            one.relay.start()
            lines = [
                b"%d " % number + bytes([65 + number % 26]) * (size - 8) + b"\n" for number in range(8_000_000 // size)
            ]
            reading = asyncio.create_task(one.drain())
            for line in lines:
                await one.feed(line)
            one.close(one.source)
            got = await reading
            whole = b"".join(lines)
            assert got == whole
            assert (one.relay.lines, one.relay.bytes, one.relay.mid_line) == (len(lines), len(whole), False)
            assert sum(size for size, _lines in one.writes) == len(whole)
            assert sum(lines for _size, lines in one.writes) == len(lines)

    run(body)
    assert not enlarged or sum(shared) > 1_000_000


@pytest.mark.needs("linux")
def test_a_reader_that_goes_away_while_much_flows_breaks_the_sink_and_the_counts_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = counting_tee(monkeypatch)

    async def body() -> None:
        async with bench() as one:
            for end in (one.source, one.sink_write):
                posix_parts.enlarge_pipe(end)
            one.relay.start()
            line = b"x" * 999 + b"\n"
            written = 0
            while len(shared) < 3:
                await one.feed(line * 1000)
                written += 1000
                one.take()
            one.close(one.sink)
            await one.feed(line * 3000)
            written += 3000
            one.close(one.source)
            await one.relay.done
            assert one.relay.sink_broken.done()
            assert one.relay.bytes // 1000 + one.relay.discarded in (written, written - 1)
            assert one.relay.lines + one.relay.discarded == written

    run(body)


@pytest.mark.needs("linux")
def test_where_pipes_cannot_share_they_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(source: int, sink: int, size: int) -> int:
        asked.append(size)
        raise OSError(errno.EINVAL, "no pipe")

    monkeypatch.setattr(posix_parts, "tee_pipe", refuse)

    async def body() -> None:
        async with bench() as one:
            posix_parts.enlarge_pipe(one.source)
            reading = asyncio.create_task(one.drain())
            await one.feed(b"y" * 900_000)  # before the relay begins: much is there at once
            one.relay.start()
            one.close(one.source)
            assert await reading == b"y" * 900_000

    run(body)
    assert len(asked) == 1, "it is not tried again"


def counting_tee(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that were shared, call by call."""
    shared: list[int] = []
    tee = posix_parts.tee_pipe

    def counted(source: int, sink: int, size: int) -> int:
        shared.append(tee(source, sink, size))
        return shared[-1]

    monkeypatch.setattr(posix_parts, "tee_pipe", counted)
    return shared


def test_a_full_pipe_holds_the_source_and_counts_only_what_is_written():
    async def body() -> None:
        async with bench() as one:
            one.relay.start()
            written = await one.fill()
            assert one.relay.held_up
            assert 4096 <= one.relay.bytes <= 65536, "the sink's pipe, and not a byte more"
            assert one.relay.lines == one.relay.bytes // 100
            one.close(one.source)
            assert len(await one.drain()) == written
            assert one.relay.lines == written // 100

    run(body)


@pytest.mark.parametrize("state", ["before", "idle", "blocked", "done"])
def test_discarding_loses_nothing_from_the_counts(state):
    async def body() -> None:
        async with bench() as one:
            written = taken = 0
            if state == "before":
                one.relay.discard()
                one.relay.start(b"a\nb\n")
                written = 4
            else:
                one.relay.start()
            if state == "idle":
                await one.feed(b"a\nb\n")
                await asyncio.sleep(0.02)
                one.relay.discard()
            if state == "blocked":
                written = await one.fill()
                one.relay.discard()
                assert one.relay.torn == bool(one.relay.bytes % 100)
                taken = one.relay.bytes // 100
            if state != "done":
                await one.feed(b"c\nd\n")
            one.close(one.source)
            await one.relay.done
            if state == "done":
                one.relay.discard()
            expected = {"before": (0, 4), "idle": (2, 2), "done": (0, 0)}.get(
                state, (taken, written // 100 - taken + 2)
            )
            assert (one.relay.lines, one.relay.discarded) == expected
            assert not one.relay.held_up

    run(body)


def test_a_reader_that_goes_away_breaks_the_sink_once_and_the_source_is_read_out():
    async def body() -> None:
        async with bench() as one:
            one.relay.start()
            written = await one.fill()
            one.close(one.sink)
            await one.relay.sink_broken
            await one.feed(b"more\n")
            one.close(one.source)
            await one.relay.done
            assert one.relay.lines == one.relay.bytes // 100
            assert one.relay.discarded == written // 100 - one.relay.lines + 1

    run(body)


@pytest.mark.parametrize("blocked", [True, False])
def test_a_source_taken_for_ended(blocked):
    async def body() -> None:
        async with bench() as one:
            one.relay.start()
            if blocked:
                written = await one.fill()
                one.relay.end_source()
                assert not one.relay.done.done(), "what is in hand is still delivered"
                assert len(await one.drain()) <= written
            else:
                one.relay.end_source()
            assert one.relay.done.done()

    run(body)


@pytest.mark.parametrize("end", ["read", "discard", "broken"])
def test_what_is_appended_waits_for_the_reader(end):
    async def body() -> None:
        async with bench(bytes.upper) as one:
            one.relay.start(b"a")
            one.close(one.source)
            await one.relay.done
            while True:
                try:
                    os.write(one.sink_write, b"z" * 4096)
                except BlockingIOError:
                    break
            one.relay.append(b"b\n")
            assert not one.relay.done.done()
            if end == "read":
                assert (await one.drain()).endswith(b"b\n"), "not transformed any more"
                assert (one.relay.lines, one.relay.discarded) == (1, 0)
                return
            one.relay.discard() if end == "discard" else one.close(one.sink)
            await one.relay.done
            assert (one.relay.lines, one.relay.discarded) == (0, 1)

    run(body)


def test_a_transform_may_hold_everything_back():
    async def body() -> None:
        async with bench(lambda _data: b"") as one:
            one.relay.start(b"a\n")
            await one.feed(b"b")
            one.close(one.source)
            await one.relay.done
            assert one.take() == b""
            assert one.relay.mid_line

    run(body)
