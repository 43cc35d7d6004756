"""Questions that a server may not understand, or not answer to this user: what is optional must not stop a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.connection.connection import Connection


def query_any(connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
    """The rows of the first of several statements that the server takes; they ask for the same in plainer and plainer words.

    Raises:
        TemporaryError: the session failed.
        DStreamError: it takes none of them; what it said to the first.
    """
    refusals: list[DStreamError] = []
    for statement in statements:
        try:
            return connection.query(statement)
        except TemporaryError:
            raise
        except DStreamError as error:
            refusals.append(error)
    raise refusals[0]


def answer(connection: Connection, statement: str, *parameters: Any) -> tuple[Any, ...] | None:
    """The first row of what is good to know; None if there is none, or if the server refuses to say.

    Raises:
        TemporaryError: the session failed.
    """
    try:
        rows = connection.query(statement, *parameters)
    except TemporaryError:
        raise
    except DStreamError:
        return None
    return rows[0] if rows else None


def clock_time(value: Any) -> datetime | None:
    """A time of the server's clock without zone, whatever type it arrives in; None: it is no time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.replace(tzinfo=None) if isinstance(value, datetime) else None
