"""Change rows to data lines: `{"data": {…}, "metadata": {…}}`. Pure.

Rows are worked on column by column, and objects are made and written by msgspec, so that no Python code runs per value
but where a value needs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress, repeat
from typing import Any

import msgspec
from msgspec import UNSET

from dstream_mssql_cdc.catalog.values import CaptureInstance, Database, Table
from dstream_mssql_cdc.change_query import COMMAND, COMMITTED, LSN, MASK, OPERATION, OWN, SEQUENCE, TRANSACTION
from dstream_mssql_cdc.commit_time import CommitClock, CommitTimes
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.json_objects import object_maker, struct_maker
from dstream_mssql_cdc.position import ChangePosition
from dstream_mssql_cdc.update_facts import AFTER, BEFORE, UpdateFacts
from dstream_mssql_cdc.values.columns import ColumnPlan, Values

Row = tuple[Any, ...]

OPERATION_TYPES = {1: "Delete", 2: "Insert", AFTER: "Update"}

METADATA = (
    "TableName",
    "SchemaName",
    "DatabaseName",
    "OperationType",
    "LSN",
    "Seq",
    "OperationID",
    "CommandID",
    "CommitTime",
    "TransactionID",
    "Snapshot",
    "Key",
    "Before",
    "Changed",
    "Unavailable",
    "MessageID",
    "LeaseEpoch",
)
ORIGINAL_METADATA = ("LSN", "OperationID", "OperationType", "Seq", "TableName")
"""All that the Go provider writes, in its order."""

encode_lines = msgspec.json.Encoder().encode_lines
line_maker = struct_maker("Line", ("data", "metadata"))
metadata_maker = struct_maker("Metadata", METADATA)
original_maker = struct_maker("OriginalMetadata", ORIGINAL_METADATA)


@dataclass(frozen=True)
class EncodedRows:
    """Change rows as lines.

    Attributes:
        lines: whole lines.
        keys: of the row of each line: its place in the order of changes, column by column.
        newest_commit: of the last one, in UTC and without zone; None if nobody knows.
    """

    lines: bytes
    keys: tuple[Values, Values, Values, Values]
    newest_commit: datetime | None

    @property
    def count(self) -> int:
        """How many lines."""
        return len(self.keys[0])

    def position(self, line: int) -> ChangePosition:
        """Where the table stands behind a line, counted from 0."""
        lsn, command, sequence, operation = (values[line] for values in self.keys)
        return ChangePosition(lsn, command or 0, sequence, operation)


def message_prefix(database: Database, table: Table) -> str:
    """What tells the message ids of this table from those of all others: 16 hex digits."""
    whose = database.guid or f"{database.server}/{database.name}"
    text = f"{whose}\0{table.schema}\0{table.name}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class ChangeEncoder:
    """Makes lines of the rows of one change table.

    Args:
        database: the database.
        table: the source table.
        instance: the capture instance.
        plan: what is read of the table.
        options: the options.
        clock: knows the server's offset from UTC.
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        instance: CaptureInstance,
        plan: ColumnPlan,
        options: MssqlCdcOptions,
        clock: CommitClock,
    ):
        self._names = (table.name, table.schema, database.name)
        self._plan = plan
        self._original = options.envelope == "original"
        self._commands = instance.has_command_id
        self._clock = clock
        self._prefix = message_prefix(database, table)
        self._data = object_maker(plan.data_names)
        self._key = object_maker(plan.key_names)
        self._facts = UpdateFacts(plan, options.before_images)

    def encode(self, rows: Sequence[Row], epoch: int | None = None) -> EncodedRows:
        """The lines of these rows.

        Args:
            rows: as `ChangeQuery` selects them; an update's two rows are both here or both not.
            epoch: of the lease under which they were read.
        """
        columns = list(zip(*rows, strict=True))
        delivered = [each.delivered(columns[OWN + place]) for place, each in enumerate(self._plan.read)]
        kept = [operation != BEFORE for operation in columns[OPERATION]]
        data = list(self._data(*delivered[: self._plan.data])) if self._plan.data else [{}] * len(rows)
        if all(kept):
            own: list[Values] = list(columns[:OWN])
            before: Iterable[Any] = repeat(UNSET)
            after_data, after_values = data, delivered
        else:
            own = [list(compress(column, kept)) for column in columns[:OWN]]
            after_values = [list(compress(column, kept)) for column in delivered]
            after_data = list(compress(data, kept))
            before = self._facts.before(columns, data, delivered, kept)
        keys = (own[LSN], own[COMMAND], own[SEQUENCE], own[OPERATION])
        times = CommitTimes(self._clock)
        if self._original:
            metadata = self._original_metadata(keys)
        else:
            unavailable = self._facts.unavailable(columns, delivered, kept)
            metadata = self._metadata(own, after_values, before, unavailable, times, epoch)
        lines = encode_lines(list(line_maker(after_data, metadata)))
        committed = own[COMMITTED][-1] if kept.count(True) else None
        return EncodedRows(lines, keys, None if committed is None else times.utc(committed))

    def _metadata(
        self,
        own: Sequence[Values],
        values: Sequence[Values],
        before: Iterable[Any],
        unavailable: Iterable[Any],
        times: CommitTimes,
        epoch: int | None,
    ) -> Iterable[Any]:
        table, schema, database = map(repeat, self._names)
        operations, commands, prefix = own[OPERATION], own[COMMAND], self._prefix
        lsns = [lsn.hex() for lsn in own[LSN]]
        sequences = [sequence.hex() for sequence in own[SEQUENCE]]
        ids = [
            f"{prefix}-{lsn}-{command or 0}-{sequence}-{operation}"
            for lsn, command, sequence, operation in zip(lsns, commands, sequences, operations, strict=True)
        ]
        return metadata_maker(
            table,
            schema,
            database,
            map(OPERATION_TYPES.__getitem__, operations),
            lsns,
            sequences,
            operations,
            commands if self._commands else repeat(None),
            map(times.__getitem__, own[COMMITTED]),
            [None if transaction is None else transaction.hex() for transaction in own[TRANSACTION]],
            repeat(False),
            self._key(*(values[place] for place in self._plan.key)),
            before,
            self._facts.changed(operations, own[MASK]),
            unavailable,
            ids,
            repeat(UNSET if epoch is None else epoch),
        )

    def _original_metadata(self, keys: Sequence[Values]) -> Iterable[Any]:
        lsns, _, sequences, operations = keys
        return original_maker(
            [lsn.hex() for lsn in lsns],
            operations,
            map(OPERATION_TYPES.__getitem__, operations),
            [sequence.hex() for sequence in sequences],
            repeat(self._names[0]),
        )
