"""The relay: input stdout to output stdin, in large chunks, counting newlines and looking at nothing else (invariant 3).

While much flows, a chunk is not copied into the output's pipe: the two pipes share its pages, and it is read only to be
counted. That takes a third of the relay's CPU time away.

Back-pressure is the pipes': while the output does not read, nothing is read from the input. One chunk is in hand at a
time, so memory is flat whatever the length of the lines.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from typing import Literal

from dstream_core.runtime import posix_parts

CHUNK = 128 * 1024
_CHUNKS_A_TURN = 16
"""Chunks moved before other events (acknowledgements, signals, logs) have their turn."""


def count_newlines(chunk: bytes | bytearray, size: int) -> int:
    """Newlines in the first `size` bytes.

    `count` looks at one byte after the other; `replace` leaps from newline to newline with memchr and is six times as
    fast with lines of 500 bytes, the copy it makes included.
    """
    whole = chunk if size == len(chunk) else chunk[:size]
    return size - len(whole.replace(b"\n", b""))


class Relay:
    """Moves data lines from one non-blocking descriptor to another.

    Args:
        source: the input's stdout.
        sink: the output's stdin; closed by its owner, never here.
        transform: for older providers only: what to pass on of a chunk.
        on_write: called with (bytes, lines) after each write, for outputs that do not acknowledge.

    Attributes:
        done: set when the source is at end of file and everything is written or discarded.
        sink_broken: set when the output closed its end.
        bytes: bytes written.
        discarded: newlines read that could no longer be delivered.
        chunks: chunks read; it stands still while the source is silent.
        mid_line: whether the last byte read was not the end of a line.
        torn: what was discarded began in the middle of a line.
    """

    left_behind_seconds = math.inf  # data is data, whoever of the input's family writes it

    def __init__(
        self,
        source: int,
        sink: int,
        transform: Callable[[bytes], bytes] | None = None,
        on_write: Callable[[int, int], None] | None = None,
    ):
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._transform = transform
        self._on_write = on_write
        self._buffer = bytearray(CHUNK)
        self._chunk: bytes | bytearray = b""
        self._offset = self._end = 0
        self._chunk_lines = self._lines_before = 0
        self._watching: Literal["source", "sink"] | None = None
        self._discarding = self._ended = False
        self._flowing = False
        self._shares = transform is None
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.sink_broken: asyncio.Future[None] = self._loop.create_future()
        self.bytes = self.discarded = self.chunks = 0
        self.mid_line = self.torn = False

    @property
    def lines(self) -> int:
        """Newlines written to the output so far; no acknowledgement may be ahead of it (invariant 2)."""
        return self._lines_before + self._chunk.count(b"\n", 0, self._offset)

    def start(self, first: bytes = b"") -> None:
        """Begin; `first` is data that was read together with the handshake."""
        if first:
            self._take_bytes(first)
        self._turn()

    def discard(self) -> None:
        """The output is gone: read on and throw away, so that the input can finish its line and stop."""
        self._drop_rest()
        if self._watching == "sink":
            self._turn()

    def end_source(self) -> None:
        """Take the source for ended: its provider is gone and its pipe stays empty."""
        self._ended = True
        if self._watching != "sink":
            self._turn()

    @property
    def held_up(self) -> bool:
        """Whether the output must read first."""
        return self._watching == "sink"

    def append(self, data: bytes) -> None:
        """Begin to write what still belongs behind the data, after `done` (the end of an older provider's last line).

        `done` is a new future then.
        """
        self.done = self._loop.create_future()
        self._transform = None
        self._take_bytes(data)
        self._turn()

    def stop(self) -> None:
        """Touch neither descriptor any more."""
        self._watch(None)

    def _turn(self) -> None:
        for _ in range(_CHUNKS_A_TURN):
            if not self._write():
                self._watch("sink")
                return
            if self._ended:
                self._finish()
                return
            if self._flowing and self._share():
                continue
            if not self._read():
                self._watch("source")
                return
        if self._watching is None:
            self._watch("source")  # it is readable: the next turn comes at once, behind the other events

    def _read(self) -> bool:
        """Take the next chunk; False if the input must write first."""
        try:
            size = os.readv(self._source, [self._buffer])
        except BlockingIOError:
            return False
        self.chunks += 1
        self._flowing = size == CHUNK and self._shares and not self._discarding
        if size == 0:
            self._ended = True
        elif self._transform is None:
            self.mid_line = self._buffer[size - 1] != 0x0A
            self._set_chunk(self._buffer, size)
        else:
            self._take_bytes(bytes(self._buffer[:size]))
        return True

    def _share(self) -> bool:
        """Pass on the next chunk without copying it; False: nothing is passed on, and reading it will show why."""
        try:
            size = posix_parts.tee_pipe(self._source, self._sink, CHUNK)
        except BlockingIOError:
            size = 0
        except OSError:  # not to be had here, or the output closed its end
            size, self._shares = 0, False
        self._flowing = size > 0
        if not self._flowing:
            return False
        self._read_shared(size)
        lines = count_newlines(self._buffer, size)
        if self._on_write is not None:
            self._on_write(size, lines)
        self.chunks += 1
        self.bytes += size
        self._lines_before += lines
        self.mid_line = self._buffer[size - 1] != 0x0A
        return True

    def _read_shared(self, size: int) -> None:
        """Take out of the source what the output's pipe holds as well; nobody else reads there, so it is there."""
        view = memoryview(self._buffer)
        at = 0
        while at < size:
            at += os.readv(self._source, [view[at:size]])

    def _take_bytes(self, data: bytes) -> None:
        self.mid_line = data != b"" and not data.endswith(b"\n")
        data = self._transform(data) if self._transform is not None else data
        self._set_chunk(data, len(data))

    def _set_chunk(self, chunk: bytes | bytearray, size: int) -> None:
        lines = count_newlines(chunk, size)
        if self._discarding:
            self.discarded += lines
            chunk, size, lines = b"", 0, 0
        self._chunk, self._offset, self._end, self._chunk_lines = chunk, 0, size, lines

    def _write(self) -> bool:
        """Write the chunk in hand; False if the output must read first."""
        while self._offset < self._end:
            try:
                size = os.write(self._sink, memoryview(self._chunk)[self._offset : self._end])
            except BlockingIOError:
                return False
            except BrokenPipeError:
                self._break()
                return True
            if self._on_write is not None:
                self._on_write(size, self._chunk.count(b"\n", self._offset, self._offset + size))
            self._offset += size
            self.bytes += size
        self._lines_before += self._chunk_lines
        self._set_chunk(b"", 0)
        return True

    def _drop_rest(self) -> None:
        if not self._discarding:
            self._discarding = True
            self._lines_before = self.lines
            self.torn = 0 < self._offset < self._end and self._chunk[self._offset - 1] != 0x0A
            self.discarded += self._chunk.count(b"\n", self._offset, self._end)
            self._set_chunk(b"", 0)

    def _break(self) -> None:
        self._drop_rest()
        if not self.sink_broken.done():
            self.sink_broken.set_result(None)

    def _finish(self) -> None:
        self._watch(None)
        if not self.done.done():
            self.done.set_result(None)

    def _watch(self, what: Literal["source", "sink"] | None) -> None:
        """Watch exactly one side: a watched descriptor that nobody serves would spin."""
        if self._watching == what:
            return
        if self._watching == "source":
            self._loop.remove_reader(self._source)
        elif self._watching == "sink":
            self._loop.remove_writer(self._sink)
        self._watching = what
        if what == "source":
            self._loop.add_reader(self._source, self._turn)
        elif what == "sink":
            self._loop.add_writer(self._sink, self._turn)
