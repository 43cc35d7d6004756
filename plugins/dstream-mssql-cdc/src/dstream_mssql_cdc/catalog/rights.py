"""Which tables a session may read: those of their columns that are delivered, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dstream_core.api import ConfigurationError, DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.values import CaptureInstance, Column, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.answers import answer
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import SetupError, StatementError
from dstream_mssql_cdc.sql import qualified, quoted
from dstream_mssql_cdc.values.columns import plan_columns

Known = TypeVar("Known")

COMMIT_TIMES = "cdc.lsn_time_mapping"
_DENIED = frozenset({"mssql/permission", "mssql/no-database-access"})
_OF_COMMITS = ("start_lsn", "tran_end_time", "tran_id")
_OF_CHANGES = ("__$start_lsn", "__$seqval", "__$operation")


@dataclass(frozen=True)
class Unreadable:
    """What a session may not read of some tables.

    Attributes:
        change_tables: tables whose change tables are closed to it.
        tables: tables that are themselves closed to it.
        commit_times: `cdc.lsn_time_mapping` is closed to it.
        user: the database's user that it is.
    """

    change_tables: tuple[Table, ...] = ()
    tables: tuple[Table, ...] = ()
    commit_times: bool = False
    user: str = ""

    def __bool__(self) -> bool:
        return bool(self.change_tables or self.tables or self.commit_times)

    def error(self) -> SetupError:
        """The error that names all of it, with every GRANT that is needed."""
        parts = [
            f"{what} of {', '.join(table.qualified for table in tables)}"
            for what, tables in (("the changes", self.change_tables), ("the rows", self.tables))
            if tables
        ]
        if self.commit_times:
            parts.append(COMMIT_TIMES)
        return SetupError(
            f"{self.user} may not read {' and '.join(parts)}", code="mssql/permission", hint=self.remedy()
        )

    def remedy(self) -> str:
        """The statements that an owner of the database runs."""
        statements = [remedies.grant_change_tables(self.user)] if self.change_tables or self.commit_times else []
        if self.tables:
            statements.append(remedies.grant_tables(self.tables, self.user))
        return "\n".join(statements)


def unreadable(connection: Connection, tables: Sequence[Table], options: MssqlCdcOptions) -> Unreadable:
    """Finds what of captured tables a run would read and the session may not.

    Args:
        connection: a session on the database.
        tables: captured tables.
        options: say which columns are read, and whether the tables' rows are, for snapshots.

    Raises:
        TemporaryError: the session failed.
    """
    user = user_name(connection)
    whole = options.envelope != "original"
    change_tables = tuple(
        table
        for table in _suspects(connection, tables, queries.CHANGE_TABLE_RIGHTS)
        if not all(
            may_read(connection, qualified("cdc", instance.change_table), _read_of_changes(table, instance, options))
            for instance in table.instances
        )
    )
    closed: tuple[Table, ...] = ()
    if options.snapshot != "never":
        suspects = _suspects(connection, tables, queries.TABLE_RIGHTS)
        closed = tuple(
            table
            for table in suspects
            if not may_read(connection, table.quoted, _read(table, table.columns, options, whole_key=True))
        )
    commit_times = whole and bool(tables) and not may_read(connection, COMMIT_TIMES, _OF_COMMITS)
    return Unreadable(change_tables, closed, commit_times, user)


def _read_of_changes(table: Table, instance: CaptureInstance, options: MssqlCdcOptions) -> list[str]:
    own = [*_OF_CHANGES, *(["__$command_id"] if instance.has_command_id else [])]
    if options.envelope != "original":
        own.append("__$update_mask")
    return own + _read(table, instance.columns, options, whole_key=False)


def _read(table: Table, columns: Sequence[Column], options: MssqlCdcOptions, *, whole_key: bool) -> list[str]:
    """Names of the columns that are read, as far as that can be told: what else is wrong is told elsewhere."""
    try:
        return [each.name for each in plan_columns(table, columns, options, whole_key=whole_key).read]
    except ConfigurationError:
        return [column.name for column in columns]


def may_read(connection: Connection, name: str, columns: Sequence[str]) -> bool:
    """Whether the session may read these columns; asked by reading no row of them.

    Args:
        connection: a session on the database.
        name: the table, quoted.
        columns: what is to be read.
    """
    listed = ", ".join(map(quoted, columns)) or "1"
    try:
        connection.query(f"SELECT TOP (0) {listed} FROM {name}")  # noqa: S608  names are quoted
    except SetupError as error:
        if error.code in _DENIED:
            return False
        raise
    except StatementError:
        return True  # it is no right that is missing; whoever reads the table will say what is
    return True


def by_catalog(connection: Connection, read: Callable[[Connection], Known]) -> Known:
    """What the catalog of captured tables says, or an error with the grant that is missing.

    Args:
        connection: a session on the database.
        read: reads it.

    Raises:
        SetupError: `mssql/permission`, the user may not read it.
        DStreamError: see `connection.errors`.
    """
    try:
        return read(connection)
    except SetupError as error:
        if error.code != "mssql/permission":
            raise
        user = user_name(connection)
        raise SetupError(
            f"{user} may not read the catalog of captured tables: {error.message}",
            code=error.code,
            hint=f"as an owner of the database: {remedies.grant_change_tables(user)}",
        ) from None


def user_name(connection: Connection) -> str:
    """The database's user that the session is."""
    return str((answer(connection, "SELECT USER_NAME()") or ("this user",))[0])


def _suspects(connection: Connection, tables: Sequence[Table], sql: str) -> list[Table]:
    """The tables that the server does not call readable as a whole; a right on their columns may do all the same."""
    try:
        rights = {int(number): allowed for number, allowed in connection.query(sql)}
    except TemporaryError:
        raise
    except DStreamError:
        return list(tables)
    return [table for table in tables if rights.get(table.object_id) != 1]
