"""From specifications to columns, indexes, constraints and tables."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import CheckSpec, ColumnSpec, ForeignKeySpec, IndexSpec, TableSpec
from dstream_sandbox.sqlserver.engine.tables import Check, Column, ForeignKey, Index, Shape, Table
from dstream_sandbox.sqlserver.errors import SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database

_TEXTS = frozenset({"char", "varchar", "text", "nchar", "nvarchar", "ntext"})


def made_up_name(prefix: str, table: str, number: int) -> str:
    """A name as the server makes up for a constraint that has none: `PK__Orders__3214EC0712345678`."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest().upper()
    return f"{prefix}__{table[:9]}__{digest[:16]}"


def build_column(database: Database, table_name: str, spec: ColumnSpec, column_id: int, key: bool = False) -> Column:
    """A column.

    Args:
        database: For collation and object numbers.
        table_name: For made-up names.
        spec: What was written.
        column_id: Its number.
        key: Whether it is in the primary key, which makes it NOT NULL.
    """
    nullable = spec.nullable
    if nullable is None:
        nullable = not (key or spec.identity is not None or spec.type.name == "timestamp")
    if nullable and key and spec.nullable:
        raise SqlError(8111, f"Cannot define PRIMARY KEY constraint on nullable column in table '{table_name}'.")
    default_id = database.new_object_id() if spec.default is not None or spec.default_text else 0
    return Column(
        name=spec.name,
        column_id=column_id,
        type=spec.type,
        nullable=nullable,
        alias=spec.alias,
        identity=spec.identity,
        default=spec.default,
        default_text=spec.default_text,
        default_name=spec.default_name
        or (made_up_name("DF", f"{table_name}__{spec.name[:5]}", default_id) if default_id else ""),
        default_id=default_id,
        computed=spec.computed,
        computed_text=spec.computed_text,
        persisted=spec.persisted,
        collation=(spec.collation or spec.type.collation or database.collation) if spec.type.name in _TEXTS else None,
        rowguidcol=spec.rowguidcol,
        sparse=spec.sparse,
    )


def build_index(
    database: Database, table_name: str, columns: Sequence[Column], indexes: Sequence[Index], spec: IndexSpec
) -> Index:
    """An index; 1911 for a column that is not there, 1902 for a second clustered one, 1913 for a name that is taken."""
    if spec.name and any(index.name.lower() == spec.name.lower() for index in indexes):
        raise SqlError(
            1913,
            f"The operation failed because an index or statistics with name '{spec.name}' already exists on table '{table_name}'.",
        )
    has_clustered = any(index.clustered for index in indexes)
    clustered = spec.clustered
    if clustered is None:
        clustered = spec.kind == "primary key" and not has_clustered
    if clustered and has_clustered:
        raise SqlError(
            1902, f"Cannot create more than one clustered index on table '{table_name}'. Drop the existing clustered index before "
            "creating another."
        )  # fmt: skip
    object_id = database.new_object_id()
    prefix = {"primary key": "PK", "unique": "UQ"}.get(spec.kind, "IX")
    taken = {index.index_id for index in indexes}
    index_id = 1 if clustered else next(number for number in range(2, 1000) if number not in taken)
    return Index(
        name=spec.name or made_up_name(prefix, table_name, object_id),
        index_id=index_id,
        object_id=object_id if spec.kind != "index" else 0,
        columns=[(_column_id(columns, name), descending) for name, descending in spec.columns],
        kind=spec.kind,
        unique=spec.unique or spec.kind != "index",
        clustered=clustered,
        included=[_column_id(columns, name) for name in spec.included],
        where=spec.where,
        where_text=spec.where_text,
    )


def _column_id(columns: Sequence[Column], name: str) -> int:
    for column in columns:
        if column.name.lower() == name.lower():
            return column.column_id
    raise SqlError(1911, f"Column name '{name}' does not exist in the target table or view.")


def build_table(session: Any, database: Database, spec: TableSpec) -> Table:
    """A table with all that belongs to it; not yet in the database."""
    table = Table(database, spec.schema, spec.name, database.new_object_id(), session.server.wall.now())
    names = [column.name.lower() for column in spec.columns]
    for name in names:
        if names.count(name) > 1:
            raise SqlError(2705, f"Column names in each table must be unique. Column name '{name}' in table '{spec.name}' is specified "
                           "more than once.")  # fmt: skip
    if sum(column.identity is not None for column in spec.columns) > 1:
        raise SqlError(
            2744,
            f"Multiple identity columns specified for table '{spec.name}'. Only one identity column per table is allowed.",
        )
    keys = {name.lower() for index in spec.indexes if index.kind == "primary key" for name, _ in index.columns}
    columns = [
        build_column(database, spec.name, column, number, column.name.lower() in keys)
        for number, column in enumerate(spec.columns, 1)
    ]
    table.next_column_id = len(columns) + 1
    indexes: list[Index] = []
    if sum(index.kind == "primary key" for index in spec.indexes) > 1:
        raise SqlError(8110, f"Cannot add multiple PRIMARY KEY constraints to table '{spec.name}'.", state=0)
    # Explicitly clustered ones first: a primary key is clustered only if nothing else is.
    for index in sorted(spec.indexes, key=lambda one: one.clustered is not True):
        indexes.append(build_index(database, spec.name, columns, indexes, index))
    table.shape = Shape(columns, sorted(indexes, key=lambda one: one.index_id), database.collation)
    for check in spec.checks:
        table.checks.append(build_check(database, table, check))
    for foreign in spec.foreign_keys:
        add_foreign_key(session, table, foreign)
    return table


def build_check(database: Database, table: Table, spec: CheckSpec) -> Check:
    """A CHECK constraint."""
    number = database.new_object_id()
    return Check(spec.name or made_up_name("CK", table.name, number), number, spec.condition, spec.text)


def add_foreign_key(session: Any, table: Table, spec: ForeignKeySpec) -> ForeignKey:
    """A FOREIGN KEY constraint, noted on both tables (1767 without the table, 1776 without a key there)."""
    same = (
        spec.target_table.lower() == table.name.lower()
        and (spec.target_schema or "dbo").lower() == table.schema.lower()
    )
    target = table if same else table.database.table(spec.target_schema, spec.target_table)
    number = table.database.new_object_id()
    name = spec.name or made_up_name("FK", table.name, number)
    if target is None:
        raise SqlError(1767, f"Foreign key '{name}' references invalid table '{spec.target_table}'.", state=0)
    primary = target.primary_key
    if spec.target_columns:
        columns = [_column_id(target.shape.columns, one) for one in spec.target_columns]
    elif primary is not None:
        columns = [at for at, _ in primary.columns]
    else:
        raise no_key(target, name)
    if not any(index.unique and {at for at, _ in index.columns} == set(columns) for index in target.shape.indexes):
        raise no_key(target, name)
    own = [_column_id(table.shape.columns, one) for one in spec.columns]
    foreign = ForeignKey(name, number, own, target, columns, spec.on_delete, spec.on_update)
    table.foreign_keys.append(foreign)
    target.referenced_by.append(table)
    return foreign


def no_key(target: Table, name: str) -> SqlError:
    """1776."""
    return SqlError(
        1776,
        f"There are no primary or candidate keys in the referenced table '{target.schema}.{target.name}' that match the referencing "
        f"column list in the foreign key '{name}'.",
        state=0,
    )
