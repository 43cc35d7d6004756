"""The wish to stop, seen by every thread of a provider."""

from __future__ import annotations

import threading
from collections.abc import Callable


class StopSignal:
    """Set once, by the orchestrator's `stop`, by the end of its pipe, or by SIGTERM."""

    __slots__ = ("_callbacks", "_event", "_lock", "stopping")

    def __init__(self) -> None:
        self.stopping = False
        """True once somebody asked to stop (a plain attribute: it is read once per line)."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Asks to stop; asking again changes nothing."""
        with self._lock:
            if self.stopping:
                return
            self.stopping = True
            callbacks = tuple(self._callbacks)
        self._event.set()
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Waits up to `seconds`, less if asked to stop. True: asked to stop."""
        return self._event.wait(max(seconds, 0.0))

    def on_stop(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has `callback` called when somebody asks to stop (at once if that was before), from any thread.

        Returns:
            A function that takes the callback back.
        """
        with self._lock:
            if not self.stopping:
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
