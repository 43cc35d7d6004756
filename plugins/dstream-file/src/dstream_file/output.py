"""The output `file`: appends records to files, and acknowledges what is on disk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from dstream_core.api import Batch, Context, OutputContext, Result, hookimpl
from dstream_file.appending import OutputFile
from dstream_file.config import FileOutputOptions
from dstream_file.directories import check_writable, directory_of, make_directory
from dstream_file.file_set import FileSet
from dstream_file.infra import Infrastructure
from dstream_file.made import MadeRecord
from dstream_file.storage_errors import storage_error

BATCH_LINES = 16 * 1024
BATCH_BYTES = 4 * 1024 * 1024
AHEAD = 4
"""Batches that are read and not yet written, at most; as many are synced together."""


@dataclass
class _Received:
    """A batch, and its lines in one piece if they are written as they came."""

    batch: Batch
    content: bytes | None


@dataclass
class _End:
    """No more batches come: the input has ended, or something failed."""

    error: BaseException | None = None


class FileOutput:
    """Files of records.

    Reading and writing overlap: batches come from a thread of their own. What has come while one was written and
    synced shares the next sync.
    """

    @hookimpl
    def dstream_open(self, context: OutputContext[FileOutputOptions]) -> None:
        """See that the files can be written; make the directory if `init` was not run."""
        path = context.options.path
        check_writable(path)
        directory = directory_of(path)
        try:
            made = make_directory(directory, MadeRecord(context.state_dir))
        except OSError as error:
            raise storage_error(error, str(directory)) from None
        if made:
            context.log.info("made the directory %s", directory)

    @hookimpl
    def dstream_run_output(self, context: OutputContext[FileOutputOptions]) -> None:
        """Append batches, sync, acknowledge."""
        files = FileSet(context.options, MadeRecord(context.state_dir), context.log.warning)
        received: queue.Queue[_Received | _End] = queue.Queue(AHEAD)
        threading.Thread(target=_receive, args=(context, files, received), name="file-read", daemon=True).start()
        end: _End | None = None
        while end is None:
            batches, end = _take(received)
            _write(files, batches)
        files.close()
        if end.error is not None:
            raise end.error

    @hookimpl
    def dstream_init(self, context: Context[FileOutputOptions]) -> Result:
        """Make the directory."""
        return Infrastructure(context.options.path, context.state_dir).init()

    @hookimpl
    def dstream_plan(self, context: Context[FileOutputOptions]) -> Result:
        """What init, or destroy, would do."""
        infrastructure = Infrastructure(context.options.path, context.state_dir)
        return infrastructure.plan_destroy() if context.arguments.get("destroy") else infrastructure.plan()

    @hookimpl
    def dstream_status(self, context: Context[FileOutputOptions]) -> Result:
        """Whether the directory is there, how many files were written, how large they are."""
        return Infrastructure(context.options.path, context.state_dir).status()

    @hookimpl
    def dstream_destroy(self, context: Context[FileOutputOptions]) -> Result:
        """Remove the files that were written and the directories that were made."""
        consents = "delete" in context.consent
        return Infrastructure(context.options.path, context.state_dir).destroy(consents=consents)

    @hookimpl
    def dstream_check(self, context: Context[FileOutputOptions]) -> Result:
        """Whether files can be written."""
        check_writable(context.options.path)
        return Result(message=f"{directory_of(context.options.path)} can be written", healthy=True)


def _receive(
    context: OutputContext[FileOutputOptions], files: FileSet, received: queue.Queue[_Received | _End]
) -> None:
    end = _End()
    try:
        for batch in context.batches(BATCH_LINES, BATCH_BYTES):
            received.put(_Received(batch, files.joined(batch)))
    except BaseException as error:  # noqa: BLE001  whatever it is, the main thread raises it
        end.error = error
    received.put(end)


def _take(received: queue.Queue[_Received | _End]) -> tuple[list[_Received], _End | None]:
    """The batches that have come, at least one unless the end has come."""
    batches: list[_Received] = []
    while not batches or (len(batches) < AHEAD and not received.empty()):
        item = received.get()
        if isinstance(item, _End):
            return batches, item
        batches.append(item)
    return batches, None


def _write(files: FileSet, received: Sequence[_Received]) -> None:
    """Write batches, sync them together, acknowledge them."""
    touched: dict[OutputFile, None] = {}
    written: list[Batch] = []
    try:
        for item in received:
            touched.update(dict.fromkeys(files.write(item.batch, item.content)))
            written.append(item.batch)
    finally:  # what came before a failure is delivered all the same
        for file in touched:
            file.sync()
        for batch in written:
            batch.ack()
