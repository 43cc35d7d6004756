"""The order of commits, who still reads an older state, and the server's clock on the wall."""

from __future__ import annotations

import datetime as dt
import threading
import time
import zoneinfo
from typing import Any

from dstream_sandbox.sqlserver.types import DateTime2


class CommitClock:
    """Counts commits. A reader holds the count that it reads at, so that what it sees is kept for it."""

    def __init__(self) -> None:
        self.latch = threading.RLock()
        self.value = 1
        self._held: dict[Any, int] = {}

    def hold(self, owner: Any) -> int:
        """The present moment, kept readable until `release(owner)`."""
        with self.latch:
            return self._held.setdefault(owner, self.value)

    def release(self, owner: Any) -> bool:
        """The owner reads no longer; whether it did."""
        if owner not in self._held:
            return False
        with self.latch:
            return self._held.pop(owner, None) is not None

    @property
    def horizon(self) -> int:
        """The oldest moment that anyone reads at."""
        with self.latch:
            return min(self._held.values(), default=self.value)


class WallClock:
    """The server's date and time: UTC and local, both can be moved.

    Attributes:
        offset: Seconds that it is ahead of the real one.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self._zone: dt.tzinfo = dt.UTC

    def set_zone(self, zone: str | int) -> None:
        """The time zone that the server lives in.

        Args:
            zone: A name of the IANA data base, or minutes east of UTC.
        """
        self._zone = dt.timezone(dt.timedelta(minutes=zone)) if isinstance(zone, int) else zoneinfo.ZoneInfo(zone)

    def _moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(time.time() + self.offset, dt.UTC)

    def utc_now(self) -> DateTime2:
        """UTC."""
        return DateTime2.of(self._moment())

    def now(self) -> DateTime2:
        """Local time of the server."""
        return DateTime2.of(self._moment().astimezone(self._zone))

    def utc_offset(self) -> int:
        """Minutes that local time is ahead of UTC now."""
        offset = self._moment().astimezone(self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds() // 60)


def rounded(moment: DateTime2) -> DateTime2:
    """To the 1/300 s that `datetime` has, in the fraction's three digits (…0, …3, …7 ms)."""
    ticks300 = (moment.ticks * 300 + 5_000_000) // 10_000_000
    milliseconds = (ticks300 * 10 + 1) // 3
    return DateTime2.from_ticks(moment.days * 864_000_000_000 + milliseconds * 10_000)
