"""sys.indexes, sys.index_columns, sys.key_constraints, sys.foreign_keys, and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.catalog.objects import change_tables, schema_id, tables
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.tables import Index, Table

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session


def indexes(session: Session, database: Database) -> Iterable[Row]:
    """sys.indexes: a heap is index 0."""
    for table in tables(session, database):
        if not any(index.clustered for index in table.shape.indexes):
            yield _index_row(table.object_id, None, 0, "HEAP")
        for index in table.shape.indexes:
            kind = "CLUSTERED" if index.clustered else "NONCLUSTERED"
            yield _index_row(table.object_id, index.name, index.index_id, kind, index)
    for change in change_tables(session, database):
        name = "lsn_time_mapping_clustered_idx" if change.name == "lsn_time_mapping" else f"{change.name}_clustered_idx"
        row = _index_row(change.object_id, name, 1, "CLUSTERED")
        yield (*row[:5], True, *row[6:])


def _index_row(number: int, name: str | None, index_id: int, kind: str, index: Index | None = None) -> Row:
    code = {"HEAP": 0, "CLUSTERED": 1, "NONCLUSTERED": 2}[kind]
    unique = index is not None and index.unique
    primary = index is not None and index.kind == "primary key"
    constraint = index is not None and index.kind == "unique"
    text = index.where_text or None if index is not None else None
    return (
        number, name, index_id, code, kind, unique, 1, False, primary, constraint, 0, False, False, False, True, True, text is not None, text,
    )  # fmt: skip


def index_columns(session: Session, database: Database) -> Iterable[Row]:
    """sys.index_columns."""
    for table in tables(session, database):
        for index in table.shape.indexes:
            for place, (column_id, descending) in enumerate(index.columns, 1):
                yield (table.object_id, index.index_id, place, column_id, place, 0, descending, False)
            for place, column_id in enumerate(index.included, len(index.columns) + 1):
                yield (table.object_id, index.index_id, place, column_id, 0, 0, False, True)
    for change in change_tables(session, database):
        names = [column.name for column in change.columns]
        for place, name in enumerate(change.sort_key, 1):
            yield (change.object_id, 1, place, change.columns[names.index(name)].column_id, place, 0, False, False)


def key_constraints(session: Session, database: Database) -> Iterable[Row]:
    """sys.key_constraints."""
    for table in tables(session, database):
        for index in table.shape.indexes:
            if index.kind != "index":
                code, name = (
                    ("PK", "PRIMARY_KEY_CONSTRAINT") if index.kind == "primary key" else ("UQ", "UNIQUE_CONSTRAINT")
                )
                yield (*_head(database, table, index.name, index.object_id, code, name), index.index_id, False, True)


def _head(database: Database, table: Table, name: str, number: int, code: str, description: str) -> Row:
    made = rounded(table.created)
    return (
        name, number, None, schema_id(database, table.schema), table.object_id, code.ljust(2), description, made, made, False, False, False,
    )  # fmt: skip


def check_constraints(session: Session, database: Database) -> Iterable[Row]:
    """sys.check_constraints."""
    for table in tables(session, database):
        for check in table.checks:
            yield (
                *_head(database, table, check.name, check.object_id, "C", "CHECK_CONSTRAINT"), not check.enabled, False, False, 0,
                check.text, False, True,
            )  # fmt: skip


def default_constraints(session: Session, database: Database) -> Iterable[Row]:
    """sys.default_constraints."""
    for table in tables(session, database):
        for column in table.shape.columns:
            if column.default_id:
                yield (
                    *_head(database, table, column.default_name, column.default_id, "D", "DEFAULT_CONSTRAINT"), column.column_id,
                    column.default_text, True,
                )  # fmt: skip


def _actions(name: str) -> tuple[int, str]:
    return ["no action", "cascade", "set null", "set default"].index(name), name.upper().replace(" ", "_")


def foreign_keys(session: Session, database: Database) -> Iterable[Row]:
    """sys.foreign_keys."""
    for table in tables(session, database):
        for key in table.foreign_keys:
            yield (
                *_head(database, table, key.name, key.object_id, "F", "FOREIGN_KEY_CONSTRAINT"), key.target.object_id, 1, not key.enabled,
                False, False, *_actions(key.on_delete), *_actions(key.on_update), False,
            )  # fmt: skip


def foreign_key_columns(session: Session, database: Database) -> Iterator[Row]:
    """sys.foreign_key_columns."""
    for table in tables(session, database):
        for key in table.foreign_keys:
            for place, (own, other) in enumerate(zip(key.columns, key.target_columns, strict=True), 1):
                yield (key.object_id, place, table.object_id, own, key.target.object_id, other)


_HEAD = (
    "name sysname not null, object_id int not null, principal_id int, schema_id int not null, parent_object_id int not null, type char(2),"
    "type_desc nvarchar(60), create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null,"
    "is_published bit not null, is_schema_published bit not null"
)

VIEWS: list[View] = [
    view(
        "sys", "indexes", "object_id int not null, name sysname, index_id int not null, type tinyint not null, type_desc nvarchar(60),"
        "is_unique bit, data_space_id int, ignore_dup_key bit, is_primary_key bit, is_unique_constraint bit, fill_factor tinyint not null,"
        "is_padded bit, is_disabled bit, is_hypothetical bit, allow_row_locks bit, allow_page_locks bit, has_filter bit,"
        "filter_definition nvarchar(max)", indexes,
    ),
    view(
        "sys", "index_columns", "object_id int not null, index_id int not null, index_column_id int not null, column_id int not null,"
        "key_ordinal tinyint not null, partition_ordinal tinyint not null, is_descending_key bit, is_included_column bit", index_columns,
    ),
    view("sys", "key_constraints", f"{_HEAD}, unique_index_id int, is_system_named bit not null, is_enforced bit", key_constraints),
    view(
        "sys", "check_constraints", f"{_HEAD}, is_disabled bit not null, is_not_for_replication bit not null, is_not_trusted bit not null,"
        "parent_column_id int not null, definition nvarchar(max), uses_database_collation bit, is_system_named bit not null",
        check_constraints,
    ),
    view(
        "sys", "default_constraints", f"{_HEAD}, parent_column_id int not null, definition nvarchar(max), is_system_named bit not null",
        default_constraints,
    ),
    view(
        "sys", "foreign_keys", f"{_HEAD}, referenced_object_id int, key_index_id int, is_disabled bit not null,"
        "is_not_for_replication bit not null, is_not_trusted bit not null, delete_referential_action tinyint,"
        "delete_referential_action_desc nvarchar(60), update_referential_action tinyint, update_referential_action_desc nvarchar(60),"
        "is_system_named bit not null", foreign_keys,
    ),
    view(
        "sys", "foreign_key_columns", "constraint_object_id int not null, constraint_column_id int not null, parent_object_id int not null,"
        "parent_column_id int not null, referenced_object_id int not null, referenced_column_id int not null", foreign_key_columns,
    ),
]  # fmt: skip
