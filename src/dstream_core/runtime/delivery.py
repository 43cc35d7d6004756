"""How far the data got: what was written, what is acknowledged, and the count's way back to the input."""

from __future__ import annotations

import asyncio

from dstream_core.protocol.names import ACK_CAPABILITY
from dstream_core.runtime import posix_parts
from dstream_core.runtime.ack_sender import AckSender
from dstream_core.runtime.acks import AckCount, ReadCount
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.running import Running

READ_POLL = 0.05
"""Seconds between looks at what an output without acknowledgements has read."""


class Delivery:
    """The counts of one run.

    Attributes:
        best_effort: the output does not acknowledge: lines count once it has read them from its pipe.
        relay: once the data flows.
        control: the way back to a version-1 input, once it is ready.
        acks_wanted: that input announced that it takes acknowledgements.
    """

    def __init__(self, output: Running):
        self._output = output
        self._acks = AckCount()
        self.best_effort = output.ready is None or ACK_CAPABILITY not in output.ready.capabilities
        self._reads = ReadCount() if self.best_effort else None
        self.acks_wanted = False
        self.relay: Relay | None = None
        self.control: AckSender | None = None

    @property
    def written(self) -> int:
        """Data lines written to the output."""
        return self.relay.lines if self.relay is not None else 0

    @property
    def acknowledged(self) -> int:
        """Data lines that are durable at the destination; with best effort, that the output has read."""
        return self._acks.value

    @property
    def complete(self) -> bool:
        """Whether the input's data is at its end and all of it is acknowledged."""
        return self.relay is not None and self.relay.done.done() and self.acknowledged == self.written

    def note_write(self, size: int, lines: int) -> None:
        """For the relay, after each write (best effort only)."""
        if self._reads is not None:
            self._reads.wrote(size, lines)

    def connect(self, source: Running) -> None:
        """A version-1 input is ready: control lines go to its stdin, acknowledgements if it announced them."""
        self.control = AckSender(source.child.stdin)
        self.acks_wanted = source.ready is not None and ACK_CAPABILITY in source.ready.capabilities

    def take(self, count: int) -> None:
        """Take a count and pass it on (invariant 2).

        Raises:
            AckError: it went back, or is ahead of what was written.
        """
        if self._acks.advance(count, self.written) and self.control is not None and self.acks_wanted:
            self.control.send(count)

    def take_reads(self) -> None:
        """Best effort: lines count once the output has read them from its pipe (PROTOCOL "Control")."""
        if self._reads is not None and self._output.child.stdin >= 0:
            self.take(self._reads.lines_read(posix_parts.unread_bytes(self._output.child.stdin)))

    async def keep_taking_reads(self) -> None:
        """Look again and again, until cancelled."""
        while self.best_effort:
            await asyncio.sleep(READ_POLL)
            self.take_reads()
