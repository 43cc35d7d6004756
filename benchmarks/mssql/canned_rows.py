"""Rows of one made-up table, encoded once for the wire and then replayed with other numbers in them.

A server that evaluates queries in Python would be the slowest of all and everything else be measured against it. So the
bytes of 1,000 rows are kept, and a page of any size is made of them by putting in log sequence numbers and keys.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.results import Column
from dstream_sandbox.sqlserver.tds.encode import Encoder
from dstream_sandbox.sqlserver.types import SqlType

Values: TypeAlias = Callable[[int, int], Sequence[bytes]]
"""Gives the bytes of rows from one number up to another."""

ROW_TOKEN = b"\xd1"
PATTERN = 1000
"""Rows after which the values repeat, but for numbers and keys."""
PER_TRANSACTION = 100
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


@dataclass(frozen=True)
class Numbering:
    """How rows and log sequence numbers belong together: as the sandbox's `fabricate` has it.

    Attributes:
        base: before the first transaction, as number; each has one block of the log.
    """

    base: int

    @classmethod
    def ending(cls, newest: bytes, rows: int) -> Numbering:
        """The numbering in which the last transaction of so many rows commits at `newest`."""
        return cls(int.from_bytes(newest, "big") - (rows // PER_TRANSACTION - 1 << 16) - 0xFFFF)

    def lsns(self, start: int, end: int) -> list[bytes]:
        """`__$start_lsn` of the rows from one number up to another."""
        return [
            (self.base + (number // PER_TRANSACTION << 16) + 0xFFFF).to_bytes(10, "big") for number in range(start, end)
        ]

    def sequences(self, start: int, end: int) -> list[bytes]:
        """`__$seqval` of the rows."""
        return [
            (self.base + (number // PER_TRANSACTION << 16) + number % PER_TRANSACTION + 1).to_bytes(10, "big")
            for number in range(start, end)
        ]

    def rows_upto(self, lsn: bytes) -> int:
        """How many rows committed at this number or before."""
        return max(int.from_bytes(lsn, "big") - self.base + 1 >> 16, 0) * PER_TRANSACTION

    def behind(self, sequence: bytes, operation: int) -> int:
        """The row that follows the one with this number and operation; perhaps more than there are."""
        block, place = divmod(int.from_bytes(sequence, "big") - self.base, 1 << 16)
        return block * PER_TRANSACTION + min(place, PER_TRANSACTION) + (operation == 4)


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
    values: Values


def _keys(start: int, end: int) -> Sequence[bytes]:
    packed = struct.pack(f"<{end - start}i", *range(start, end))
    return [packed[at : at + 4] for at in range(0, len(packed), 4)]


def _paired(values: Values) -> Values:
    """The row after an update has the numbers of the row before it."""

    def of_pairs(start: int, end: int) -> Sequence[bytes]:
        first = max(start - 1, 0)
        found = values(first, end)
        return [found[number - first - (MIXED[number % 10] == 4)] for number in range(start, end)]

    return of_pairs


def slots_of(kind: str, numbers: Numbering) -> tuple[Slot, ...]:
    """What is put into rows of a kind."""
    if kind == "rows":
        return (Slot(0, 4, _keys),)
    sequences: Values = numbers.sequences
    keys: Values = _keys
    if kind == "mixed":
        sequences, keys = _paired(sequences), _paired(keys)
    return Slot(0, 10, numbers.lsns), Slot(2, 10, sequences), Slot(7, 4, keys)


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


class Pages:
    """The templates of `rows`, `inserts` and `mixed`, made when they are first asked for.

    Args:
        numbers: the numbering.
    """

    def __init__(self, numbers: Numbering):
        self._numbers = numbers
        self._templates: dict[str, Template] = {}

    def template(self, kind: str, encoders: Sequence[Encoder]) -> Template:
        """The template of a kind; for the version of the protocol that the first client speaks."""
        if kind not in self._templates:
            operations = MIXED if kind == "mixed" else INSERTS
            values = [
                own_values(number) if kind == "rows" else change_values(number, operations) for number in range(PATTERN)
            ]
            self._templates[kind] = Template(values, slots_of(kind, self._numbers), encoders)
        return self._templates[kind]


class Replay:
    """Rows of a result, known by number: what the wire gets instead of values.

    Args:
        pages: the templates.
        kind: which of them.
        start: the first row.
        end: behind the last row.
    """

    def __init__(self, pages: Pages, kind: str, start: int, end: int):
        self._pages = pages
        self._kind = kind
        self.start = start
        self.end = max(end, start)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        raise TypeError("these rows have no values, only bytes")

    def blocks(self, encoders: Sequence[Encoder]) -> Iterator[bytes]:
        """The rows as they go over the wire, a thousand at a time."""
        template = self._pages.template(self._kind, encoders)
        ends = range(self.start - self.start % PATTERN + PATTERN, self.end, PATTERN)
        for start, end in itertools.pairwise((self.start, *ends, self.end)):
            if start < end:
                yield template.bytes_of(start, end)
