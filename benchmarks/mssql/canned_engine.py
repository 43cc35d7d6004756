"""An engine for the sandbox's wire that has one captured table and replays its rows: `mssql.canned_engine:CannedServer`.

It knows the statements that the input sends, and no others. What it has is said in the variable `CANNED`, as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Done, EnvChange, Item, RowSet
from dstream_sandbox.sqlserver.tds.encode import Encoder
from dstream_sandbox.sqlserver.tds.response import Response
from dstream_sandbox.sqlserver.types import SqlType
from mssql.canned_catalog import CHANGE_TABLE, catalog_answers
from mssql.canned_rows import (
    CHANGE_COLUMNS,
    OWN_COLUMNS,
    PER_TRANSACTION,
    Replay,
    lsn_of,
    number_behind,
    transaction_of,
)

SETTINGS = "CANNED"
_CHANGES = re.compile(
    rf"SELECT TOP \((\d+)\) .* FROM \[cdc\]\.\[{CHANGE_TABLE}\] AS c .* WHERE (.*) ORDER BY", re.DOTALL
)
_ROWS = re.compile(
    r"SELECT TOP \((\d+)\) .*\sFROM \[dbo\]\.\[Orders\] AS t(?:\sWHERE t\.\[Id\] > CAST\((\d+) AS int\))?", re.DOTALL
)
_LITERAL = re.compile(r"0x([0-9a-fA-F]+)")
_OPERATION = re.compile(r"\[__\$operation\] > (\d+)")
_SILENT = re.compile(r"USE |SET |IF @@TRANCOUNT > 0 ROLLBACK|COMMIT TRANSACTION|ROLLBACK TRANSACTION", re.IGNORECASE)


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
    """One client's session.

    Args:
        server: the engine.
        spid: its number.
        database: its database.
    """

    def __init__(self, server: CannedServer, spid: int, database: str):
        self._server = server
        self._transactions = itertools.count(1)
        self.spid = spid
        self.database_name = database

    def execute(
        self, text: str, parameters: Mapping[str, tuple[SqlType, Any]] | None = None, outputs: Collection[str] = ()
    ) -> Iterator[Item]:
        """Answers one of the statements that it knows."""
        if (result := self._server.answer(text)) is not None:
            yield result
        elif text.startswith("BEGIN TRANSACTION"):
            yield EnvChange("begin", next(self._transactions))
            yield Done(None, "")
        elif _SILENT.match(text):
            yield Done(None, "set")
        else:
            raise SqlError(50001, f"canned: unknown statement {text[:400]}")

    def cancel(self) -> None:
        """Nothing runs for long."""

    def reset(self) -> None:
        """Nothing to put back."""

    def close(self) -> None:
        """Nothing to give up."""


class CannedServer:
    """The engine; see `seam.Server`.

    Args:
        user: taken as it is.
        password: not asked for: it listens on loopback for the length of a benchmark.
        settings: what else the process was told; not used.
    """

    def __init__(self, user: str = "sa", password: str = "", **settings: Any):
        given = json.loads(os.environ.get(SETTINGS, "{}"))
        self._kind = str(given.get("kind", "mixed"))
        self._rows = int(given.get("rows", 100_000))
        self._spids = itertools.count(51)
        self._catalog = catalog_answers(lsn_of(self._rows // PER_TRANSACTION - 1), lsn_of(-1))
        self.on_kill: Callable[[int], object] | None = None

    def login(self, user: str, password: str, database: str, application: str, host: str) -> CannedSession:
        """A new session, whoever asks."""
        return CannedSession(self, next(self._spids), database or "master")

    def answer(self, text: str) -> RowSet | None:
        """The result of a query; None: it is none that is known."""
        if found := _CHANGES.match(text):
            start, end = self._range(found[2])
            return RowSet(CHANGE_COLUMNS, Replay(self._kind, start, min(end, start + int(found[1]))))
        if found := _ROWS.match(text):
            limit = int(found[1])
            start = int(found[2]) + 1 if found[2] else 0
            return RowSet(OWN_COLUMNS, Replay("rows", start, min(self._rows, start + limit)))
        made = self._catalog.get(text) or next(
            (answer for marker, answer in self._catalog.items() if text.startswith(marker)), None
        )
        return None if made is None else made()

    def _range(self, condition: str) -> tuple[int, int]:
        """The rows that a condition of the input on the change table's key means: one of its three forms."""
        literals = [bytes.fromhex(digits) for digits in _LITERAL.findall(condition)]
        first = max(transaction_of(literals[0]) + 1, 0) * PER_TRANSACTION
        if "[__$start_lsn] >" in condition:
            return first, min((transaction_of(literals[1]) + 1) * PER_TRANSACTION, self._rows)
        operation = _OPERATION.search(condition)
        if operation is None:  # later statements of the transaction: each has one only
            return 0, 0
        return min(number_behind(literals[1], int(operation[1])), first), first

    def kill(self, spid: int) -> bool:
        """There is nobody to kill."""
        return False

    def capture_job(self, action: str, database: str = "") -> None:
        """There is none."""

    def cleanup(self, database: str = "", instance: str = "", keep_from: bytes | None = None) -> None:
        """Everything stays."""

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int = 100) -> None:
        """The rows are there from the start."""

    def backup(self, database: str) -> str:
        """Nothing is kept."""
        return ""

    def restore(self, token: str) -> None:
        """Nothing was kept."""

    def inject_capture_error(self, database: str, number: int = 22859, message: str = "") -> None:
        """There are none."""

    def set_clock(self, offset: float | None = None, time_zone: str | int | None = None) -> None:
        """The clock is the machine's."""

    def close(self) -> None:
        """There are no threads."""
