"""Counting, resumed where the last acknowledged record stands."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from dstream_core.api import Context, Envelope, InputContext, Result, hookimpl
from dstream_counter.config import CounterOptions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Counter:
    """The input `counter`: data `value` and `timestamp`, metadata `seq`, `source` and `interval_ms`."""

    @hookimpl
    def dstream_run_input(self, context: InputContext[CounterOptions]) -> Iterator[Envelope]:
        """Yield a record per interval, from behind the last value that was acknowledged to the last one wanted."""
        interval, last, resume = context.options.interval, context.options.max_count, context.options.resume
        stands = context.state.resume() or 0 if resume else 0
        if last and stands >= last:
            context.log.info("counted to %d in an earlier run: nothing is left (`resume = false` begins again)", stands)
        clock = Clock()
        due = time.monotonic()
        for value in values_after(stands, last):
            if interval:
                if context.wait(max(0.0, due - time.monotonic())):
                    return
                due = max(due + interval / 1000, time.monotonic())
            yield Envelope(
                {"value": value, "timestamp": clock.now()},
                {"seq": value, "source": "counter", "interval_ms": interval},
                value if resume else None,
            )

    @hookimpl
    def dstream_check(self, context: Context[CounterOptions]) -> Result:
        """Nothing is needed to count."""
        last = context.options.max_count
        return Result(message=f"counts to {last}" if last else "counts without end", healthy=True)


def values_after(value: int, last: int) -> Iterable[int]:
    """The values behind `value`, up to `last`; without end if that is 0. A counter that is done has none."""
    return range(value + 1, last + 1) if last else count(value + 1)


class Clock:
    """The time as ISO 8601 in UTC with milliseconds; the text is made once a millisecond, not once a record."""

    def __init__(self) -> None:
        self._millisecond = -1
        self._text = ""

    def now(self) -> str:
        """The present moment, such as `2026-01-31T12:00:00.000Z`."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            moment = _EPOCH + timedelta(milliseconds=millisecond)
            self._text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._text
