"""Leases on blobs, one blob for each table and one for each copy of the task.

Azure keeps a lease for 15 to 60 seconds and gives it to nobody else meanwhile, whatever the clocks of machines say. A
copy is alive as long as it has the lease of its own blob: nobody compares times.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from dstream_core.api import ConfigurationError, DStreamError, Log, TemporaryError
from dstream_mssql_cdc.blobs import BlobContainer, ConflictError
from dstream_mssql_cdc.leases.backend import Renewal, clock, next_epoch
from dstream_mssql_cdc.leases.holdings import Taken
from dstream_mssql_cdc.leases.names import lock_blob, lock_folder, member_folder, original_locks

SHORTEST, LONGEST = 15, 60
"""Seconds that Azure allows for a lease that runs out."""
THREADS = 8
"""Requests at the same time: thousands of leases are renewed within a third of their time."""
TOUCH_SECONDS = 30.0
"""How often a lock that the Go provider may look at is written to: that one breaks leases on blobs that were not modified
for 2 minutes."""
WARN_SECONDS = 60.0

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Lock:
    """The leases that mean one table.

    Attributes:
        blobs: our own lock first.
        lease_id: the same for all of them.
        epoch: of our own lock.
        touched: local clock when the other locks were written to.
    """

    blobs: tuple[str, ...]
    lease_id: str
    epoch: int
    touched: float


class BlobBackend:
    """Implements `Backend` on a container.

    Args:
        container: where the blobs lie; closed at the end.
        task: name of the task.
        database: name of the database.
        member: name of this copy.
        lease: seconds that a table may stay without a reader when a copy has died.
        log: for locks that somebody else has without end.
        original_server: the server's name where tables are also locked under the Go provider's names; None: they are
            not.
    """

    def __init__(
        self,
        container: BlobContainer,
        task: str,
        database: str,
        member: str,
        lease: float,
        log: Log,
        original_server: str | None = None,
    ):
        self._container = container
        self._task = task
        self._database = database
        self._members = member_folder(task, database)
        self._member = self._members + member
        self._member_id = ""
        self._member_renew = float("-inf")
        self._seconds = lease_seconds(lease)
        self._log = log
        self._original = original_server
        self._locks: dict[str, _Lock] = {}
        self._warned: dict[str, float] = {}
        self._threads = ThreadPoolExecutor(THREADS, "mssql-blobs")

    @property
    def duration(self) -> float:
        """Seconds for which Azure keeps a lease."""
        return float(self._seconds)

    def join(self) -> None:
        """Creates the container if need be, and this copy's blob."""
        self._container.ensure()
        self._register()

    def members(self) -> set[str]:
        """The copies whose blobs are leased; what dead ones left behind is removed."""
        if clock() >= self._member_renew:
            self._stay()
        found = self._container.list(self._members)
        for name, blob in found.items():
            if not blob.leased and name != self._member:
                self._container.delete(name)
        alive = {name for name, blob in found.items() if blob.leased}
        return {name.removeprefix(self._members) for name in {*alive, self._member}}

    def free(self, names: Collection[str]) -> Sequence[str]:
        """Those whose blobs nobody has a lease on, in one request for all."""
        found = self._container.list(lock_folder(self._task, self._database))
        return [name for name in names if not ((blob := found.get(self._blob(name))) and blob.leased)]

    def take(self, names: Sequence[str]) -> Mapping[str, Taken]:
        """Takes leases, several at the same time. What failed is raised only if none could be taken."""
        futures = [(name, self._threads.submit(self._take, name)) for name in names]
        failures = [failure for _, future in futures if (failure := future.exception()) is not None]
        fine = [(name, future.result()) for name, future in futures if future.exception() is None]
        taken = {name: each for name, each in fine if each is not None}
        if failures and not taken:
            raise failures[0]
        return taken

    def renew(self, names: Collection[str]) -> Renewal:
        """Renews leases, several at the same time."""
        known = [name for name in names if name in self._locks]
        results = dict(zip(known, self._in_parallel(self._renew, known), strict=True))
        lost = {name for name, kept in results.items() if kept is False} | (set(names) - set(known))
        for name in lost:
            self._locks.pop(name, None)
        return Renewal({name for name, kept in results.items() if kept}, lost)

    def release(self, names: Collection[str]) -> None:
        """Ends leases."""
        self._in_parallel(self._release, [name for name in names if name in self._locks])

    def leave(self) -> None:
        """Removes this copy's blob."""
        self._threads.shutdown(wait=True)
        try:
            if self._member_id:
                self._container.delete(self._member, self._member_id)
        finally:
            self._member_id = ""
            self._container.close()

    def _blob(self, table: str) -> str:
        return lock_blob(self._task, self._database, table)

    def _register(self) -> None:
        lease_id = str(uuid.uuid4())
        begin = clock()
        self._container.lease(self._member, lease_id, self._seconds)
        self._member_id, self._member_renew = lease_id, begin + self._seconds / 3

    def _stay(self) -> None:
        begin = clock()
        try:
            self._container.renew(self._member, self._member_id)
        except ConflictError:  # suspended for so long that others took us for dead
            self._register()
        else:
            self._member_renew = begin + self._seconds / 3

    def _take(self, table: str) -> Taken | None:
        others = () if self._original is None else original_locks(self._original, table)
        blobs = (self._blob(table), *others)
        begin = clock()
        lock = _Lock(blobs, str(uuid.uuid4()), 0, begin)
        if not self._lease(table, lock):
            return None
        try:
            self._touch(lock)
            lock.epoch = self._next_epoch(lock)
        except DStreamError:
            self._release_lock(lock)
            raise
        self._locks[table] = lock
        return Taken(lock.epoch, begin)

    def _lease(self, table: str, lock: _Lock) -> bool:
        """Takes all of a table's leases or none."""
        leased: list[str] = []
        try:
            for blob in lock.blobs:
                self._container.lease(blob, lock.lease_id, self._seconds)
                leased.append(blob)
        except ConflictError:
            if leased:
                self._say_who_has(table, lock.blobs[len(leased)])
        finally:
            if len(leased) < len(lock.blobs):
                for blob in leased:
                    self._container.release(blob, lock.lease_id)
        return len(leased) == len(lock.blobs)

    def _next_epoch(self, lock: _Lock) -> int:
        """Increments the number in the blob's metadata, under the lease: a holder that lost it cannot."""
        blob = self._container.properties(lock.blobs[0])
        before = blob.metadata.get("epoch", "") if blob is not None else ""
        epoch = next_epoch(int(before) if before.isdigit() else None)
        self._container.set_metadata(lock.blobs[0], {"epoch": str(epoch)}, lock.lease_id)
        return epoch

    def _renew(self, table: str) -> bool | None:
        """Whether it was; None: that is not known, since the service is away."""
        lock = self._locks[table]
        try:
            for blob in lock.blobs:
                self._container.renew(blob, lock.lease_id)
            if clock() - lock.touched >= TOUCH_SECONDS:
                self._touch(lock)
        except ConflictError:
            self._release_lock(lock)
            return False
        except TemporaryError:
            return None
        return True

    def _touch(self, lock: _Lock) -> None:
        """Writes to the locks that the Go provider looks at: taking and renewing a lease do not count as writing."""
        for blob in lock.blobs[1:]:
            self._container.set_metadata(blob, {"reader": "dstream"}, lock.lease_id)
        lock.touched = clock()

    def _release(self, table: str) -> None:
        lock = self._locks.pop(table, None)
        if lock is not None:
            self._release_lock(lock)

    def _release_lock(self, lock: _Lock) -> None:
        for blob in lock.blobs:
            with suppress(TemporaryError):  # it runs out then
                self._container.release(blob, lock.lease_id)

    def _say_who_has(self, table: str, blob: str) -> None:
        """A lease without end may be that of a provider that died, or of one that reads: only a person can tell."""
        if clock() - self._warned.get(table, float("-inf")) < WARN_SECONDS:
            return
        self._warned[table] = clock()
        found = self._container.properties(blob)
        if found is None or not found.endless:
            return
        self._log.warning(
            "%s: not read here: %s is leased without end, as the Go provider does; if that one is stopped for good, break"
            " the lease: az storage blob lease break --container-name CONTAINER --blob-name '%s'",
            table,
            blob,
            blob,
        )

    def _in_parallel(self, do: Callable[[str], R], names: Iterable[str]) -> list[R]:
        """All of them, also where some fail; then the first failure is raised."""
        names = list(names)
        if len(names) < 2:  # a thread would only cost
            return [do(name) for name in names]
        futures = [self._threads.submit(do, name) for name in names]
        failures = [failure for future in futures if (failure := future.exception()) is not None]
        if failures:
            raise failures[0]
        return [future.result() for future in futures]


def lease_seconds(longest_pause: float) -> int:
    """How long Azure is to keep a lease so that a table is read again within `longest_pause` seconds.

    Others look for free tables fifteen times in the life of a lease, so that it is free for two of those at most.

    Raises:
        ConfigurationError: Azure allows no such lease.
    """
    if not SHORTEST <= longest_pause <= LONGEST:
        raise ConfigurationError(
            f"`lease` of {longest_pause:g} s: Azure allows {SHORTEST} to {LONGEST} s", code="mssql/lease-seconds"
        )
    return max(SHORTEST, int(longest_pause * 13 / 15))
