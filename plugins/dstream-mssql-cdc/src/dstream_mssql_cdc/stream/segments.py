"""Which capture instance to read, up to where, and whether changes are gone: pure arithmetic of log sequence numbers.

A table has up to two capture instances. Each holds every change from its `start_lsn` on. The newer one knows the
columns as they were when it was made, so the older one is read up to the newer one's beginning, and then the newer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dstream_mssql_cdc.catalog.values import CaptureInstance
from dstream_mssql_cdc.position import ChangePosition, before


@dataclass(frozen=True)
class Segment:
    """A stretch of changes that one capture instance holds.

    Attributes:
        instance: where to read.
        upper: the last commit to read, inclusive.
    """

    instance: CaptureInstance
    upper: bytes


@dataclass(frozen=True)
class Gap:
    """Changes that cannot be read any more.

    Attributes:
        reason: `purged`: the cleanup job took changes behind the position; `beyond`: the position is one that the
            database has never reached, as after a restore.
        position: where the table stands.
        limit: the first commit that can be read (`purged`), or the database's last one (`beyond`).
    """

    reason: Literal["purged", "beyond"]
    position: bytes
    limit: bytes


def in_order(instances: Sequence[CaptureInstance]) -> list[CaptureInstance]:
    """The instances in the order in which they were made.

    Not by `start_lsn`: the cleanup job moves it, and may move the older one's beyond the newer one's.
    """
    return sorted(instances, key=lambda instance: (instance.created is not None, instance.created, instance.object_id))


def front(low_mark: bytes) -> ChangePosition:
    """Before the first change that an instance holds whose `start_lsn` is `low_mark`."""
    return ChangePosition.behind(before(low_mark))


def active(instances: Sequence[CaptureInstance], position: ChangePosition) -> CaptureInstance | None:
    """The instance that holds what follows `position`: the newest that begins no later; None: there is a gap."""
    able = [instance for instance in in_order(instances) if front(instance.start_lsn) <= position]
    return able[-1] if able else None


def next_segment(instances: Sequence[CaptureInstance], position: ChangePosition, upper: bytes) -> Segment | None:
    """What to read next.

    Args:
        instances: the table's capture instances, at least one.
        position: everything up to here was read.
        upper: the last commit of this pass.

    Returns:
        The stretch; None if everything up to `upper` was read, or if there is a gap (ask `find_gap`).
    """
    instance = active(instances, position)
    if instance is None:
        return None
    made = in_order(instances)
    # The first newer one, though the cleanup job has moved its beginning: what lies before that is not active yet.
    newer = next((later for later in made[made.index(instance) + 1 :] if front(later.start_lsn) > position), None)
    end = upper if newer is None else min(upper, before(newer.start_lsn))
    return Segment(instance, end) if position < ChangePosition.behind(end) else None


def find_gap(instances: Sequence[CaptureInstance], position: ChangePosition, maximum: bytes | None) -> Gap | None:
    """Whether changes behind the position are gone.

    Args:
        instances: the table's capture instances, at least one.
        position: everything up to here was read.
        maximum: `sys.fn_cdc_get_max_lsn()`, None if the capture job never ran.

    Returns:
        What is gone, None if nothing is.
    """
    if active(instances, position) is None:
        return Gap("purged", position.lsn, min(instance.start_lsn for instance in instances))
    # A table that was enabled a moment ago begins ahead of what the capture job has reached.
    reached = max([maximum or b"", *(before(instance.start_lsn) for instance in instances)])
    if position.lsn > reached:
        return Gap("beyond", position.lsn, reached)
    return None


def beginning(instances: Sequence[CaptureInstance], maximum: bytes | None) -> bytes:
    """The commit behind which a table's changes follow a snapshot that is read from now on.

    Args:
        instances: the table's capture instances, at least one.
        maximum: `sys.fn_cdc_get_max_lsn()`, read before the snapshot begins: every commit up to it is in the snapshot.

    Returns:
        The maximum, or what lies before the newest instance's beginning if the capture job has not come so far: the
        commits before that were made before the instance was, so they are in the snapshot too.
    """
    return max(maximum or b"", before(in_order(instances)[-1].start_lsn))


def oldest(instances: Sequence[CaptureInstance]) -> ChangePosition:
    """Before the first change that can still be read."""
    return min(front(instance.start_lsn) for instance in instances)
