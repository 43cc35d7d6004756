"""The threads that read: few for any number of tables."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from dstream_mssql_cdc.config import MssqlCdcOptions

Kind = Literal["changes", "snapshot"]
Job = Callable[[], None]


class Workers:
    """Threads that take jobs in turn; changes come before snapshots, and never wait for a thread behind them.

    Args:
        threads: how many jobs run at the same time; each holds one connection.
        snapshots: how many of them may be snapshots.
        on_error: told of an exception that a job let out; the thread goes on.
    """

    def __init__(self, threads: int, snapshots: int, on_error: Callable[[BaseException], None]):
        self._limits = {"changes": threads, "snapshot": snapshots}
        self._running = {"changes": 0, "snapshot": 0}
        self._waiting: dict[Kind, deque[Job]] = {"changes": deque(), "snapshot": deque()}
        self._on_error = on_error
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"mssql-reader-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, kind: Kind, job: Job) -> None:
        """Queues a job; after `close` it is forgotten."""
        with self._changed:
            if not self._closed:
                self._waiting[kind].append(job)
                self._changed.notify()

    def close(self, timeout: float) -> bool:
        """Forgets what waits, and waits for what runs.

        Args:
            timeout: seconds, for all threads together.

        Returns:
            True: no job runs any more.
        """
        with self._changed:
            self._closed = True
            for waiting in self._waiting.values():
                waiting.clear()
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def waiting(self, kind: Kind) -> int:
        """How many jobs of a kind wait for a thread."""
        return len(self._waiting[kind])

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            kind, job = taken
            try:
                job()
            except BaseException as error:  # noqa: BLE001  the run ends with whatever it is
                self._on_error(error)
            finally:
                with self._changed:
                    self._running[kind] -= 1
                    self._changed.notify_all()

    def _take(self) -> tuple[Kind, Job] | None:
        with self._changed:
            while not self._closed:
                for kind in ("changes", "snapshot"):
                    if self._waiting[kind] and self._running[kind] < self._limits[kind]:
                        self._running[kind] += 1
                        return kind, self._waiting[kind].popleft()
                self._changed.wait()
            return None


def reading_threads(options: MssqlCdcOptions) -> int:
    """How many tables are read at the same time: what looks for changes, and locks, have a connection each."""
    dedicated = 1 + (options.lock_config.type == "sqlserver")
    return max(options.max_connections - dedicated, 1)
