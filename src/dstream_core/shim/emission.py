"""From what an input yields to lines: the one loop that runs for every line."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from dstream_core.api.delivery.positions import Block, Positions
from dstream_core.api.delivery.wire import (
    ENCODE_ERRORS,
    NO_METADATA,
    OutgoingEnvelope,
    UnwritableDataError,
    encode,
    encode_envelope_line,
    encode_position,
    refuse_not_finite,
    suspicious,
    unwritable,
)
from dstream_core.api.envelope import Checkpoint, EncodedLines, Envelope
from dstream_core.api.stopping import StopSignal
from dstream_core.errors import ProviderError
from dstream_core.shim.line_writer import FLUSH_BYTES, LineWriter
from dstream_core.shim.signals import INTERRUPT_AFTER

if TYPE_CHECKING:
    import asyncio


class StopInterrupt(BaseException):
    """Raised into author code that is still blocked some time after the stop; no `except Exception` swallows it."""


class Emission:
    """Encodes envelopes, counts lines, notes positions.

    A position is noted before its line can be written, so that an acknowledgement of the line always finds it
    (invariant 1 is kept by the count that stands beside it).

    Args:
        writer: where lines go.
        positions: where positions go.
        stop: ends the emission at the next envelope.
        on_checkpoint: called when a position came without a line.
    """

    def __init__(self, writer: LineWriter, positions: Positions, stop: StopSignal, on_checkpoint: Callable[[], None]):
        self._writer = writer
        self._positions = positions
        self._marks = positions.marks
        self._stop = stop
        self._on_checkpoint = on_checkpoint
        self.count = 0
        """Lines emitted so far."""

    def run(self, items: Iterable[Any]) -> None:  # noqa: C901  one loop: a call per line costs as much as its work
        """Emits until the items end or somebody asks to stop; closes a generator in the second case.

        Raises:
            DStreamError: an item is no envelope, or cannot be written.
            OSError: nobody reads any more.
            StopInterrupt: the author's code did not come back after the stop.
        """
        writer, marks, stop, wire = self._writer, self._marks, self._stop, OutgoingEnvelope()
        append = writer.lines.append
        count = size = 0
        for item in items:
            if item.__class__ is not Envelope:
                count = self._take_other(item, count)
            else:
                wire.data = item.data
                wire.metadata = item.metadata or NO_METADATA
                try:
                    line = encode(wire)
                except ENCODE_ERRORS as error:
                    raise _of_line(count + 1, unwritable(error)) from None
                # N and I of NaN and Inf: three searches by memchr are quicker than the expression, which most lines skip.
                if (78 in line or 73 in line or line.find(b"null") >= 0) and suspicious(line):
                    _check(item, count + 1)
                count += 1
                if item.position is not None:
                    position = item.position
                    if position.__class__ is not int:
                        position = _position_text(position, count)
                    marks[item.partition].append((count, position))
                append(line)
                size += len(line)
                if writer.idle:
                    writer.wake()
                if size >= FLUSH_BYTES:
                    writer.flush()
                    size = 0
            if stop.stopping:
                break
        self.count = count
        if stop.stopping and hasattr(items, "close"):
            items.close()

    async def run_async(self, items: AsyncIterable[Any]) -> None:
        """As `run`; a full pipe holds up this coroutine, not the loop."""
        import asyncio  # noqa: PLC0415  costs 50 ms that only asynchronous providers need

        forget = self._stop.on_stop(_cancel_later(asyncio.get_running_loop(), asyncio.current_task()))
        try:
            await self._run_async(items, asyncio.to_thread)
        except asyncio.CancelledError:
            if not self._stop.stopping:
                raise
        finally:
            forget()

    async def _run_async(self, items: AsyncIterable[Any], in_thread: Callable[..., Awaitable[Any]]) -> None:
        size = 0
        async for item in items:
            size += self._take(item)
            if size >= FLUSH_BYTES:
                await in_thread(self._writer.flush)
                size = 0
            if self._stop.stopping:
                break
        if self._stop.stopping and hasattr(items, "aclose"):
            await items.aclose()

    def _take(self, item: Any) -> int:
        """One item of an asynchronous input; returns the bytes of its line."""
        if item.__class__ is not Envelope:
            self.count = self._take_other(item, self.count)
            return 0
        try:
            line = encode_envelope_line(item.data, item.metadata)
        except UnwritableDataError as error:
            raise _of_line(self.count + 1, error) from None
        self.count += 1
        if item.position is not None:
            self._marks[item.partition].append((self.count, _position_text(item.position, self.count)))
        self._writer.lines.append(line)
        if self._writer.idle:
            self._writer.wake()
        return len(line)

    def _take_other(self, item: Any, count: int) -> int:
        """An item that is no envelope; returns the lines emitted so far."""
        if isinstance(item, EncodedLines):
            return self._take_encoded(item, count)
        if not isinstance(item, Checkpoint):
            kind = type(item).__name__
            raise ProviderError(
                f"an input yields Envelope, EncodedLines and Checkpoint, this one yielded {kind} after line {count}",
                code="input/not-an-envelope",
                hint="`yield Envelope(data, metadata)`",
            )
        self._marks[item.partition].append((count, _position_text(item.position, count)))
        self._on_checkpoint()
        return count

    def _take_encoded(self, item: EncodedLines, count: int) -> int:
        if item.count < 1 or not item.lines.endswith(b"\n") or item.lines.count(b"\n") != item.count:
            raise ProviderError(
                f"after line {count}, an input yielded encoded lines whose number is not {item.count}",
                code="input/wrong-count",
                hint="`lines` holds whole lines with their newlines, `count` says how many",
            )
        if item.position_of is not None:
            self._positions.add_block(Block(item.partition, count, item.count, len(item.lines), item.position_of))
        count += item.count
        if item.position is not None:
            self._marks[item.partition].append((count, _position_text(item.position, count)))
        self._writer.write_lines(item.lines, item.count)
        return count


def _cancel_later(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None) -> Callable[[], None]:
    """Cancels a coroutine that is still awaiting something some time after the stop."""

    def schedule() -> None:
        if task is not None:
            loop.call_later(INTERRUPT_AFTER, task.cancel)

    def begin() -> None:
        loop.call_soon_threadsafe(schedule)

    return begin


def _check(item: Envelope, number: int) -> None:
    try:
        refuse_not_finite(item.data)
        refuse_not_finite(item.metadata)
    except UnwritableDataError as error:
        raise _of_line(number, error) from None


def _position_text(position: Any, number: int) -> bytes:
    try:
        return encode_position(position)
    except UnwritableDataError as error:
        raise _of_line(number, error, "the position of line") from None


def _of_line(number: int, error: UnwritableDataError, what: str = "line") -> UnwritableDataError:
    return UnwritableDataError(f"{what} {number} {error.message}", hint=error.hint)
