"""Following files as they grow, are renamed, truncated and replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dstream_core.api import InputContext
from dstream_file.config import FileInputOptions
from dstream_file.finding import FoundFile, find_files
from dstream_file.naming import name_parts
from dstream_file.position import FileIdentity
from dstream_file.reader import FileReader, Recognition
from dstream_file.tracking import Items, Tracker

TURN_BYTES = 16 * 1024 * 1024
"""What is read of one file before the others have their turn."""

MOST_OPEN = 256
"""Files kept open; of more, those that have been silent longest are closed and opened again when they change."""

SCAN_SHARE = 300
"""After a look at the directories, or at all files in vain, this many times the time it took passes before the next:
each costs a third of a percent of a core at most, however many files there are."""

_Change = tuple[int, int]
"""Size and time of change (ns): while both stay, there is nothing new."""


def _change(status: os.stat_result) -> _Change:
    return status.st_size, status.st_mtime_ns


@dataclass
class _Followed:
    """An open file.

    Attributes:
        seen: its size and time when it was last read to the end; None: it is to be read now.
        grew: monotonic time when it last had something new.
        departed: no pattern matches it any more: it was renamed or deleted.
    """

    reader: FileReader
    seen: _Change | None = None
    grew: float = 0.0
    departed: bool = False


class Follower:
    """One run that follows.

    Args:
        tracker: the files' positions.
        context: of the run.
    """

    def __init__(self, tracker: Tracker, context: InputContext[FileInputOptions]):
        self._tracker = tracker
        self._context = context
        self._options = context.options
        self._open: dict[FileIdentity, _Followed] = {}
        self._at_rest: dict[FileIdentity, _Change] = {}
        self._files: Sequence[FoundFile] = ()
        self._next_scan = 0.0
        self._busy = False
        self._idle = True

    def run(self) -> Items:
        """Yield records until somebody asks to stop."""
        self._scan()
        yield from self._tracker.begin(self._files)
        yield from self._take_absent()
        while not self._context.stopping:
            begin = time.monotonic()
            self._busy, self._idle = False, True
            for followed in [followed for followed in self._open.values() if followed.departed]:
                yield from self._read_departed(followed)
            for file in self._files:
                yield from self._read_present(file)
            self._tracker.tell_progress()
            pause = max(self._options.poll_interval, SCAN_SHARE * (time.monotonic() - begin) if self._idle else 0.0)
            if not self._busy and self._context.wait(pause):
                return
            if time.monotonic() >= self._next_scan:
                yield from self._look_again()

    def _scan(self) -> None:
        begin = time.monotonic()
        self._files = find_files(self._options.path)
        end = time.monotonic()
        self._next_scan = end + SCAN_SHARE * (end - begin)

    def _look_again(self) -> Items:
        """See which files have come, gone, or have another name."""
        self._scan()
        present = {file.identity: file for file in self._files}
        departed: list[FileReader] = []
        for identity, followed in self._open.items():
            file = present.get(identity)
            if file is not None:
                followed.reader.path = file.path
                followed.departed = False
            elif not followed.departed:
                followed.departed = True
                followed.grew = time.monotonic()
                departed.append(followed.reader)
                self._context.log.info("%s was renamed or deleted: it is read to its end first", followed.reader.path)
        for reader in departed:
            self._follow_departed(self._tracker.rotated_after(reader.refresh(), reader.path, self._known_files()))
        left_at_rest = self._at_rest.keys() - present.keys()
        for identity in left_at_rest:
            del self._at_rest[identity]
        if left_at_rest:
            yield from self._take_absent()

    def _take_absent(self) -> Items:
        """Follow the rests of files that were renamed while nobody looked; forget those that are gone."""
        self._follow_departed(self._tracker.rests(self._known_files()))
        yield from self._tracker.forget_absent(self._known_files())

    def _follow_departed(self, readers: Iterable[FileReader]) -> None:
        for reader in readers:
            if reader.identity in self._open:
                self._tracker.release(reader)
            else:
                self._open[reader.identity] = _Followed(reader, None, time.monotonic(), departed=True)

    def _known_files(self) -> list[FoundFile]:
        opened = (FoundFile(followed.reader.path, followed.reader.status) for followed in self._open.values())
        return [*self._files, *opened]

    def _read_departed(self, followed: _Followed) -> Items:
        """Read a renamed or deleted file until it has been silent long enough; then its last line is whole, too."""
        yield from self._read(followed)
        reader = followed.reader
        if followed.seen is None or time.monotonic() - followed.grew < self._options.rotate_wait:
            return
        yield from self._tracker.drain(reader, final=True)
        deleted = reader.refresh().st_nlink == 0
        del self._open[reader.identity]
        yield self._tracker.finish(reader)
        if deleted:
            yield self._tracker.forget(reader.identity)
        yield from self._tracker.forget_absent(self._known_files())

    def _read_present(self, file: FoundFile) -> Items:
        followed = self._open.get(file.identity)
        if followed is None:
            if self._at_rest.get(file.identity) == _change(file.status) or self._must_wait(file):
                return
            reader = self._tracker.open(file.path)
            if reader is None:
                return
            yield from self._tracker.settle(reader)
            followed = self._open[reader.identity] = _Followed(reader, None, time.monotonic())
        yield from self._read(followed)
        if followed.reader.compressed and followed.seen is not None:
            self._let_rest(followed)  # it is complete

    def _must_wait(self, file: FoundFile) -> bool:
        """Whether a file cannot be opened now: it is being compressed, or too many others are open."""
        if name_parts(file.path).compression != "none":
            age = time.time() - file.status.st_mtime
            if 0 <= age < self._options.rotate_wait:
                return True
        if len(self._open) < MOST_OPEN:
            return False
        silent = [followed for followed in self._open.values() if followed.seen is not None and not followed.departed]
        if silent:
            self._let_rest(min(silent, key=lambda followed: followed.grew))
        return not silent

    def _read(self, followed: _Followed) -> Items:
        """Read what is new in a file, as far as its turn goes."""
        reader = followed.reader
        change = _change(reader.refresh())
        if change == followed.seen:
            return
        if reader.rewritten():
            shorter = reader.status.st_size < reader.offset
            recognition = Recognition.TRUNCATED if shorter else Recognition.REPLACED
            yield from self._tracker.restart(reader, reader.position(), recognition)
        begin = reader.offset
        yield from self._tracker.drain(reader, final=False, limit=TURN_BYTES)
        followed.grew = time.monotonic()
        self._idle = False
        has_more = reader.offset - begin >= TURN_BYTES
        followed.seen = None if has_more else change
        self._busy = self._busy or has_more

    def _let_rest(self, followed: _Followed) -> None:
        """Close a file until it changes."""
        if followed.seen is not None:
            self._at_rest[followed.reader.identity] = followed.seen
        self._close(followed.reader)

    def _close(self, reader: FileReader) -> None:
        del self._open[reader.identity]
        self._tracker.release(reader)
