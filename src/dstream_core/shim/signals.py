"""Signals of a provider: the first one asks to stop, the second one ends it; and the interrupt of a blocked input."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

INTERRUPT = signal.SIGUSR2
INTERRUPT_AFTER = 2.0
"""Seconds after the stop when author code that is still blocked is interrupted."""
INTERRUPT_EVERY = 0.5

_ASKING = (signal.SIGTERM, signal.SIGINT)


def on_first_signal(action: Callable[[], None]) -> None:
    """Calls `action` in a thread at the first SIGTERM or SIGINT; the second one ends the process at once.

    The system may deliver a signal to any thread, and the interpreter calls handlers in the main thread only, which
    may be blocked for as long as it likes. So the byte that the interpreter writes at once, whatever the main thread
    does, is what counts. And an action may wait for locks, which a handler must not.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for each in _ASKING:
        signal.signal(each, _noted)
    threading.Thread(target=_watch, args=(reader, action), name="dstream-signals", daemon=True).start()


def _noted(number: int, frame: FrameType | None) -> None:
    """A handler must exist for the byte to be written; the thread does the rest."""


def _watch(reader: int, action: Callable[[], None]) -> None:
    asked = False
    while numbers := os.read(reader, 64):
        for number in filter(_ASKING.__contains__, numbers):
            if asked:
                os._exit(128 + number)
            asked = True
            action()


class Interrupter:
    """Interrupts author code that blocks the main thread when it was asked to stop some time ago.

    Args:
        may_interrupt: whether the main thread is in author code at this moment; asked inside the signal handler.
        error: what is raised there.
    """

    def __init__(self, may_interrupt: Callable[[], bool], error: type[BaseException]):
        self._may_interrupt = may_interrupt
        self._error = error
        self._over = threading.Event()
        self._main = threading.main_thread().ident
        signal.signal(INTERRUPT, self._handle)

    def begin(self) -> None:
        """The stop was asked for: counts from now, in a thread."""
        threading.Thread(target=self._interrupt, name="dstream-interrupt", daemon=True).start()

    def finish(self) -> None:
        """The author's code has ended."""
        self._over.set()

    def _interrupt(self) -> None:
        self._over.wait(INTERRUPT_AFTER)
        while not self._over.is_set() and self._main is not None:
            signal.pthread_kill(self._main, INTERRUPT)
            self._over.wait(INTERRUPT_EVERY)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._over.is_set() and self._may_interrupt():
            raise self._error
