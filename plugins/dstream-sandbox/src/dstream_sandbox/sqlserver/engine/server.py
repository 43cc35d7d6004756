"""The server: databases, logins, sessions, commits, and the verbs of the control channel."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from dstream_sandbox.sqlserver.cdc.jobs import Jobs
from dstream_sandbox.sqlserver.engine import backups
from dstream_sandbox.sqlserver.engine.applocks import AppLocks
from dstream_sandbox.sqlserver.engine.clock import CommitClock, WallClock
from dstream_sandbox.sqlserver.engine.database import Committed, Database
from dstream_sandbox.sqlserver.engine.locks import Waits
from dstream_sandbox.sqlserver.engine.principals import Login
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.engine.storage import Vacuum
from dstream_sandbox.sqlserver.engine.system import System
from dstream_sandbox.sqlserver.engine.transactions import Transaction
from dstream_sandbox.sqlserver.engine.writing import forget
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.session import execute_batch
from dstream_sandbox.sqlserver.results import Item
from dstream_sandbox.sqlserver.types import DEFAULT_COLLATION, DateTime2, SqlType

VERSION_TEXT = (
    "Microsoft SQL Server 2022 (sandbox) - 16.0.1000.6 (X64) \n\tStand-in of DStream for tests; it is not Microsoft's product.\n"
    "\tDeveloper Edition (64-bit) on Linux"
)


class Server:
    """The engine; see `seam.Server`.

    Args:
        user: The administrator's login, a member of sysadmin.
        password: Its password.
        name: @@SERVERNAME.
        capture_interval: Seconds between two looks of a capture job at the log.
        dummy_interval: Seconds between two rows without changes in cdc.lsn_time_mapping (SQL Server: about 300).
        time_zone: Where the server lives: a name of the IANA data base, or minutes east of UTC.
        capture: Whether capture jobs run by themselves.
    """

    def __init__(
        self,
        user: str = "sa",
        password: str = "",
        *,
        name: str = "SANDBOX",
        capture_interval: float = 0.02,
        dummy_interval: float = 300.0,
        time_zone: str | int = "UTC",
        capture: bool = True,
    ) -> None:
        self.name = name
        self.version = VERSION_TEXT
        self.engine_edition = 3
        self.collation = DEFAULT_COLLATION
        self.max_text_repl_size = 65536
        self.wall = WallClock()
        self.wall.set_zone(time_zone)
        self.started = self.wall.now()
        self.commits = CommitClock()
        self.vacuum = Vacuum()
        self.waits = Waits()
        self.applocks = AppLocks(self.waits)
        self.logins: dict[str, Login] = {}
        self.sessions: dict[int, Session] = {}
        self.databases: dict[str, Database] = {}
        self.on_kill: Callable[[int], None] | None = None
        self.system = System(self)
        self.jobs = Jobs(self, capture_interval, dummy_interval, capture)
        self._latch = threading.RLock()
        self._transaction_ids = itertools.count(1000)
        self._principal_ids = itertools.count(260)
        self._backups: dict[str, Database] = {}
        for number, system in enumerate(("master", "tempdb", "model", "msdb"), 1):
            self.databases[system] = Database(self, system, number)
        self.add_login("sa", password if user.lower() == "sa" else password or "", "master").roles.add("sysadmin")
        if user.lower() != "sa":
            self.add_login(user, password, "master").roles.add("sysadmin")

    # --- time ---------------------------------------------------------------------------------------------------------

    def now(self) -> DateTime2:
        """Local date and time of the server."""
        return self.wall.now()

    def utc_now(self) -> DateTime2:
        """UTC."""
        return self.wall.utc_now()

    @property
    def utc_offset(self) -> int:
        """Minutes that local time is ahead of UTC."""
        return self.wall.utc_offset()

    def set_clock(self, offset: float | None = None, time_zone: str | int | None = None) -> None:
        """Moves the server's clock (seconds ahead of the real one) or the server to another time zone."""
        if offset is not None:
            self.wall.offset = offset
        if time_zone is not None:
            self.wall.set_zone(time_zone)

    # --- logins, databases, sessions ----------------------------------------------------------------------------------

    def add_login(self, name: str, password: str, default_database: str = "master") -> Login:
        """A new login."""
        login = Login(name, password, next(self._principal_ids), self.now(), default_database)
        self.logins[name.lower()] = login
        return login

    def add_database(self, name: str, collation: str = DEFAULT_COLLATION, owner: str = "sa") -> Database:
        """A new, empty database."""
        with self._latch:
            number = next(at for at in range(5, 32767) if all(one.database_id != at for one in self.databases.values()))
            database = Database(self, name, number, collation)
            database.owner = owner
            if owner.lower() != "sa" and not self.logins[owner.lower()].is_sysadmin:
                database.principals.all["dbo"].login = owner
            self.databases[name.lower()] = database
            return database

    def remove_database(self, database: Database) -> None:
        """Drops a database."""
        self.jobs.forget(database)
        self.databases.pop(database.name.lower(), None)

    def rename_database(self, database: Database, name: str) -> None:
        """ALTER DATABASE … MODIFY NAME."""
        if name.lower() in self.databases:
            raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.", state=3)
        del self.databases[database.name.lower()]
        database.name = name
        self.databases[name.lower()] = database

    def open_database(self, login: Login, name: str) -> Database:
        """A database that a login may use (911, 942, 916)."""
        database = self.databases.get(name.lower())
        if database is None:
            raise SqlError(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
        if database.state != "ONLINE":
            raise SqlError(
                942, f"Database '{database.name}' cannot be opened because it is offline.", severity=14, state=4
            )
        if database.principals.user_of(login) is None:
            raise SqlError(
                916,
                f'The server principal "{login.name}" is not able to access the database "{database.name}" under the current security '
                "context.",
                severity=14,
            )
        return database

    def login(self, user: str, password: str, database: str, application: str, host: str) -> Session:
        """See `seam.Server.login`."""
        login = self.logins.get(user.lower())
        if (
            login is None
            or login.password != password
            or not login.enabled
            or login.permissions.get("CONNECT SQL") == "D"
        ):
            raise SqlError(18456, f"Login failed for user '{user}'.", severity=14, state=1)
        wanted = database or login.default_database
        try:
            home = self.open_database(login, wanted)
        except SqlError as error:
            raise SqlError(
                4060, f'Cannot open database "{wanted}" requested by the login. The login failed.', severity=11, state=1
            ) from error
        with self._latch:
            spid = next(number for number in itertools.count(51) if number not in self.sessions)
            session = self.sessions[spid] = Session(self, spid, login, home, application, host)
        return session

    def forget_session(self, session: Session) -> None:
        """A session is over."""
        with self._latch:
            if self.sessions.get(session.spid) is session:
                del self.sessions[session.spid]

    def kill(self, spid: int) -> bool:
        """See `seam.Server.kill`."""
        session = self.sessions.get(spid)
        if session is None:
            return False
        if not session.end():
            session.close()
        if self.on_kill is not None:
            self.on_kill(spid)
        return True

    def execute_batch(
        self, session: Session, text: str, parameters: Mapping[str, tuple[SqlType, Any]], outputs: Collection[str]
    ) -> Iterator[Item]:
        """Hands a batch to the language."""
        return execute_batch(session, text, parameters, outputs)

    # --- transactions -------------------------------------------------------------------------------------------------

    def new_transaction(self, session: Session, explicit: bool) -> Transaction:
        """A transaction of a session."""
        return Transaction(session, next(self._transaction_ids), explicit)

    def commit(self, transaction: Transaction) -> None:
        """Makes all that it wrote visible at once, and puts its changes before the capture jobs."""
        if transaction.undo or transaction.commit_actions or transaction.records:
            with self.commits.latch:
                moment = self.commits.value + 1
                for database, records in transaction.records.items():
                    if records:
                        self._log_commit(transaction, database, records)
                transaction.stamp.at = moment
                self.commits.value = moment
                for action in transaction.commit_actions:
                    action(moment)
            transaction.stamp.owner = None
        self.let_go(transaction)
        if transaction.leftovers:
            self._forget_later(transaction)

    def _log_commit(self, transaction: Transaction, database: Database, records: Any) -> None:
        began = transaction.began or self.now()
        database.committed.append(
            Committed(database.log.commit(), records[0].lsn, transaction.id, began, self.now(), records)
        )

    def _forget_later(self, transaction: Transaction) -> None:
        leftovers, moment = transaction.leftovers, transaction.stamp.at or 0
        # What was before stays readable for those who read an earlier moment.
        if self.commits.horizon >= moment:
            forget(leftovers, moment)
            self.vacuum.run(moment)
            return
        self.vacuum.later(moment, lambda: forget(leftovers, self.commits.horizon))
        self.vacuum.run(self.commits.horizon)

    def release_moment(self, owner: Any) -> None:
        """Somebody who read an older moment does so no longer: what was kept for it can be forgotten."""
        if self.commits.release(owner):
            self.vacuum.run(self.commits.horizon)

    def abandon(self, transaction: Transaction) -> None:
        """Rolls a transaction back."""
        transaction.undo_all()
        self.let_go(transaction)

    def let_go(self, transaction: Transaction) -> None:
        """Gives up all that a transaction holds."""
        self.release_moment(transaction)
        had_locks = bool(transaction.locks)
        if had_locks:
            with self.waits.condition:
                for lock in transaction.locks:
                    lock.holders.pop(transaction, None)
                transaction.locks = set()
        if transaction.applocks:
            self.applocks.release_owner(transaction)
        if transaction.wrote or had_locks:
            self.waits.wake()

    # --- verbs of the control channel ---------------------------------------------------------------------------------

    def capture_job(self, action: str, database: str = "") -> None:
        """See `seam.Server.capture_job`."""
        self.jobs.command(action, database)

    def cleanup(self, database: str = "", instance: str = "", keep_from: bytes | None = None) -> None:
        """Runs clean-up now.

        Args:
            database: "" for all.
            instance: "" for all of the database's.
            keep_from: The new low water mark: rows of commits before it are deleted; one above the newest commit
                deletes all. None: what the retention says.
        """
        self.jobs.cleanup(database, instance, keep_from)

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int = 100) -> None:
        """Puts made-up inserts into the change tables of a captured table, quickly and sharing memory, as of now."""
        self.jobs.fabricate(database, table, rows, per_transaction)

    def backup(self, database: str) -> str:
        """Keeps a database's committed state; gives a token for `restore`."""
        token = f"{database.lower()}-{len(self._backups) + 1}"
        with self.commits.latch:
            self._backups[token] = backups.copied(self.databases[database.lower()])
        return token

    def restore(self, token: str) -> None:
        """Puts a database back to what it was; its sessions are killed. LSNs go on from where they were then."""
        kept = self._backups[token]
        old = self.databases.get(kept.name.lower())
        for session in [one for one in self.sessions.values() if one.database is old]:
            self.kill(session.spid)
        with self.commits.latch:
            if old is not None:
                self.jobs.forget(old)
            self.databases[kept.name.lower()] = backups.copied(kept, restored=True)

    def set_database_state(self, database: str, state: str) -> None:
        """Puts a database into a state such as RECOVERING; unless it is ONLINE nobody opens it, sessions in it stay."""
        self.databases[database.lower()].state = state.upper()

    def inject_capture_error(self, database: str, number: int = 22859, message: str = "") -> None:
        """Adds a row to sys.dm_cdc_errors as a failing log scan would."""
        self.jobs.add_error(database, number, message)

    def close(self) -> None:
        """See `seam.Server.close`."""
        self.jobs.close()
        for session in list(self.sessions.values()):
            session.end()
