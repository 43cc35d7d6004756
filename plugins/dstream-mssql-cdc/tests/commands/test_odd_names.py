"""Tables, schemas and columns of any name: discovered, selected by name, snapshotted, and their changes read."""

from __future__ import annotations

import json

import pytest
from command_project import Project, connection_string

from dstream_mssql_cdc.sql import literal, qualified, quoted
from dstream_sandbox.sqlserver.client import SqlServerSandbox

ODD = {
    ("dbo", "Order Details"): "[Order Details]",
    ("dbo", "a.b"): "[a.b]",
    ("my.schema", "c.d"): "[my.schema].[c.d]",
    ("dbo", "x]y"): "[x]]y]",
    ("dbo", "[z]"): '"[z]"',
    ("dbo", 'q"t'): 'dbo.[q"t]',
    ("dbo", "o'brien"): "o'brien",
    ("dbo", "50%sold %s %%"): "[50%sold %s %%]",
    ("dbo", "a*b?"): "[a*b?]",
    ("dbo", "Größe"): "größe",
    ("sales", "注文 €"): "SALES.注文 €",
    ("dbo", "Łódź'];--"): "[Łódź']];--]",
    ("dbo", "🙂"): "🙂",
    ("dbo", "$dstream"): "$dstream",
    ("dbo", "select"): "SELECT",
}
"""By schema and name: how the user writes it, in the case of his choice."""
COLUMNS = ("Id", "a b", "c.d", "e]f", 'g"h', "i'j", "50%k %s", "Größe", "注文", "select", "🙂")


def make(sandbox: SqlServerSandbox, database: str, schema: str, name: str, columns: tuple[str, ...] = COLUMNS) -> None:
    declared = ", ".join(f"{quoted(column)} int{' PRIMARY KEY' if column == 'Id' else ''}" for column in columns)
    sandbox.control.sql(f"CREATE TABLE {qualified(schema, name)} ({declared})", database)
    where = f"@source_schema = {literal(schema)}, @source_name = {literal(name)}"
    sandbox.control.sql(f"EXEC sys.sp_cdc_enable_table {where}, @role_name = NULL", database)


def insert(sandbox: SqlServerSandbox, database: str, schema: str, name: str, *values: int) -> None:
    listed = ", ".join(map(str, values))
    sandbox.control.sql(f"INSERT {qualified(schema, name)} VALUES ({listed})", database)


@pytest.mark.parametrize("database", ["Odd [names] 'of' a.b", "Größe %s"])
def test_any_name(database: str, sandbox: SqlServerSandbox, dstream: Project) -> None:
    sandbox.control.sql(f"CREATE DATABASE {quoted(database)}")
    sandbox.control.sql(f"ALTER DATABASE {quoted(database)} SET ALLOW_SNAPSHOT_ISOLATION ON")
    sandbox.control.sql("EXEC sys.sp_cdc_enable_db", database)
    for schema in {schema for schema, _ in ODD} - {"dbo"}:
        sandbox.control.sql(f"CREATE SCHEMA {quoted(schema)}", database)
    for schema, name in ODD:
        make(sandbox, database, schema, name)
        insert(sandbox, database, schema, name, *range(1, len(COLUMNS) + 1))
    source = connection_string(sandbox, quoted_value(database))
    dstream.write(f'poll_interval = "50ms"\n      tables = {hcl(list(ODD.values()))}')

    check = dstream(source, "check", "copy")
    assert check.code == 0, check.out
    assert "no errors, no warnings" in check.out
    document = dstream(source, "discover", "copy", "--json").document
    assert document["database"] == database
    found = {(table["schema"], table["name"]): table for table in document["tables"]}
    assert found.keys() == ODD.keys()
    assert {tuple(column["name"] for column in table["columns"]) for table in found.values()} == {COLUMNS}

    running = dstream.start(source, "run", "copy")
    dstream.until(lambda: len(dstream.lines()) == len(ODD), running)
    for schema, name in ODD:
        insert(sandbox, database, schema, name, *range(2, len(COLUMNS) + 2))
    dstream.until(lambda: len(dstream.lines()) == 2 * len(ODD), running)
    ended = dstream.stop(running)

    assert ended.code == 0, ended.err
    rows = [(1, *range(2, len(COLUMNS) + 1)), (2, *range(3, len(COLUMNS) + 2))]
    delivered: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for line in dstream.lines():
        key = (line["metadata"]["SchemaName"], line["metadata"]["TableName"])
        assert tuple(line["data"]) == COLUMNS
        delivered.setdefault(key, []).append(tuple(line["data"].values()))
        assert line["metadata"]["DatabaseName"] == database
    assert delivered == dict.fromkeys(ODD, rows)
    again = dstream(source, "check", "copy")
    assert again.out.count("error:") == 0, again.out


def test_a_database_whose_names_are_case_sensitive(sandbox: SqlServerSandbox, dstream: Project) -> None:
    """Every statement spells names as the catalog does, whatever the user wrote.

    The sandbox itself takes names in any case, so what it was asked is looked at. Of names that differ in case only, see
    `test_patterns`.
    """
    database, tables = "Exact", ("OrderLines", "ITEMS", "größen")
    sandbox.control.sql(f"CREATE DATABASE {database} COLLATE Latin1_General_CS_AS")
    sandbox.control.sql(f"ALTER DATABASE {database} SET ALLOW_SNAPSHOT_ISOLATION ON")
    sandbox.control.sql("EXEC sys.sp_cdc_enable_db", database)
    for name in tables:
        make(sandbox, database, "dbo", name, ("Id", "TheName"))
        insert(sandbox, database, "dbo", name, 1, 2)
    sandbox.control.clear_statements()
    source = connection_string(sandbox, database)
    columns = 'columns {\n        exclude = ["THENAME"]\n      }'
    dstream.write(f'tables = ["ORDERLINES", "dbo.items", "GRÖSSEN"]\n      snapshot = "only"\n      {columns}')

    assert dstream(source, "check", "copy").code == 0
    done = dstream(source, "run", "copy")

    assert done.code == 0, done.err
    assert {line["metadata"]["TableName"]: line["data"] for line in dstream.lines()} == {
        name: {"Id": 1} for name in tables
    }
    asked = "\n".join(sandbox.control.distinct_statements())
    for right, wrong in (("[OrderLines]", "ORDERLINES"), ("[ITEMS]", "items"), ("[größen]", "GRÖSSEN")):
        assert right in asked
        assert wrong not in asked


def quoted_value(text: str) -> str:
    """A value in an ADO.NET connection string."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def hcl(names: list[str]) -> str:
    """A list of strings in HCL, in which `%{` and `${` would begin a template."""
    return json.dumps(names, ensure_ascii=False)
