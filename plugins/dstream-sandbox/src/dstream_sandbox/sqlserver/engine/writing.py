"""INSERT, UPDATE, DELETE of rows, with constraints; what capture needs is written to the log on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine import violations
from dstream_sandbox.sqlserver.engine.api import DEFAULT, Row
from dstream_sandbox.sqlserver.engine.foreign_keys import check_children, check_parents
from dstream_sandbox.sqlserver.engine.locks import WRITES, acquire
from dstream_sandbox.sqlserver.engine.reading import writer_of
from dstream_sandbox.sqlserver.engine.storage import ALWAYS, Key, StoredRow, Values
from dstream_sandbox.sqlserver.engine.tables import Shape, Table, UniqueMap
from dstream_sandbox.sqlserver.engine.transactions import AFTER, DELETE, INSERT, Transaction

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

Change = tuple[StoredRow, Values, Values]
"""A row, its values before and after."""


class Writer:
    """Writes tables for one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- the three statements ---------------------------------------------------------------------------------------

    def insert(self, table: Table, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """See `api.Session.insert`."""
        transaction = self._begin(table)
        stored = [self._insert_one(table, transaction, self._complete(table, row, None)) for row in rows]
        if table.foreign_keys:
            check_parents(self._session, table, stored, "INSERT")
        return stored

    def update(self, table: Table, changes: Sequence[tuple[StoredRow, Sequence[Any]]]) -> list[tuple[Row, Row]]:
        """See `api.Session.update`."""
        transaction = self._begin(table)
        ready = [self._prepared(table, transaction, row, new) for row, new in changes]
        self._apply_updates(table, transaction, ready)
        pairs = [(before, after) for _, before, after in ready]
        if table.foreign_keys:
            check_parents(self._session, table, [after for _, after in pairs], "UPDATE")
        if table.referenced_by:
            check_children(self._session, table, pairs, "UPDATE")
        return pairs

    def delete(self, table: Table, rows: Sequence[StoredRow]) -> list[Row]:
        """See `api.Session.delete`."""
        transaction = self._begin(table)
        gone: list[Row] = []
        for row in rows:
            values = self._own(table, transaction, row)
            if values is not None:
                self._write_deletion(table, transaction, row, values)
                if table.tracked:
                    transaction.record(table.database, table, DELETE, values, None)
                gone.append(values)
        if table.referenced_by:
            check_children(self._session, table, [(values, None) for values in gone], "DELETE")
        return gone

    def merge(
        self,
        table: Table,
        inserts: Iterable[Sequence[Any]],
        updates: Sequence[tuple[StoredRow, Sequence[Any]]],
        deletes: Sequence[StoredRow],
    ) -> None:
        """See `api.Session.merge`: deletions first, so that an insert may take a deleted row's key."""
        self.delete(table, deletes)
        self.update(table, updates)
        self.insert(table, inserts)

    def _begin(self, table: Table) -> Transaction:
        session = self._session
        transaction = session.required_transaction()
        if not table.temporary:
            table.database.require_writable()
        if not table.lock.holds(transaction, WRITES):
            acquire(session.server.waits, table.lock, transaction, WRITES, session)
        transaction.wrote.add(table.database)
        return transaction

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _complete(self, table: Table, row: Sequence[Any], before: Values | None) -> Values:
        """The row as it is stored: defaults, identity, rowversion, computed columns; NOT NULL and CHECK hold."""
        shape = table.shape
        values = list(row)
        if before is None and shape.identity is not None:
            values[shape.identity] = self._identity(table, shape, values[shape.identity])
        if shape.rowversion is not None:
            values[shape.rowversion] = table.database.next_rowversion()
        self._fill(shape, values)
        for place in shape.required:
            if values[place] is None:
                raise violations.null(table, shape.columns[place], "INSERT" if before is None else "UPDATE")
        complete = tuple(values)
        if table.checks:
            self._check(table, complete, "INSERT" if before is None else "UPDATE")
        if table.tracked and shape.large:
            self._check_sizes(table, shape, complete, before)
        return complete

    def _fill(self, shape: Shape, values: list[Any]) -> None:
        for place, value in enumerate(values):
            if value is DEFAULT:
                default = shape.columns[place].default
                values[place] = None if default is None else default(self._session)
        for place, column in shape.computed:
            values[place] = None
            if column.computed is not None:
                values[place] = column.computed(self._session, tuple(values))

    def _identity(self, table: Table, shape: Shape, given: Any) -> int:
        session = self._session
        column = shape.columns[shape.identity or 0]
        seed, increment = column.identity or (1, 1)
        if session.identity_insert is table:
            if given is DEFAULT:
                raise violations.identity_needed(table)
            last = table.identity_last
            if last is None or (given > last if increment > 0 else given < last):
                table.identity_last = given
            value = int(given)
        elif given is not DEFAULT:
            raise violations.identity_given(table)
        else:
            with shape.store.latch:
                value = seed if table.identity_last is None else table.identity_last + increment
                table.identity_last = value
            violations.check_identity_range(column, value)
        session.identity = value
        return value

    def _check(self, table: Table, values: Values, verb: str) -> None:
        for check in table.checks:
            if check.enabled and check.condition(self._session, values) is False:
                raise violations.check(table, check.name, verb)

    def _check_sizes(self, table: Table, shape: Shape, values: Values, before: Values | None) -> None:
        limit = self._session.server.max_text_repl_size
        if limit < 0:
            return
        for place in shape.large:
            value = values[place]
            if value is None or (before is not None and before[place] == value):
                continue
            size = (
                len(value)
                if isinstance(value, bytes)
                else len(value) * (2 if shape.columns[place].type.is_unicode else 1)
            )
            if size > limit and any(instance.captures(shape.columns[place].column_id) for instance in table.tracked):
                raise violations.too_large(size, limit)

    # --- inserting ----------------------------------------------------------------------------------------------------

    def _insert_one(self, table: Table, transaction: Transaction, values: Values) -> Values:
        self._store(table, transaction, values)
        if table.tracked:
            transaction.record(table.database, table, INSERT, None, values)
        return values

    def _store(self, table: Table, transaction: Transaction, values: Values) -> StoredRow:
        shape = table.shape
        row = StoredRow(shape.new_row_key(values, next(table.row_numbers)), (values, transaction.stamp, None))
        keys = [(unique, unique.key_of(values)) for unique in shape.unique if self._indexed(unique, values)]
        while True:
            with shape.store.latch:
                other = self._conflict(table, keys, transaction, ())
                if other is None:
                    for unique, key in keys:
                        unique.add(key, row)
                    shape.store.add(row)
                    shape.store.live += 1
                    break
            self._session.reader.wait_for(other)
        transaction.undo.append((_undo_insert, shape, row))
        return row

    def _indexed(self, unique: UniqueMap, values: Values) -> bool:
        where = unique.index.where
        return where is None or where(self._session, values) is True

    def _conflict(
        self,
        table: Table,
        keys: Sequence[tuple[UniqueMap, Key]],
        transaction: Transaction,
        leaving: Iterable[StoredRow],
    ) -> StoredRow | None:
        """A row to wait for before the keys can be told to be free; raises when one of them is taken."""
        for unique, key in keys:
            for other in unique.rows(key):
                if other in leaving:
                    continue
                owner = writer_of(other)
                if owner is not None and owner is not transaction:
                    return other
                values = other.version[0]
                if values is not None and unique.key_of(values) == key and self._indexed(unique, values):
                    raise violations.duplicate(table, unique.index, [values[at] for at in unique.positions])
        return None

    # --- updating and deleting ----------------------------------------------------------------------------------------

    def _own(self, table: Table, transaction: Transaction, row: StoredRow) -> Values | None:
        """Makes sure that the row is this transaction's to write; gives its values (None: it is gone).

        Raises:
            SqlError: 3960 when another transaction changed it after this one's snapshot.
        """
        if writer_of(row) is transaction:
            return row.version[0]
        if writer_of(row) is not None or table.claims.get(row, transaction) is not transaction:
            self._session.reader.claim(table, row, transaction)
        at = row.version[1].at
        if (
            self._session.isolation == "snapshot"
            and transaction.read_at is not None
            and at is not None
            and at > transaction.read_at
        ):
            raise violations.snapshot_conflict(table)
        return row.version[0]

    def _prepared(self, table: Table, transaction: Transaction, row: StoredRow, new: Sequence[Any]) -> Change:
        before = self._own(table, transaction, row)
        if before is None:
            raise violations.row_gone()
        return row, before, self._complete(table, new, before)

    def _apply_updates(self, table: Table, transaction: Transaction, changes: Sequence[Change]) -> None:
        shape = table.shape
        moved = [change for change in changes if self._key_changed(shape, change)]
        if moved:
            self._check_new_keys(table, transaction, moved)
            self._log_key_update(table, transaction, moved, changes)
        for change in changes:
            row, before, after = change
            if shape.rowversion is None and before == after:
                continue
            if shape.sort_positions and shape.sort_key_of(before) != shape.sort_key_of(after):
                self._write_deletion(table, transaction, row, before)
                self._store_moved(table, transaction, after)
            else:
                self._write_update(table, transaction, row, before, after)
            if table.tracked and not moved:
                transaction.record(table.database, table, AFTER, before, after)

    @staticmethod
    def _key_changed(shape: Shape, change: Change) -> bool:
        _, before, after = change
        return any(before[at] != after[at] for at in shape.unique_positions)

    def _log_key_update(
        self, table: Table, transaction: Transaction, moved: Sequence[Change], changes: Sequence[Change]
    ) -> None:
        """An update of a unique key is logged as deletes and inserts: all deletes first when there are several rows."""
        if not table.tracked:
            return
        database = table.database
        if len(changes) == 1:
            # Both images of a single row bear the number of one log record.
            _, before, after = changes[0]
            lsn = transaction.record(database, table, DELETE, before, None)
            transaction.record(database, table, INSERT, None, after, lsn)
            return
        keyed = {id(change[0]) for change in moved}
        for row, before, _ in changes:
            if id(row) in keyed:
                transaction.record(database, table, DELETE, before, None)
        for row, before, after in changes:
            if id(row) in keyed:
                transaction.record(database, table, INSERT, None, after)
            elif before != after:
                transaction.record(database, table, AFTER, before, after)

    def _check_new_keys(self, table: Table, transaction: Transaction, moved: Sequence[Change]) -> None:
        """New keys must differ from each other and from those of rows that stay."""
        shape = table.shape
        leaving = {row for row, _, _ in moved}
        for unique in shape.unique:
            seen: set[Key] = set()
            for _, _, after in moved:
                if not self._indexed(unique, after):
                    continue
                key = unique.key_of(after)
                if key in seen:
                    raise violations.duplicate(table, unique.index, [after[at] for at in unique.positions])
                seen.add(key)
                while True:
                    with shape.store.latch:
                        other = self._conflict(table, [(unique, key)], transaction, leaving)
                    if other is None:
                        break
                    self._session.reader.wait_for(other)

    def _store_moved(self, table: Table, transaction: Transaction, values: Values) -> None:
        """Stores a row under its new key; the keys were checked for the statement as a whole."""
        shape = table.shape
        row = StoredRow(shape.new_row_key(values, next(table.row_numbers)), (values, transaction.stamp, None))
        with shape.store.latch:
            for unique in shape.unique:
                if self._indexed(unique, values):
                    unique.add(unique.key_of(values), row)
            shape.store.add(row)
            shape.store.live += 1
        transaction.undo.append((_undo_insert, shape, row))

    def _write_update(
        self, table: Table, transaction: Transaction, row: StoredRow, before: Values, after: Values
    ) -> None:
        shape = table.shape
        with shape.store.latch:
            version = row.version
            transaction.undo.append((_undo_version, shape, row, version))
            older = version[2] if version[1] is transaction.stamp else version
            for unique in shape.unique:
                old_key = unique.key_of(before) if self._indexed(unique, before) else None
                new_key = unique.key_of(after) if self._indexed(unique, after) else None
                if old_key != new_key:
                    transaction.leftovers.append((shape, row, unique, old_key))
                    if new_key is not None:
                        unique.add(new_key, row)
                        transaction.undo.append((_undo_key, shape, unique, new_key, row))
            row.version = (after, transaction.stamp, older)
            if version[1] is not transaction.stamp:
                transaction.leftovers.append((shape, row, None, None))

    def _write_deletion(self, table: Table, transaction: Transaction, row: StoredRow, before: Values) -> None:
        shape = table.shape
        with shape.store.latch:
            version = row.version
            transaction.undo.append((_undo_version, shape, row, version))
            older = version[2] if version[1] is transaction.stamp else version
            row.version = (None, transaction.stamp, older)
            shape.store.live -= 1
            for unique in shape.unique:
                if self._indexed(unique, before):
                    transaction.leftovers.append((shape, row, unique, unique.key_of(before)))
            transaction.leftovers.append((shape, row, None, None))


def _undo_insert(shape: Shape, row: StoredRow) -> None:
    with shape.store.latch:
        values = row.version[0]
        row.version = (None, ALWAYS, None)
        shape.store.remove(row)
        shape.store.live -= 1
        if values is not None:
            for unique in shape.unique:
                unique.discard(unique.key_of(values), row)


def _undo_version(shape: Shape, row: StoredRow, version: Any) -> None:
    with shape.store.latch:
        if row.version[0] is None and version[0] is not None:
            shape.store.live += 1
        row.version = version


def _undo_key(shape: Shape, unique: UniqueMap, key: Key, row: StoredRow) -> None:
    with shape.store.latch:
        unique.discard(key, row)


def forget(leftovers: Sequence[tuple[Shape, StoredRow, UniqueMap | None, Key | None]], horizon: int) -> None:
    """What committed changes left behind and no reader can see any more: old versions, old keys, deleted rows."""
    for shape, row, unique, key in leftovers:
        with shape.store.latch:
            values, stamp, _ = row.version
            if unique is not None:
                if key is not None and (values is None or unique.key_of(values) != key):
                    unique.discard(key, row)
            elif values is None and stamp.at is not None and stamp.at <= horizon:
                shape.store.remove(row)
            else:
                row.trim(horizon)
