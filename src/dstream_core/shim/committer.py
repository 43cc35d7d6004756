"""Stores an input's acknowledged positions, beside the emission and not in its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dstream_core.api.delivery.positions import Positions
from dstream_core.api.log import Log
from dstream_core.api.state import State
from dstream_core.errors import DStreamError, ExitCode, ProviderError, TemporaryError

STORE_SECONDS = 0.05
"""The pause behind a store while acknowledgements advance: as long as between two counts of an output."""

STORE_SHARE = 2.0
"""Where syncing is slow the pause is this many times as long as the store took, so that the disk is not kept busy."""

RETRY_SECONDS = 5.0
"""The longest pause between tries, and how long the end of a run tries again, where a keeper is away for a while."""


class StateError(ProviderError):
    """Positions could not be stored."""

    default_code = "state/not-stored"


class TemporaryStateError(StateError, TemporaryError):
    """Positions could not be stored where they are kept, for a reason that is likely to pass."""

    exit_code = ExitCode.TEMPORARY
    default_code = StateError.default_code


class Committer:
    """A thread that stores what `Positions` says may be stored (invariant 1).

    It stores at once when there was nothing for a while, else behind a short pause. So what is acknowledged is stored
    within a pause and two stores: 0.1 s where a sync takes up to 25 ms (invariant 8: that much repeats, at most, of
    what was acknowledged, and only if this very process is killed).

    Args:
        positions: the input's book.
        state: where to.
        log: for a store that failed; it is tried again.
        stop: ends the run: positions can never be stored where they are kept.
    """

    def __init__(self, positions: Positions, state: State, log: Log, stop: Callable[[], None] = lambda: None):
        self._positions = positions
        self._state = state
        self._log = log
        self._stop = stop
        self._refused: DStreamError | None = None
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
            DStreamError: the place where positions are kept has refused them for good.
        """
        self._finished.set()
        self._advanced.set()
        self._thread.join()
        if self._refused is not None:
            raise self._refused
        try:
            self._store_last()
        except TemporaryError as error:
            raise TemporaryStateError(
                f"the position could not be stored: {error.message}",
                hint=error.hint or "the next run repeats what came after the last stored one",
            ) from None
        except OSError as error:
            raise StateError(
                f"the position could not be stored: {error.strerror or error}",
                hint=f"{self._state.path} must be writable; the next run repeats what came after the last stored one",
            ) from None

    def _store_last(self) -> None:
        """Stores the rest; what a moment's failure of a server would spoil is tried again for a while."""
        deadline, pause = time.monotonic() + RETRY_SECONDS, STORE_SECONDS
        while True:
            try:
                return self._store()
            except TemporaryError:
                if time.monotonic() + pause >= deadline:
                    raise
            time.sleep(pause)
            pause *= 2

    def _store_regularly(self) -> None:
        tries = 0
        while not self._finished.is_set():
            self._advanced.wait()
            self._advanced.clear()
            begin = time.monotonic()
            try:
                self._store()
                tries, self._said = 0, ""
            except Exception as error:  # noqa: BLE001  of the disk, or of the author's `position_of`: `finish` raises it
                if isinstance(error, DStreamError) and not isinstance(error, TemporaryError):
                    self._give_up(error)
                    return
                tries += 1
                self._complain(error)
                self._advanced.set()
            pause = max(STORE_SECONDS, STORE_SHARE * (time.monotonic() - begin), self._state.store_interval)
            self._finished.wait(min(pause * 2**tries, max(pause, RETRY_SECONDS)) if tries else pause)

    def _store(self) -> None:
        self._unstored.update(self._positions.storable())
        if self._unstored:
            self._state.store(self._unstored)
            self._unstored.clear()

    def _give_up(self, error: DStreamError) -> None:
        self._refused = error
        self._stop()

    def _complain(self, error: Exception) -> None:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        if reason != self._said:  # once, however often it fails in the same way
            self._said = reason
            self._log.warning("the position could not be stored, trying again: %s", reason)
