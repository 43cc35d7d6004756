"""Claims: locks that say a task is being worked on (invariant 6).

A claim is a flock(2) on a file whose descriptor the guardian and every child inherit: it is free when the last of
them is gone, however that happened, so that a provider never meets its own successor.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dstream_core.errors import TemporaryError
from dstream_core.runtime.posix_parts import lock_now

CLAIM_WAIT = 5.0
"""Seconds that a new run waits for the one before it to be gone."""

_POLL = 0.05


class ClaimedError(TemporaryError):
    """Another process has the claim."""

    default_code = "runtime/claimed"


@dataclass(frozen=True)
class Claim:
    """A claim that is held; children inherit `descriptor`."""

    path: Path
    descriptor: int


@contextmanager
def claim(path: Path, what: str, wait: float = CLAIM_WAIT) -> Iterator[Claim]:
    """Hold the claim at `path` while the block runs.

    Args:
        path: the lock file; its directory must exist. The file stays: removing it would race with a waiting process.
        what: what the holder does, such as `dstream run orders`; told to whoever waits.
        wait: seconds to wait for it.

    Raises:
        ClaimedError: another process still has it then.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not lock_now(descriptor):
            if time.monotonic() >= deadline:
                raise _claimed(path)
            time.sleep(_POLL)
        _sign(descriptor, what)
        yield Claim(path, descriptor)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, what: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    record = json.dumps({"pid": os.getpid(), "what": what, "since": since}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, record, 0)


def _claimed(path: Path) -> ClaimedError:
    try:
        holder = json.loads(path.read_bytes())
        pid, what, since = int(holder["pid"]), str(holder["what"]), str(holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return ClaimedError(f"another process holds {path}", hint="wait for it to end, or end it")
    if _alive(pid):
        return ClaimedError(
            f"`{what}` already runs as process {pid}, since {since}", hint=f"wait for it, or end it: kill {pid}"
        )
    return ClaimedError(
        f"a provider of `{what}` (process {pid}, started {since}, itself gone) is still alive",
        hint=f"it ends within seconds; if it does not: fuser -k {path}",
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
