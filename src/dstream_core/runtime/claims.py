"""Claims: locks that say a task is being worked on (invariant 6).

A claim is a flock(2) on a file whose descriptor the guardian and every child inherit: it is free when the last of
them is gone, however that happened, so that a provider never meets its own successor.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dstream_core.errors import ConfigurationError, TemporaryError
from dstream_core.runtime import posix_parts

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
        ConfigurationError: the file cannot be opened, or its file system has no locks.
    """
    posix_parts.occupy_standard_descriptors()  # children inherit the claim, and have a use of their own for 0, 1 and 2
    descriptor = _open(path)
    try:
        _wait_for_lock(descriptor, path, time.monotonic() + wait)
        _sign(descriptor, what)
        yield Claim(path, descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error


def _wait_for_lock(descriptor: int, path: Path, deadline: float) -> None:
    try:
        while not posix_parts.lock_now(descriptor):
            if time.monotonic() >= deadline:
                raise _claimed(path)
            time.sleep(_POLL)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot lock {path}: {error.strerror}",
        code="runtime/claim-unusable",
        hint="its directory must exist, be writable, and lie on a file system with locks",
    )


def _sign(descriptor: int, what: str) -> None:
    """Say who holds it. The lock is the claim, this only words the message: a full disk is no reason not to run."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "started": posix_parts.start_mark(os.getpid()), "what": what, "since": since}
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _claimed(path: Path) -> ClaimedError:
    try:
        holder = json.loads(path.read_bytes())
        pid, what, since = int(holder["pid"]), str(holder["what"]), str(holder["since"])
        alive = _alive(pid, holder.get("started"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return ClaimedError(f"another process holds {path}", hint="wait for it to end, or end it")
    if alive:
        return ClaimedError(
            f"`{what}` already runs as process {pid}, since {since}", hint=f"wait for it, or end it: kill {pid}"
        )
    return ClaimedError(
        f"a provider of `{what}` (process {pid}, started {since}, itself gone) is still alive",
        hint=f"it ends within seconds; if it does not: fuser -k {path}",
    )


def _alive(pid: int, started: str | None) -> bool:
    """Whether the holder is there: the number may belong to another process by now."""
    if started is not None and posix_parts.start_mark(pid) != started:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
