"""Rows with versions, and the ordered list that scans walk.

A row's newest version is in the row itself; older ones hang behind it. Every version bears the stamp of the transaction
that wrote it. A stamp without a time belongs to an open transaction; committing sets its time, which makes all that
the transaction wrote visible at once.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.transactions import Transaction

Key = tuple[Any, ...]
Values = tuple[Any, ...]

_BLOCK = 512


class Stamp:
    """When a transaction was committed (`at`, a tick of the server's commit counter), or None while it is open."""

    __slots__ = ("at", "owner")

    def __init__(self, at: int | None = None, owner: Transaction | None = None) -> None:
        self.at = at
        self.owner: Transaction | None = owner


ALWAYS = Stamp(0)
"""The stamp of what every reader sees."""

Version = tuple[Values | None, Stamp, Any]
"""Values (None: deleted), stamp, the version before it (or None)."""


class StoredRow:
    """A row. `version` is replaced as a whole, so that readers need no lock to see a version that belongs together."""

    __slots__ = ("key", "version")

    def __init__(self, key: Key, version: Version) -> None:
        self.key = key
        self.version = version

    def at(self, moment: int, own: Stamp | None) -> Values | None:
        """The values that a reader of that moment sees; its own transaction's writes included."""
        version: Version | None = self.version
        while version is not None:
            values, stamp, older = version
            if stamp is own or (stamp.at is not None and stamp.at <= moment):
                return values
            version = older
        return None

    def trim(self, horizon: int) -> None:
        """Forgets versions that no reader from `horizon` on can ask for. Call it under the latch."""
        values, stamp, older = self.version
        if older is None:
            return
        if stamp.at is not None and stamp.at <= horizon:
            self.version = (values, stamp, None)
        elif older[2] is not None and older[1].at is not None and older[1].at <= horizon:
            self.version = (values, stamp, (older[0], older[1], None))


class OrderedRows:
    """Rows in order of their keys, in blocks, so that inserting anywhere stays cheap. Guarded by `latch`."""

    def __init__(self) -> None:
        self.latch = threading.RLock()
        self._keys: list[list[Key]] = []
        self._rows: list[list[StoredRow]] = []
        self._last: list[Key] = []
        self.count = 0
        self.live = 0
        """Rows that are not deleted (uncommitted ones counted): for plans and row counts only."""

    def add(self, row: StoredRow) -> None:
        """Adds a row; its key is unique (it ends with a row number)."""
        with self.latch:
            self.count += 1
            key = row.key
            last = self._last
            if not last or key > last[-1]:
                self._append(key, row)
                return
            block = bisect_left(last, key)
            keys = self._keys[block]
            place = bisect_left(keys, key)
            keys.insert(place, key)
            self._rows[block].insert(place, row)
            if len(keys) > 2 * _BLOCK:
                self._split(block)

    def _append(self, key: Key, row: StoredRow) -> None:
        if self._keys and len(self._keys[-1]) < 2 * _BLOCK:
            self._keys[-1].append(key)
            self._rows[-1].append(row)
            self._last[-1] = key
        else:
            self._keys.append([key])
            self._rows.append([row])
            self._last.append(key)

    def _split(self, block: int) -> None:
        keys, rows = self._keys[block], self._rows[block]
        self._keys[block : block + 1] = [keys[:_BLOCK], keys[_BLOCK:]]
        self._rows[block : block + 1] = [rows[:_BLOCK], rows[_BLOCK:]]
        self._last[block : block + 1] = [keys[_BLOCK - 1], keys[-1]]

    def remove(self, row: StoredRow) -> None:
        """Takes a row out, if it is in."""
        with self.latch:
            block = bisect_left(self._last, row.key)
            if block == len(self._last):
                return
            keys = self._keys[block]
            place = bisect_left(keys, row.key)
            if place == len(keys) or self._rows[block][place] is not row:
                return
            self.count -= 1
            del keys[place]
            del self._rows[block][place]
            if keys:
                self._last[block] = keys[-1]
            else:
                del self._keys[block], self._rows[block], self._last[block]

    def after(self, key: Key | None, inclusive: bool) -> list[StoredRow]:
        """The next block of rows behind a key (from the start for None); [] at the end."""
        with self.latch:
            if key is None:
                return list(self._rows[0]) if self._rows else []
            block = bisect_left(self._last, key)
            while block < len(self._last):
                keys = self._keys[block]
                place = bisect_left(keys, key) if inclusive else bisect_right(keys, key)
                if place < len(keys):
                    return self._rows[block][place:]
                block += 1
            return []

    def walk(self, low: Key | None = None, high: Key | None = None) -> Iterator[list[StoredRow]]:
        """Blocks of rows between two keys, both inclusive; `high` closed by the caller with TOP when it is a prefix."""
        rows = self.after(low, True)
        while rows:
            last = rows[-1].key
            if high is not None and last > high:
                yield [row for row in rows if not row.key > high]
                return
            yield rows
            rows = self.after(last, False)

    def all(self) -> list[StoredRow]:
        """Every row, in order."""
        with self.latch:
            return [row for block in self._rows for row in block]


class Vacuum:
    """Deletions and replaced index entries that can be forgotten once no reader can see what was before."""

    def __init__(self) -> None:
        self._latch = threading.Lock()
        self._waiting: list[tuple[int, int, Any]] = []
        self._number = 0

    def later(self, at: int, forget: Any) -> None:
        """Calls `forget()` once every reader is at `at` or later."""
        with self._latch:
            self._number += 1
            insort(self._waiting, (at, self._number, forget))

    def run(self, horizon: int) -> None:
        """Forgets what can be."""
        while True:
            with self._latch:
                if not self._waiting or self._waiting[0][0] > horizon:
                    return
                batch = 0
                while batch < len(self._waiting) and self._waiting[batch][0] <= horizon:
                    batch += 1
                due, self._waiting = self._waiting[:batch], self._waiting[batch:]
            for _, _, forget in due:
                forget()
