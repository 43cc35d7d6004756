"""What the wire asks of the engine: a server that logs clients in, and their sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from dstream_sandbox.sqlserver.results import Item
from dstream_sandbox.sqlserver.types import SqlType


class Session(Protocol):
    """One client's session. Only `cancel` and `kill` are called from other threads than the connection's own."""

    @property
    def spid(self) -> int:
        """The session's number, as @@SPID: 51 and up."""

    @property
    def database_name(self) -> str:
        """The name of the current database."""

    def execute(
        self, text: str, parameters: Mapping[str, tuple[SqlType, Any]] | None = None, outputs: Collection[str] = ()
    ) -> Iterator[Item]:
        """Runs a batch; what it has to say comes as it happens.

        Args:
            text: The T-SQL.
            parameters: Variables that the batch starts with: name with its `@`, type, value.
            outputs: Names among `parameters` whose last values are yielded as ReturnValue at the end of the batch
                (output parameters of a procedure call by name and of sp_executesql).

        Raises:
            SqlError: The batch ended with it.
            CancelledError: `cancel` was called.
            KilledError: The session was killed by another one.
        """

    def cancel(self) -> None:
        """Ends what runs as soon as possible (from another thread); nothing when nothing runs."""

    def reset(self) -> None:
        """As sp_reset_connection: rolls back, and puts options and database back to those of the login."""

    def close(self) -> None:
        """The client is gone: rolls back, gives up locks. Harmless when called twice."""


class Server(Protocol):
    """The engine as the process sees it.

    Attributes:
        on_kill: Set by the wire; the engine calls it with the spid when a session was killed (by the statement `KILL` or by
            `kill`), so that the connection of an idle session closes as well.
    """

    on_kill: Callable[[int], object] | None

    def login(self, user: str, password: str, database: str, application: str, host: str) -> Session:
        """A new session in `database` ("" for the login's default).

        Raises:
            SqlError: 18456 for a wrong login, 4060 for a database that cannot be opened.
        """

    def kill(self, spid: int) -> bool:
        """Ends a session as KILL does: what it runs raises KilledError. False: there is none of that number."""

    def capture_job(self, action: str, database: str = "") -> None:
        """`start`s, `stop`s, or runs `once` (returns when all committed before is captured) the capture jobs."""

    def cleanup(self, database: str = "", instance: str = "", keep_from: bytes | None = None) -> None:
        """Runs the clean-up jobs now.

        Args:
            database: "" for all.
            instance: A capture instance; "" for all.
            keep_from: The new low water mark; None: as the retention says.
        """

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int = 100) -> None:
        """Fills a captured table's change table with made-up inserts, quickly."""

    def backup(self, database: str) -> str:
        """Keeps a database's committed state; gives a token for `restore`."""

    def restore(self, token: str) -> None:
        """Puts a database back to what it was at `backup`."""

    def inject_capture_error(self, database: str, number: int = 22859, message: str = "") -> None:
        """Adds a row to sys.dm_cdc_errors."""

    def set_database_state(self, database: str, state: str) -> None:
        """Puts a database into a state of `sys.databases.state_desc`."""

    def set_clock(self, offset: float | None = None, time_zone: str | int | None = None) -> None:
        """Moves the server's clock by seconds, or the server to another time zone."""

    def close(self) -> None:
        """Ends the engine's threads."""
