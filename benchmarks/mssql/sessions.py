"""A session of one's own on a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pymssql  # noqa: TID253  what writes to the sandbox, in the process that measures

from dstream_sandbox.sqlserver.client import SqlServerSandbox

Session: TypeAlias = Callable[[str], list[Any]]
"""Runs a statement and gives its rows."""


@contextmanager
def session(server: SqlServerSandbox) -> Iterator[Session]:
    """A session on the database `bench`, in autocommit mode."""
    connection = pymssql.connect(**server.pymssql("bench"), autocommit=True)
    cursor = connection.cursor()

    def run(statement: str) -> list[Any]:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    try:
        yield run
    finally:
        connection.close()
