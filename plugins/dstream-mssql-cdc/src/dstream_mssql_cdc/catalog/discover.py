"""What the input reads, and what it could read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from dstream_core.api import Resource, Result
from dstream_mssql_cdc.catalog import remedies
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.read import read_all_tables, read_database
from dstream_mssql_cdc.catalog.rights import by_catalog
from dstream_mssql_cdc.catalog.values import CaptureInstance, Column, Database, Table
from dstream_mssql_cdc.connection.connect import Connection


def discover(connection: Connection, selection: TableSelection) -> Result:
    """The answer to the verb `discover`.

    Its `source.tables` are the captured tables that are selected, for outputs; `source.other_tables` are the rest of
    the tables that the user may see, each with whether it is captured.

    Args:
        connection: a session on the database.
        selection: what `tables` selects.

    Raises:
        DStreamError: see `connection.errors`; `mssql/table-ambiguous`.
    """
    database = read_database(connection)
    tables = by_catalog(connection, partial(read_all_tables, captured=database.cdc_enabled))
    return discovered(database, tables, selection)


def discovered(database: Database, tables: Iterable[Table], selection: TableSelection) -> Result:
    """The result for a catalog. Pure."""
    known = tuple(tables)
    captured = tuple(table for table in known if table.instances)
    selected = selection.select(captured)
    names = {table.qualified for table in selected}
    others = [table for table in known if table.qualified not in names]
    source = {
        "server": database.server,
        "database": database.name,
        "cdc_enabled": database.cdc_enabled,
        "version": database.product_version,
        "tables": [_document(table) for table in selected],
        "other_tables": [_document(table) for table in others],
    }
    message = f"{len(selected)} of {len(captured)} captured tables selected; {len(known) - len(captured)} others"
    if not database.cdc_enabled:
        enabling = remedies.enable_database(database.name)
        message = f"change data capture is not enabled on {database.name}; as a member of sysadmin: {enabling}"
    if missing := selection.missing(captured):
        message += f"; not captured or not there: {', '.join(missing)}"
    return Result([_resource(table, table.qualified in names) for table in known], message=message, source=source)


def _resource(table: Table, selected: bool) -> Resource:
    state = "captured" if table.instances else "not captured"
    return Resource(id=table.qualified, type="table", state=state, detail="selected" if selected else "not selected")


def _document(table: Table) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": table.schema,
        "name": table.name,
        "primary_key": list(table.primary_key),
        "columns": [_column(column) for column in table.columns],
        "captured": bool(table.instances),
        "capture_instances": [_instance(instance) for instance in table.instances],
    }
    if table.rows is not None:
        document["rows"] = table.rows
    return document


def _column(column: Column) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": column.name,
        "type": column.declaration,
        "nullable": column.nullable,
    }
    if column.computed:
        document["computed"] = True
    return document


def _instance(instance: CaptureInstance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "start_lsn": instance.start_lsn.hex(),
        "columns": [column.name for column in instance.columns],
        "role": instance.role,
    }
