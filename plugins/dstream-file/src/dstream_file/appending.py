"""One file of the output: repaired when it is opened, only ever appended to, renamed when it is full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from dstream_core.api import ConfigurationError
from dstream_file.made import Made, MadeRecord, sync_directory
from dstream_file.position import FileIdentity
from dstream_file.rows import CsvTable, RowWriter, header_of, length_of_whole_rows
from dstream_file.storage_errors import storage_error

PIECE_BYTES = 1024 * 1024


class OutputFile:
    """A file that lines are appended to.

    Args:
        path: absolute.
        rows: makes its lines; a CSV file's has the columns of its header.
        record: what the output made.
        say: takes a message for the log.
        rotate_size: bytes after which it is renamed and a new one begun; None: never.
    """

    def __init__(
        self, path: str, rows: RowWriter, record: MadeRecord, say: Callable[[str], None], rotate_size: int | None
    ):
        self.path = path
        self.rows = rows
        self._record = record
        self._say = say
        self._rotate_size = rotate_size
        self._dirty = False
        self._closed = False
        self._open()

    def in_place(self) -> bool:
        """Whether the file still has its name; somebody may have renamed or deleted it."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return FileIdentity.of(status) == self._identity

    def append(self, lines: Sequence[bytes]) -> None:
        """Write whole lines behind the last one.

        Raises:
            DStreamError: not all of them could be written; of this call's, no part of a line is in the file.
        """
        if self._rotate_size is None:
            self._write(b"".join(lines))
            return
        size = self._size()
        waiting: list[bytes] = []
        for line in lines:
            if size and size + len(line) > self._rotate_size:
                self._write(b"".join(waiting))
                waiting.clear()
                self._rotate()
                size = 0
            size = (size or len(self.rows.beginning())) + len(line)
            waiting.append(line)
        self._write(b"".join(waiting))

    def append_all(self, content: bytes) -> bool:
        """Write lines that are joined already; False: they do not fit into this file, nothing was done."""
        if self._rotate_size is not None and self._size() + len(content) > self._rotate_size:
            return False
        self._write(content)
        return True

    def sync(self) -> None:
        """Make what was written durable; costs nothing if nothing was.

        Raises:
            DStreamError: it may not be durable, and must not be acknowledged.
        """
        if not self._dirty or self._closed:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise storage_error(error, self.path) from None
        self._dirty = False

    def close(self) -> None:
        """Make what was written durable and let the file go."""
        self.sync()
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            status = os.fstat(self._descriptor)
            self._identity = FileIdentity.of(status)
            if not self._record.knows(self.path, self._identity):
                self._adopt(status.st_size)
            elif status.st_size:
                self._cut_incomplete_line(status.st_size)
            self._learn_columns()
        except OSError as error:
            raise storage_error(error, self.path) from None

    def _adopt(self, size: int) -> None:
        """Record a file that is new to us, before its first byte is written; what is in it is the user's."""
        self._record.add([Made("file", self.path, self._identity, ours=size == 0, begin=size)])
        sync_directory(os.path.dirname(self.path))
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            self._say(f"{self.path}: its last line had no newline, which was added")
            self._write_out(b"\n")

    def _cut_incomplete_line(self, size: int) -> None:
        """Remove what a crash left of a line; it was not acknowledged, so that it comes again."""
        known = self._record.of(self.path)
        begin = min(known.begin, size) if known else 0
        whole = begin + self._length_of_whole_lines(begin, size)
        if whole < size:
            self._say(f"{self.path}: an incomplete last line of {size - whole} bytes, left by a crash, was cut off")
            os.ftruncate(self._descriptor, whole)
            self._dirty = True

    def _length_of_whole_lines(self, begin: int, size: int) -> int:
        if isinstance(self.rows, CsvTable):
            return length_of_whole_rows(self._pieces(begin))
        end = size
        while end > begin:
            start = max(begin, end - PIECE_BYTES)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1 - begin
            end = start
        return 0

    def _pieces(self, position: int) -> Iterator[bytes]:
        while piece := os.pread(self._descriptor, PIECE_BYTES, position):
            yield piece
            position += len(piece)

    def _learn_columns(self) -> None:
        if isinstance(self.rows, CsvTable) and self._size():
            header = header_of(os.pread(self._descriptor, PIECE_BYTES, 0), self.rows.delimiter)
            if not self.rows.take_columns(header or []):
                raise ConfigurationError(
                    f"{self.path} has other columns than `columns` says: {', '.join(header or ['none'])}",
                    code="file/csv-columns",
                    hint="write to another file, or correct `columns`",
                )

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def _write(self, content: bytes) -> None:
        if not content:
            return
        size = self._size()
        try:
            self._write_out(content if size else self.rows.beginning() + content)
        except OSError as error:
            self._undo(size)
            raise storage_error(error, self.path) from None

    def _write_out(self, content: bytes) -> None:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        finally:
            self._dirty = True

    def _undo(self, size: int) -> None:
        """After a failed write: back to the last whole line."""
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._say(f"{self.path}: a part of a line stays at its end until the next run cuts it: {error.strerror}")

    def _rotate(self) -> None:
        """Give the full file the next free number and begin a new one; both names are durable when this returns."""
        self.close()
        try:
            target = f"{self.path}.{_next_number(self.path)}"
            known = self._record.of(self.path)
            self._record.add([Made("file", target, self._identity, ours=known is None or known.ours)])
            os.rename(self.path, target)
            sync_directory(os.path.dirname(self.path))
        except OSError as error:
            raise storage_error(error, self.path) from None
        self._closed = False
        self._open()


def _next_number(path: str) -> int:
    """One more than the highest number behind `path` so far, so that higher numbers are newer."""
    directory, name = os.path.split(path)
    numbers = [0]
    with os.scandir(directory) as entries:
        for entry in entries:
            suffix = entry.name.removeprefix(name + ".")
            if suffix != entry.name and suffix.isascii() and suffix.isdecimal():
                numbers.append(int(suffix))
    return max(numbers) + 1
