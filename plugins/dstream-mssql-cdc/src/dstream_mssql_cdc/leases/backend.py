"""Where locks are kept: what the sharing asks of a blob container or of a database."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dstream_mssql_cdc.leases.holdings import Taken

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds that also pass while the machine is suspended, which those of `time.monotonic` do not on Linux."""
    return time.clock_gettime(_CLOCK)


def new_member() -> str:
    """A name for this copy of the task; in order they tell who joined first."""
    return f"{time.time_ns() // 1_000_000:014d}-{secrets.token_hex(6)}"


def next_epoch(before: int | None) -> int:
    """The epoch of a lease that is taken now.

    Larger than the one before. It follows the time of day so that it also grows where the one before is not known: the
    blob was deleted, or the locks were moved to another place.
    """
    return max((before or 0) + 1, int(time.time()))


@dataclass(frozen=True)
class Renewal:
    """What became of leases that were to be renewed; those in neither set may be tried again.

    Attributes:
        kept: they were.
        lost: they are somebody else's, or nobody's.
    """

    kept: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)


class Backend(Protocol):
    """Locks somewhere. One thread at a time uses it. What is likely to pass is raised as `TemporaryError`."""

    @property
    def duration(self) -> float:
        """Seconds for which a lease is kept after it was taken or renewed."""

    def join(self) -> None:
        """Takes part; raises a `ConfigurationError` for what the user must correct."""

    def members(self) -> set[str]:
        """Says that this copy is alive, and tells who else is; this copy is among them."""

    def free(self, names: Collection[str]) -> Sequence[str]:
        """Which of these tables nobody seems to have, as far as that can be told cheaply."""

    def take(self, names: Sequence[str]) -> Mapping[str, Taken]:
        """Tries to take leases; those that somebody has are left out."""

    def renew(self, names: Collection[str]) -> Renewal:
        """Renews leases."""

    def release(self, names: Collection[str]) -> None:
        """Gives leases back, so that others can have them at once; lost ones may be among them."""

    def leave(self) -> None:
        """Takes part no longer."""
