"""The input `file`: reads files once, or follows them as they grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from dstream_core.api import Checkpoint, Context, EncodedLines, InputContext, Result, hookimpl
from dstream_file.config import FileInputOptions
from dstream_file.finding import check_patterns, find_files
from dstream_file.following import Follower
from dstream_file.naming import name_parts, text_of
from dstream_file.tracking import Tracker


class FileInput:
    """Lines and rows of files as records.

    The checkpoint of each file is its identity, the offset behind the last record acknowledged, and fingerprints of
    what was read (`dstream_file.position`).
    """

    @hookimpl
    def dstream_open(self, context: InputContext[FileInputOptions]) -> None:
        """See that the paths can be read, now or later."""
        check_patterns(context.options.path, may_come_later=context.options.follow)

    @hookimpl
    def dstream_run_input(self, context: InputContext[FileInputOptions]) -> Iterator[EncodedLines | Checkpoint]:
        """Yield blocks of records, each with the position behind it."""
        tracker = Tracker(context.options, context.state, context.log)
        try:
            if context.options.follow:
                yield from Follower(tracker, context).run()
            else:
                yield from tracker.read_once(lambda: context.stopping)
        finally:
            tracker.close()

    @hookimpl
    def dstream_check(self, context: Context[FileInputOptions]) -> Result:
        """Whether there is something that can be read."""
        options = context.options
        check_patterns(options.path, may_come_later=options.follow)
        files = find_files(options.path)
        size = sum(file.status.st_size for file in files)
        return Result(message=f"{len(files)} files, {size} bytes", healthy=bool(files) or options.follow)

    @hookimpl
    def dstream_discover(self, context: Context[FileInputOptions]) -> Result:
        """Each file's table: its name without extension, rotation number and compression."""
        paths = [file.path for file in find_files(context.options.path)]
        names = sorted({name_parts(path).table for path in paths})
        tables: list[dict[str, Any]] = [
            {"schema": "", "name": name, "primary_key": [], "columns": []} for name in names
        ]
        directories = sorted({text_of(str(PurePath(path).parent)) for path in paths})
        source = {"server": "", "database": ", ".join(directories), "tables": tables}
        return Result(source=source, message=f"{len(names)} tables in {len(paths)} files")
