"""Which tables this copy of a task may read now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol


class Leases(Protocol):
    """The tables that this copy of the task may read.

    Every method may be called from any thread and returns at once, `start` and `stop` excepted.
    """

    def start(self, names: Collection[str]) -> None:
        """Takes part in the sharing, and takes what is free of a first share.

        Args:
            names: the tables to read, each `schema.table`.

        Raises:
            DStreamError: the place of the locks cannot be reached or used.
        """

    def wanted(self, names: Collection[str]) -> None:
        """These are the tables to read from now on, all copies together."""

    def held(self) -> Mapping[str, int | None]:
        """The tables to read now, each with the epoch of its lease; it grows with every taking. None: without leases.

        What is in it cannot be taken by others at this moment: leases run out here before they do where they are kept,
        also for a process that was suspended. Look again before every write.
        """

    def should_release(self) -> set[str]:
        """Tables that other copies are to have: finish what was begun, have its position stored, then `release`."""

    def release(self, name: str) -> None:
        """Gives a table back, at once as far as this copy is concerned."""

    def stop(self) -> None:
        """Gives all tables back and takes part no longer. Never raises; what cannot be given back runs out."""


class NoLeases:
    """This is the only copy: it may read everything that is wanted."""

    def __init__(self) -> None:
        self._held: Mapping[str, int | None] = {}

    def start(self, names: Collection[str]) -> None:
        """As `wanted`."""
        self.wanted(names)

    def wanted(self, names: Collection[str]) -> None:
        """All of these may be read from now on."""
        self._held = dict.fromkeys(names)

    def held(self) -> Mapping[str, int | None]:
        """Everything that is wanted, without an epoch."""
        return self._held

    def should_release(self) -> set[str]:
        """Nothing: there is nobody else."""
        return set()

    def release(self, name: str) -> None:
        """Reads it no more."""
        self._held = {held: None for held in self._held if held != name}

    def stop(self) -> None:
        """Nothing to give back."""
