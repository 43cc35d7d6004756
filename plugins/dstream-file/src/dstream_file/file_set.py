"""The open files of an output, found by table; a bounded number of them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from dstream_core.api import Batch, DStreamError, ReceivedEnvelope
from dstream_file.appending import OutputFile
from dstream_file.config import FileOutputOptions
from dstream_file.made import MadeRecord
from dstream_file.naming import name_parts, safe_file_name
from dstream_file.rows import CsvTable, JsonRows, PlainRows, RowWriter, UnwritableRecordError

PLACEHOLDER = "{table}"


class FileSet:
    """Takes batches to their files.

    Args:
        options: the output's.
        record: what the output made.
        say: takes a message for the log.
    """

    def __init__(self, options: FileOutputOptions, record: MadeRecord, say: Callable[[str], None]):
        self._options = options
        self._record = record
        self._say = say
        self._path = os.path.abspath(options.path)
        self._format = name_parts(options.path).format if options.format == "auto" else options.format
        self._open: OrderedDict[str, OutputFile] = OrderedDict()
        self._rows: dict[str, RowWriter] = {}
        self._passes_bytes_on = PLACEHOLDER not in options.path and self._format == "jsonl"

    def joined(self, batch: Batch) -> bytes | None:
        """A batch's lines in one piece, if they are written as they came; may be called from another thread."""
        if not self._passes_bytes_on:
            return None
        texts = batch.lines if self._options.envelope else batch.raw_data
        return b"\n".join([*texts, b""])

    def write(self, batch: Batch, content: bytes | None = None) -> list[OutputFile]:
        """Append a batch's lines to their files.

        Args:
            batch: the records.
            content: what `joined` made of them.

        Returns:
            The files that must be synced before the batch is acknowledged.

        Raises:
            DStreamError: not all of it is written; nothing of it may be acknowledged that is not already.
        """
        if content is not None:
            return [self._pass_on(content)]
        lines: dict[str, list[bytes]] = {}
        written: list[ReceivedEnvelope] = []
        for envelope in batch:
            try:
                path = self._path_of(envelope)
                lines.setdefault(path, []).append(self._rows_of(path).line(envelope))
            except UnwritableRecordError as error:
                try:
                    batch.reject(envelope, error.reason)
                except DStreamError:
                    self._deliver(lines, written, batch)
                    raise
            else:
                written.append(envelope)
        return self._append(lines)

    def close(self) -> None:
        """Sync and close all files."""
        while self._open:
            self._open.popitem()[1].close()

    def _pass_on(self, content: bytes) -> OutputFile:
        """Whole lines into the one file, without looking at them."""
        file = self._file(self._path)
        if not file.append_all(content):
            file.append([line + b"\n" for line in content.split(b"\n")[:-1]])
        return file

    def _append(self, lines: dict[str, list[bytes]]) -> list[OutputFile]:
        files: list[OutputFile] = []
        for path, content in lines.items():
            file = self._file(path)
            file.append(content)
            files.append(file)
        return files

    def _deliver(self, lines: dict[str, list[bytes]], written: Sequence[ReceivedEnvelope], batch: Batch) -> None:
        """The run ends at a record that cannot be written; those before it are delivered all the same."""
        for file in self._append(lines):
            file.sync()
        for envelope in written:
            batch.ack_line(envelope)

    def _path_of(self, envelope: ReceivedEnvelope) -> str:
        """The file of a record."""
        if PLACEHOLDER not in self._path:
            return self._path
        member = self._options.table_from
        table = envelope.metadata.get(member)
        name = safe_file_name(table) if isinstance(table, str) else None
        if name is None:
            raise UnwritableRecordError(_why_no_name(table, member))
        return self._path.replace(PLACEHOLDER, name)

    def _rows_of(self, path: str) -> RowWriter:
        """The writer of a file's lines; it outlives the open file, since it knows the columns."""
        rows = self._rows.get(path)
        return self._file(path).rows if rows is None else rows

    def _file(self, path: str) -> OutputFile:
        file = self._open.get(path)
        if file is not None and not file.in_place():
            self._say(f"{path} was renamed or deleted: a new file is begun")
            self._open.pop(path).close()
            file = None
        if file is None:
            while len(self._open) >= self._options.max_open_files:
                self._open.popitem(last=False)[1].close()
            rows = self._rows.setdefault(path, self._new_rows())
            file = OutputFile(path, rows, self._record, self._say, self._options.rotate_size)
            self._open[path] = file
        self._open.move_to_end(path)
        return file

    def _new_rows(self) -> RowWriter:
        if self._format == "jsonl":
            return JsonRows(envelope=self._options.envelope)
        if self._format == "lines":
            return PlainRows()
        tabs = name_parts(self._options.path).tabs
        return CsvTable(self._options.delimiter or ("\t" if tabs else ","), self._options.columns)


def _why_no_name(table: object, member: str) -> str:
    if table is None:
        return f"its metadata has no `{member}`, which names the table for the file"
    if not isinstance(table, str):
        return f"`{member}` in its metadata is no text, so it names no file"
    return f"`{member}` in its metadata is empty or too long for a file name"
