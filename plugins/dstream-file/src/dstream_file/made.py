"""The record of what the output made: files and directories, with their identities.

It answers two questions. Whose is an incomplete last line, ours (a crash left it: it is cut) or the user's (it is
completed)? And what may `destroy` remove (invariant 9)?
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dstream_file.position import FileIdentity

FILE_NAME = "made.jsonl"


@dataclass(frozen=True, slots=True)
class Made:
    """One file or directory.

    Attributes:
        kind: what it is.
        path: absolute.
        identity: device and inode when it was recorded: another file under the same name is not this one.
        ours: it did not exist, or was empty, before the output used it; others are never removed.
        begin: bytes that were in it then, which are never cut.
    """

    kind: Literal["file", "directory"]
    path: str
    identity: FileIdentity
    ours: bool = True
    begin: int = 0

    def is_there(self) -> bool:
        """Whether it still exists under its name."""
        try:
            return FileIdentity.of(os.lstat(self.path)) == self.identity
        except OSError:
            return False


class MadeRecord:
    """The record, in one file that only grows while the output runs.

    Args:
        directory: the provider's state directory; created when something is recorded.
    """

    def __init__(self, directory: Path):
        self._path = directory / FILE_NAME
        self._entries = {entry.path: entry for entry in self._read()}

    @property
    def entries(self) -> list[Made]:
        """Everything recorded, in the order of the paths."""
        return sorted(self._entries.values(), key=lambda entry: entry.path)

    def knows(self, path: str, identity: FileIdentity) -> bool:
        """Whether this very file was written before."""
        entry = self._entries.get(path)
        return entry is not None and entry.identity == identity

    def of(self, path: str) -> Made | None:
        """What is recorded under a path."""
        return self._entries.get(path)

    def add(self, entries: Iterable[Made]) -> None:
        """Record; it is on disk when this returns.

        Raises:
            OSError: it is not.
        """
        entries = list(entries)
        if entries:
            self._append(b"".join(_encode(entry) for entry in entries))
            self._entries.update({entry.path: entry for entry in entries})

    def replace(self, entries: Iterable[Made]) -> None:
        """Put these in the place of everything recorded.

        Raises:
            OSError: what was recorded is still there.
        """
        self._entries = {entry.path: entry for entry in entries}
        if not self._entries:
            self._path.unlink(missing_ok=True)
            return
        temporary = self._path.with_suffix(".tmp")
        with open(temporary, "wb", opener=_private) as file:
            file.write(b"".join(_encode(entry) for entry in self.entries))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)
        sync_directory(str(self._path.parent))

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        created = not self._path.exists()
        with open(self._path, "ab", buffering=0, opener=_private) as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")
            rest = memoryview(lines)
            while rest:  # a disk that is nearly full takes a part
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        if created:
            sync_directory(str(self._path.parent))

    def _ends_whole(self) -> bool:
        with open(self._path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def _read(self) -> Iterable[Made]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                document = json.loads(line)
            except ValueError:
                continue  # a crash cut it: what it spoke of was not written to yet
            identity = FileIdentity(document["device"], document["inode"])
            yield Made(document["kind"], document["path"], identity, document["ours"], document["begin"])


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode(entry: Made) -> bytes:
    document = {
        "kind": entry.kind,
        "path": entry.path,
        "device": entry.identity.device,
        "inode": entry.identity.inode,
        "ours": entry.ours,
        "begin": entry.begin,
    }
    return json.dumps(document).encode() + b"\n"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
