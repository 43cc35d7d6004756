"""`.dstream/`: what a project's runs leave on disk. Directories 0700, files 0600."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from dstream_core.errors import ConfigurationError, TemporaryError
from dstream_core.protocol.names import Role

FOLDER = ".dstream"


@dataclass(frozen=True)
class ProjectFolder:
    """Where locks, positions and dead letters of a project lie.

    Attributes:
        path: `.dstream` beside the configuration, or what `--state-dir` names.
    """

    path: Path

    def lock(self, task: str, kind: Literal["run", "lifecycle"]) -> Path:
        """The lock file of a task's claim; its directory is made (invariant 6)."""
        return self._made("locks") / f"{task_name(task)}.{kind}.lock"

    def state(self, task: str, role: Role) -> Path:
        """The directory for a provider's positions; made."""
        return self._made("state", task_name(task), role)

    def state_to_look_at(self, task: str, role: Role) -> Path:
        """As `state`, for verbs that change nothing: where it cannot be made, it is not missed."""
        with contextlib.suppress(ConfigurationError, TemporaryError):
            return self.state(task, role)
        return self.path / "state" / task_name(task) / role

    def dead_letters(self, task: str) -> Path:
        """The directory for lines that could not be delivered; made."""
        return self._made("dead-letters", task_name(task))

    def _made(self, *parts: str) -> Path:
        path = self.path
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in parts:
                path = path / part
                path.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            reason = error.strerror or str(error)
            kind = TemporaryError if error.errno in (errno.ENOSPC, errno.EDQUOT) else ConfigurationError
            raise kind(
                f"the directory {path} cannot be made: {reason}",
                code="state/directory",
                hint="make room for it, make it writable, or name another one with --state-dir",
            ) from None
        return path


def project_folder(directory: Path, state_dir: Path | None) -> ProjectFolder:
    """The folder of a project: `.dstream` in its directory, unless another one is named."""
    return ProjectFolder(Path(os.path.abspath(state_dir)) if state_dir is not None else directory / FOLDER)


def task_name(task: str) -> str:
    """A task's name as a file name: what no file name may hold is written as in addresses (`a/b` → `a%2Fb`)."""
    name = quote(task, safe=" ()+,;=@[]{}!$'~^&")
    return name if name.strip(".") else name.replace(".", "%2E")
