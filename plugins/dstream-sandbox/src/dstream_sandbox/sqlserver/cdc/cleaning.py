"""Clean-up: change rows older than the retention, low water marks, cdc.lsn_time_mapping."""

from __future__ import annotations

from dstream_sandbox.sqlserver.cdc.capture import add_dummy
from dstream_sandbox.sqlserver.cdc.instances import CaptureInstance
from dstream_sandbox.sqlserver.cdc.state import CaptureState
from dstream_sandbox.sqlserver.engine.log import lsn_bytes
from dstream_sandbox.sqlserver.errors import not_supported

_TICKS_OF_A_MINUTE = 600_000_000


def by_retention(state: CaptureState, instance: str = "") -> None:
    """What the clean-up job does: keeps what was committed within the retention."""
    job = state.cleanup_job
    if job is None:
        return
    oldest = state.database.server.now().total_ticks - job.retention * _TICKS_OF_A_MINUTE
    newest = state.mapping.newest()
    if newest is None:
        return
    low = next((row[0] for row in state.mapping.all() if row[2].total_ticks > oldest), newest[0])
    up_to(state, instance, low)


def up_to(state: CaptureState, instance: str, low: bytes) -> None:
    """Moves low water marks forward to an LSN: rows of earlier commits are deleted.

    Args:
        state: The database's.
        instance: The capture instance; "" for all.
        low: The new low water mark; one above the newest commit deletes all that there is.
    """
    newest = state.mapping.newest()
    if newest is None or low > newest[0]:
        low = add_dummy(state)
    chosen = [one for one in state.instances if instance.lower() in ("", one.name.lower())]
    if instance and not chosen:
        raise not_supported(f"cleaning the capture instance {instance}, which is not there")
    for one in chosen:
        clean_instance(state, one, low)
    trim_mapping(state)


def clean_instance(state: CaptureState, instance: CaptureInstance, low: bytes) -> int:
    """Deletes an instance's rows below an LSN and moves its mark; gives how many rows."""
    commits = state.database.server.commits
    with commits.latch:
        moment = commits.value + 1
        gone = instance.changes.cut(low, moment)
        instance.start_lsn = max(instance.start_lsn, int.from_bytes(low, "big"))
        commits.value = moment
    return gone


def trim_mapping(state: CaptureState) -> None:
    """Rows of lsn_time_mapping below every instance's mark go; the newest stays."""
    newest = state.mapping.newest()
    if newest is None or not state.instances:
        return
    low = min(lsn_bytes(min(one.start_lsn for one in state.instances)), newest[0])
    commits = state.database.server.commits
    with commits.latch:
        moment = commits.value + 1
        state.mapping.cut(low, moment)
        commits.value = moment
