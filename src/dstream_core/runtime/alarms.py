"""What can cut a run short at any moment: a signal, a broken protocol, the loss of the guardian."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from dstream_core.errors import DStreamError
from dstream_core.runtime.interrupts import Interrupts
from dstream_core.runtime.processes import Guardian, GuardianLostError


class Alarms:
    """Gathers them, so that each wait of the run can watch all of them.

    Attributes:
        trouble: set with the error when a provider breaks the protocol.
        guardian_lost: set when the guardian is gone.
    """

    def __init__(self, guardian: Guardian, interrupts: Interrupts):
        self.guardian_lost = guardian.lost
        self._interrupts = interrupts
        self.trouble: asyncio.Future[DStreamError] = asyncio.get_running_loop().create_future()

    @property
    def signal(self) -> signal.Signals | None:
        """The first signal that asked for the end, or None."""
        return self._interrupts.first

    def raise_trouble(self, error: DStreamError) -> None:
        """Ring: the first error counts."""
        if not self.trouble.done():
            self.trouble.set_result(error)

    def check(self) -> None:
        """Raise what has rung, except signals.

        Raises:
            DStreamError: the trouble.
            GuardianLostError: nothing protects the providers any more.
        """
        if self.trouble.done():
            raise self.trouble.result()
        if self.guardian_lost.done():
            raise GuardianLostError("the guardian process is gone; the run was ended", hint="run it again")

    def futures(self) -> tuple[asyncio.Future[Any], ...]:
        """What to watch beside one's own."""
        return self.trouble, self.guardian_lost, self._interrupts.changed()

    async def second_interrupt(self) -> None:
        """Returns when Ctrl-C came a second time."""
        while self._interrupts.count < 2:
            await self._interrupts.changed()
