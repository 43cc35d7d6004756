"""Commit times in UTC: `cdc.lsn_time_mapping` holds them in the server's local time."""

from __future__ import annotations

from datetime import datetime, timedelta

from dstream_core.api import ProviderError

NEVER = datetime.fromisoformat("0001-01-01")


class CommitClock:
    """Turns the server's local times into UTC, over changes between summer and winter time too.

    T-SQL before SQL Server 2022 tells the offset of now only, so it is looked at again and again (`observe`), and a
    commit is given the newest offset that does not put it before the last look that found the one before. With looks
    less than an hour apart, that is exact for what is read as it happens. Not exact: commits before the first look if
    the clocks were changed since; and, read later than they happened, those in the hour that comes twice in autumn.
    Both are off by the change. A server whose clock is UTC, as in Azure SQL Database, knows neither.

    Args:
        offset_minutes: how far the server's clock is ahead of UTC now.
    """

    def __init__(self, offset_minutes: int = 0):
        self._spans: tuple[tuple[timedelta, datetime], ...] = ((timedelta(minutes=offset_minutes), NEVER),)
        """Offsets, the newest last, each with the UTC time when it was seen last."""

    def observe(self, local: datetime, utc: datetime) -> None:
        """Takes a look at the server's two clocks, read in one statement (`GETDATE()`, `GETUTCDATE()`)."""
        offset = timedelta(minutes=round((local - utc).total_seconds() / 60))
        spans = self._spans
        kept = spans[:-1] if spans[-1][0] == offset else spans
        # In one assignment, so that readers in other threads see a whole state.
        self._spans = (*kept, (offset, utc))

    def utc(self, local: datetime) -> datetime:
        """The time in UTC, without zone, of a commit at that local time."""
        spans = self._spans
        for (_, last), (offset, _) in zip(reversed(spans[:-1]), reversed(spans[1:]), strict=True):
            if local - offset >= last:
                return local - offset
        return local - spans[0][0]


class CommitTimes(dict[str | datetime | None, str | None]):
    """Texts of commit times by the server's local ones, for a block of rows: a transaction's share theirs.

    Not for longer, since the same local time comes twice in autumn.

    Args:
        clock: knows the offset.
    """

    def __init__(self, clock: CommitClock):
        super().__init__({None: None})
        self._clock = clock

    def __missing__(self, local: str | datetime) -> str:
        text = self[local] = self.utc(local).isoformat(timespec="milliseconds") + "Z"
        return text

    def utc(self, local: str | datetime) -> datetime:
        """The time in UTC, without zone.

        Raises:
            ProviderError: `mssql/value`, it is no time.
        """
        try:
            return self._clock.utc(local if isinstance(local, datetime) else datetime.fromisoformat(local))
        except ValueError:
            raise ProviderError(f"{local!r} in cdc.lsn_time_mapping is no time", code="mssql/value") from None
