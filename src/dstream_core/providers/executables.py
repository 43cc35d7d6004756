"""Providers by path: executables beside the configuration."""

from __future__ import annotations

import os
from pathlib import Path

from dstream_core.errors import ConfigurationError, Place


def find_executable(text: str, directory: Path, where: Place | None = None) -> Path:
    """The executable that a path names.

    Args:
        text: the path as written; `~` is the home directory.
        directory: what a relative path is relative to: the folder of the configuration.
        where: the place of the path in the file, for messages.

    Returns:
        The absolute path; symbolic links are kept, since a program may look at its own name.

    Raises:
        ConfigurationError: there is nothing, or nothing that can be started.
    """
    path = Path(os.path.abspath(directory / Path(text).expanduser()))
    if path.is_dir():
        raise _problem(f"{path} is a folder, not an executable", where, "name the file inside it")
    if not path.exists():
        raise _problem(f"there is no executable {path}", where, _missing_hint(text, path))
    if not path.is_file():
        raise _problem(f"{path} is not a file that can be started", where, None)
    if not os.access(path, os.X_OK):
        raise _problem(f"{path} is not executable", where, f"chmod +x {path}")
    return path


def _missing_hint(text: str, path: Path) -> str:
    here = Path(text).expanduser()
    if not here.is_absolute() and here.exists() and here.resolve() != path:
        return f"a path is relative to the folder of the configuration, and the file is at {here.resolve()}"
    return 'a relative path is relative to the folder of the configuration; for an installed plugin use provider = "ID"'


def _problem(message: str, where: Place | None, hint: str | None) -> ConfigurationError:
    return ConfigurationError(message, code="provider/executable", where=where, hint=hint)
