"""Which files there are: those that match the patterns, and those that were renamed away from them."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dstream_core.api import ConfigurationError
from dstream_file.position import FileIdentity


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file and what the file system says of it."""

    path: str
    status: os.stat_result

    @property
    def identity(self) -> FileIdentity:
        """Device and inode."""
        return FileIdentity.of(self.status)


def find_files(patterns: Sequence[str]) -> list[FoundFile]:
    """The regular files that match, in the order of their names; a file with several names is there once."""
    names = sorted({name for pattern in patterns for name in _matches(pattern)})
    found: dict[FileIdentity, FoundFile] = {}
    for name in names:
        file = look_at(name)
        if file is not None:
            found.setdefault(file.identity, file)
    return list(found.values())


def look_at(path: str) -> FoundFile | None:
    """The file at a path, or None if there is none, or something else."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return FoundFile(path, status) if stat.S_ISREG(status.st_mode) else None


def neighbours(path: str) -> Iterator[FoundFile]:
    """The other files in the directory of a path, in the order of their names."""
    directory, own_name = os.path.split(path)
    try:
        names = sorted(os.listdir(directory or "."))
    except OSError:
        return
    for name in names:
        if name != own_name and (file := look_at(os.path.join(directory, name))):
            yield file


def check_patterns(patterns: Sequence[str], *, may_come_later: bool) -> None:
    """Refuse paths that can never be read.

    Args:
        patterns: paths, with or without wildcards.
        may_come_later: a plain path need not exist yet.

    Raises:
        ConfigurationError: `file/not-found`, `file/not-a-file`, `file/unreadable`.
    """
    for pattern in patterns:
        if glob.has_magic(pattern) and not os.path.lexists(pattern):
            for file in find_files([pattern]):
                _check_readable(file.path)
        else:
            _check_path(pattern, may_come_later=may_come_later)


def _check_path(path: str, *, may_come_later: bool) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if may_come_later:
            return
        raise ConfigurationError(
            f"{path} does not exist",
            code="file/not-found",
            hint="correct `path`, or set `follow = true` to wait for the file",
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        raise ConfigurationError(
            f"{path} is a directory", code="file/not-a-file", hint=f'write "{path.rstrip("/")}/*" to read its files'
        )
    if not stat.S_ISREG(mode):
        raise ConfigurationError(
            f"{path} is no regular file: it cannot be read again from a position",
            code="file/not-a-file",
            hint="let it be written to a file, and read that",
        )
    _check_readable(path)


def _check_readable(path: str) -> None:
    if not os.access(path, os.R_OK):
        raise _unreadable(path, PermissionError(0, "permission denied"))


def _unreadable(path: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be read: {error.strerror}", code="file/unreadable")


def _matches(pattern: str) -> Sequence[str]:
    if not glob.has_magic(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    if os.path.lexists(pattern):  # a name that happens to look like a pattern, such as `a[1].log`
        return [pattern, *glob.iglob(pattern, recursive=True)]
    return glob.glob(pattern, recursive=True)
