"""From records to the lines of a file: one writer per format, all pure.

A writer is made for one file, since a CSV file has columns of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec


class UnwritableRecordError(Exception):
    """A record that the file's format cannot hold.

    Attributes:
        reason: why, without the record's values.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Record(Protocol):
    """What a writer needs to know of a record; the api's envelopes fit."""

    @property
    def line(self) -> bytes:
        """The envelope as it came."""

    @property
    def raw_data(self) -> bytes:
        """`data` as it came."""


class RowWriter(Protocol):
    """Makes lines of a file."""

    def beginning(self) -> bytes:
        """What stands at the beginning of a new file, before the next line."""

    def line(self, record: Record) -> bytes:
        """A record's line, its newline included.

        Raises:
            UnwritableRecordError: the format cannot hold it.
        """


class JsonRows:
    """JSON Lines: the bytes of `data` as they came, or of the whole envelope."""

    def __init__(self, *, envelope: bool):
        self._envelope = envelope

    def beginning(self) -> bytes:
        """Nothing."""
        return b""

    def line(self, record: Record) -> bytes:
        """See `RowWriter`."""
        return (record.line if self._envelope else record.raw_data) + b"\n"


class _LineData(msgspec.Struct, gc=False):
    line: str


class PlainRows:
    """Plain lines: the text of the field `line`."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_LineData).decode

    def beginning(self) -> bytes:
        """Nothing."""
        return b""

    def line(self, record: Record) -> bytes:
        """See `RowWriter`."""
        try:
            text = self._decode(record.raw_data).line
        except msgspec.DecodeError:
            raise UnwritableRecordError("it has no text field `line`, which the format `lines` writes") from None
        if "\n" in text:
            raise UnwritableRecordError("its field `line` holds a newline, which the format `lines` cannot keep")
        return text.encode() + b"\n"


class CsvTable:
    """Rows under a header.

    Texts are written as they are, null and fields that are missing as nothing, everything else as its JSON text, so
    that numbers keep their digits.

    Args:
        delimiter: between fields.
        columns: of the file, in order; None: those of the first record.
    """

    def __init__(self, delimiter: str, columns: Sequence[str] | None):
        self.delimiter = delimiter
        self._columns = None if columns is None else tuple(columns)
        self._known = frozenset(columns or ())
        self._decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._buffer = io.StringIO(newline="")
        self._writer = csv.writer(self._buffer, delimiter=delimiter, lineterminator="\n")

    def take_columns(self, header: Sequence[str]) -> bool:
        """Use the columns of a file that is there already; False: others are wanted."""
        if self._columns is not None and self._columns != tuple(header):
            return False
        self._columns = tuple(header)
        self._known = frozenset(header)
        return True

    def beginning(self) -> bytes:
        """The header; nothing while no record has told the columns."""
        return b"" if self._columns is None else self._row(self._columns)

    def line(self, record: Record) -> bytes:
        """See `RowWriter`."""
        try:
            fields = self._decode(record.raw_data)
        except msgspec.ValidationError:
            raise UnwritableRecordError("its data is no object, of which CSV could take columns") from None
        if self._columns is None:
            if not fields:
                raise UnwritableRecordError("it has no fields, of which CSV could take columns")
            self._columns = tuple(fields)
            self._known = frozenset(fields)
        if not fields.keys() <= self._known:
            unknown = ", ".join(sorted(fields.keys() - self._known))
            raise UnwritableRecordError(f"it has fields that the file has no columns for: {unknown}")
        return self._row([_csv_field(fields.get(name)) for name in self._columns])

    def _row(self, fields: Sequence[str]) -> bytes:
        self._writer.writerow(fields)
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text.encode()


def _csv_field(value: msgspec.Raw | None) -> str:
    if value is None:
        return ""
    text = bytes(value)
    if text.startswith(b'"'):
        decoded: str = msgspec.json.decode(text)
        return decoded
    return "" if text == b"null" else text.decode()


def header_of(beginning: bytes, delimiter: str) -> list[str] | None:
    """The columns that a CSV file's first bytes name; None if they hold no whole header."""
    source = io.StringIO(beginning.decode("utf-8-sig", errors="replace"), newline="")
    try:
        return next(csv.reader(source, delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None


def length_of_whole_rows(pieces: Iterable[bytes]) -> int:
    """Bytes up to the last newline outside quotes, given a CSV file's content piece by piece.

    A quote inside a quoted field is written twice, so that outside is where the number of quotes so far is even.
    """
    quotes = 0
    position = whole = 0
    for piece in pieces:
        quotes += piece.count(b'"')
        before, end = quotes, len(piece)
        while (newline := piece.rfind(b"\n", 0, end)) >= 0:
            before -= piece.count(b'"', newline, end)
            end = newline
            if before % 2 == 0:
                whole = position + newline + 1
                break
        position += len(piece)
    return whole
