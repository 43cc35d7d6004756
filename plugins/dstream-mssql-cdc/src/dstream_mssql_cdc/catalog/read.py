"""The catalog of a database in a constant number of queries, whatever the number of tables.

Plain joins over `sys.*` and `cdc.*`, as SQL Server 2012 and later know them, and nothing cleverer than that. A server
that has not all of these columns is asked again for those without which nothing can be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dstream_core.api import DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import queries
from dstream_mssql_cdc.catalog.columns import column_of
from dstream_mssql_cdc.catalog.values import CaptureInstance, Column, Database, Table
from dstream_mssql_cdc.connection.answers import answer, clock_time, query_any
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import StatementError
from dstream_mssql_cdc.position import ZERO
from dstream_mssql_cdc.sql import qualified, quoted

Columns = Mapping[int, tuple[Column, ...]]

COMMAND_ID = "__$command_id"
CDC_SCHEMA = "cdc"
_NO_GUID = "00000000-0000-0000-0000-000000000000"


def read_database(connection: Connection) -> Database:
    """What is known of the session's database.

    Raises:
        DStreamError: see `connection.errors`.
    """
    row = _database_row(connection)
    name, cdc, snapshot, state, read_only, collation, broker, version, number, edition, server, offset, updates = row
    if name is None:
        name = (answer(connection, queries.DATABASE_NAME) or ("",))[0]
    if cdc is None:
        cdc = answer(connection, queries.ANY_INSTANCE) is not None
    product = str(version or "")
    return Database(
        server=str(server or ""),
        name=str(name or ""),
        guid=_guid(connection, broker),
        version=int(product.split(".")[0]) if product[:1].isdigit() else 0,
        collation=str(collation or ""),
        cdc_enabled=bool(cdc),
        snapshot_allowed=snapshot is None or int(snapshot) == 1,  # a server that does not say is tried
        engine_edition=int(number or 0),
        product_version=product,
        edition=str(edition or ""),
        utc_offset_minutes=int(offset or 0),
        state=str(state or "ONLINE"),
        read_only=bool(read_only) or updates == "READ_ONLY",
        case_sensitive=any(mark in str(collation).upper() for mark in ("_CS_", "_BIN")),
    )


def _database_row(connection: Connection) -> tuple[Any, ...]:
    """The facts in their order; None for those that the server has not."""
    row = answer(connection, queries.DATABASE)
    if row is not None:
        return row
    facts = (answer(connection, queries.database_facts(fact)) for fact in queries.DATABASE_FACTS)
    return tuple(None if fact is None else fact[0] for fact in facts)


def _guid(connection: Connection, broker: Any) -> str:
    """The GUID of the database's service broker, which every database has.

    It is on the database's first page: all replicas of an availability group have the same, a new database a new one,
    and everybody may see it. `database_guid` is another on each replica, since restoring makes a new one.
    """
    if broker is not None and str(broker) != _NO_GUID:
        return str(broker).lower()
    return str((answer(connection, queries.DATABASE_GUID) or (None,))[0] or "").lower()


def read_tables(connection: Connection) -> tuple[Table, ...]:
    """All captured tables, each with its capture instances.

    Those that the user may not see at all (no right on the table itself) are not among them; see
    `read_hidden_instances`.

    Raises:
        DStreamError: see `connection.errors`; 208 if the database is not enabled for change data capture.
    """
    columns = _columns(connection, queries.CAPTURED_TABLES_COLUMNS)
    instances = _instances(connection, columns)
    tables = query_any(connection, queries.CAPTURED_TABLES, queries.PLAIN_TABLES)
    keys = _keys(connection, queries.CAPTURED_TABLES_KEYS)
    return tuple(
        Table(str(schema), str(name), number, columns.get(number, ()), keys.get(number, ()), instances[number])
        for schema, name, number in tables
        if number in instances
    )


def read_all_tables(connection: Connection, *, captured: bool = True) -> tuple[Table, ...]:
    """All tables of users that the session may see, captured or not, with about how many rows they have.

    Args:
        connection: a session on the database.
        captured: the database is enabled for change data capture; else nobody asks for capture instances.
    """
    columns = _columns(connection, queries.ALL_TABLES_COLUMNS)
    instances = _instances(connection, columns) if captured else {}
    tables = query_any(connection, queries.ALL_TABLES, queries.PLAIN_TABLES)
    keys = _keys(connection, queries.ALL_TABLES_KEYS)
    rows = read_row_counts(connection)
    return tuple(
        Table(
            str(schema),
            str(name),
            number,
            columns.get(number, ()),
            keys.get(number, ()),
            instances.get(number, ()),
            rows.get(number),
        )
        for schema, name, number in tables
        if schema != CDC_SCHEMA
    )


def read_row_counts(connection: Connection) -> dict[int, int]:
    """About how many rows the tables have, by `object_id`; empty where nobody may see that."""
    try:
        return {int(number): int(rows) for number, rows in connection.query(queries.ROW_COUNTS)}
    except TemporaryError:
        raise
    except DStreamError:
        return {}


def read_hidden_instances(connection: Connection) -> tuple[str, ...]:
    """Names of the capture instances whose table the user may not see."""
    return tuple(str(row[0]) for row in connection.query(queries.HIDDEN_INSTANCES))


def _instances(connection: Connection, sources: Columns) -> dict[int, tuple[CaptureInstance, ...]]:
    """The capture instances by the `object_id` of their table, the oldest first.

    Args:
        connection: a session on the database.
        sources: columns of the tables, for change tables whose definition the user may not see.
    """
    stored = _columns(connection, queries.CHANGE_TABLES_COLUMNS)
    captured: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in query_any(connection, queries.CAPTURED_COLUMNS, queries.PLAIN_CAPTURED_COLUMNS):
        captured[int(row[0])].append(row)
    found: dict[int, list[CaptureInstance]] = defaultdict(list)
    rows = query_any(connection, queries.INSTANCES, queries.PLAIN_INSTANCES)
    for source, name, number, start, role, net, created, change_table in rows:
        columns = stored.get(int(number), ())
        known = {column.name: column for column in columns or sources.get(int(source), ())}
        table = str(change_table or f"{name}_CT")
        lowest = _low_endpoint(connection, str(name)) if start is None else bytes(start)
        instance = CaptureInstance(
            name=str(name),
            object_id=int(number),
            start_lsn=lowest or ZERO,
            columns=tuple(_captured(known, row) for row in captured[int(number)]),
            has_command_id=any(column.name == COMMAND_ID for column in columns),
            role=str(role) if role else None,
            supports_net_changes=bool(net),
            change_table=table,
            created=clock_time(created),
            begun=bool(lowest),
        )
        if not columns:
            instance = replace(instance, has_command_id=bool(stored) or _has_command_id(connection, table))
        found[int(source)].append(instance)
    return {source: _usable(instances) for source, instances in found.items()}


def _usable(instances: Sequence[CaptureInstance]) -> tuple[CaptureInstance, ...]:
    """Those that the capture job has begun with; the others only if there are none else."""
    begun = [instance for instance in instances if instance.begun] or instances
    return tuple(sorted(begun, key=lambda instance: (instance.start_lsn, instance.object_id)))


def _low_endpoint(connection: Connection, instance: str) -> bytes | None:
    """Where an instance begins that `cdc.change_tables` says nothing of; None: that is not known yet."""
    lowest = (answer(connection, queries.LOW_ENDPOINT, instance) or (None,))[0]
    return bytes(lowest) if lowest is not None and any(bytes(lowest)) else None


def _has_command_id(connection: Connection, change_table: str) -> bool:
    """Asked of the table itself, where the catalog says nothing of any change table."""
    name = qualified(CDC_SCHEMA, change_table)
    try:
        connection.query(f"SELECT TOP (0) {quoted(COMMAND_ID)} FROM {name}")  # noqa: S608  names are quoted
    except StatementError:
        return False
    return True


def _captured(known: Mapping[str, Column], row: tuple[Any, ...]) -> Column:
    """A captured column, typed as the change table is; one that is not found keeps its place in the update mask."""
    _, name, computed, type_name = row
    column = known.get(str(name)) or column_of(name, type_name, 0, 0, 0, 1, 0, None)
    return replace(column, computed=bool(computed))


def _columns(connection: Connection, sql: str) -> Columns:
    found: dict[int, list[Column]] = defaultdict(list)
    for row in query_any(connection, sql, queries.PLAIN_COLUMNS, queries.SCHEMA_COLUMNS):
        found[int(row[0])].append(column_of(*row[1:]))
    return {number: tuple(columns) for number, columns in found.items()}


def _keys(connection: Connection, sql: str) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    for number, name in query_any(connection, sql, queries.PLAIN_KEYS, queries.SCHEMA_KEYS):
        found[int(number)].append(str(name))
    return {number: tuple(names) for number, names in found.items()}
