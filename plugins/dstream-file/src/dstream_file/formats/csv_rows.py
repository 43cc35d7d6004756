"""CSV: rows under a header, cut where records end, so that newlines inside quotes do not disturb."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgspec

from dstream_file.formats.block import NOTHING, EncodedBlock, EnvelopeWriter, InvalidRecordError

LONGEST_FIELD = 64 * 1024 * 1024
"""Bytes of one field, and of content in which the end of a record is looked for; beyond it a quote was left open."""

csv.field_size_limit(LONGEST_FIELD)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CONSTANTS = {"": None, "true": True, "false": False}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class CsvDialect:
    """How the file is written.

    Attributes:
        delimiter: between the fields of a row.
        header: the first row holds the columns' names.
        columns: names to use instead of those of the header.
        infer_types: numbers, `true` and `false` become JSON's, an empty field null; else all is text.
    """

    delimiter: str = ","
    header: bool = True
    columns: tuple[str, ...] | None = None
    infer_types: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a block: its fields, or why it has none; `first` and `end` are numbers of lines."""

    fields: list[str] | None
    first: int
    end: int
    reason: str = ""


class CsvRows:
    """Rows of a CSV file as objects.

    Args:
        writer: makes the envelopes.
        dialect: how the file is written.
        encoding: of the file, a Python codec.
    """

    def __init__(self, writer: EnvelopeWriter, dialect: CsvDialect, encoding: str = "utf-8"):
        self._writer = writer
        self._dialect = dialect
        self._encoding = encoding
        self._columns = dialect.columns
        self.wants_header = dialect.header
        """The first record has not been seen; a file that is resumed must be shown it again."""

    def read_header(self, content: bytes, *, final: bool) -> int:
        """Take the columns' names from the beginning of the file.

        Returns:
            Bytes of the header's record; 0 if more content is needed (or, at the end, if there is none).

        Raises:
            InvalidRecordError: the header cannot be read, or names a column twice.
        """
        lines = _whole_lines(_without_mark(content, 0), final=final)
        for row in rows_of(lines, self._encoding, self._dialect.delimiter, final=final):
            if row.fields is None:
                raise InvalidRecordError(f"the header cannot be read: {row.reason}")
            if row.fields:
                self._set_columns(row.fields)
                return len(content) - len(_without_mark(content, 0)) + sum(map(len, lines[: row.end]))
        return 0

    def encode(self, content: bytes, offset: int, *, final: bool) -> EncodedBlock:
        """See `RecordFormat`."""
        body = _without_mark(content, offset)
        lines = _whole_lines(body, final=final)
        if not lines:
            return NOTHING
        starts = [*accumulate(map(len, lines), initial=len(content) - len(body))]
        envelopes: list[bytes] = []
        ends = [0]
        last: Row | None = None
        for row in rows_of(lines, self._encoding, self._dialect.delimiter, final=final):
            try:
                envelope = self._envelope(row, lines, offset + starts[row.first])
            except InvalidRecordError:
                if not envelopes and last is None:
                    raise
                break  # what comes before it is delivered first
            last = row
            if envelope:
                envelopes.append(envelope)
                ends.append(starts[row.end])
            else:
                ends[-1] = starts[row.end]
        consumed = starts[last.end] if last else 0
        open_line = starts[last.first] if last and not lines[last.end - 1].endswith(b"\n") else None
        return EncodedBlock(b"".join(envelopes), len(envelopes), consumed, ends.__getitem__, open_line)

    def _set_columns(self, header: Sequence[str]) -> None:
        self.wants_header = False
        if self._columns is not None:
            return
        if twice := [name for name in header if header.count(name) > 1]:
            raise InvalidRecordError(f"the header names the column {twice[0]!r} twice")
        self._columns = tuple(header)

    def _envelope(self, row: Row, lines: Sequence[bytes], offset: int) -> bytes | None:
        """The envelope of a row, or None if the line is blank."""
        columns = self._columns or ()
        if row.fields == []:
            return None
        if row.fields is not None and len(row.fields) == len(columns):
            return self._writer.line(self._data(row.fields, columns), offset)
        reason = row.reason or f"it has {len(row.fields or ())} fields for {len(columns)} columns"
        if not self._writer.wrap:
            raise InvalidRecordError(reason)
        text = b"".join(lines[row.first : row.end]).removesuffix(b"\n")
        return self._writer.invalid(text, reason, offset)

    def _data(self, fields: Sequence[str], columns: Sequence[str]) -> bytes:
        if self._dialect.infer_types:
            return _encode({name: _inferred(field) for name, field in zip(columns, fields, strict=True)})
        return _encode(dict(zip(columns, fields, strict=True)))


def rows_of(lines: Sequence[bytes], encoding: str, delimiter: str, *, final: bool) -> Iterator[Row]:
    """The records in whole lines, in order; one that does not end in them is left out unless the file ends there.

    After a record that is no CSV, reading goes on at the line behind it; if its quote never ends, at the line behind
    its first.
    """
    first = 0
    while first < len(lines):
        source = _Source(lines, first, encoding)
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        base = first
        try:
            for fields in reader:
                end = base + reader.line_num
                yield Row(fields, first, end)
                first = end
            return
        except UnicodeError:
            row = Row(None, first, source.taken, f"it is not valid {encoding}")
        except csv.Error as error:
            endless = source.exhausted
            if endless and not final and sum(map(len, lines[first:])) < LONGEST_FIELD:
                return
            reason = "a quote is not closed" if endless else str(error)
            row = Row(None, first, first + 1 if endless else source.taken, reason)
        yield row
        first = row.end


class _Source:
    """Gives the csv module lines, and knows how many it took and whether it wanted more than there are."""

    def __init__(self, lines: Sequence[bytes], first: int, encoding: str):
        self._lines = lines
        self._encoding = encoding
        self.taken = first
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.taken == len(self._lines):
            self.exhausted = True
            raise StopIteration
        self.taken += 1
        return self._lines[self.taken - 1].decode(self._encoding)


def _whole_lines(content: bytes, *, final: bool) -> list[bytes]:
    end = len(content) if final else content.rfind(b"\n") + 1
    lines = content[:end].split(b"\n")
    last = lines.pop()
    return [*(line + b"\n" for line in lines), *([last] if last else [])]


def _without_mark(content: bytes, offset: int) -> bytes:
    return content.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else content


def _inferred(field: str) -> Any:
    """The JSON value a field looks like; a number keeps its digits."""
    if _NUMBER.fullmatch(field):
        return msgspec.Raw(field)
    return _CONSTANTS.get(field, field)
