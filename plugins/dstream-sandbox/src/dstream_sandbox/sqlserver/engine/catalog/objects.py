"""sys.objects, sys.tables, sys.columns, sys.types, sys.schemas, sys.partitions, and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Module, Row
from dstream_sandbox.sqlserver.engine.catalog.databases import needs_database_state
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.tables import Column, Table
from dstream_sandbox.sqlserver.types import SYSTEM_TYPE_IDS, USER_TYPE_IDS, SqlType, Variant

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

_PRECISIONS = {
    "bit": (1, 0), "tinyint": (3, 0), "smallint": (5, 0), "int": (10, 0), "bigint": (19, 0), "money": (19, 4), "smallmoney": (10, 4),
    "float": (53, 0), "real": (24, 0), "date": (10, 0), "datetime": (23, 3), "smalldatetime": (16, 0),
}  # fmt: skip
KIND_NAMES = {
    "U": "USER_TABLE", "V": "VIEW", "P": "SQL_STORED_PROCEDURE", "FN": "SQL_SCALAR_FUNCTION", "IF": "SQL_INLINE_TABLE_VALUED_FUNCTION",
    "TF": "SQL_TABLE_VALUED_FUNCTION", "TR": "SQL_TRIGGER", "PK": "PRIMARY_KEY_CONSTRAINT", "UQ": "UNIQUE_CONSTRAINT",
    "C": "CHECK_CONSTRAINT", "D": "DEFAULT_CONSTRAINT", "F": "FOREIGN_KEY_CONSTRAINT",
}  # fmt: skip


def precision_and_scale(sql_type: SqlType) -> tuple[int, int]:
    """As `sys.columns` has them."""
    if sql_type.name in ("decimal", "numeric"):
        return sql_type.precision or 18, sql_type.scale or 0
    if sql_type.name in ("time", "datetime2", "datetimeoffset"):
        scale = 7 if sql_type.scale is None else sql_type.scale
        whole = {"time": 8, "datetime2": 19, "datetimeoffset": 26}[sql_type.name]
        return whole + (scale + 1 if scale else 0), scale
    return _PRECISIONS.get(sql_type.name, (0, 0))


def tables(session: Session, database: Database) -> Iterator[Table]:
    """Tables whose metadata the session sees."""
    return (table for table in database.all_tables() if session.sees(table))


def change_tables(session: Session, database: Database) -> Iterable[Any]:
    """Change tables and lsn_time_mapping: ordinary tables of the schema cdc to the catalog."""
    state = database.capture
    if state is None:
        return ()
    return [one for one in (*(one.changes for one in state.instances), state.mapping) if session.sees(one)]


def modules(session: Session, database: Database, *kinds: str) -> Iterator[Module]:
    """Modules of some kinds that the session sees."""
    return (one for one in database.modules.values() if (not kinds or one.kind in kinds) and session.sees(one))


def schema_id(database: Database, name: str) -> int:
    """Its number."""
    schema = database.schemas.get(name.lower())
    return schema.schema_id if schema is not None else 1


def objects(session: Session, database: Database) -> Iterable[Row]:
    """sys.objects."""
    for table in tables(session, database):
        made, changed = rounded(table.created), rounded(table.modified)
        home = schema_id(database, table.schema)
        yield _object(table.name, table.object_id, home, 0, "U", made, changed)
        for name, number, kind in _constraints(table):
            yield _object(name, number, home, table.object_id, kind, made, made)
    for change in change_tables(session, database):
        made = rounded(change.created)
        yield _object(change.name, change.object_id, schema_id(database, "cdc"), 0, "U", made, made, shipped=True)
    for module in modules(session, database):
        made = rounded(database.created)
        parent = module.parent.object_id if isinstance(module.parent, Table) else 0
        yield _object(
            module.name, module.object_id, schema_id(database, module.schema), parent, module.kind, made, made
        )


def _constraints(table: Table) -> Iterator[tuple[str, int, str]]:
    for index in table.shape.indexes:
        if index.kind != "index":
            yield index.name, index.object_id, "PK" if index.kind == "primary key" else "UQ"
    for check in table.checks:
        yield check.name, check.object_id, "C"
    for key in table.foreign_keys:
        yield key.name, key.object_id, "F"
    for column in table.shape.columns:
        if column.default_id:
            yield column.default_name, column.default_id, "D"


def _object(
    name: str, number: int, home: int, parent: int, kind: str, made: Any, changed: Any, shipped: bool = False
) -> Row:
    return (
        name,
        number,
        None,
        home,
        parent,
        kind.ljust(2),
        KIND_NAMES.get(kind, kind),
        made,
        changed,
        shipped,
        False,
        False,
    )


def sys_tables(session: Session, database: Database) -> Iterable[Row]:
    """sys.tables."""
    for table in tables(session, database):
        head = _object(
            table.name,
            table.object_id,
            schema_id(database, table.schema),
            0,
            "U",
            rounded(table.created),
            rounded(table.modified),
        )
        yield (
            *head,
            table.next_column_id - 1,
            bool(table.tracked),
            False,
            0,
            "TABLE",
            False,
            0,
            "NON_TEMPORAL_TABLE",
            None,
            False,
        )
    for change in change_tables(session, database):
        made = rounded(change.created)
        head = _object(change.name, change.object_id, schema_id(database, "cdc"), 0, "U", made, made, shipped=True)
        yield (*head, len(change.columns), False, False, 0, "TABLE", False, 0, "NON_TEMPORAL_TABLE", None, False)


def sys_views(session: Session, database: Database) -> Iterable[Row]:
    """sys.views."""
    made = rounded(database.created)
    for module in modules(session, database, "V"):
        yield (*_object(module.name, module.object_id, schema_id(database, module.schema), 0, "V", made, made), False)


def sys_procedures(session: Session, database: Database) -> Iterable[Row]:
    """sys.procedures."""
    made = rounded(database.created)
    for module in modules(session, database, "P"):
        yield _object(module.name, module.object_id, schema_id(database, module.schema), 0, "P", made, made)


def sql_modules(session: Session, database: Database) -> Iterable[Row]:
    """sys.sql_modules."""
    for module in modules(session, database):
        yield (module.object_id, module.definition, True, True, False)


def triggers(session: Session, database: Database) -> Iterable[Row]:
    """sys.triggers."""
    made = rounded(database.created)
    for module in modules(session, database, "TR"):
        parent = module.parent if isinstance(module.parent, Table) else None
        yield (
            module.name, module.object_id, 1, "OBJECT_OR_COLUMN", parent.object_id if parent else 0, "TR", "SQL_TRIGGER", made, made, False,
            parent is not None and module not in parent.triggers, False, False,
        )  # fmt: skip


def _column_row(database: Database, object_id: int, column: Column, collation: str | None) -> Row:
    precision, scale = precision_and_scale(column.type)
    system, user = type_ids(database, column.type, column.alias)
    return (
        object_id, column.name, column.column_id, system, user, column.type.max_length, precision, scale, collation, column.nullable, False,
        column.rowguidcol, column.identity is not None, column.is_computed, False, False, False, False, column.sparse, False,
        column.default_id, 0, 0, None, False, False,
    )  # fmt: skip


def type_ids(database: Database, sql_type: SqlType, alias: str = "") -> tuple[int, int]:
    """system_type_id and user_type_id."""
    schema, _, name = alias.lower().partition(".")
    found = database.types.get((schema, name))
    if alias.lower() == "sysname":
        return SYSTEM_TYPE_IDS[sql_type.name], 256
    return SYSTEM_TYPE_IDS[sql_type.name], USER_TYPE_IDS[sql_type.name] if found is None else found.user_type_id


def as_column(info: ColumnInfo) -> Column:
    """A column of a view or change table in the form of a table's."""
    return Column(info.name, info.column_id, info.type, info.nullable, collation=info.collation)


def columns(session: Session, database: Database) -> Iterable[Row]:
    """sys.columns."""
    for table in tables(session, database):
        for column in table.shape.columns:
            yield _column_row(database, table.object_id, column, column.collation)
    for relation in (*change_tables(session, database), *modules(session, database, "V")):
        for number, info in enumerate(relation.columns, 1):
            column = as_column(info)
            row = _column_row(database, relation.object_id, column, info.collation)
            yield (*row[:2], column.column_id or number, *row[3:])


def identity_columns(session: Session, database: Database) -> Iterable[Row]:
    """sys.identity_columns."""
    for table in tables(session, database):
        for column in table.shape.columns:
            if column.identity is not None:
                seed, step = column.identity
                last = None if table.identity_last is None else Variant(column.type, table.identity_last)
                system, user = type_ids(database, column.type, column.alias)
                yield (
                    table.object_id, column.name, column.column_id, system, user, column.type.max_length, *precision_and_scale(column.type),
                    column.nullable, True, Variant(column.type, seed), Variant(column.type, step), last, False,
                )  # fmt: skip


def computed_columns(session: Session, database: Database) -> Iterable[Row]:
    """sys.computed_columns."""
    for table in tables(session, database):
        for column in table.shape.columns:
            if column.is_computed:
                system, user = type_ids(database, column.type, column.alias)
                yield (
                    table.object_id, column.name, column.column_id, system, user, column.type.max_length, *precision_and_scale(column.type),
                    column.nullable, True, column.computed_text, True, column.persisted,
                )  # fmt: skip


def types(session: Session, database: Database) -> Iterable[Row]:
    """sys.types: the base types, sysname, alias types."""
    for name, number in USER_TYPE_IDS.items():
        base = SqlType.parse(name)
        size = {"decimal": 17, "numeric": 17}.get(name, base.max_length if base.length is None else 8000)
        precision, scale = (38, 38) if name in ("decimal", "numeric") else precision_and_scale(base)
        collation = database.collation if base.is_character else None
        yield (
            name,
            SYSTEM_TYPE_IDS[name],
            number,
            4,
            None,
            size,
            precision,
            scale,
            collation,
            True,
            False,
            number in (128, 129, 130),
            0,
            0,
            False,
        )
    yield ("sysname", 231, 256, 4, None, 256, 0, 0, database.collation, False, False, False, 0, 0, False)
    for alias in database.types.values():
        precision, scale = precision_and_scale(alias.base)
        yield (
            alias.name, SYSTEM_TYPE_IDS[alias.base.name], alias.user_type_id, schema_id(database, alias.schema), None, alias.base.max_length,
            precision, scale, database.collation if alias.base.is_character else None, alias.nullable, True, False, 0, 0, False,
        )  # fmt: skip


def schemas(session: Session, database: Database) -> Iterable[Row]:
    """sys.schemas."""
    for schema in database.schemas.values():
        owner = database.principals.all.get(schema.owner.lower())
        yield (schema.name, schema.schema_id, owner.principal_id if owner else 1)


def _partition_rows(session: Session, database: Database) -> Iterator[tuple[int, int, int]]:
    for table in tables(session, database):
        count = table.row_count(session)
        heap = not any(index.clustered for index in table.shape.indexes)
        if heap:
            yield table.object_id, 0, count
        for index in table.shape.indexes:
            yield table.object_id, index.index_id, count
    for change in change_tables(session, database):
        yield change.object_id, 1, change.row_count(session)


def partitions(session: Session, database: Database) -> Iterable[Row]:
    """sys.partitions."""
    for number, index, count in _partition_rows(session, database):
        identity = (number << 8) + index
        yield (identity, number, index, 1, identity, count, 0, 0, "NONE")


def partition_stats(session: Session, database: Database) -> Iterable[Row]:
    """sys.dm_db_partition_stats."""
    for number, index, count in _partition_rows(session, database):
        pages = count // 100 + 1
        yield ((number << 8) + index, number, index, 1, pages, pages, pages, 0, 0, 0, 0, pages, pages, count)


_HEAD = (
    "name sysname not null, object_id int not null, principal_id int, schema_id int not null, parent_object_id int not null, type char(2),"
    "type_desc nvarchar(60), create_date datetime not null, modify_date datetime not null, is_ms_shipped bit not null,"
    "is_published bit not null, is_schema_published bit not null"
)
_TYPE = "system_type_id tinyint not null, user_type_id int not null, max_length smallint not null, precision tinyint not null, scale tinyint not null"

VIEWS: list[View] = [
    view("sys", "objects", _HEAD, objects),
    view("sys", "all_objects", _HEAD, objects),
    view(
        "sys", "tables",
        f"{_HEAD}, max_column_id_used int not null, is_tracked_by_cdc bit, is_memory_optimized bit, durability tinyint, durability_desc nvarchar(60),"
        "is_replicated bit, temporal_type tinyint, temporal_type_desc nvarchar(60), history_table_id int, is_external bit not null",
        sys_tables,
    ),
    view("sys", "views", f"{_HEAD}, with_check_option bit not null", sys_views),
    view("sys", "procedures", _HEAD, sys_procedures),
    view(
        "sys", "sql_modules", "object_id int not null, definition nvarchar(max), uses_ansi_nulls bit, uses_quoted_identifier bit,"
        "is_schema_bound bit", sql_modules,
    ),
    view(
        "sys", "triggers", "name sysname not null, object_id int not null, parent_class tinyint not null, parent_class_desc nvarchar(60),"
        "parent_id int not null, type char(2) not null, type_desc nvarchar(60), create_date datetime not null, modify_date datetime not null,"
        "is_ms_shipped bit not null, is_disabled bit not null, is_not_for_replication bit not null, is_instead_of_trigger bit not null",
        triggers,
    ),
    view(
        "sys", "columns",
        f"object_id int not null, name sysname, column_id int not null, {_TYPE}, collation_name sysname, is_nullable bit, is_ansi_padded bit not null,"
        "is_rowguidcol bit not null, is_identity bit not null, is_computed bit not null, is_filestream bit not null, is_replicated bit,"
        "is_non_sql_subscribed bit, is_merge_published bit, is_sparse bit not null, is_column_set bit not null, default_object_id int not null,"
        "rule_object_id int not null, generated_always_type tinyint, encryption_type int, is_hidden bit not null, is_masked bit not null",
        columns,
    ),
    view(
        "sys", "identity_columns", f"object_id int not null, name sysname, column_id int not null, {_TYPE}, is_nullable bit, is_identity bit not null,"
        "seed_value sql_variant, increment_value sql_variant, last_value sql_variant, is_not_for_replication bit", identity_columns,
    ),
    view(
        "sys", "computed_columns", f"object_id int not null, name sysname, column_id int not null, {_TYPE}, is_nullable bit, is_computed bit not null,"
        "definition nvarchar(max), uses_database_collation bit not null, is_persisted bit not null", computed_columns,
    ),
    view(
        "sys", "types", "name sysname not null, system_type_id tinyint not null, user_type_id int not null, schema_id int not null, principal_id int,"
        "max_length smallint not null, precision tinyint not null, scale tinyint not null, collation_name sysname, is_nullable bit,"
        "is_user_defined bit not null, is_assembly_type bit not null, default_object_id int not null, rule_object_id int not null,"
        "is_table_type bit not null", types,
    ),
    view("sys", "schemas", "name sysname not null, schema_id int not null, principal_id int", schemas),
    view(
        "sys", "partitions", "partition_id bigint not null, object_id int not null, index_id int not null, partition_number int not null,"
        "hobt_id bigint not null, rows bigint, filestream_filegroup_id smallint not null, data_compression tinyint not null,"
        "data_compression_desc nvarchar(60)", partitions,
    ),
    view(
        "sys", "dm_db_partition_stats", "partition_id bigint, object_id int not null, index_id int not null, partition_number int not null,"
        "in_row_data_page_count bigint, in_row_used_page_count bigint, in_row_reserved_page_count bigint, lob_used_page_count bigint,"
        "lob_reserved_page_count bigint, row_overflow_used_page_count bigint, row_overflow_reserved_page_count bigint, used_page_count bigint,"
        "reserved_page_count bigint, row_count bigint", partition_stats, needs_database_state,
    ),
]  # fmt: skip
