"""Leases that several copies of a task share: a thread that renews them, takes free ones, and says what to hand over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

from dstream_core.api import DStreamError, Log, TemporaryError
from dstream_mssql_cdc.leases import backend as backends
from dstream_mssql_cdc.leases.backend import Backend
from dstream_mssql_cdc.leases.holdings import Holdings
from dstream_mssql_cdc.leases.sharing import in_turn, share, surplus

LOOKS_IN_A_LEASE = 15
"""How often a copy looks for free tables and new copies while a lease lasts; it is renewed at every fifth look."""
SHORTEST_LOOK = 0.05
TAKEN_AT_ONCE = 64
"""Tables that are taken before leases are renewed again."""
END_SECONDS = 10.0


class SharedLeases:
    """Implements `Leases` on any place where locks can be kept.

    Args:
        backend: the place.
        member: name of this copy.
        log: for what is worth knowing: hand-overs, a place that is away.
        clock: as for `Holdings`.
    """

    def __init__(self, backend: Backend, member: str, log: Log, clock: Callable[[], float] = backends.clock):
        self._backend = backend
        self._member = member
        self._log = log
        self._clock = clock
        self._holdings = Holdings(backend.duration, clock)
        self._wanted: frozenset[str] = frozenset()
        self._leaving: set[str] = set()
        self._returned: set[str] = set()
        self._renew_at = float("-inf")
        self._members: frozenset[str] = frozenset()
        self._said = ""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._look = max(backend.duration / LOOKS_IN_A_LEASE, SHORTEST_LOOK)
        self._thread = threading.Thread(target=self._run, name="mssql-leases", daemon=True)

    def start(self, names: Collection[str]) -> None:
        """Takes part, and takes what is free of a first share."""
        self._wanted = frozenset(names)
        self._backend.join()
        self._round()
        self._thread.start()

    def wanted(self, names: Collection[str]) -> None:
        """These tables from now on."""
        names = frozenset(names)
        if names != self._wanted:
            self._wanted = names
            self._wake.set()

    def held(self) -> Mapping[str, int | None]:
        """What counts at this moment; compared with the clock on every call."""
        with self._lock:
            return self._holdings.shown()

    def should_release(self) -> set[str]:
        """What others are to have, and what is not wanted any more."""
        with self._lock:
            return set(self._leaving)

    def release(self, name: str) -> None:
        """Gives a table back."""
        with self._lock:
            self._holdings.drop(name)
            self._leaving.discard(name)
            self._returned.add(name)
        self._wake.set()

    def stop(self) -> None:
        """Gives everything back."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)
        with self._lock:
            names = {*self._holdings.names, *self._returned}
            for name in self._holdings.names:
                self._holdings.drop(name)
        if self._thread.is_alive():
            return  # it hangs in a call; what it has runs out
        try:
            try:
                self._backend.release(names)
            finally:
                self._backend.leave()
        except DStreamError as error:
            self._log.warning("leases: %s; what was not given back runs out", error.message)

    def _run(self) -> None:
        while not self._stopped.is_set():
            more = False
            try:
                more = self._round()
                if self._said:
                    self._log.info("leases: they can be reached again")
                self._said = ""
            except DStreamError as error:
                self._complain(error)
            except Exception as error:  # noqa: BLE001  the thread must live: without it everything runs out
                self._log.error("leases: %r", error)
            pause = min(self._look, max(self._holdings.next_turn() - self._clock(), 0.0))
            self._wake.wait(0.0 if more else pause)
            self._wake.clear()

    def _round(self) -> bool:
        """Renews, gives back, sees who takes part, takes; True: there is more to take at once."""
        self._drop_expired()
        now = self._clock()
        if now >= self._renew_at:
            self._renew_at = now + self._backend.duration / 3 if self._renew() else now
        self._give_back()
        self._meet(self._backend.members())
        return self._take()

    def _drop_expired(self) -> None:
        """What ran out here, since it could not be renewed in time, is given back in case nobody has it yet."""
        with self._lock:
            expired = self._holdings.expired()
            for name in expired:
                self._holdings.drop(name)
                self._leaving.discard(name)
                self._returned.add(name)
        if expired:
            self._log.warning("leases: not renewed in time: %s", _some(expired))

    def _renew(self) -> bool:
        """False: of some it is not known whether they are ours: the place is away for a moment."""
        with self._lock:
            names = self._holdings.names
        if not names:
            return True
        begin = self._clock()
        renewal = self._backend.renew(names)
        with self._lock:
            for name in renewal.kept:
                self._holdings.renewed(name, begin)
            for name in renewal.lost:
                self._holdings.drop(name)
                self._leaving.discard(name)
        if renewal.lost:
            self._log.warning("leases: lost: %s", _some(renewal.lost))
        return not set(names) - renewal.kept - renewal.lost

    def _give_back(self) -> None:
        with self._lock:
            names = set(self._returned)
        if names:
            self._backend.release(names)
            with self._lock:
                self._returned -= names

    def _meet(self, members: Collection[str]) -> None:
        if frozenset(members) != self._members:
            if self._members or len(members) > 1:
                self._log.info("leases: copies of this task that share the tables: %d", len(members))
            self._members = frozenset(members)

    def _take(self) -> bool:
        most = share(self._members, self._member, len(self._wanted))
        with self._lock:
            mine = self._holdings.names
            unwanted = set(mine) - self._wanted
            kept = [name for name in mine if name not in unwanted]
            self._leaving = surplus(kept, most, self._leaving) | unwanted
            missing = self._wanted - set(mine) - self._returned
            room = most - len(kept)
        if room <= 0 or not missing:
            return False
        candidates = in_turn(self._backend.free(missing), self._member)
        deadline = self._clock() + self._look
        while room > 0 and candidates and self._clock() < deadline:
            count = min(room, TAKEN_AT_ONCE)
            taken = self._backend.take(candidates[:count])
            candidates = candidates[count:]
            with self._lock:
                for name, each in taken.items():
                    self._holdings.take(name, each)
            room -= len(taken)
            if taken:
                self._log.debug("leases: took %s", _some(taken))
        return room > 0 and bool(candidates)

    def _complain(self, error: DStreamError) -> None:
        if error.message != self._said:
            self._said = error.message
            how = "trying again" if isinstance(error, TemporaryError) else "trying again nevertheless"
            self._log.warning("leases: %s; %s", error.message, how)


def _some(names: Collection[str]) -> str:
    first = sorted(names)[:5]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
