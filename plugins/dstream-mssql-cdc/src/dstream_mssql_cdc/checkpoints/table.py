"""Positions in the database itself: our own, and beside them what the Go provider needs to go on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.checkpoints.keeper import Entry, FencedKeeper
from dstream_mssql_cdc.checkpoints.original import Offset, names_of, resumed, rows_of, to_original
from dstream_mssql_cdc.connection.answers import answer
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.leases import Leases
from dstream_mssql_cdc.shared_tables import CheckpointTables, parts, task_key
from dstream_mssql_cdc.sql import literal

MARK = "UPDATE $positions SET writer = %s WHERE task = %s AND table_name = %s;"
MARK_WITH_EPOCH = """UPDATE $positions SET writer = %s, epoch = %s
WHERE task = %s AND table_name = %s AND epoch <= %s;"""
STORED = """SELECT table_name, database_guid, position, writer, offsets_lsn, offsets_seq
FROM $positions WHERE task = %s"""
OFFSETS = "SELECT table_name, last_lsn, last_seq FROM $offsets"
OFFSET_NAMES = "SELECT table_name FROM $offsets"
OTHERS = "SELECT table_name FROM $positions WHERE task <> %s AND database_guid = %s AND offsets_lsn IS NOT NULL"
STORE = """UPDATE $positions SET position = %s, updated_at = GETUTCDATE()
WHERE task = %s AND table_name = %s AND writer = %s$epoch;"""
STORE_WITH_OFFSET = """UPDATE $positions SET position = %s, offsets_lsn = %s, offsets_seq = %s, updated_at = GETUTCDATE()
WHERE task = %s AND table_name = %s AND writer = %s$epoch;"""
TELL = """IF @@ROWCOUNT = 0 SELECT %s AS refused;"""
TELL_OR_FOLLOW = """IF @@ROWCOUNT = 0 SELECT %s AS refused
ELSE BEGIN
$follow
END;"""
AND_EPOCH = " AND epoch = %s"
MOVE_OFFSET = "UPDATE $offsets SET last_lsn = %s, last_seq = %s, updated_at = GETDATE() WHERE table_name = %s;"
ADD_OFFSET = "INSERT INTO $offsets (table_name, last_lsn, last_seq, updated_at) VALUES (%s, %s, %s, GETDATE());"
FOLLOW = f"{MOVE_OFFSET}\nIF @@ROWCOUNT = 0\n{ADD_OFFSET}"
CONTROL_FLOW = "IF 1 = 1 SELECT 1"
FORGET = "DELETE FROM {table} WHERE {condition}"


@dataclass(frozen=True)
class Stored:
    """A row of our table.

    Attributes:
        guid: of the database it belongs to.
        position: the position as JSON text, None if there is none.
        writer: whoever may store.
        written: what was last written into the Go provider's rows for it.
    """

    guid: str
    position: str | None
    writer: str
    written: Offset | None


class TableKeeper(FencedKeeper):
    """A keeper in the database.

    A row of `cdc_offsets` has no task, so one task only has it: the first that met it. Others leave it alone.

    Args:
        pool: connections.
        tables: the tables' names.
        guid: identity of the database; empty if nobody may see it.
        task: name of the task.
        leases: what this copy holds.
    """

    def __init__(self, pool: ConnectionPool, tables: CheckpointTables, guid: str, task: str, leases: Leases):
        super().__init__(leases, f"checkpoint table {tables.positions}")
        self._pool = pool
        self._tables = tables
        self._guid = guid
        self._task = task_key(task)
        self._control_flow = True
        self._rows: dict[str, tuple[str, ...]] = {}
        """By table: the rows of the Go provider's table that follow its position."""

    def open(self) -> None:
        """Makes the tables if need be.

        Raises:
            ConfigurationError: they may not be made.
        """
        with self._pool.lend("checkpoints") as connection:
            self._tables.ensure(connection, self._tables.offsets, self._tables.positions)
            self._control_flow = answer(connection, CONTROL_FLOW) is not None

    def close(self) -> None:
        """Nothing is open in between."""

    def _take(self, names: Mapping[str, int | None]) -> Mapping[str, dict[str, Any] | None]:
        with self._pool.lend("checkpoints") as connection:
            self._mark(connection, names)
            stored = self._stored(connection)  # behind the mark: nobody else stores from then on
            ours = {name: row for name in names if (row := stored.get(name)) and row.writer == self._writer}
            return self._where(connection, stored.keys(), ours)

    def look(self, names: Collection[str]) -> Mapping[str, dict[str, Any]]:
        """Reads the rows of both tables, of those that are there."""
        with self._pool.lend("checkpoints") as connection:
            there = self._tables.exists(connection, self._tables.positions)
            stored = self._stored(connection) if there else {}
            new = Stored("", None, "", None)
            found = self._where(connection, stored.keys(), {name: stored.get(name, new) for name in names}, there)
        return {name: document for name, document in found.items() if document is not None}

    def _where(
        self, connection: Connection, known: Collection[str], rows: Mapping[str, Stored], there: bool = True
    ) -> dict[str, dict[str, Any] | None]:
        """Where tables stand, by our rows and by the Go provider's."""
        offsets = self._read_offsets(connection)
        others = self._others(connection) if there else set()
        belonging = rows_of({*known, *rows}, offsets.keys())
        found = {}
        for name, row in rows.items():
            self._check_identity(name, row)
            theirs = name in others and row.written is None
            follows = () if theirs else belonging.get(name, ())
            self._rows[name] = () if theirs else follows or names_of(name)[:1]
            found[name] = self._resumed(name, row, {each: offsets[each] for each in follows})
        return found

    def _mark(self, connection: Connection, names: Mapping[str, int | None]) -> None:
        self._tables.add_rows(connection, self._task, self._guid, sorted(names))
        for part in parts(sorted(names)):
            statements, values = [], list[object]()
            for name in part:
                epoch = names[name]
                if epoch is None:
                    statements.append(MARK)
                    values += [self._writer, self._task, name]
                else:
                    statements.append(MARK_WITH_EPOCH)
                    values += [self._writer, epoch, self._task, name, epoch]
            connection.execute(self._tables.sql("\n".join(statements)), *values)

    def _stored(self, connection: Connection) -> dict[str, Stored]:
        return {
            str(name): Stored(guid, position, writer, None if lsn is None else _offset(lsn, sequence))
            for name, guid, position, writer, lsn, sequence in connection.query(self._tables.sql(STORED), self._task)
        }

    def _read_offsets(self, connection: Connection) -> dict[str, Offset]:
        if not self._tables.exists(connection, self._tables.offsets):
            return {}
        rows = connection.query(self._tables.shown(OFFSETS))
        return {str(name): _offset(lsn, sequence) for name, lsn, sequence in rows}

    def _others(self, connection: Connection) -> set[str]:
        """Tables whose rows of the Go provider's table follow another task's position."""
        rows = connection.query(self._tables.sql(OTHERS), self._task, self._guid)
        return {str(row[0]) for row in rows}

    def _check_identity(self, name: str, row: Stored) -> None:
        if row.guid and self._guid and row.guid != self._guid:
            raise ConfigurationError(
                f"{name}: the position in {self._tables.positions} belongs to database {row.guid}, this one is"
                f" {self._guid}",
                code="mssql/other-database",
                hint="this database is a copy of that one; to begin anew here: "
                + _removal(self._tables.positions, f"task = {literal(self._task)}"),
            )

    def _resumed(self, name: str, row: Stored, rows: Mapping[str, Offset]) -> dict[str, Any] | None:
        try:
            document = None if row.position is None else json.loads(row.position)
            if document is not None and not isinstance(document, dict):
                raise ValueError("it is no JSON object")
        except ValueError as error:
            where = f"task = {literal(self._task)} AND table_name = {literal(name)}"
            raise ConfigurationError(
                f"{name}: the position in {self._tables.positions} cannot be used: {error}",
                code="mssql/checkpoint-unreadable",
                hint=f"restore it, or begin anew: {_removal(self._tables.positions, where)}",
            ) from None
        try:
            return resumed(document, row.written, rows)
        except ValueError as error:
            names = ", ".join(literal(each) for each in rows)
            raise ConfigurationError(
                f"{name}: the position in {self._tables.offsets} cannot be used: {error}",
                code="mssql/checkpoint-unreadable",
                hint=f"correct it, or begin anew: {_removal(self._tables.offsets, f'table_name IN ({names})')}",
            ) from None

    def _write(self, entries: Mapping[str, Entry]) -> set[str]:
        refused: set[str] = set()
        with self._pool.lend("checkpoints") as connection:
            for part in parts(sorted(entries)):
                refused |= self._write_part(connection, {name: entries[name] for name in part})
        return refused

    def _write_part(self, connection: Connection, entries: dict[str, Entry]) -> set[str]:
        """One batch; it is sent again without a table that was refused, which is rare.

        The transaction begins and ends in the batch: a process that stands still in the middle of a store must not leave
        locks behind on rows that other copies are about to take.
        """
        if not self._control_flow:
            return {name for name, entry in entries.items() if not self._write_one(connection, name, entry)}
        refused: set[str] = set()
        while entries:
            statements, parameters = ["SET NOCOUNT ON;\nBEGIN TRANSACTION;"], []
            for name, entry in entries.items():
                statement, values = self._statement(name, entry)
                statements.append(statement)
                parameters += values
            told = connection.query("\n".join([*statements, "COMMIT TRANSACTION;"]), *parameters)
            if not told:
                break
            refused.add(str(told[0][0]))
            del entries[str(told[0][0])]
        return refused

    def _write_one(self, connection: Connection, name: str, entry: Entry) -> bool:
        """The same statement by statement, for a server that knows no IF; False: it is not ours any more."""
        offset, rows = self._offset(name, entry)
        store, values = self._store(name, entry, offset)
        if connection.execute(store, *values) == 0:
            return False
        if offset is None:
            return True
        lsn, sequence = bytearray(offset.lsn), bytearray(offset.sequence)
        for row in rows:
            if connection.execute(self._tables.sql(MOVE_OFFSET), lsn, sequence, row) == 0:
                connection.execute(self._tables.sql(ADD_OFFSET), row, lsn, sequence)
        return True

    def _statement(self, name: str, entry: Entry) -> tuple[str, list[object]]:
        """What stores one position, and answers with the table's name if it is not ours any more."""
        offset, rows = self._offset(name, entry)
        store, values = self._store(name, entry, offset)
        if offset is None:
            return f"{store}\n{TELL}", [*values, name]
        lsn, sequence = bytearray(offset.lsn), bytearray(offset.sequence)
        followed = [value for row in rows for value in (lsn, sequence, row, row, lsn, sequence)]
        follow = self._tables.sql(TELL_OR_FOLLOW.replace("$follow", "\n".join(FOLLOW for _ in rows)))
        return f"{store}\n{follow}", [*values, name, *followed]

    def _offset(self, name: str, entry: Entry) -> tuple[Offset | None, tuple[str, ...]]:
        """What goes into which rows of the Go provider's table; None: nothing."""
        rows = self._rows.get(name, ())
        return (to_original(entry.document) if entry.document is not None and rows else None), rows

    def _store(self, name: str, entry: Entry, offset: Offset | None) -> tuple[str, list[object]]:
        """What stores one position in our table if it is still ours."""
        position = None if entry.document is None else json.dumps(entry.document, ensure_ascii=False)
        compared = [] if entry.epoch is None else [entry.epoch]
        text = (STORE if offset is None else STORE_WITH_OFFSET).replace("$epoch", AND_EPOCH if compared else "")
        written = [] if offset is None else [bytearray(offset.lsn), bytearray(offset.sequence)]
        return self._tables.sql(text), [position, *written, self._task, name, self._writer, *compared]


def rows_for(connection: Connection, tables: CheckpointTables, names: Collection[str]) -> bool:
    """Whether the Go provider's table is there and has a row for one of these tables."""
    if not tables.exists(connection, tables.offsets):
        return False
    rows = [str(row[0]) for row in connection.query(tables.shown(OFFSET_NAMES))]
    return bool(rows_of(names, rows))


def _offset(lsn: Any, sequence: Any) -> Offset:
    return Offset(bytes(lsn or b""), bytes(sequence or b""))


def _removal(table: str, condition: str) -> str:
    """T-SQL for a person."""
    return FORGET.format(table=table, condition=condition)
