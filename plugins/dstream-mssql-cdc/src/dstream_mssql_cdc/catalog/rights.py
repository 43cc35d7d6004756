"""Which tables a session may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import SetupError
from dstream_mssql_cdc.sql import qualified, quoted

_DENIED = frozenset({"mssql/permission", "mssql/no-database-access"})


@dataclass(frozen=True)
class Unreadable:
    """What a session may not read of some tables.

    Attributes:
        change_tables: tables whose change tables are closed to it.
        tables: tables that are themselves closed to it.
        hidden: capture instances whose table it may not even see.
        user: the database's user that it is.
    """

    change_tables: tuple[Table, ...] = ()
    tables: tuple[Table, ...] = ()
    hidden: tuple[str, ...] = ()
    user: str = ""

    def __bool__(self) -> bool:
        return bool(self.change_tables or self.tables)

    def error(self) -> SetupError:
        """The error that names all of it, with every GRANT that is needed."""
        parts = [
            f"{what} of {', '.join(table.qualified for table in tables)}"
            for what, tables in (("the changes", self.change_tables), ("the rows", self.tables))
            if tables
        ]
        return SetupError(
            f"{self.user} may not read {' and '.join(parts)}", code="mssql/permission", hint=self.remedy()
        )

    def remedy(self) -> str:
        """The statements that an owner of the database runs."""
        statements = [remedies.grant_change_tables(self.user)] if self.change_tables else []
        if self.tables:
            statements.append(remedies.grant_tables(self.tables, self.user))
        return "\n".join(statements)


def unreadable(connection: Connection, tables: Sequence[Table], *, rows: bool) -> Unreadable:
    """Finds what of captured tables the session may not read.

    Args:
        connection: a session on the database.
        tables: captured tables.
        rows: also their rows, for snapshots; else their changes only.

    Raises:
        TemporaryError: the session failed.
    """
    user = user_name(connection)
    change_tables = tuple(
        table
        for table in _suspects(connection, tables, queries.CHANGE_TABLE_RIGHTS)
        if not all(
            may_read(connection, qualified("cdc", instance.change_table), instance.columns)
            for instance in table.instances
        )
    )
    closed: tuple[Table, ...] = ()
    if rows:
        suspects = _suspects(connection, tables, queries.TABLE_RIGHTS)
        closed = tuple(table for table in suspects if not may_read(connection, table.quoted, table.columns))
    return Unreadable(change_tables, closed, user=user)


def may_read(connection: Connection, name: str, columns: Sequence[Column]) -> bool:
    """Whether the session may read these columns; asked by reading no row of them.

    Args:
        connection: a session on the database.
        name: the table, quoted.
        columns: what is to be read.
    """
    listed = ", ".join(quoted(column.name) for column in columns) or "1"
    try:
        connection.query(f"SELECT TOP (0) {listed} FROM {name}")  # noqa: S608  names are quoted
    except SetupError as error:
        if error.code in _DENIED:
            return False
        raise
    return True


def user_name(connection: Connection) -> str:
    """The database's user that the session is."""
    return str(connection.query("SELECT USER_NAME()")[0][0])


def _suspects(connection: Connection, tables: Sequence[Table], sql: str) -> list[Table]:
    """The tables that the server does not call readable as a whole; a right on their columns may do all the same."""
    try:
        rights = {int(number): allowed for number, allowed in connection.query(sql)}
    except TemporaryError:
        raise
    except DStreamError:
        return list(tables)
    return [table for table in tables if rights.get(table.object_id) != 1]
