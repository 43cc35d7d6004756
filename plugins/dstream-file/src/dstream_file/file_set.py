"""The open files of an output, found by table; a bounded number of them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from dstream_core.api import Batch, ReceivedEnvelope
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
        self._passes_bytes_on = PLACEHOLDER not in options.path and self._format == "jsonl"

    def write(self, batch: Batch) -> list[OutputFile]:
        """Append a batch's lines to their files.

        Returns:
            The files that must be synced before the batch is acknowledged.

        Raises:
            DStreamError: not all of it is written; nothing of it may be acknowledged.
        """
        if not self._passes_bytes_on:
            return [self._append(table, records, batch) for table, records in self._by_table(batch).items()]
        file = self._file("")
        texts = batch.lines if self._options.envelope else batch.raw_data
        if not file.append_all(b"\n".join([*texts, b""])):
            file.append([b"%b\n" % text for text in texts])
        return [file]

    def close(self) -> None:
        """Sync and close all files."""
        while self._open:
            self._open.popitem()[1].close()

    def _by_table(self, batch: Batch) -> dict[str, list[ReceivedEnvelope]]:
        """A batch's records by safe table name; those that name none are rejected."""
        tables: dict[str, list[ReceivedEnvelope]] = {}
        if PLACEHOLDER not in self._options.path:
            return {"": list(batch)}
        member = self._options.table_from
        for envelope in batch:
            table = envelope.metadata.get(member)
            name = safe_file_name(table) if isinstance(table, str) else None
            if name is None:
                batch.reject(envelope, _why_no_name(table, member))
            else:
                tables.setdefault(name, []).append(envelope)
        return tables

    def _append(self, table: str, records: Sequence[ReceivedEnvelope], batch: Batch) -> OutputFile:
        file = self._file(table)
        lines: list[bytes] = []
        for envelope in records:
            try:
                lines.append(file.rows.line(envelope))
            except UnwritableRecordError as error:
                batch.reject(envelope, error.reason)
        file.append(lines)
        return file

    def _file(self, table: str) -> OutputFile:
        path = self._path.replace(PLACEHOLDER, table)
        file = self._open.get(path)
        if file is not None and not file.in_place():
            self._say(f"{path} was renamed or deleted: a new file is begun")
            self._open.pop(path).close()
            file = None
        if file is None:
            while len(self._open) >= self._options.max_open_files:
                self._open.popitem(last=False)[1].close()
            file = OutputFile(path, self._rows(), self._record, self._say, self._options.rotate_size)
            self._open[path] = file
        self._open.move_to_end(path)
        return file

    def _rows(self) -> RowWriter:
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
