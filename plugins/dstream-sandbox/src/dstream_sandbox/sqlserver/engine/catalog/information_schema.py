"""INFORMATION_SCHEMA."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.catalog.objects import (
    as_column,
    change_tables,
    modules,
    precision_and_scale,
    tables,
)
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.tables import Column

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

_NAME = "INFORMATION_SCHEMA"


def schemata(session: Session, database: Database) -> Iterable[Row]:
    """SCHEMATA."""
    for schema in database.schemas.values():
        yield (database.name, schema.name, schema.owner)


def all_tables(session: Session, database: Database) -> Iterable[Row]:
    """TABLES."""
    for table in (*tables(session, database), *change_tables(session, database)):
        yield (database.name, table.schema, table.name, "BASE TABLE")
    for module in modules(session, database, "V"):
        yield (database.name, module.schema, module.name, "VIEW")


def all_views(session: Session, database: Database) -> Iterable[Row]:
    """VIEWS."""
    for module in modules(session, database, "V"):
        yield (database.name, module.schema, module.name, module.definition, "NONE", "NO")


def columns(session: Session, database: Database) -> Iterable[Row]:
    """COLUMNS."""
    for table in tables(session, database):
        for place, column in enumerate(table.shape.columns, 1):
            yield _column(database, table.schema, table.name, place, column)
    for relation in (*change_tables(session, database), *modules(session, database, "V")):
        for place, info in enumerate(relation.columns, 1):
            yield _column(database, relation.schema, relation.name, place, as_column(info))


def _column(database: Database, schema: str, table: str, place: int, column: Column) -> Row:
    kind = column.type
    precision, scale = precision_and_scale(kind)
    characters = kind.length if kind.is_character or kind.is_binary else None
    dates = kind.name in ("time", "datetime2", "datetimeoffset", "datetime", "smalldatetime", "date")
    numeric = precision > 0 and not dates and kind.name != "bit"
    moment = {"datetime": 3, "smalldatetime": 0, "date": 0}.get(kind.name, kind.scale) if dates else None
    set_name = ("UNICODE" if kind.is_unicode else "iso_1") if kind.is_character else None
    radix = (2 if kind.name in ("float", "real") else 10) if numeric else None
    return (
        database.name, schema, table, column.name, place, column.default_text or None, "YES" if column.nullable else "NO", kind.name,
        characters, kind.max_length if characters is not None else None, precision if numeric else None, radix,
        scale if numeric and radix == 10 else None, moment, set_name, column.collation,
    )  # fmt: skip


def table_constraints(session: Session, database: Database) -> Iterable[Row]:
    """TABLE_CONSTRAINTS."""
    for table in tables(session, database):
        named = [(index.name, index.kind.upper()) for index in table.shape.indexes if index.kind != "index"]
        named += [(check.name, "CHECK") for check in table.checks] + [
            (key.name, "FOREIGN KEY") for key in table.foreign_keys
        ]
        for name, kind in named:
            yield (database.name, table.schema, name, database.name, table.schema, table.name, kind, "NO", "NO")


def key_column_usage(session: Session, database: Database) -> Iterable[Row]:
    """KEY_COLUMN_USAGE."""
    for table in tables(session, database):
        names = {column.column_id: column.name for column in table.shape.columns}
        keys = [(index.name, [at for at, _ in index.columns]) for index in table.shape.indexes if index.kind != "index"]
        keys += [(key.name, key.columns) for key in table.foreign_keys]
        for name, ids in keys:
            for place, number in enumerate(ids, 1):
                yield (database.name, table.schema, name, database.name, table.schema, table.name, names[number], place)


VIEWS: list[View] = [
    view(_NAME, "SCHEMATA", "CATALOG_NAME nvarchar(128), SCHEMA_NAME nvarchar(128) not null, SCHEMA_OWNER nvarchar(128)", schemata),
    view(
        _NAME, "TABLES", "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname not null, TABLE_TYPE varchar(10)",
        all_tables,
    ),
    view(
        _NAME, "VIEWS", "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname not null, VIEW_DEFINITION nvarchar(4000),"
        "CHECK_OPTION varchar(7), IS_UPDATABLE varchar(2) not null", all_views,
    ),
    view(
        _NAME, "COLUMNS",
        "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME nvarchar(128) not null, COLUMN_NAME nvarchar(128),"
        "ORDINAL_POSITION int, COLUMN_DEFAULT nvarchar(4000), IS_NULLABLE varchar(3), DATA_TYPE nvarchar(128), CHARACTER_MAXIMUM_LENGTH int,"
        "CHARACTER_OCTET_LENGTH int, NUMERIC_PRECISION tinyint, NUMERIC_PRECISION_RADIX smallint, NUMERIC_SCALE int, DATETIME_PRECISION smallint,"
        "CHARACTER_SET_NAME sysname, COLLATION_NAME sysname", columns,
    ),
    view(
        _NAME, "TABLE_CONSTRAINTS",
        "CONSTRAINT_CATALOG nvarchar(128), CONSTRAINT_SCHEMA nvarchar(128), CONSTRAINT_NAME sysname not null, TABLE_CATALOG nvarchar(128),"
        "TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname, CONSTRAINT_TYPE varchar(11), IS_DEFERRABLE varchar(2) not null,"
        "INITIALLY_DEFERRED varchar(2) not null", table_constraints,
    ),
    view(
        _NAME, "KEY_COLUMN_USAGE",
        "CONSTRAINT_CATALOG nvarchar(128), CONSTRAINT_SCHEMA nvarchar(128), CONSTRAINT_NAME nvarchar(128) not null, TABLE_CATALOG nvarchar(128),"
        "TABLE_SCHEMA nvarchar(128), TABLE_NAME nvarchar(128) not null, COLUMN_NAME nvarchar(128), ORDINAL_POSITION int not null",
        key_column_usage,
    ),
]  # fmt: skip
