"""Where the positions of a run are kept, and what is kept there now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dstream_core.api import PositionKeeper, State


class Kept(Protocol):
    """The stored positions of a run."""

    def load(self) -> Mapping[str, Any]:
        """All of them, as they are now, by table."""

    def stored(self, table: str) -> Any:
        """What this run stored last for a table, or found at its start; None: nothing."""


class KeptInState:
    """Positions in the task's state directory.

    Args:
        state: the state.
        identity: of the database.

    Raises:
        ConfigurationError: `state/other-source`, the positions there are those of another database.
    """

    def __init__(self, state: State, identity: str):
        self._state = state
        self._identity = identity
        # Told before the first position is stored, which would stand there without an identity.
        state.resume(identity)

    def load(self) -> Mapping[str, Any]:
        """All of them, by table."""
        return {name: self.stored(name) for name in self._state.partitions()}

    def stored(self, table: str) -> Any:
        """The stored position of a table."""
        return self._state.resume(self._identity, table)


class KeptElsewhere:
    """A keeper that remembers what it stored, and closes what the run needed for it.

    Leases are given back only once the last positions are stored, so they end here and not with the reading.

    Args:
        keeper: a table, or blobs.
        on_close: ends leases and connections.
    """

    def __init__(self, keeper: PositionKeeper, on_close: Callable[[], None]):
        self._keeper = keeper
        self._on_close = on_close
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._calls = threading.Lock()
        """The committer stores while the coordinator loads; a keeper is used by one thread at a time."""

    def load(self) -> Mapping[str, Any]:
        """All of them, as they are now, by table."""
        with self._calls:
            loaded = self._keeper.load()
        with self._lock:
            # Loaded ones are without the epoch that tells this run's from those before it.
            self._known = {**loaded, **self._known}
        return loaded

    def stored(self, table: str) -> Any:
        """What was stored or loaded last for a table."""
        with self._lock:
            return self._known.get(table)

    def store(self, positions: Mapping[str, Any]) -> None:
        """Stores positions.

        Raises:
            TemporaryError: try again later.
        """
        with self._calls:
            self._keeper.store(positions)
        with self._lock:
            self._known.update(positions)

    def close(self) -> None:
        """After the last positions."""
        with self._calls:
            self._keeper.close()
        self._on_close()
