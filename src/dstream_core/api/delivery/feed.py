"""Data lines from a pipe into batches, in time linear in the bytes, whatever the lines' length (invariant 3)."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec

from dstream_core.api.batch import Batch
from dstream_core.api.delivery.ledger import UNACKNOWLEDGED_LIMIT, Ledger
from dstream_core.api.delivery.rejects import Rejects
from dstream_core.api.delivery.wire import InvalidLineError, WireEnvelope, decode_any_line, decode_line
from dstream_core.api.log import Log

READ_BYTES = 256 * 1024
PATIENCE = 30.0
"""Seconds without room after which the log says what the output waits for."""

StrayLine = Callable[[bytes], bool]
"""Takes a line that is no envelope; True: it is dealt with and counts as done."""


class LineAssembler:
    """Cuts chunks into whole lines; a line that spans chunks is joined once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    @property
    def unfinished(self) -> int:
        """Bytes of a line whose newline has not come."""
        return sum(map(len, self._parts))

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk, without their newlines."""
        last = chunk.rfind(b"\n")
        if last < 0:
            self._parts.append(chunk)
            return []
        if self._parts:
            first = chunk.find(b"\n")
            self._parts.append(chunk[:first])
            lines = [b"".join(self._parts)]
            if first < last:
                lines += chunk[first + 1 : last].split(b"\n")
        else:
            lines = chunk[:last].split(b"\n")
        self._parts = [chunk[last + 1 :]] if last + 1 < len(chunk) else []
        return lines


@dataclass
class _Segment:
    """Lines that were read and not handed out yet; `wires` is None if one of them is no envelope."""

    lines: list[bytes]
    wires: list[WireEnvelope] | None
    first: int
    at: int = 0

    @property
    def left(self) -> int:
        return len(self.lines) - self.at


@dataclass
class _Draft:
    """A batch in the making."""

    max_lines: int
    max_bytes: int
    wires: list[WireEnvelope] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] | None = None
    first: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.lines) >= self.max_lines or self.size >= self.max_bytes

    def add(self, wires: Sequence[WireEnvelope], lines: Sequence[bytes], first: int, size: int) -> None:
        if not self.lines:
            self.first = first
        elif self.numbers is None and first != self.first + len(self.lines):
            self.numbers = list(range(self.first, self.first + len(self.lines)))
        if self.numbers is not None:
            self.numbers += range(first, first + len(lines))
        self.wires += wires
        self.lines += lines
        self.size += size

    def all_numbers(self) -> Sequence[int]:
        return self.numbers or range(self.first, self.first + len(self.lines))


class Feed:
    """Reads the output's stdin and hands out batches; one thread at a time asks for them.

    Args:
        descriptor: where the lines come from.
        leftover: bytes that were read behind the command line.
        ledger: the book of what is handed out.
        rejects: where lines go that are no envelopes.
        stray: is asked first about lines that are no envelopes.
        log: for what the user should know.
    """

    def __init__(
        self, descriptor: int, leftover: bytes, ledger: Ledger, rejects: Rejects, stray: StrayLine | None, log: Log
    ):
        self._descriptor = descriptor
        self._ledger = ledger
        self._rejects = rejects
        self._stray = stray
        self._log = log
        self._assembler = LineAssembler()
        self._segment = _Segment([], [], 1)
        self._leftover = leftover
        self._wake_reader, self._wake_writer = os.pipe()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake_reader, select.POLLIN)
        self._ended = False
        self.at_end = False
        """The end of the input was reached and every line of it handed out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    def end(self) -> None:
        """Ends the batches before the end of the input, from any thread."""
        self._ended = True
        os.write(self._wake_writer, b"x")

    def next_batch(self, max_lines: int, max_bytes: int, max_wait: float) -> Batch | None:
        """The next batch; None at the end of the input, or once `end` was called.

        Raises:
            DStreamError: the delivery has failed, so that there is nothing more to do.
        """
        draft = _Draft(max_lines, min(max_bytes, UNACKNOWLEDGED_LIMIT))
        deadline: float | None = None
        while True:
            if self._ledger.failure is not None:
                raise self._ledger.failure
            self._take(draft)
            if draft.lines and (draft.full or self._segment.left):
                break
            if draft.lines and deadline is None:
                deadline = time.monotonic() + max_wait
            if not self._fill(deadline):
                break
        return self._hand_out(draft) if draft.lines else None

    async def next_batch_async(self, max_lines: int, max_bytes: int, max_wait: float) -> Batch | None:
        """As `next_batch`, in a thread, so that the loop goes on."""
        import asyncio  # noqa: PLC0415  costs 50 ms that only asynchronous providers need

        return await asyncio.get_running_loop().run_in_executor(None, self.next_batch, max_lines, max_bytes, max_wait)

    def _hand_out(self, draft: _Draft) -> Batch | None:
        waited = False
        while not self._ledger.wait_for_room(draft.size, 0.1 if self._ended else PATIENCE):
            if self._ended:
                return None
            if not waited:
                self._log.warning("waiting for the acknowledgement of %d lines", self._ledger.unacknowledged)
            waited = True
        numbers = draft.all_numbers()
        self._ledger.hand_out(numbers[-1], draft.size)
        return Batch(draft.wires, draft.lines, numbers, draft.size, self._ledger, self._rejects)

    def _fill(self, deadline: float | None) -> bool:
        """Reads until there is a whole line; False at the end, or at the deadline."""
        while not self._segment.left:
            if self.at_end or self._ended:
                return False
            chunk = self._leftover or self._read(deadline)
            self._leftover = b""
            if chunk is None:
                return False
            if not chunk:
                self._finish()
                return False
            if lines := self._assembler.feed(chunk):
                first = self._segment.first + len(self._segment.lines)
                self._segment = _Segment(lines, _decode_all(lines), first)
        return True

    def _read(self, deadline: float | None) -> bytes | None:
        """A chunk; empty at end of file, None at the deadline or when woken."""
        timeout = None if deadline is None else max(deadline - time.monotonic(), 0) * 1000
        ready = self._poll.poll(timeout)
        if self._ended or not ready:
            return None
        return os.read(self._descriptor, READ_BYTES)

    def _finish(self) -> None:
        self.at_end = True
        if unfinished := self._assembler.unfinished:
            self._log.warning("the input ended inside a line: its %d bytes are not delivered", unfinished)

    def _take(self, draft: _Draft) -> None:
        """Moves lines from the segment to the draft until either is done."""
        segment = self._segment
        while segment.left and not draft.full:
            if segment.wires is None:
                if not self._take_one(draft, segment):
                    return
            else:
                self._take_many(draft, segment, segment.wires)

    def _take_many(self, draft: _Draft, segment: _Segment, wires: list[WireEnvelope]) -> None:
        start = segment.at
        end = min(len(segment.lines), start + draft.max_lines - len(draft.lines))
        lines = segment.lines if end - start == len(segment.lines) else segment.lines[start:end]
        size = sum(map(len, lines))
        if draft.size + size > draft.max_bytes:
            room = draft.max_bytes - draft.size
            lines, size = _until(lines, room, at_least=0 if draft.lines else 1)
            end = start + len(lines)
            draft.max_lines = len(draft.lines) + len(lines)  # the next line does not fit: the batch is full
        segment.at = end
        if lines:
            draft.add(wires if len(lines) == len(wires) else wires[start:end], lines, segment.first + start, size)

    def _take_one(self, draft: _Draft, segment: _Segment) -> bool:
        """Takes the next line of a segment with lines that are no envelopes; False: hand out what there is first."""
        line, number = segment.lines[segment.at], segment.first + segment.at
        try:
            wire = decode_any_line(line)
        except InvalidLineError as error:
            if self._rejects.stops and draft.lines:
                return False
            segment.at += 1
            self._settle(number, line, str(error))
            return True
        if draft.lines and draft.size + len(line) > draft.max_bytes:
            draft.max_lines = len(draft.lines)
            return False
        segment.at += 1
        draft.add([wire], [line], number, len(line))
        return True

    def _settle(self, number: int, line: bytes, reason: str) -> None:
        if self._stray is not None and self._stray(line):
            self._ledger.acknowledge(number, number, 0)
        else:
            self._rejects.reject(number, line, reason, 0)


def _decode_all(lines: list[bytes]) -> list[WireEnvelope] | None:
    """All lines' envelopes, or None if one of them needs a closer look."""
    try:
        if not all(map(bytes.isascii, lines)):
            for line in lines:
                line.decode()  # the decoder below takes any bytes inside strings of `data`
        return list(map(decode_line, lines))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _until(lines: Sequence[bytes], room: int, at_least: int) -> tuple[list[bytes], int]:
    size = 0
    for index, line in enumerate(lines):
        if size + len(line) > room and index >= at_least:
            return list(lines[:index]), size
        size += len(line)
    return list(lines), size
