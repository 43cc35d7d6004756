"""A capture instance: which columns of which table, from which LSN on; how a logged change becomes change rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.cdc.growing import GrowingTable
from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Row
from dstream_sandbox.sqlserver.engine.log import lsn_bytes
from dstream_sandbox.sqlserver.engine.storage import Values
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.engine.transactions import AFTER, BEFORE, DELETE, INSERT, LogRecord
from dstream_sandbox.sqlserver.types import INT, LSN, DateTime2, SqlType, varbinary

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database

BEFORE_COLUMNS = (
    ColumnInfo("__$start_lsn", LSN, False),
    ColumnInfo("__$end_lsn", LSN, True),
    ColumnInfo("__$seqval", LSN, False),
    ColumnInfo("__$operation", INT, False),
    ColumnInfo("__$update_mask", varbinary(128), True),
)
SORT_KEY = ("__$start_lsn", "__$command_id", "__$seqval", "__$operation")
COMMAND_ID = ColumnInfo("__$command_id", INT, True)
_OLD_LARGE = frozenset({"text", "ntext", "image"})


@dataclass(frozen=True, slots=True)
class CapturedColumn:
    """A captured column as it was when the instance was made; only the type follows the source's."""

    name: str
    column_id: int
    ordinal: int
    type: SqlType
    computed: bool
    collation: str | None


class CaptureInstance:
    """See the module."""

    def __init__(
        self,
        database: Database,
        name: str,
        table: Table,
        columns: Sequence[CapturedColumn],
        *,
        start_lsn: int,
        role: str | None,
        supports_net_changes: bool,
        index_name: str | None,
        index_columns: Sequence[str],
        created: DateTime2,
    ) -> None:
        self.database = database
        self.name = name
        self.table = table
        self.columns = tuple(columns)
        self.start_lsn = start_lsn
        self.began = start_lsn
        """Changes logged before are not its own, wherever a clean-up moved `start_lsn` to."""
        self.role = role
        self.supports_net_changes = supports_net_changes
        self.index_name = index_name
        self.index_columns = tuple(index_columns)
        self.created = created
        self.source_object_id = table.object_id
        self.partition_switch = True
        self.changes = GrowingTable(database, f"{name}_CT", self._change_columns(), SORT_KEY, database.new_object_id())
        self._mask_bytes = (len(self.columns) + 7) // 8
        self._full_mask = ((1 << len(self.columns)) - 1).to_bytes(self._mask_bytes, "big")
        self._plans: dict[int, tuple[Any, Callable[[LogRecord, bytes], list[Row]]]] = {}

    @property
    def object_id(self) -> int:
        """The change table's."""
        return self.changes.object_id

    def _change_columns(self) -> tuple[ColumnInfo, ...]:
        captured = [
            ColumnInfo(column.name, column.type, True, collation=column.collation, column_id=place)
            for place, column in enumerate(self.columns, 6)
        ]
        before = [replace(column, column_id=place) for place, column in enumerate(BEFORE_COLUMNS, 1)]
        return (*before, *captured, replace(COMMAND_ID, column_id=6 + len(captured)))

    def captures(self, column_id: int) -> bool:
        """Whether a column of the source is captured."""
        return any(column.column_id == column_id for column in self.columns)

    def ordinal(self, name: str) -> int | None:
        """A captured column's ordinal: its bit in the mask."""
        return next((column.ordinal for column in self.columns if column.name.lower() == name.lower()), None)

    # --- from log records to change rows --------------------------------------------------------------------------------

    def rows(self, record: LogRecord, start_lsn: bytes) -> list[Row]:
        """The change rows of one record: one, or two for an update; none for an update of columns not captured only."""
        plan = self._plans.get(id(record.columns))
        if plan is None or plan[0] is not record.columns:
            # The columns are kept with the plan, so that their id cannot be another's meanwhile.
            plan = self._plans[id(record.columns)] = (record.columns, self._plan(record.columns))
        return plan[1](record, start_lsn)

    def _plan(self, columns: Sequence[ColumnInfo]) -> Callable[[LogRecord, bytes], list[Row]]:
        """How a source row of these columns is cut to the captured ones; dropped and computed columns become NULL."""
        where = {column.column_id: place for place, column in enumerate(columns)}
        places = [None if one.computed else where.get(one.column_id) for one in self.columns]
        hidden = [place for place, one in enumerate(self.columns) if one.type.name in _OLD_LARGE]
        large = [place for place, one in enumerate(self.columns) if one.type.is_max or one.type.name == "xml"]
        plain = places == list(range(len(columns)))
        full, size = self._full_mask, self._mask_bytes

        def cut(values: Values) -> Values:
            return values if plain else tuple([None if at is None else values[at] for at in places])

        def without(values: Values, gone: Sequence[int]) -> Values:
            if not gone:
                return values
            emptied = list(values)
            for place in gone:
                emptied[place] = None
            return tuple(emptied)

        def rows(record: LogRecord, start_lsn: bytes) -> list[Row]:
            lsn, _, _, operation, before, after, command = record
            seqval = lsn_bytes(lsn)
            if operation == INSERT and after is not None:
                return [(start_lsn, None, seqval, INSERT, full, *cut(after), command)]
            if operation == DELETE and before is not None:
                return [(start_lsn, None, seqval, DELETE, full, *without(cut(before), hidden), command)]
            if before is None or after is None:
                return []
            old, new = cut(before), cut(after)
            changed = [place for place in range(len(new)) if old[place] != new[place]]
            if not changed:
                return []
            mask = sum(1 << place for place in changed).to_bytes(size, "big")
            old = without(old, [*hidden, *(place for place in large if place not in changed)])
            return [
                (start_lsn, None, seqval, BEFORE, mask, *old, command),
                (start_lsn, None, seqval, AFTER, mask, *new, command),
            ]

        return rows

    # --- changes of the source ------------------------------------------------------------------------------------------

    def note_ddl(self, session: Any, text: str, column_update: bool) -> None:
        """ALTER TABLE of the source: history, and types of captured columns that changed."""
        state, lsn = self.database.capture, self.database.log.next()
        if state is None:
            return

        def at_commit(moment: int) -> None:
            needed = self._follow_types() if column_update else False
            state.note_ddl(self, text, lsn, needed, moment)

        session.required_transaction().commit_actions.append(at_commit)

    def _follow_types(self) -> bool:
        """Takes over types that changed in the source."""
        state = self.database.capture
        changed = False
        columns = []
        for column in self.columns:
            source = next((one for one in self.table.shape.columns if one.column_id == column.column_id), None)
            if source is not None and source.type != column.type:
                if state is not None and narrower(column.type, source.type) and self.changes.newest() is not None:
                    state.block(self, column.name)
                columns.append(replace(column, type=source.type, collation=source.collation))
                changed = True
            else:
                columns.append(column)
        if changed:
            self.columns = tuple(columns)
            self._plans.clear()
            self.changes.replace_columns(self._change_columns())
        return changed

    def copied(self, database: Database, table: Table) -> CaptureInstance:
        """For a backup."""
        twin = CaptureInstance(
            database, self.name, table, self.columns, start_lsn=self.start_lsn, role=self.role,
            supports_net_changes=self.supports_net_changes, index_name=self.index_name, index_columns=self.index_columns,
            created=self.created,
        )  # fmt: skip
        twin.began = self.began
        twin.changes = self.changes.copied(database)
        return twin


def narrower(old: SqlType, new: SqlType) -> bool:
    """Whether a change of type cannot be followed by a change table with rows of the old one in it."""
    if old.name != new.name:
        order = ("bit", "tinyint", "smallint", "int", "bigint")
        return old.name in order and new.name in order and order.index(new.name) < order.index(old.name)

    def size(length: int | None) -> float:
        return float("inf") if length == -1 else float(length or 0)

    return size(new.length) < size(old.length) or (new.precision or 0) < (old.precision or 0)
