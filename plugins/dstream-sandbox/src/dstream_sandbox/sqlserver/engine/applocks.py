"""Application locks: sp_getapplock and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.locks import Waits
from dstream_sandbox.sqlserver.errors import CancelledError, SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

MODES = ("IntentShared", "Shared", "Update", "IntentExclusive", "Exclusive")
_COMPATIBLE = {
    "IntentShared": {"IntentShared", "Shared", "Update", "IntentExclusive"},
    "Shared": {"IntentShared", "Shared", "Update"},
    "Update": {"IntentShared", "Shared"},
    "IntentExclusive": {"IntentShared", "IntentExclusive"},
    "Exclusive": set[str](),
}

Resource = tuple[int, str, str]
"""Database, principal, resource: applocks of different databases or principals have nothing to do with each other."""


class Holder:
    """Who has a lock: a session, or a session's transaction; how often, in what mode."""

    __slots__ = ("modes", "owner", "session")

    def __init__(self, session: Session, owner: Any) -> None:
        self.session = session
        self.owner = owner
        self.modes: list[str] = []

    @property
    def mode(self) -> str:
        """The strongest mode held."""
        return max(self.modes, key=MODES.index)


class AppLocks:
    """All application locks of the server."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._held: dict[Resource, list[Holder]] = {}

    def _blockers(self, resource: Resource, session: Session, mode: str) -> list[Session]:
        return [
            holder.session
            for holder in self._held.get(resource, ())
            if holder.session is not session and any(held not in _COMPATIBLE[mode] for held in holder.modes)
        ]

    def get(self, resource: Resource, session: Session, owner: Any, mode: str, timeout: int) -> int:
        """Takes one: 0 at once, 1 after waiting, -1 time over, -2 cancelled, -3 deadlock."""

        def blockers() -> list[Session]:
            found = self._blockers(resource, session, mode)
            if not found:
                self._take(resource, session, owner, mode)
            return found

        with self._waits.condition:
            if not blockers():
                return 0
        if timeout == 0:
            return -1
        try:
            return 1 if self._waits.until_free(session, blockers, timeout) else -1
        except CancelledError:
            raise
        except SqlError as error:
            if error.number == 1205:
                return -3
            raise

    def _take(self, resource: Resource, session: Session, owner: Any, mode: str) -> None:
        holders = self._held.setdefault(resource, [])
        holder = next((one for one in holders if one.session is session and one.owner is owner), None)
        if holder is None:
            holder = Holder(session, owner)
            holders.append(holder)
        holder.modes.append(mode)

    def release(self, resource: Resource, session: Session, owner: Any) -> bool:
        """Gives one back (as often as it was taken); False: it is not held."""
        with self._waits.condition:
            for holder in self._held.get(resource, ()):
                if holder.session is session and holder.owner is owner:
                    holder.modes.pop()
                    self._tidy(resource)
                    self._waits.wake()
                    return True
        return False

    def release_owner(self, owner: Any) -> None:
        """Gives all back that a session or transaction holds."""
        with self._waits.condition:
            changed = False
            for resource in list(self._held):
                for holder in self._held[resource]:
                    if holder.owner is owner:
                        holder.modes.clear()
                        changed = True
                self._tidy(resource)
            if changed:
                self._waits.wake()

    def _tidy(self, resource: Resource) -> None:
        left = [holder for holder in self._held[resource] if holder.modes]
        if left:
            self._held[resource] = left
        else:
            del self._held[resource]

    def mode(self, resource: Resource, session: Session, owner: Any) -> str:
        """APPLOCK_MODE: "NoLock" or the mode."""
        with self._waits.condition:
            for holder in self._held.get(resource, ()):
                if holder.session is session and holder.owner is owner:
                    return holder.mode
        return "NoLock"

    def test(self, resource: Resource, session: Session, mode: str) -> int:
        """APPLOCK_TEST: 1 if it could be had now."""
        with self._waits.condition:
            return 0 if self._blockers(resource, session, mode) else 1

    def of(self, session: Session) -> list[tuple[Resource, str]]:
        """What a session holds, for sys.dm_tran_locks."""
        with self._waits.condition:
            return [
                (resource, one.mode)
                for resource, holders in self._held.items()
                for one in holders
                if one.session is session
            ]
