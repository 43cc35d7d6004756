"""One file, read record by record from a position."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from dstream_core.api import ProviderError
from dstream_file.config import FileInputOptions
from dstream_file.content import open_content
from dstream_file.formats import EncodedBlock, InvalidRecordError, RecordFormat
from dstream_file.formats.block import EnvelopeWriter
from dstream_file.formats.csv_rows import CsvDialect, CsvRows
from dstream_file.formats.json_lines import JsonLines
from dstream_file.formats.plain_lines import PlainLines
from dstream_file.naming import name_parts, text_of
from dstream_file.position import HEAD_BYTES, TAIL_BYTES, FileIdentity, Fingerprint, Position

BLOCK_BYTES = 32 * 1024
"""Content taken at a time: large enough to cost little per record, small enough to be kept until it is acknowledged."""


class Recognition(Enum):
    """Whether a file is the one that a position belongs to."""

    SAME = "same"
    TRUNCATED = "truncated"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class FileBlock:
    """Envelope lines of one file, and where reading stands behind them, and behind the first N of them."""

    lines: bytes
    count: int
    position: Position
    position_of: Callable[[int], Position]


class FileReader:
    """Reads one file.

    Args:
        path: its name at the moment.
        descriptor: open for reading; the reader's from now on.
        options: the input's.
        warn: takes a message for the log.
    """

    def __init__(self, path: str, descriptor: int, options: FileInputOptions, warn: Callable[[str], None]):
        parts = name_parts(path)
        self.path = path
        self.status = os.fstat(descriptor)
        self.identity = FileIdentity.of(self.status)
        self.compressed = parts.compression != "none"
        self.offset = 0
        self._descriptor = descriptor
        self._warn = warn
        self._content = open_content(descriptor, parts.compression, path)
        self._format = record_format(path, options)
        self._head = b""
        self._tail = b""
        self._open_line: int | None = None
        self._read_whole = False

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    def refresh(self) -> os.stat_result:
        """Ask the file system for the file's size and times again."""
        self.status = os.fstat(self._descriptor)
        return self.status

    def recognize(self, position: Position) -> Recognition:
        """Whether this is the file that the position was taken in, still holding what was read."""
        if not self.compressed and self.status.st_size < position.offset:
            return Recognition.TRUNCATED
        if self._unchanged_since(position):
            return Recognition.SAME
        head = self._content.read_at(0, position.head.length)
        tail = self._content.read_at(position.offset - position.tail.length, position.tail.length)
        if not (position.head.fits(head) and position.tail.fits(tail)):
            return Recognition.REPLACED
        self._head, self._tail = head, tail
        return Recognition.SAME

    def go_to(self, position: Position) -> None:
        """Stand where the position says; `recognize` has said that it is this file's."""
        self.offset = position.offset
        self._open_line = position.open_line
        self._read_whole = self._unchanged_since(position)

    def go_to_end(self) -> None:
        """Stand behind what there is now; a last line that goes on later counts as new."""
        self.start_over()
        if self.compressed:
            while content := self._content.read_at(self.offset, BLOCK_BYTES):
                self.offset += len(content)
        else:
            self.offset = self.status.st_size
            begin = _end_of_last_line(self._descriptor, self.offset)
            self._open_line = begin if begin < self.offset else None
        self._remember_around()

    def start_over(self) -> None:
        """Stand at the beginning."""
        self.offset = 0
        self._head = self._tail = b""
        self._open_line = None
        self._read_whole = False

    def rewritten(self) -> bool:
        """Whether what was read is no longer what the file holds before the offset (it was truncated, or replaced)."""
        if self.compressed:
            return False
        if self.refresh().st_size < self.offset:
            return True
        return self._content.read_at(self.offset - len(self._tail), len(self._tail)) != self._tail

    def next_block(self, *, final: bool) -> FileBlock | None:
        """The next records, or None if there are none now.

        Args:
            final: the file grows no more, so that a last line without a newline is a record.

        Raises:
            ProviderError: `file/invalid-record`, `file/compressed`.
        """
        if self._read_whole or not self._ready_for_records(final=final):
            return None
        encoded, content = self._encode(final=final)
        if encoded is None:
            self._read_whole = self.compressed and not content
            return None
        begin, tail = self.offset, self._tail
        self.offset += encoded.consumed
        self._open_line = None if encoded.open_line is None else begin + encoded.open_line
        self._remember(content[: encoded.consumed], begin)
        path, head, end_of = os.path.abspath(self.path), self._head, encoded.end_of

        def position_of(count: int) -> Position:
            """Called when reading has gone on: of this reader, only what is remembered here counts."""
            end = end_of(count)
            last = _last_bytes(tail, content[:end])
            return Position(path, begin + end, Fingerprint.of(head[: begin + end]), Fingerprint.of(last))

        return FileBlock(encoded.lines, encoded.count, self.position(), position_of)

    def position(self) -> Position:
        """Where reading stands."""
        at_end = self.compressed and self._read_whole
        return Position(
            path=os.path.abspath(self.path),
            offset=self.offset,
            head=Fingerprint.of(self._head[: self.offset]),
            tail=Fingerprint.of(self._tail),
            open_line=self._open_line,
            size=self.status.st_size if at_end else None,
            changed=self.status.st_mtime_ns if at_end else None,
        )

    def _unchanged_since(self, position: Position) -> bool:
        """Whether the position closes a compressed file that nobody has touched since."""
        return self.compressed and (position.size, position.changed) == (self.status.st_size, self.status.st_mtime_ns)

    def _ready_for_records(self, *, final: bool) -> bool:
        """Deal with what may stand between the offset and the next record; False: wait for more."""
        if self._open_line is not None and not self._leave_open_line():
            return False
        if not isinstance(self._format, CsvRows) or not self._format.wants_header:
            return True
        return self._read_header(self._format, final=final)

    def _leave_open_line(self) -> bool:
        """The last line was read at the end of the file, without a newline. See how it went on."""
        following = self._content.read_at(self.offset, 2)
        if not following:
            return False
        ending = self._length_of_line_end(following)
        if ending:
            self._remember(following[:ending], self.offset)
            self.offset += ending
        else:
            self._warn(
                f"{self.path}: the last line had no end when it was read; it went on, and is delivered whole, from "
                f"byte {self._open_line}"
            )
            self.offset = self._open_line or 0
            self._remember_around()
        self._open_line = None
        return True

    def _length_of_line_end(self, following: bytes) -> int:
        if following.startswith(b"\n"):
            return 1
        # A carriage return is a part of plain lines.
        return 2 if following == b"\r\n" and not isinstance(self._format, PlainLines) else 0

    def _read_header(self, rows: CsvRows, *, final: bool) -> bool:
        size = BLOCK_BYTES
        while True:
            content = self._content.read_at(0, size)
            ended = len(content) < size
            try:
                header = rows.read_header(content, final=final and ended)
            except InvalidRecordError as error:
                raise self._invalid(error.reason, 0) from None
            if header:
                break
            if ended:
                return False
            size *= 2
        if self.offset < header:
            self.offset = header
            self._remember(content[:header], 0)
        return True

    def _encode(self, *, final: bool) -> tuple[EncodedBlock | None, bytes]:
        size = BLOCK_BYTES
        while True:
            content = self._content.read_at(self.offset, size)
            ended = len(content) < size
            if not content:
                return None, content
            try:
                encoded = self._format.encode(content, self.offset, final=final and ended)
            except InvalidRecordError as error:
                raise self._invalid(error.reason, self.offset) from None
            if encoded.consumed:
                return encoded, content
            if ended:
                return None, content
            size *= 2

    def _remember(self, content: bytes, begin: int) -> None:
        """Keep the file's first bytes, and the last ones before the offset, for the fingerprints."""
        if begin == len(self._head) < HEAD_BYTES:
            self._head += content[: HEAD_BYTES - begin]
        self._tail = _last_bytes(self._tail, content)

    def _remember_around(self) -> None:
        self._head = self._content.read_at(0, min(HEAD_BYTES, self.offset))
        length = min(TAIL_BYTES, self.offset)
        self._tail = self._content.read_at(self.offset - length, length)

    def _invalid(self, reason: str, offset: int) -> ProviderError:
        line = _line_number(self._content.read_at, offset)
        return ProviderError(
            f"{self.path}:{line}: the record at byte {offset} is invalid: {reason}",
            code="file/invalid-record",
            hint='correct the file, or set `on_invalid = "wrap"` to deliver such records as text',
        )


def record_format(path: str, options: FileInputOptions) -> RecordFormat:
    """How the records of a file are cut, by the options and the file's name."""
    parts = name_parts(path)
    writer = EnvelopeWriter(
        {"TableName": parts.table, "path": text_of(path)}, offsets=options.offsets, wrap=options.on_invalid == "wrap"
    )
    chosen = parts.format if options.format == "auto" else options.format
    if chosen == "jsonl":
        return JsonLines(writer, options.encoding)
    if chosen == "lines":
        return PlainLines(writer, options.encoding)
    dialect = CsvDialect(
        delimiter=options.delimiter or ("\t" if parts.tabs else ","),
        header=options.header,
        columns=None if options.columns is None else tuple(options.columns),
        infer_types=options.infer_types,
    )
    return CsvRows(writer, dialect, options.encoding)


def _last_bytes(before: bytes, content: bytes) -> bytes:
    """What a position's fingerprint is made of: the last bytes of `content`, and of what stands before it."""
    return content[-TAIL_BYTES:] if len(content) >= TAIL_BYTES else (before + content)[-TAIL_BYTES:]


def _end_of_last_line(descriptor: int, size: int) -> int:
    """The offset behind the last newline before `size`."""
    end = size
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def _line_number(read_at: Callable[[int, int], bytes], offset: int) -> int:
    """The number, from 1, of the line that begins at `offset`."""
    newlines = 0
    at = 0
    while at < offset:
        content = read_at(at, min(BLOCK_BYTES, offset - at))
        if not content:
            break
        newlines += content.count(b"\n")
        at += len(content)
    return newlines + 1
