"""The lifecycle of the output: its directory, and the files in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dstream_core.api import Resource, Result
from dstream_file.directories import directory_of, make_directory, missing_directories
from dstream_file.made import Made, MadeRecord, sync_directory
from dstream_file.storage_errors import storage_error


class Infrastructure:
    """What init makes, and destroy takes away again: nothing that was there before (invariant 9).

    Args:
        path: the option.
        state_dir: where the record of what was made lies.
    """

    def __init__(self, path: str, state_dir: Path):
        self._directory = directory_of(path)
        self._record = MadeRecord(state_dir)

    def init(self) -> Result:
        """Make the directory."""
        try:
            made = make_directory(self._directory, self._record)
        except OSError as error:
            raise storage_error(error, str(self._directory)) from None
        resources = [_directory(path, "create") for path in made] or [_directory(self._directory, "same")]
        return Result(resources)

    def plan(self) -> Result:
        """What init would do."""
        missing = missing_directories(self._directory)
        return Result([_directory(path, "create") for path in missing] or [_directory(self._directory, "same")])

    def plan_destroy(self) -> Result:
        """What destroy would do."""
        files, directories = self._removable()
        resources = [_deleted_file(entry, os.path.getsize(entry.path)) for entry in files]
        resources += [_directory(Path(entry.path), "delete") for entry in directories if self._would_be_empty(entry)]
        return Result(resources)

    def status(self) -> Result:
        """Whether the directory is there, and what was written."""
        there = self._directory.is_dir()
        files = [entry for entry in self._record.entries if entry.kind == "file" and entry.is_there()]
        size = sum(os.path.getsize(entry.path) for entry in files)
        detail = f"{_count(len(files), 'file')} written, {_count(size, 'byte')}" if there else "run `dstream init`"
        directory = Resource(
            id=str(self._directory), type="directory", state="exists" if there else "missing", detail=detail
        )
        return Result([directory], healthy=there, extra={"files": len(files), "bytes": size})

    def destroy(self, *, consents: bool) -> Result:
        """Remove what was made.

        Args:
            consents: the user agreed that what the files hold is lost.
        """
        files, directories = self._removable()
        size = sum(os.path.getsize(entry.path) for entry in files)
        if size and not consents:
            return Result(
                failed=True,
                needs=("delete",),
                error=f"{_count(len(files), 'file')} with {_count(size, 'byte')} of records would be deleted",
            )
        try:
            return self._remove(files, directories)
        except OSError as error:
            raise storage_error(error, str(self._directory)) from None

    def _remove(self, files: Sequence[Made], directories: Sequence[Made]) -> Result:
        resources: list[Resource] = []
        kept: list[Made] = []
        for entry in files:
            resources.append(_deleted_file(entry, os.path.getsize(entry.path)))
            os.unlink(entry.path)
        for entry in directories:
            if os.listdir(entry.path):
                kept.append(entry)
            else:
                os.rmdir(entry.path)
                resources.append(_directory(Path(entry.path), "delete"))
        for parent in {os.path.dirname(entry.path) for entry in (*files, *directories)}:
            if os.path.isdir(parent):
                sync_directory(parent)
        self._record.replace(kept)
        return Result(resources, message=_what_stays(kept))

    def _removable(self) -> tuple[list[Made], list[Made]]:
        """Our files, and our directories, innermost first."""
        entries = [entry for entry in self._record.entries if entry.ours and entry.is_there()]
        files = [entry for entry in entries if entry.kind == "file"]
        return files, [entry for entry in reversed(entries) if entry.kind == "directory"]

    def _would_be_empty(self, directory: Made) -> bool:
        ours = {entry.path for entry in self._record.entries if entry.ours}
        return all(os.path.join(directory.path, name) in ours for name in os.listdir(directory.path))


def _directory(path: Path, action: Literal["create", "same", "delete"]) -> Resource:
    return Resource(id=str(path), type="directory", action=action)


def _deleted_file(entry: Made, size: int) -> Resource:
    return Resource(id=entry.path, type="file", action="delete", detail=_count(size, "byte"))


def _what_stays(kept: Sequence[Made]) -> str | None:
    if not kept:
        return None
    return f"{', '.join(entry.path for entry in kept)} stays: it holds what this task did not write"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
