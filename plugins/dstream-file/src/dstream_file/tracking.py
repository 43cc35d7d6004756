"""Knowing files again: from stored positions to readers that stand where the last acknowledged record ended.

What may have happened to a file since, and what is done about it:

| seen | done |
|---|---|
| same device and inode, fingerprints fit | reading goes on at the offset |
| the same under another name | the same, under the new name |
| renamed to a name that no pattern matches | its rest is read first, then what was rotated after it, then the new file |
| gone, and a copy beside it, perhaps compressed | the copy is finished |
| shorter than the offset | truncated: a copy beside it is finished, then it is read from its beginning |
| fingerprints do not fit | replaced (or the inode was reused): read from the beginning |
| gone without a trace | its position is forgotten |

Each but the first is said in the log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from dstream_core.api import Checkpoint, ConfigurationError, EncodedLines, Log, ProviderError, State
from dstream_file.config import FileInputOptions
from dstream_file.finding import FoundFile, find_files, look_at, neighbours
from dstream_file.naming import COMPRESSION_SUFFIXES, is_rotated_name, name_parts
from dstream_file.position import FileIdentity, Position
from dstream_file.progress import Progress
from dstream_file.reader import FileReader, Recognition

STARTED = "started"
"""The partition that says that the task has run before: from then on `start = "end"` skips nothing."""

SOURCE = "file"
"""The identity of the state file's source; each file's own identity is the name of its partition."""

Items = Iterator[EncodedLines | Checkpoint]


class Tracker:
    """The files of one run and their positions.

    Args:
        options: the input's.
        state: the stored positions.
        log: for what happened to files.
    """

    def __init__(self, options: FileInputOptions, state: State, log: Log):
        self.options = options
        self.log = log
        self._readers: list[FileReader] = []
        self._progress = Progress(log)
        self._unopened = 0
        self._first_run = state.resume(SOURCE, STARTED) is None
        self.stored: dict[FileIdentity, Position] = {
            FileIdentity.parse(key): Position.from_json(state.resume(SOURCE, key) or {})
            for key in state.partitions()
            if key != STARTED
        }

    def close(self) -> None:
        """Let all files go."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    def read_once(self, stopping: Callable[[], bool]) -> Items:
        """Read the files there are now to their ends, in the order of their names."""
        files = find_files(self.options.path)
        if not files:
            self.log.warning("no file matches %s", ", ".join(self.options.path))
        yield from self.begin(files)
        for rest in self.rests(files):
            yield from self.drain(rest, final=True)
            yield self.finish(rest)
        yield from self.forget_absent(files)
        self._unopened = sum(_plain_size(file) for file in files)
        for file in files:
            self._unopened -= _plain_size(file)
            reader = None if stopping() else self.open(file.path)
            if reader is not None:
                yield from self.settle(reader)
                yield from self.drain(reader, final=True)
                self.release(reader)
        if not stopping():
            self._progress.tell_last()

    def tell_progress(self) -> None:
        """Tell how much is read, and how much is not, of files that are not compressed."""
        self._progress.tell(self._bytes_behind)

    def _bytes_behind(self) -> int:
        plain = [reader for reader in self._readers if not reader.compressed]
        return self._unopened + sum(max(0, reader.status.st_size - reader.offset) for reader in plain)

    def begin(self, files: Sequence[FoundFile]) -> Items:
        """The marks of a task's very first run: with `start = "end"`, what is there is skipped."""
        if not self._first_run:
            return
        self._first_run = False
        if self.options.start == "end":
            for file in files:
                reader = None if file.identity in self.stored else self.open(file.path)
                if reader is not None:
                    reader.go_to_end()
                    yield self.checkpoint(reader)
                    self.release(reader)
        yield Checkpoint(True, STARTED)

    def rests(self, files: Sequence[FoundFile]) -> Iterator[FileReader]:
        """Readers of what was rotated out of the patterns: where files were left, and of files never seen in between."""
        for identity, position in self._absent(files):
            rest = None if position.done else self._rest_of(identity, position)
            if rest is not None:
                yield rest
                yield from self.rotated_after(rest.status, position.path, files)

    def rotated_after(self, status: os.stat_result, path: str, files: Sequence[FoundFile]) -> Iterator[FileReader]:
        """Readers of files that had the name `path` after the one with this status, and were rotated as well."""
        known = {file.identity for file in files} | self.stored.keys() | {FileIdentity.of(status)}
        name = os.path.basename(path)
        later = [
            file
            for file in neighbours(path)
            if file.identity not in known
            and file.status.st_mtime_ns > status.st_mtime_ns
            and is_rotated_name(os.path.basename(file.path), name)
            and not _is_being_compressed(file.path)
        ]
        for file in sorted(later, key=lambda file: file.status.st_mtime_ns):
            reader = self.open(file.path)
            if reader is not None:
                self.log.info("%s was rotated to %s before it was seen: it is read first", path, file.path)
                yield reader

    def finish(self, reader: FileReader) -> Checkpoint:
        """Close a file that was renamed away and is read to its end."""
        position = self.stored[reader.identity] = replace(reader.position(), done=True)
        self.release(reader)
        return Checkpoint(position.to_json(), str(reader.identity))

    def forget_absent(self, files: Sequence[FoundFile]) -> Iterator[Checkpoint]:
        """Drop the positions of files that are no more, and say so unless they are known to be read to their ends."""
        for identity, position in self._absent(files):
            if any(file.identity == identity for file in neighbours(position.path)):
                continue
            if position.done:
                pass
            elif look_at(position.path) is None:
                self.log.warning("%s has gone; what was not read of it by then cannot be delivered", position.path)
            else:
                self.log.warning("%s was replaced by another file, which is read from its beginning", position.path)
            yield self.forget(identity)

    def open(self, path: str) -> FileReader | None:
        """A reader of the file at a path, or None if it has gone.

        Raises:
            ConfigurationError: `file/unreadable`.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}", code="file/unreadable") from None
        reader = FileReader(path, descriptor, self.options, self.log.warning)
        self._readers.append(reader)
        return reader

    def release(self, reader: FileReader) -> None:
        """Close a reader."""
        self._readers.remove(reader)
        reader.close()

    def settle(self, reader: FileReader) -> Items:
        """Put a new reader where its file was left, saying what has happened to the file since."""
        position = self.stored.get(reader.identity)
        if position is None:
            yield from self._settle_on_other_device(reader)
            return
        recognition = reader.recognize(position)
        if recognition is not Recognition.SAME:
            yield from self.restart(reader, position, recognition)
            return
        reader.go_to(position)
        if position.path != os.path.abspath(reader.path) and position.offset:
            self.log.info("%s was renamed to %s: reading goes on", position.path, reader.path)

    def restart(self, reader: FileReader, position: Position, recognition: Recognition) -> Items:
        """Read a file from its beginning that was truncated or replaced since `position`."""
        if recognition is Recognition.TRUNCATED:
            self.log.warning(
                "%s was truncated: it is shorter than the %d bytes that were read; it is read from its beginning",
                reader.path,
                position.offset,
            )
        else:
            self.log.warning("%s was replaced: it holds other content; it is read from its beginning", reader.path)
        copy = self._copy_of(reader.path, position)
        if copy is not None:
            yield from self.drain(copy, final=True)
            yield self.finish(copy)
        reader.start_over()
        yield self.checkpoint(reader)

    def drain(self, reader: FileReader, *, final: bool, limit: int | None = None) -> Items:
        """Yield a file's records until there are no more for now, or until about `limit` bytes of it are read."""
        begin = reader.offset
        while limit is None or reader.offset - begin < limit:
            block = reader.next_block(final=final or reader.compressed)
            if block is None:
                if reader.compressed:
                    yield self.checkpoint(reader)
                return
            self.stored[reader.identity] = block.position
            position, partition = block.position.to_json(), str(reader.identity)
            if block.count:
                self._progress.add(block.count)
                yield EncodedLines(block.lines, block.count, position, partition, _in_json(block.position_of))
            else:
                yield Checkpoint(position, partition)
            self.tell_progress()

    def checkpoint(self, reader: FileReader) -> Checkpoint:
        """Where a reader stands."""
        position = self.stored[reader.identity] = reader.position()
        return Checkpoint(position.to_json(), str(reader.identity))

    def forget(self, identity: FileIdentity) -> Checkpoint:
        """Drop the position of a file that is no more, once all its records are acknowledged."""
        self.stored.pop(identity, None)
        return Checkpoint(None, str(identity))

    def _absent(self, files: Sequence[FoundFile]) -> list[tuple[FileIdentity, Position]]:
        """Files with a position that no pattern matches any more and that have left their place.

        A file that is still in its place is only not wanted any more, or its device has another number now.
        """
        present = {file.identity for file in files}
        return [
            (identity, position)
            for identity, position in self.stored.items()
            if identity not in present and not _has_inode(look_at(position.path), identity)
        ]

    def _rest_of(self, identity: FileIdentity, position: Position) -> FileReader | None:
        """The file of a position under another name, or a copy of it if it has gone."""
        for file in neighbours(position.path):
            if file.identity == identity:
                reader = self._open_at(file, position)
                if reader is not None:
                    self.log.info("%s was renamed to %s: its rest is read first", position.path, file.path)
                return reader
        copy = self._copy_of(position.path, position)
        if copy is not None:
            self.stored[identity] = replace(position, done=True)
        return copy

    def _copy_of(self, path: str, position: Position) -> FileReader | None:
        """A copy of what was read, made before the file was truncated (`copytruncate`), or by compressing it."""
        name = os.path.basename(path)
        for file in neighbours(path) if position.offset else ():
            if os.path.basename(file.path).startswith(name) and file.identity not in self.stored:
                copy = self._open_at(file, position)
                if copy is not None:
                    self.log.info("%s is a copy of what %s was: its rest is read first", file.path, path)
                    return copy
        return None

    def _open_at(self, file: FoundFile, position: Position) -> FileReader | None:
        """A reader that stands at a position, if the file is the position's."""
        reader = self.open(file.path)
        if reader is None:
            return None
        try:
            same = reader.recognize(position) is Recognition.SAME
        except ProviderError:
            same = False  # a compressed file that is damaged, or not complete yet
        if not same:
            self.release(reader)
            return None
        reader.go_to(position)
        return reader

    def _settle_on_other_device(self, reader: FileReader) -> Items:
        """Device numbers may change when the machine starts: path, inode and fingerprints then tell."""
        for identity, position in list(self.stored.items()):
            if (
                identity.inode == reader.identity.inode
                and position.path == os.path.abspath(reader.path)
                and reader.recognize(position) is Recognition.SAME
            ):
                reader.go_to(position)
                yield self.checkpoint(reader)
                yield self.forget(identity)
                return


def _in_json(position_of: Callable[[int], Position]) -> Callable[[int], dict[str, Any]]:
    return lambda count: position_of(count).to_json()


def _plain_size(file: FoundFile) -> int:
    return 0 if name_parts(file.path).compression != "none" else file.status.st_size


def _has_inode(file: FoundFile | None, identity: FileIdentity) -> bool:
    return file is not None and file.identity.inode == identity.inode


def _is_being_compressed(path: str) -> bool:
    """Whether a compressed file stands beside what it is made of, which is read instead."""
    plain, suffix = os.path.splitext(path)
    return suffix.lower() in COMPRESSION_SUFFIXES and os.path.exists(plain)
