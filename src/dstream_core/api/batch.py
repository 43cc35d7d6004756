"""What an output works on: batches of lines, parsed when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import msgspec

from dstream_core.api.delivery.ledger import Ledger
from dstream_core.api.delivery.rejects import Rejects
from dstream_core.api.delivery.wire import WireEnvelope, decode_exactly, decode_value

_NOT_READ: Any = msgspec.UNSET


class ReceivedEnvelope(msgspec.Struct, gc=False):
    """One data line as an output sees it.

    Attributes:
        line: the bytes of the whole line as they came, without the newline.
        number: the line's number in this run, from 1.
    """

    _wire: WireEnvelope
    line: bytes
    number: int
    _data: Any = _NOT_READ

    @property
    def data(self) -> Any:
        """The data, decoded at the first look; integers are exact, numbers with a fraction are floats."""
        data = self._data
        if data is _NOT_READ:
            data = self._data = decode_value(self._wire.data)
        return data

    @property
    def exact_data(self) -> Any:
        """The data with every number that has a fraction or an exponent as a `Decimal`; decoded at each look."""
        return decode_exactly(self._wire.data)

    @property
    def raw_data(self) -> bytes:
        """The data's JSON text, byte for byte as it came."""
        return bytes(self._wire.data)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata; empty if the line has none."""
        metadata = self._wire.metadata
        if metadata is None:
            metadata = self._wire.metadata = {}
        return metadata


class Batch(Sequence[ReceivedEnvelope]):
    """Lines in the order they came, to be made durable together.

    `ack()` says that they are; batches may be acknowledged in any order and from any thread. An output that returns
    with lines unacknowledged has failed.
    """

    __slots__ = ("_acknowledged", "_ledger", "_lines", "_numbers", "_rejects", "_unreleased", "_wires", "size")

    def __init__(
        self,
        wires: list[WireEnvelope],
        lines: list[bytes],
        numbers: Sequence[int],
        size: int,
        ledger: Ledger,
        rejects: Rejects,
    ):
        self._wires = wires
        self._lines = lines
        self._numbers = numbers
        self._ledger = ledger
        self._rejects = rejects
        self._unreleased = size
        self._acknowledged = False
        self.size = size
        """Bytes of its lines."""

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[ReceivedEnvelope]:
        return map(ReceivedEnvelope, self._wires, self._lines, self._numbers)

    @overload
    def __getitem__(self, index: int) -> ReceivedEnvelope: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ReceivedEnvelope]: ...

    def __getitem__(self, index: int | slice) -> ReceivedEnvelope | Sequence[ReceivedEnvelope]:
        if isinstance(index, slice):
            return list(map(ReceivedEnvelope, self._wires[index], self._lines[index], self._numbers[index]))
        return ReceivedEnvelope(self._wires[index], self._lines[index], self._numbers[index])

    @property
    def lines(self) -> Sequence[bytes]:
        """The lines' bytes as they came, without newlines: for outputs that pass them on whole."""
        return self._lines

    @property
    def raw_data(self) -> Sequence[msgspec.Raw]:
        """The data of each line as JSON text, byte for byte as it came: for outputs that pass it on."""
        return [wire.data for wire in self._wires]

    @property
    def first_number(self) -> int:
        """Number of the first line, from 1."""
        return self._numbers[0]

    @property
    def last_number(self) -> int:
        """Number of the last line."""
        return self._numbers[-1]

    def ack(self) -> None:
        """All lines of the batch are durable at the destination (those rejected are dead letters already)."""
        if self._acknowledged:
            return
        self._acknowledged = True
        numbers, size = self._numbers, self._unreleased
        self._unreleased = 0
        if isinstance(numbers, range):
            self._ledger.acknowledge(numbers[0], numbers[-1], size)
            return
        for first, last in _runs(numbers):
            self._ledger.acknowledge(first, last, size)
            size = 0

    def ack_line(self, envelope: ReceivedEnvelope) -> None:
        """One line of the batch is durable."""
        self._ledger.acknowledge(envelope.number, envelope.number, self._release(envelope))

    def reject(self, envelope: ReceivedEnvelope, reason: str) -> None:
        """One line of the batch cannot be delivered, for a reason of the line: it is kept as a dead letter.

        Args:
            envelope: the line.
            reason: why, for the reader of the dead letters; holds no value that may be secret.

        Raises:
            RejectedLineError: the task is configured to stop at the first such line.
            TooManyRejectsError: it was the last of `max_rejects` in a row.
        """
        self._rejects.reject(envelope.number, envelope.line, reason, self._release(envelope))

    def _release(self, envelope: ReceivedEnvelope) -> int:
        size = min(len(envelope.line), self._unreleased)
        self._unreleased -= size
        return size


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The runs of consecutive numbers in a rising sequence that is not empty."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
