"""How long to wait: between passes, and after a failure."""

from __future__ import annotations

import random
from collections.abc import Callable

QUIET_PASSES = 10
"""Passes without a change before the pauses grow: a table that changes every few seconds is not an idle one."""
GROWTH = 1.5
JITTER = 0.1
"""Share of a pause by which it varies, so that many tasks on one server do not ask in step."""


class Polling:
    """The pause between two passes: short while there are changes, growing while there are none.

    Args:
        shortest: seconds.
        longest: seconds.
        chance: a number from 0 to 1; exchanged in tests.
    """

    def __init__(self, shortest: float, longest: float, chance: Callable[[], float] = random.random):
        self._shortest = shortest
        self._longest = max(longest, shortest)
        self._chance = chance
        self._quiet = 0
        self._pause = shortest

    def pause(self, found: bool) -> float:
        """Seconds until the next pass.

        Args:
            found: the last pass found changes.
        """
        if found:
            self._quiet, self._pause = 0, self._shortest
        else:
            self._quiet += 1
            if self._quiet > QUIET_PASSES:
                self._pause = min(self._pause * GROWTH, self._longest)
        return self._pause * (1 + JITTER * (2 * self._chance() - 1))


class Backoff:
    """The pause after a failure that may pass: doubled at each further one, forgotten at the first success.

    Args:
        first: seconds after the first failure.
        longest: seconds.
        chance: a number from 0 to 1; exchanged in tests.
    """

    def __init__(self, first: float = 0.2, longest: float = 30.0, chance: Callable[[], float] = random.random):
        self._first = first
        self._longest = longest
        self._chance = chance
        self.failures = 0
        """Failures in a row."""

    def failed(self) -> float:
        """Seconds to wait now; half of it is chance, so that the workers do not come back together."""
        limit = min(self._first * 2.0 ** min(self.failures, 30), self._longest)
        self.failures += 1
        return limit / 2 + self._chance() * limit / 2

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self.failures = 0
