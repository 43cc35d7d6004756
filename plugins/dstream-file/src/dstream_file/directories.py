"""Making the directory of the output, and remembering which directories were made."""

from __future__ import annotations

import os
from pathlib import Path

from dstream_core.api import ConfigurationError
from dstream_file.made import Made, MadeRecord, sync_directory
from dstream_file.position import FileIdentity


def directory_of(path: str) -> Path:
    """The directory, absolute, in which an output path's files lie; `{table}` stands in file names only."""
    return Path(os.path.abspath(path)).parent


def missing_directories(directory: Path) -> list[Path]:
    """What has to be made so that a directory exists, outermost first.

    Raises:
        ConfigurationError: `file/not-a-directory`, something else has that name.
    """
    missing: list[Path] = []
    for candidate in (directory, *directory.parents):
        if candidate.is_dir():
            break
        if os.path.lexists(candidate):
            raise ConfigurationError(f"{candidate} is no directory", code="file/not-a-directory")
        missing.insert(0, candidate)
    return missing


def make_directory(directory: Path, record: MadeRecord) -> list[Path]:
    """Make a directory and those around it that are missing; they are durable, and recorded, when this returns.

    Returns:
        Those that were made.

    Raises:
        ConfigurationError: `file/not-a-directory`, `file/unwritable`.
        OSError: the file system refuses for another reason.
    """
    made = missing_directories(directory)
    for path in made:
        try:
            path.mkdir()
        except PermissionError:
            raise unwritable(path.parent) from None
        sync_directory(str(path.parent))
        record.add([Made("directory", str(path), FileIdentity.of(path.lstat()))])
    return made


def check_writable(path: str) -> None:
    """Refuse an output path that cannot be written.

    Raises:
        ConfigurationError: `file/unwritable`, `file/not-a-directory`, `file/not-a-file`.
    """
    directory = directory_of(path)
    missing = missing_directories(directory)
    existing = missing[0].parent if missing else directory
    if not os.access(existing, os.W_OK | os.X_OK):
        raise unwritable(existing)
    if "{table}" in path or not os.path.lexists(path):
        return
    if not os.path.isfile(path):
        raise ConfigurationError(f"{path} is no regular file", code="file/not-a-file")
    if not os.access(path, os.R_OK | os.W_OK):
        raise ConfigurationError(f"{path} cannot be written", code="file/unwritable", hint="see its permissions")


def unwritable(directory: Path) -> ConfigurationError:
    """The error for a directory in which nothing can be made."""
    return ConfigurationError(
        f"{directory} cannot be written", code="file/unwritable", hint="see its permissions, or choose another `path`"
    )
