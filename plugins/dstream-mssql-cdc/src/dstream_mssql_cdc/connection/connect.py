"""Opening sessions."""

from __future__ import annotations

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection.addresses import port_of
from dstream_mssql_cdc.connection.connection import Connection
from dstream_mssql_cdc.connection.diagnosis import login_failure
from dstream_mssql_cdc.connection.errors import StatementError
from dstream_mssql_cdc.connection.opening import open_raw
from dstream_mssql_cdc.connection.preflight import obstacle
from dstream_mssql_cdc.connection.settings import ConnectionSettings

__all__ = ["Connection", "connect"]

SESSION = (
    "SET LANGUAGE us_english",  # messages, and names of months, in the language that this code knows
    "SET DATEFORMAT ymd",
    "SET LOCK_TIMEOUT 60000",  # milliseconds: a table that is locked for longer is tried again, not waited for in silence
    "SET DEADLOCK_PRIORITY LOW",  # whoever writes to the source wins
    "SET XACT_ABORT ON",
    "SET IMPLICIT_TRANSACTIONS OFF",
)
"""What every session is set to, whatever the server's or the login's defaults are."""


def connect(settings: ConnectionSettings, *, purpose: str = "") -> Connection:
    """Opens a session on the database.

    Args:
        settings: where, and as whom.
        purpose: what it is for; part of its name on the server and of messages.

    Raises:
        UnreachableError: no server answers, or it cannot take sessions now.
        SetupError: host, instance, login, database, encryption or certificate are wrong; the hint says what to do.
    """
    port = port_of(settings)
    try:
        raw = open_raw(settings, port, purpose)
    except DStreamError:
        raise
    except Exception as error:  # noqa: BLE001  pymssql raises several kinds, none of which says what failed
        raise (obstacle(settings, port) or login_failure(settings, port, error)) from None
    connection = Connection(raw, purpose)
    try:
        _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: Connection) -> None:
    try:
        connection.execute("; ".join(SESSION))
    except StatementError:
        # a server that lacks one of them gets the others; none of them decides over right and wrong
        for statement in SESSION:
            try:
                connection.execute(statement)
            except StatementError:
                continue
