"""Which copies are alive, told from numbers that they count up. Pure: no clock but one's own is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Roster:
    """The copies of a task as one of them sees them.

    A copy counts its number up before it relies on its leases for another while. So when a number has stood still for
    the whole life of a lease since it was first seen, that copy relies on nothing any more, whatever its clock says.

    Args:
        duration: seconds of a lease.
        clock: of this machine.
    """

    def __init__(self, duration: float, clock: Callable[[], float]):
        self._duration = duration
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, beats: Mapping[str, int]) -> None:
        """Takes in the numbers as they are now."""
        now = self._clock()
        self._seen = {
            member: old if (old := self._seen.get(member)) is not None and old[0] == beat else (beat, now)
            for member, beat in beats.items()
        }

    @property
    def alive(self) -> set[str]:
        """Those that may rely on leases."""
        limit = self._clock() - self._duration
        return {member for member, (_, since) in self._seen.items() if since > limit}

    @property
    def dead(self) -> set[str]:
        """Those that are listed and do not."""
        return self._seen.keys() - self.alive
