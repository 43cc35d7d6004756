"""Every write to the table of positions, as the server's own change capture saw it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dstream_mssql_cdc.position import TablePosition
from dstream_mssql_cdc.shared_tables import checkpoint_tables
from dstream_sandbox.sqlserver.client import SqlServerSandbox

TABLES = checkpoint_tables("dbo.cdc_offsets")
INSTANCE = "history"
HISTORY = f"""SELECT table_name, epoch, holder, writer, position FROM cdc.{INSTANCE}_CT WHERE __$operation IN (2, 4)
ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation"""
HOLDERS = "SELECT table_name, holder, epoch FROM dbo.dstream_checkpoints"


@dataclass
class _Row:
    epoch: int
    writer: str
    reader: str | None
    """Who had the lease when the writer made its mark."""
    position: TablePosition


class CheckpointHistory:
    """The table of positions of one database.

    Args:
        server: the server.
        database: where change data capture is on.
    """

    def __init__(self, server: SqlServerSandbox, database: str) -> None:
        self._control = server.control
        self._database = database
        self.writes = 0
        """How many `check` has seen."""
        self._control.sql(TABLES.definition(TABLES.positions), database)
        self._control.sql(
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'dstream_checkpoints', "
            f"@role_name = NULL, @capture_instance = N'{INSTANCE}'",
            database,
        )

    def holders(self) -> dict[str, tuple[str, int]]:
        """Who holds which table, with the epoch; those that nobody holds are left out."""
        rows = self._control.sql(HOLDERS, self._database)
        return {name: (holder, int(epoch)) for name, holder, epoch in rows if holder is not None}

    def check(self) -> None:
        """No position ever went back, and none was stored under a lease once it was passed on."""
        known: dict[str, _Row] = {}
        rows = self._control.sql(HISTORY, self._database)
        for name, epoch, holder, writer, text in rows:
            position = TablePosition.parse(json.loads(text)) if text else TablePosition()
            row = known.setdefault(name, _Row(0, "", None, TablePosition()))
            assert int(epoch) >= row.epoch, f"{name}: the epoch went back"
            if writer != row.writer:
                row.reader = holder
            if position != row.position:
                assert holder in {row.reader, None}, f"{name}: stored by {row.reader} when {holder} had it"
                assert_forward(name, row.position, position)
            row.epoch, row.writer, row.position = int(epoch), writer, position
        self.writes = len(rows)


def assert_forward(name: str, before: TablePosition, after: TablePosition) -> None:
    """A position never goes back."""
    assert _changes(after) >= _changes(before), f"{name}: {before} -> {after}"
    if before.snapshot is not None and after.snapshot is not None and before.snapshot.after is not None:
        assert after.snapshot.rows >= before.snapshot.rows, f"{name}: {before} -> {after}"


def _changes(position: TablePosition) -> tuple[Any, ...]:
    return () if position.changes is None else tuple(position.changes)
