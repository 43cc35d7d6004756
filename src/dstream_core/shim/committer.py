"""Stores an input's acknowledged positions, beside the emission and not in its way."""

from __future__ import annotations

import threading

from dstream_core.api.delivery.positions import Positions
from dstream_core.api.log import Log
from dstream_core.api.state import State
from dstream_core.errors import ProviderError

STORE_SECONDS = 0.2
"""Positions are stored no more often than this while acknowledgements advance, and always at the end."""


class StateError(ProviderError):
    """Positions could not be stored."""

    default_code = "state/not-stored"


class Committer:
    """A thread that stores what `Positions` says may be stored (invariant 1).

    Args:
        positions: the input's book.
        state: where to.
        log: for a store that failed; it is tried again.
    """

    def __init__(self, positions: Positions, state: State, log: Log):
        self._positions = positions
        self._state = state
        self._log = log
        self._advanced = threading.Event()
        self._finished = threading.Event()
        self._unstored: dict[str, bytes] = {}
        self._said = ""
        self._thread = threading.Thread(target=self._store_regularly, name="dstream-commit", daemon=True)
        self._thread.start()

    def advance(self) -> None:
        """There may be something new to store."""
        self._advanced.set()

    def finish(self) -> None:
        """Ends the thread and stores what may be stored.

        Raises:
            StateError: it could not be stored; the next run repeats what came after the last stored position.
        """
        self._finished.set()
        self._advanced.set()
        self._thread.join()
        try:
            self._store()
        except OSError as error:
            raise StateError(
                f"the position could not be stored: {error.strerror or error}",
                hint=f"{self._state.path} must be writable; the next run repeats what came after the last stored one",
            ) from None

    def _store_regularly(self) -> None:
        while not self._finished.is_set():
            self._advanced.wait()
            self._advanced.clear()
            try:
                self._store()
            except OSError as error:
                self._complain(error)
                self._advanced.set()
            self._finished.wait(STORE_SECONDS)

    def _store(self) -> None:
        self._unstored.update(self._positions.storable())
        if self._unstored:
            self._state.store(self._unstored)
            self._unstored.clear()

    def _complain(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self._said:
            self._said = reason
            self._log.warning("the position could not be stored, trying again: %s", reason)
