"""The sandbox with one captured table whose rows are replayed: `mssql.canned_engine:CannedServer`.

All but the statements that read rows is answered by the sandbox's own engine. How many rows there are is said in the variable
`CANNED`, as JSON.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.main import run
from dstream_sandbox.sqlserver.results import Item, RowSet
from dstream_sandbox.sqlserver.seam import Session
from dstream_sandbox.sqlserver.tds.encode import Encoder
from dstream_sandbox.sqlserver.tds.response import Response
from dstream_sandbox.sqlserver.types import SqlType
from mssql.canned_rows import CHANGE_COLUMNS, OWN_COLUMNS, PER_TRANSACTION, Numbering, Pages, Replay

SETTINGS = "CANNED"
SET_UP = (
    "CREATE DATABASE bench",
    "USE bench",
    "ALTER DATABASE bench SET ALLOW_SNAPSHOT_ISOLATION ON",
    "EXEC sys.sp_cdc_enable_db",
    """CREATE TABLE dbo.Orders (Id int NOT NULL PRIMARY KEY, Customer nvarchar(40) NOT NULL, Amount decimal(18, 2) NOT NULL,
    Placed datetime2(3) NOT NULL, Note varchar(100), Paid bit NOT NULL)""",
    "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL",
)
_CHANGES = re.compile(r"SELECT TOP \((\d+)\) .* FROM \[cdc\]\.\[dbo_Orders_CT\] AS c .* WHERE (.*) ORDER BY", re.DOTALL)
_ROWS = re.compile(
    r"SELECT TOP \((\d+)\) .*\sFROM \[dbo\]\.\[Orders\] AS t(?:\sWHERE t\.\[Id\] > CAST\((\d+) AS int\))?", re.DOTALL
)
_LITERAL = re.compile(r"0x([0-9a-fA-F]+)")
_OPERATION = re.compile(r"\[__\$operation\] > (\d+)")


def _write_rows(self: Response, rows: Any, encoders: Sequence[Encoder]) -> int:
    """In place of `Response.write_rows`: what is replayed goes out as it is."""
    if not isinstance(rows, Replay):
        return _write_values(self, rows, encoders)
    for block in rows.blocks(encoders):
        self.write(block)
    return rows.end - rows.start


_write_values = Response.write_rows
Response.write_rows = _write_rows  # type: ignore[method-assign]  # rows that are bytes already have no other way in


class CannedSession:
    """One client's session: the sandbox's own, but for the statements that read rows.

    Args:
        server: the engine.
        session: what answers everything else.
    """

    def __init__(self, server: CannedServer, session: Session):
        self._server = server
        self._session = session

    @property
    def spid(self) -> int:
        """The session's number."""
        return self._session.spid

    @property
    def database_name(self) -> str:
        """The current database."""
        return self._session.database_name

    def execute(
        self, text: str, parameters: Mapping[str, tuple[SqlType, Any]] | None = None, outputs: Collection[str] = ()
    ) -> Iterator[Item]:
        """Replays rows, or has the engine answer."""
        if (result := self._server.answer(text)) is not None:
            yield result
        else:
            yield from self._session.execute(text, parameters, outputs)

    def cancel(self) -> None:
        """See `seam.Session`."""
        self._session.cancel()

    def reset(self) -> None:
        """See `seam.Session`."""
        self._session.reset()

    def close(self) -> None:
        """See `seam.Session`."""
        self._session.close()


class CannedServer(Server):
    """The sandbox's engine with the database `bench`, whose table `dbo.Orders` seems to have rows and changes.

    Args:
        user: the administrator.
        password: of the administrator.
        settings: what else the process was told.
    """

    def __init__(self, user: str = "sa", password: str = "", **settings: Any):
        super().__init__(user, password, **settings)
        given = json.loads(os.environ.get(SETTINGS, "{}"))
        self._kind = str(given.get("kind", "mixed"))
        self._rows = int(given.get("rows", 100_000))
        session = super().login(user, password, "", "benchmark", "")
        for statement in SET_UP:
            run(session.execute(statement))
        self.fabricate("bench", "dbo.Orders", self._rows, PER_TRANSACTION)
        newest = next(item for item in session.execute("SELECT sys.fn_cdc_get_max_lsn()") if isinstance(item, RowSet))
        self._numbers = Numbering.ending(next(iter(newest.rows))[0], self._rows)
        self._pages = Pages(self._numbers)
        session.close()

    def login(self, user: str, password: str, database: str, application: str, host: str) -> Any:
        """A new session that replays rows."""
        return CannedSession(self, super().login(user, password, database, application, host))

    def answer(self, text: str) -> RowSet | None:
        """The result of a query for rows; None: it is none."""
        if found := _CHANGES.match(text):
            start, end = self._range(found[2])
            end = min(end, start + int(found[1]))
            return RowSet(CHANGE_COLUMNS, Replay(self._pages, self._kind, start, end))
        if found := _ROWS.match(text):
            start = int(found[2]) + 1 if found[2] else 0
            return RowSet(OWN_COLUMNS, Replay(self._pages, "rows", start, min(self._rows, start + int(found[1]))))
        return None

    def _range(self, condition: str) -> tuple[int, int]:
        """The rows that a condition of the input on the change table's key means: one of its three forms."""
        literals = [bytes.fromhex(digits) for digits in _LITERAL.findall(condition)]
        first = self._numbers.rows_upto(literals[0])
        if "[__$start_lsn] >" in condition:
            return first, min(self._numbers.rows_upto(literals[1]), self._rows)
        operation = _OPERATION.search(condition)
        if operation is None:  # later statements of the transaction: each has one only
            return 0, 0
        return min(self._numbers.behind(literals[1], int(operation[1])), first), first
