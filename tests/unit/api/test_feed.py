"""Lines into batches, in all the ways a pipe can deliver them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api.batch import Batch
from dstream_core.api.delivery.dead_letters import DeadLetters
from dstream_core.api.delivery.feed import Feed, LineAssembler
from dstream_core.api.delivery.ledger import Ledger
from dstream_core.api.delivery.rejects import RejectedLineError, Rejects
from dstream_core.api.log import Log


@given(st.binary(), st.lists(st.integers(0, 30), max_size=12))
def test_cutting_does_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    data = data.replace(b"x", b"\n")
    assembler, lines, start = LineAssembler(), [], 0
    for size in [*cuts, len(data)]:
        if chunk := data[start : start + size]:
            lines += assembler.feed(chunk)
        start += size
    *whole, unfinished = data.split(b"\n")
    assert lines == whole
    assert assembler.unfinished == len(unfinished)


def test_a_line_in_many_chunks_costs_time_linear_in_its_length() -> None:
    def seconds(chunks: int) -> float:
        assembler, chunk = LineAssembler(), b"x" * 65536
        began = time.thread_time()
        for _ in range(chunks):
            assembler.feed(chunk)
        (line,) = assembler.feed(b"\n")
        assert len(line) == chunks * 65536
        return time.thread_time() - began

    small = min(seconds(128) for _ in range(3))
    large = min(seconds(1024) for _ in range(3))
    assert large < small * 40 + 0.5  # 8 times the bytes; if every chunk copied what is there that were 32 GiB


@contextmanager
def feeding(folder: Path, *, stop: bool = False, leftover: bytes = b"") -> Iterator[tuple[Feed, int, Ledger]]:
    """A feed, the end of the pipe to write to, and its ledger."""
    reader, writer = os.pipe()
    ledger = Ledger(lambda: None)
    letters = DeadLetters(folder, "task", "provider")
    rejects = Rejects(ledger, letters, stop=stop, limit=100)
    with Feed(reader, leftover, ledger, rejects, None, Log(structured=False)) as feed:
        yield feed, writer, ledger
    letters.close()
    os.close(reader)


def envelope(number: int, size: int = 0) -> bytes:
    return b'{"data":{"n":%d,"pad":"%s"}}\n' % (number, b"x" * size)


def numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    assert [item.data["n"] for item in batch] == [item.number for item in batch]
    return [item.number for item in batch]


def test_a_batch_holds_what_is_there(tmp_path: Path) -> None:
    with feeding(tmp_path, leftover=envelope(1)) as (feed, writer, _):
        os.write(writer, envelope(2) + envelope(3) + envelope(4)[:5])
        assert numbers(feed.next_batch(10, 10_000, 0.2)) == [1, 2, 3]
        os.write(writer, envelope(4)[5:])
        assert numbers(feed.next_batch(10, 10_000, 0)) == [4]
        os.close(writer)
        assert feed.next_batch(10, 10_000, 0) is None
        assert feed.at_end


@pytest.mark.parametrize(("lines", "size", "expected"), [(2, 10**6, [2, 2, 1]), (9, 250, [2, 2, 1]), (9, 1, [1] * 5)])
def test_batches_are_bounded(tmp_path: Path, lines: int, size: int, expected: list[int]) -> None:
    with feeding(tmp_path) as (feed, writer, _):
        os.write(writer, b"".join(envelope(number, 100) for number in range(1, 6)))
        os.close(writer)
        found = []
        while batch := feed.next_batch(lines, size, 0.1):
            found.append(len(batch))
            assert batch.size == sum(map(len, batch.lines))
        assert found == expected


def test_max_wait_counts_from_the_first_line(tmp_path: Path) -> None:
    with feeding(tmp_path) as (feed, writer, _):
        threading.Timer(0.2, lambda: os.write(writer, envelope(1))).start()
        began = time.monotonic()
        assert numbers(feed.next_batch(10, 10_000, 0.3)) == [1]
        assert 0.45 < time.monotonic() - began < 2
        os.close(writer)


def test_a_full_batch_does_not_wait(tmp_path: Path) -> None:
    with feeding(tmp_path) as (feed, writer, _):
        os.write(writer, envelope(1) + envelope(2) + envelope(3))
        began = time.monotonic()
        assert numbers(feed.next_batch(2, 10_000, 30)) == [1, 2]
        assert time.monotonic() - began < 5
        os.close(writer)


def test_lines_that_are_no_envelopes_leave_gaps(tmp_path: Path) -> None:
    with feeding(tmp_path) as (feed, writer, ledger):
        os.write(writer, envelope(1) + b"bad\n" + envelope(3) + envelope(4) + b"\xff\n" + envelope(6))
        os.close(writer)
        batch = feed.next_batch(100, 10_000, 0.1)
        assert batch is not None
        assert numbers(batch) == [1, 3, 4, 6]
        assert (batch.first_number, batch.last_number, batch[1].number) == (1, 6, 3)
        assert [item.number for item in batch[1:3]] == [3, 4]
        assert ledger.count == 0
        batch.ack()
        assert (ledger.count, ledger.outstanding, ledger.unacknowledged) == (6, 0, 0)


def test_stop_hands_out_what_stands_before_the_bad_line(tmp_path: Path) -> None:
    with feeding(tmp_path, stop=True) as (feed, writer, ledger):
        os.write(writer, envelope(1) + envelope(2) + b"bad\n" + envelope(4))
        os.close(writer)
        batch = feed.next_batch(100, 10_000, 0.1)
        assert numbers(batch) == [1, 2]
        with pytest.raises(RejectedLineError, match="line 3"):
            feed.next_batch(100, 10_000, 0.1)
        with pytest.raises(RejectedLineError, match="line 3"):
            feed.next_batch(100, 10_000, 0.1)
        assert batch is not None
        batch.ack()
        assert ledger.count == 2


def test_end_wakes_whoever_waits(tmp_path: Path) -> None:
    with feeding(tmp_path) as (feed, writer, _):
        threading.Timer(0.1, feed.end).start()
        assert feed.next_batch(100, 10_000, 0.1) is None
        assert not feed.at_end
        os.close(writer)


def test_line_by_line_and_whole_acknowledgements_mix(tmp_path: Path) -> None:
    with feeding(tmp_path) as (feed, writer, ledger):
        os.write(writer, b"".join(map(envelope, range(1, 6))))
        os.close(writer)
        batch = feed.next_batch(100, 10_000, 0.1)
        assert batch is not None
        batch.ack_line(batch[1])
        batch.reject(batch[2], "no")
        assert ledger.count == 0
        batch.ack_line(batch[0])
        assert ledger.count == 3
        batch.ack()
        batch.ack()
        assert (ledger.count, ledger.outstanding) == (5, 0)
