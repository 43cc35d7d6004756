"""Copies of a database's committed state, for BACKUP and RESTORE by the control channel."""

from __future__ import annotations

import copy
import uuid
from collections import deque
from dataclasses import replace

from dstream_sandbox.sqlserver.engine.database import Database
from dstream_sandbox.sqlserver.engine.log import Log
from dstream_sandbox.sqlserver.engine.storage import ALWAYS, StoredRow, Version
from dstream_sandbox.sqlserver.engine.tables import Shape, Table


def copied(source: Database, restored: bool = False) -> Database:
    """A copy that shares the rows' values. Call it with the commits' latch held.

    Args:
        source: The database, or a backup of it.
        restored: It becomes a database again: its recovery fork is a new one.
    """
    twin = copy.copy(source)
    twin.log = Log(source.log.last)
    twin.committed = deque(source.committed)
    twin.principals = copy.deepcopy(source.principals)
    twin.schemas = {name: replace(schema) for name, schema in source.schemas.items()}
    twin.modules = {key: replace(module) for key, module in source.modules.items()}
    twin.types = dict(source.types)
    if restored:
        twin.recovery_fork = uuid.uuid4()
    tables = {table: _table(table, twin) for table in source.tables.values()}
    twin.tables = {key: tables[table] for key, table in source.tables.items()}
    for table, other in tables.items():
        other.foreign_keys = [replace(key, target=tables[key.target]) for key in table.foreign_keys]
        other.referenced_by = [tables[child] for child in table.referenced_by]
    twin.capture = None if source.capture is None else source.capture.copied(twin, tables.__getitem__)
    twin.committed = deque(
        replace(
            one,
            records=[record._replace(table=tables[record.table]) for record in one.records if record.table in tables],
        )
        for one in source.committed
    )
    return twin


def _table(source: Table, database: Database) -> Table:
    twin = Table(database, source.schema, source.name, source.object_id, source.created)
    twin.modified = source.modified
    twin.identity_last = source.identity_last
    twin.next_column_id = source.next_column_id
    twin.checks = [replace(check) for check in source.checks]
    twin.triggers = list(source.triggers)
    shape = Shape(source.shape.columns, source.shape.indexes, database.collation)
    for row in source.shape.store.all():
        version: Version | None = row.version
        # Open transactions are not in a backup: what was committed last is.
        while version is not None and version[1].at is None:
            version = version[2]
        if version is None or version[0] is None:
            continue
        new = StoredRow(shape.new_row_key(version[0], next(twin.row_numbers)), (version[0], ALWAYS, None))
        for unique in shape.unique:
            if unique.index.where is None:
                unique.add(unique.key_of(version[0]), new)
        shape.store.add(new)
        shape.store.live += 1
    twin.shape = shape
    return twin
