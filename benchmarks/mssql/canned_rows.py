"""Rows of one made-up table, encoded once for the wire and then replayed with other numbers in them.

A server that evaluates queries in Python would be the slowest of all and everything else be measured against it. So the
bytes of 1,000 rows are kept, and a page of any size is made of them by putting in log sequence numbers and keys.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dstream_sandbox.sqlserver.results import Column
from dstream_sandbox.sqlserver.tds.encode import Encoder
from dstream_sandbox.sqlserver.types import SqlType

ROW_TOKEN = b"\xd1"
PATTERN = 1000
"""Rows after which the values repeat, but for numbers and keys."""
PER_TRANSACTION = 100
FIRST_LSN = 0x0000002A << 48
"""As number; each transaction is one block of the log further."""

INSERTS = (2,) * 10
MIXED = (2, 3, 4, 2, 1, 3, 4, 2, 1, 2)
"""Operations of ten rows: four inserts, two updates with the row before and after, two deletes."""

OWN_COLUMNS = (
    Column("Id", SqlType.parse("int"), nullable=False),
    Column("Customer", SqlType.parse("nvarchar(40)")),
    Column("Amount", SqlType.parse("varchar(41)")),  # as the input selects a decimal
    Column("Placed", SqlType.parse("varchar(27)")),  # as it selects a datetime2(3)
    Column("Note", SqlType.parse("varchar(100)")),
    Column("Paid", SqlType.parse("bit")),
)
CHANGE_COLUMNS = (
    Column("__$start_lsn", SqlType.parse("binary(10)"), nullable=False),
    Column("__$command_id", SqlType.parse("int")),
    Column("__$seqval", SqlType.parse("binary(10)"), nullable=False),
    Column("__$operation", SqlType.parse("int"), nullable=False),
    Column("__$update_mask", SqlType.parse("varbinary(128)")),
    Column("", SqlType.parse("varchar(23)")),
    Column("tran_id", SqlType.parse("varbinary(10)")),
    *OWN_COLUMNS,
)


def own_values(number: int) -> tuple[Any, ...]:
    """The columns of the table itself, of about the lengths that such columns have."""
    day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
    note = None if number % 4 == 0 else f"delivered to the back door, ring twice; parcel {number:04}"
    return (
        number,
        f"Müller & Søn {number:06}",
        f"{number * 37 % 100_000}.{number % 100:02}",
        f"{day} 12:{number % 60:02}:30.{number:03}",
        note,
        number % 3 == 0,
    )


def change_values(number: int, operations: Sequence[int]) -> tuple[Any, ...]:
    """A row as the input selects it from the change table."""
    mask = b"\x14" if operations[number % 10] in (3, 4) else b"\x3f"
    head = (bytes(10), 1, bytes(10), operations[number % 10], mask, "2026-11-21 04:34:46.123", bytes(5) + b"\x01\xf4")
    return (*head, *own_values(number))


def lsn_of(transaction: int) -> bytes:
    """The log sequence number of a transaction, from 0."""
    return (FIRST_LSN + (transaction + 1 << 16)).to_bytes(10, "big")


def transaction_of(lsn: bytes) -> int:
    """The transaction with this number; negative: before all of them."""
    return (int.from_bytes(lsn, "big") - FIRST_LSN >> 16) - 1


def sequence_of(number: int) -> bytes:
    """The log sequence number of a row."""
    return (FIRST_LSN + number).to_bytes(10, "big")


def number_behind(sequence: bytes, operation: int) -> int:
    """The row that follows the one with this number and operation; perhaps more than there are."""
    return int.from_bytes(sequence, "big") - FIRST_LSN + 1 + (operation == 4)


@dataclass(frozen=True)
class Slot:
    """A place in a row where every row has its own bytes.

    Attributes:
        column: its ordinal from 0.
        width: how many bytes; they are the last ones of the encoded value.
        values: gives them for the rows from one number up to another.
    """

    column: int
    width: int
    values: Callable[[int, int], Sequence[bytes]]


def _lsns(start: int, end: int) -> Sequence[bytes]:
    return [lsn_of(number // PER_TRANSACTION) for number in range(start, end)]


def _sequences(start: int, end: int) -> Sequence[bytes]:
    return [sequence_of(number) for number in range(start, end)]


def _keys(start: int, end: int) -> Sequence[bytes]:
    packed = struct.pack(f"<{end - start}i", *range(start, end))
    return [packed[at : at + 4] for at in range(0, len(packed), 4)]


def _paired(values: Callable[[int, int], Sequence[bytes]]) -> Callable[[int, int], Sequence[bytes]]:
    """The row after an update has the numbers of the row before it."""

    def of_pairs(start: int, end: int) -> Sequence[bytes]:
        found = list(values(start - 1, end))
        return [found[number - start + (MIXED[number % 10] != 4)] for number in range(start, end)]

    return of_pairs


LSN_SLOT = Slot(0, 10, _lsns)
SLOTS = {
    "inserts": (LSN_SLOT, Slot(2, 10, _sequences), Slot(7, 4, _keys)),
    "mixed": (LSN_SLOT, Slot(2, 10, _paired(_sequences)), Slot(7, 4, _paired(_keys))),
    "rows": (Slot(0, 4, _keys),),
}


class Template:
    """The bytes of `PATTERN` rows in pieces, with the slots between them.

    Args:
        rows: their values.
        slots: what is put in.
        encoders: of the columns, for the client's version of the protocol.
    """

    def __init__(self, rows: Sequence[tuple[Any, ...]], slots: Sequence[Slot], encoders: Sequence[Encoder]):
        self._slots = slots
        self._step = 2 * len(slots) + 1
        self._pieces = [piece for row in rows for piece in self._split(row, encoders)]

    def _split(self, row: tuple[Any, ...], encoders: Sequence[Encoder]) -> Iterator[bytes]:
        piece = ROW_TOKEN
        slots = {slot.column: slot for slot in self._slots}
        for column, (encode, value) in enumerate(zip(encoders, row, strict=True)):
            data = encode(value)
            if column in slots:
                yield piece + data[: -slots[column].width]
                yield b""
                piece = b""
            else:
                piece += data
        yield piece

    def bytes_of(self, start: int, end: int) -> bytes:
        """The rows from a number up to another, which lie in the same `PATTERN`."""
        first, last = start % PATTERN, (end - 1) % PATTERN + 1
        pieces = self._pieces[first * self._step : last * self._step]
        for index, slot in enumerate(self._slots):
            pieces[2 * index + 1 :: self._step] = slot.values(start, end)
        return b"".join(pieces)


class Replay:
    """Rows of a result, known by number: what the wire gets instead of values.

    Args:
        kind: which template.
        start: the first row.
        end: behind the last row.
    """

    def __init__(self, kind: str, start: int, end: int):
        self.kind = kind
        self.start = start
        self.end = max(end, start)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        raise TypeError("these rows have no values, only bytes")

    def blocks(self, encoders: Sequence[Encoder]) -> Iterator[bytes]:
        """The rows as they go over the wire, a thousand at a time.

        Args:
            encoders: of the columns; used the first time only, since all clients speak the same version here.
        """
        template = template_of(self.kind, encoders)
        ends = range(self.start - self.start % PATTERN + PATTERN, self.end, PATTERN)
        for start, end in itertools.pairwise((self.start, *ends, self.end)):
            if start < end:
                yield template.bytes_of(start, end)


_TEMPLATES: dict[str, Template] = {}


def template_of(kind: str, encoders: Sequence[Encoder]) -> Template:
    """The template `rows`, `inserts` or `mixed`; made once."""
    if kind not in _TEMPLATES:
        operations = MIXED if kind == "mixed" else INSERTS
        values = [
            own_values(number) if kind == "rows" else change_values(number, operations) for number in range(PATTERN)
        ]
        _TEMPLATES[kind] = Template(values, SLOTS[kind], encoders)
    return _TEMPLATES[kind]
