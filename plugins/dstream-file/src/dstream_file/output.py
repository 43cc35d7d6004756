"""The output `file`: appends records to files, and acknowledges what is on disk."""

from __future__ import annotations

import queue
import threading
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
AHEAD = 8
"""Batches written and not yet synced, at most."""


@dataclass
class _Written:
    """A batch that is in its files, but perhaps not on disk."""

    batch: Batch
    files: list[OutputFile]


class FileOutput:
    """Files of records.

    Writing and syncing overlap: while one batch is forced to the disk the next is written, and what was written
    meanwhile shares the next sync.
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
        """Append each batch, sync, acknowledge."""
        files = FileSet(context.options, MadeRecord(context.state_dir), context.log.warning)
        written: queue.Queue[_Written | BaseException | None] = queue.Queue(AHEAD)
        # Batches come and are written in a thread of their own, so that an error of the sync, here, ends the run even
        # while no more data comes.
        threading.Thread(target=_write_batches, args=(context, files, written), name="file-write", daemon=True).start()
        while (item := written.get()) is not None:
            item = _sync_and_acknowledge(item, written)
            if isinstance(item, BaseException):
                raise item
            if item is None:
                break
        files.close()

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


def _write_batches(
    context: OutputContext[FileOutputOptions], files: FileSet, written: queue.Queue[_Written | BaseException | None]
) -> None:
    try:
        for batch in context.batches(BATCH_LINES, BATCH_BYTES):
            written.put(_Written(batch, files.write(batch)))
    except BaseException as error:  # noqa: BLE001  whatever it is, the main thread raises it
        written.put(error)
    else:
        written.put(None)


def _sync_and_acknowledge(
    item: _Written | BaseException | None, written: queue.Queue[_Written | BaseException | None]
) -> _Written | BaseException | None:
    """Sync the batches that are written by now, together, and acknowledge them; returns what ends the run, if it came.

    What was written before an error is durable all the same, so it counts.
    """
    batches: list[Batch] = []
    files: dict[OutputFile, None] = {}
    while isinstance(item, _Written):
        batches.append(item.batch)
        files.update(dict.fromkeys(item.files))
        try:
            item = written.get_nowait()
        except queue.Empty:
            break
    for file in files:
        file.sync()
    for batch in batches:
        batch.ack()
    return item
