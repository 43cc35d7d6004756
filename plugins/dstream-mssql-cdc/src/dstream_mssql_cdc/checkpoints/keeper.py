"""Keepers of positions that several machines can reach, and how one that lost a table is kept from writing."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.api import ProviderError, TemporaryError
from dstream_mssql_cdc.leases.leases import Leases

EPOCH = "epoch"
"""The member of a position that says under which lease it was read."""


class OvertakenError(TemporaryError):
    """A table has a newer reader, though its lease seemed to be ours: what is held will tell in a moment."""

    default_code = "mssql/overtaken"


@dataclass(frozen=True)
class Entry:
    """A position to store.

    Attributes:
        document: the position without its epoch; None: forget it.
        epoch: of the lease under which it was read; None without leases.
    """

    document: dict[str, Any] | None
    epoch: int | None


class FencedKeeper(ABC):
    """A `PositionKeeper` in which a table belongs to its newest reader.

    `load` marks the tables that this copy holds as its own, before it reads where they stand; a reader before it can
    store nothing from then on. Each `store` compares the mark, and the lease's epoch, in the write itself. A position
    that was read under a lease that is not held any more is dropped: whoever has the table now reads on from where it
    was stored last.

    Args:
        leases: what this copy holds.
        what: the place as messages name it.
    """

    def __init__(self, leases: Leases, what: str):
        self._leases = leases
        self._what = what
        self._writer = uuid.uuid4().hex
        self._taken: dict[str, int | None] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def load(self) -> Mapping[str, Any]:
        """The stored positions of the tables that this copy holds, which are its own from now on.

        Raises:
            TemporaryError: the place is away, or a table was overtaken: look again at what is held.
            ConfigurationError: what is stored cannot be used.
        """
        held = dict(self._leases.held())
        with self._lock:
            due = {name: epoch for name, epoch in held.items() if self._taken.get(name, ...) != epoch}
        found = self._take(due) if due else {}
        with self._lock:
            for name, document in found.items():
                self._taken[name] = due[name]
                self._known.pop(name, None)
                if document is not None:
                    self._known[name] = document
            overtaken = due.keys() - found.keys()
            loaded = {name: self._known[name] for name in held if name in self._known}
        if overtaken:
            raise OvertakenError(f"{self._what}: a newer reader has {', '.join(sorted(overtaken))}")
        return loaded

    def store(self, positions: Mapping[str, Any]) -> None:
        """Stores positions of tables that are still ours; the others' are dropped.

        Raises:
            TemporaryError: try again later.
            DStreamError: another run of the task has taken over where there are no leases, or may not write.
        """
        entries = {}
        with self._lock:
            for name, value in positions.items():
                entry = _entry(value)
                if name in self._taken and entry.epoch is None:
                    entry = Entry(entry.document, self._taken[name])
                if self._taken.get(name, ...) == entry.epoch:
                    entries[name] = entry
                elif entry.epoch is None:
                    raise ProviderError(f"{name} was never loaded, so its position cannot be stored")
        refused = self._write(entries) if entries else set()
        with self._lock:
            for name, entry in entries.items():
                if name in refused:
                    if self._taken.get(name) == entry.epoch:
                        del self._taken[name]
                elif entry.document is None:
                    self._known.pop(name, None)
                else:
                    self._known[name] = entry.document
        alone = sorted(name for name in refused if entries[name].epoch is None)
        if alone:
            raise ProviderError(
                f"{self._what}: another run of this task has taken over {', '.join(alone)}",
                code="mssql/two-readers",
                hint="run the task once, or let its copies share the tables: `lock_config` with a type",
            )

    @abstractmethod
    def open(self) -> None:
        """Makes what is missing.

        Raises:
            ConfigurationError: it may not be made.
        """

    @abstractmethod
    def look(self, names: Collection[str]) -> Mapping[str, dict[str, Any]]:
        """Reads where tables stand without a mark, for somebody who only wants to know. Makes nothing."""

    @abstractmethod
    def close(self) -> None:
        """After the last store."""

    @abstractmethod
    def _take(self, names: Mapping[str, int | None]) -> Mapping[str, dict[str, Any] | None]:
        """Marks tables as ours and reads where they stand.

        Args:
            names: with the epochs of their leases; None: whoever comes last has it.

        Returns:
            Positions without epochs, None where there is none. A table with a newer reader is left out.
        """

    @abstractmethod
    def _write(self, entries: Mapping[str, Entry]) -> set[str]:
        """Stores positions of tables that bear our mark and epoch; gives those that do not."""


def _entry(value: Any) -> Entry:
    if value is None:
        return Entry(None, None)
    document = dict(value)
    epoch = document.pop(EPOCH, None)
    return Entry(document, epoch)
