"""What this copy holds, and until when it may rely on it. Pure: the clock is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MARGIN_SHARE = 0.05
"""Clocks run apart by far less; it is also the time in which a write that has begun can end."""
MARGIN_SECONDS = 1.0


@dataclass(frozen=True)
class Taken:
    """A lease that was taken.

    Attributes:
        epoch: larger than that of any lease of this table before.
        begin: local clock before it was asked for.
        wait: seconds from `begin` until the table may be read: the holder before may not have noticed yet.
    """

    epoch: int
    begin: float
    wait: float = 0.0


@dataclass
class _Holding:
    epoch: int
    usable: float
    until: float


class Holdings:
    """The leases of this copy, each with the local time at which it stops counting.

    A lease that stopped counting never counts again: `expired` names it, and it is taken anew with another epoch. Not
    safe for several threads; the owner has a lock.

    Args:
        duration: seconds for which the other side keeps a lease after it was taken or renewed.
        clock: seconds; must go on while the process, or the machine, is suspended.
    """

    def __init__(self, duration: float, clock: Callable[[], float]):
        self._valid = duration - max(MARGIN_SECONDS, duration * MARGIN_SHARE)
        self._clock = clock
        self._held: dict[str, _Holding] = {}
        self._shown: dict[str, int | None] = {}
        self._shown_until = float("-inf")

    @property
    def valid_seconds(self) -> float:
        """How long a lease counts from the moment at which it was asked for."""
        return self._valid

    @property
    def names(self) -> list[str]:
        """All of them, the longest held first, those that stopped counting or do not count yet too."""
        return list(self._held)

    def take(self, name: str, taken: Taken) -> None:
        """A lease was taken."""
        self._held[name] = _Holding(taken.epoch, taken.begin + taken.wait, taken.begin + self._valid)
        self._forget_shown()

    def renewed(self, name: str, begin: float) -> None:
        """A lease was renewed; `begin` is the local clock before it was asked for."""
        holding = self._held.get(name)
        if holding is not None and self._clock() < holding.until:
            holding.until = max(holding.until, begin + self._valid)
            self._forget_shown()

    def drop(self, name: str) -> None:
        """It is not held any more."""
        if self._held.pop(name, None) is not None:
            self._forget_shown()

    def expired(self) -> list[str]:
        """Those that stopped counting."""
        now = self._clock()
        return [name for name, holding in self._held.items() if now >= holding.until]

    def shown(self) -> Mapping[str, int | None]:
        """Those that count at this moment, with their epochs."""
        now = self._clock()
        if now >= self._shown_until:
            held = self._held.items()
            self._shown = {name: each.epoch for name, each in held if each.usable <= now < each.until}
            turns = [each.until if each.usable <= now else each.usable for _, each in held if now < each.until]
            self._shown_until = min(turns, default=float("inf"))
        return self._shown

    def next_turn(self) -> float:
        """When, by the clock, a lease begins to count that does not yet; infinity if there is none."""
        now = self._clock()
        return min((each.usable for each in self._held.values() if each.usable > now), default=float("inf"))

    def _forget_shown(self) -> None:
        self._shown_until = float("-inf")
