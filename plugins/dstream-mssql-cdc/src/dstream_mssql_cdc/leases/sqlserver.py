"""Leases in the database itself: application locks of one session, and a table that says who is alive.

An application lock ends with its session, at once and without a word to its holder. So a copy relies on its locks only
for a while after each proof that its session lives, and whoever finds a lock free that was not given back waits for
that while. A copy that was suspended keeps its session, and with it the lock: its lock is passed over by a new
generation of the lock's name once it has not counted for that while.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.backend import Renewal, clock, next_epoch
from dstream_mssql_cdc.leases.holdings import Taken
from dstream_mssql_cdc.leases.names import resource
from dstream_mssql_cdc.leases.roster import Roster
from dstream_mssql_cdc.shared_tables import CheckpointTables, task_key

LOCK = """DECLARE @answer int;
EXEC @answer = sys.sp_getapplock @Resource = %s, @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 0;
SELECT @answer;"""
UNLOCK = "EXEC sys.sp_releaseapplock @Resource = %s, @LockOwner = 'Session'"
COPIES = "SELECT copy_name, beat FROM $copies WHERE task = %s"
BEAT = "UPDATE $copies SET beat = beat + 1, seen = GETUTCDATE() WHERE task = %s AND copy_name = %s"
# From another number each time: one that is where it stood before would be taken for one that stands still.
ENTER = "INSERT INTO $copies (task, copy_name, beat, seen) VALUES (%s, %s, %s, GETUTCDATE())"
LEAVE = "DELETE FROM $copies WHERE task = %s AND copy_name = %s"
# Only if it has not counted up meanwhile: then it is alive, and may have taken something.
EXPEL = "DELETE FROM $copies WHERE task = %s AND copy_name = %s AND beat = %s"
ROWS = "SELECT table_name, epoch, holder, generation FROM $positions WHERE task = %s"
# Under the lock, and only if nobody has passed it over or taken it since it was looked at.
HOLD = """UPDATE $positions SET epoch = %s, holder = %s
WHERE task = %s AND table_name = %s AND epoch = %s AND generation = %s"""
NEXT_GENERATION = """UPDATE $positions SET generation = generation + 1
WHERE task = %s AND table_name = %s AND epoch = %s AND generation = %s"""
GIVE_BACK = "UPDATE $positions SET holder = NULL WHERE task = %s AND table_name = %s AND holder = %s"
WAIT_SECONDS = 10.0
"""For a place in the pool."""


@dataclass(frozen=True)
class _Row:
    """What the table says of a lock.

    Attributes:
        epoch: of the last lease.
        holder: the copy that has or had it; None: it was given back.
        generation: part of the lock's name.
    """

    epoch: int
    holder: str | None
    generation: int


class LockBackend:
    """Implements `Backend` with `sp_getapplock`.

    Args:
        pool: connections; one of them is kept for the locks.
        tables: the tables' names.
        guid: identity of the database.
        database: name of the database.
        task: name of the task.
        member: name of this copy.
        lease: seconds that a table may stay without a reader when a copy has died.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        tables: CheckpointTables,
        guid: str,
        database: str,
        task: str,
        member: str,
        lease: float,
    ):
        self._pool = pool
        self._tables = tables
        self._guid = guid
        self._database = database
        self._task = task_key(task)
        self._member = member
        self._duration = lease * 13 / 15  # two looks later, at most, a dead copy's tables are taken
        self._roster = Roster(self._duration, clock)
        self._session = ExitStack()
        self._connection: Connection | None = None
        self._resources: dict[str, str] = {}
        self._rows: dict[str, _Row] = {}
        self._beaten = 0.0
        self._sql = tables.sql

    @property
    def duration(self) -> float:
        """Seconds for which a copy may rely on its locks, and for which others wait."""
        return self._duration

    def join(self) -> None:
        """Makes the tables if need be, opens the session, and lists this copy."""
        connection = self._opened()
        self._tables.ensure(connection, self._tables.positions, self._tables.copies)
        self._beat(connection)

    def members(self) -> set[str]:
        """Those whose numbers go up; dead ones are taken off the list."""
        connection = self._opened()
        self._beat(connection)
        beats = self._look(connection)
        for member in self._roster.dead - {self._member}:
            connection.execute(self._sql(EXPEL), self._task, member, beats[member])
        return {*self._roster.alive, self._member}

    def free(self, names: Collection[str]) -> Sequence[str]:
        """Those that nobody has who is alive."""
        connection = self._opened()
        self._rows = self._read(connection)
        missing = sorted(set(names) - self._rows.keys())
        if missing:
            self._tables.add_rows(connection, self._task, self._guid, missing)
            self._rows = self._read(connection)
        # Behind the rows: a copy that was away may have come back, and taken a table, since the last look. Whoever is
        # dead now was so when these rows were read, so that no lease in them counts.
        self._look(connection)
        others = self._roster.alive - {self._member}
        return [name for name in names if name in self._rows and self._rows[name].holder not in others]

    def take(self, names: Sequence[str]) -> Mapping[str, Taken]:
        """Takes locks one after the other."""
        connection = self._opened()
        taken = {}
        for name in names:
            one = self._take(connection, name)
            if one is not None:
                taken[name] = one
        return taken

    def renew(self, names: Collection[str]) -> Renewal:
        """Proves that the session lives, and with it all of its locks."""
        if self._connection is None:
            return Renewal(lost=set(names))
        try:
            known = self._beat(self._connection)
        except DStreamError:
            if not self._connection.broken:
                raise
            self._close()
            return Renewal(lost=set(names))
        if not known:  # others took this copy for dead, and its tables
            self._close()
            return Renewal(lost=set(names))
        kept = set(names) & self._resources.keys()
        return Renewal(kept, set(names) - kept)

    def release(self, names: Collection[str]) -> None:
        """Says of each that it is given back, and gives it back."""
        if self._connection is not None and self._connection.broken:
            self._close()
        if self._connection is None:
            return  # the locks have gone with the session; the rows tell that they were not given back
        for name in names:
            locked = self._resources.pop(name, None)
            if locked is not None:
                self._give_back(self._connection, name, locked)

    def leave(self) -> None:
        """Takes this copy off the list and ends the session."""
        try:
            if self._connection is not None:
                self._connection.execute(self._sql(LEAVE), self._task, self._member)
        finally:
            self._close()

    def _opened(self) -> Connection:
        """The session of the locks; a new one has none of them."""
        if self._connection is not None and self._connection.broken:
            self._close()
        if self._connection is None:
            lend = self._pool.lend("leases", wait=WAIT_SECONDS, fresh=True)
            self._connection = self._session.enter_context(lend)
        return self._connection

    def _close(self) -> None:
        self._resources.clear()
        self._connection = None
        self._session.close()

    def _beat(self, connection: Connection) -> bool:
        """Counts up; False: this copy was not on the list, and is now."""
        self._beaten = clock()
        if connection.execute(self._sql(BEAT), self._task, self._member) == 1:
            return True
        connection.execute(self._sql(ENTER), self._task, self._member, secrets.randbits(48))
        return False

    def _look(self, connection: Connection) -> dict[str, int]:
        beats = {str(member): int(beat) for member, beat in connection.query(self._sql(COPIES), self._task)}
        self._roster.look(beats)
        return beats

    def _read(self, connection: Connection) -> dict[str, _Row]:
        rows = connection.query(self._sql(ROWS), self._task)
        return {str(name): _Row(int(epoch), holder, int(generation)) for name, epoch, holder, generation in rows}

    def _take(self, connection: Connection, name: str) -> Taken | None:
        row = self._rows[name]
        locked = self._lock(connection, name, row.generation)
        if locked is None and row.holder is not None and row.holder not in self._roster.alive:
            row = self._pass_over(connection, name, row)
            locked = self._lock(connection, name, row.generation)
        if locked is None:
            return None
        epoch = next_epoch(row.epoch)
        values = (epoch, self._member, self._task, name, row.epoch, row.generation)
        if connection.execute(self._sql(HOLD), *values) != 1:
            self._unlock(connection, locked)
            return None
        self._resources[name] = locked
        forgotten = row.holder is None or row.holder == self._member or row.holder not in self._roster.alive
        # Others count from the last beat, so the lease does too; its holder before may count until now and a lease on.
        return Taken(epoch, self._beaten, 0.0 if forgotten else clock() - self._beaten + self._duration)

    def _lock(self, connection: Connection, name: str, generation: int) -> str | None:
        wanted = resource(self._database, self._task, name, generation)
        answer = connection.query(LOCK, wanted)[0][0]
        return wanted if int(answer) >= 0 else None

    def _pass_over(self, connection: Connection, name: str, row: _Row) -> _Row:
        """The lock's next name, which a holder that does not answer any more does not have."""
        connection.execute(self._sql(NEXT_GENERATION), self._task, name, row.epoch, row.generation)
        return _Row(row.epoch, row.holder, row.generation + 1)

    def _give_back(self, connection: Connection, name: str, locked: str) -> None:
        connection.execute(self._sql(GIVE_BACK), self._task, name, self._member)
        self._unlock(connection, locked)

    def _unlock(self, connection: Connection, locked: str) -> None:
        try:
            connection.execute(UNLOCK, locked)
        except DStreamError:
            if connection.broken:
                raise  # 1223 else: it was not ours any more
