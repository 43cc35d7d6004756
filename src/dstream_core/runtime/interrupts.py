"""Signals that ask the orchestrator to end. Providers have sessions of their own: none of these reaches them."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SAME_KEYSTROKE = 0.05
"""Seconds within which two SIGINT are one Ctrl-C: the terminal sends it, and a program that started us passes it on."""


class Interrupts:
    """Counts SIGINT, SIGTERM and SIGHUP from its creation to the end of the event loop.

    Attributes:
        first: the first one that came, or None.
        count: how many Ctrl-C came, the first signal of any kind included.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed: asyncio.Future[None] = self._loop.create_future()
        self.first: signal.Signals | None = None
        self.count = 0
        self._last = float("-inf")
        with suppress(ValueError, RuntimeError):  # outside the main thread there are no signals to handle
            for number in _SIGNALS:
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                    self._loop.add_signal_handler(number, self._take, number)

    def changed(self) -> asyncio.Future[None]:
        """Set when the next signal has come."""
        return self._changed

    def _take(self, number: signal.Signals) -> None:
        now = self._loop.time()
        if self.first is None:
            self.first = number
        elif number != signal.SIGINT or now - self._last < SAME_KEYSTROKE:
            return  # asked again by a supervisor, or told twice: already ending
        self._last = now
        self.count += 1
        changed, self._changed = self._changed, self._loop.create_future()
        changed.set_result(None)
