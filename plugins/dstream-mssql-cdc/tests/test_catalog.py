"""The catalog as the input reads it."""

from __future__ import annotations

import pytest
from sql_servers import TestServer, drop_database, enable, sql, wait_for

from dstream_mssql_cdc.catalog.discover import discover
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.read import read_all_tables, read_database, read_tables
from dstream_mssql_cdc.catalog.values import Table

ODD = ["Order Lines", "a.b", "x]y", "O'Neil", 'say "so"', "Größe", "заказы", "50%done"]


@pytest.fixture(scope="module")
def filled(server: TestServer) -> TestServer:
    """Tables of all sorts."""
    sql(server, "CREATE SCHEMA sales")
    sql(server, "CREATE TYPE dbo.Money2 FROM decimal(12, 2) NOT NULL")
    sql(
        server,
        "CREATE TABLE dbo.Orders (Region char(2) NOT NULL, Id int NOT NULL, Total dbo.Money2 NOT NULL, "
        "Note nvarchar(max) NULL, At datetime2(7) NULL, Twice AS Id * 2, Version rowversion, "
        "CONSTRAINT PK_Orders PRIMARY KEY (Id, Region))",
    )
    sql(server, "CREATE TABLE sales.Orders (Id int NOT NULL)")
    sql(server, "CREATE TABLE dbo.Uncaptured (Id int PRIMARY KEY)")
    sql(server, "INSERT dbo.Uncaptured VALUES (1), (2), (3)")
    enable(server, "dbo", "Orders")
    enable(server, "sales", "Orders", capture_instance="sales_o")
    for number, name in enumerate(ODD):
        bracketed = name.replace("]", "]]")
        sql(server, f"CREATE TABLE sales.[{bracketed}] ([{bracketed}] int PRIMARY KEY)")
        enable(server, "sales", name, capture_instance=f"odd_{number}")
    return server


def tables(server: TestServer) -> dict[str, Table]:
    connection = server.connect()
    try:
        return {table.qualified: table for table in read_tables(connection)}
    finally:
        connection.close()


def test_the_database(server: TestServer) -> None:
    connection = server.connect()
    database = read_database(connection)
    assert database == read_database(connection)
    assert (database.name, database.cdc_enabled, database.state) == (server.database, True, "ONLINE")
    assert database.version >= 11
    assert len(database.guid) == 36
    assert database.guid == database.guid.lower()
    connection.close()


def test_two_databases_have_two_identities(server: TestServer) -> None:
    sql(server, f"CREATE DATABASE {server.database}_2")
    try:
        first, second = server.connect(), server.connect(database=f"{server.database}_2")
        assert read_database(first).guid != read_database(second).guid
        first.close()
        second.close()
    finally:
        drop_database(server, f"{server.database}_2")


def test_captured_tables(filled: TestServer) -> None:
    found = tables(filled)

    assert set(found) == {"dbo.Orders", "sales.Orders", *(f"sales.{name}" for name in ODD)}
    orders = found["dbo.Orders"]
    assert orders.primary_key == ("Id", "Region")
    assert [(column.name, column.declaration, column.nullable, column.computed) for column in orders.columns] == [
        ("Region", "char(2)", False, False),
        ("Id", "int", False, False),
        ("Total", "decimal(12,2)", False, False),
        ("Note", "nvarchar(max)", True, False),
        ("At", "datetime2(7)", True, False),
        ("Twice", "int", True, True),
        ("Version", "timestamp", False, False),
    ]
    (instance,) = orders.instances
    assert (instance.name, instance.change_table, instance.role) == ("dbo_Orders", "dbo_Orders_CT", None)
    assert [column.name for column in instance.columns] == [column.name for column in orders.columns]
    assert instance.has_command_id
    assert len(instance.start_lsn) == 10
    assert found["sales.Orders"].primary_key == ()
    assert found["sales.Orders"].instances[0].name == "sales_o"


def test_odd_names_can_be_selected_and_read(filled: TestServer) -> None:
    connection = filled.connect()
    captured = read_tables(connection)
    for name in ODD:
        bracketed = name.replace("]", "]]")
        (table,) = TableSelection([f"sales.[{bracketed}]"]).select(captured)
        assert (table.name, table.primary_key) == (name, (name,))
        assert connection.query(f"SELECT [{bracketed}] FROM {table.quoted}") == []
    connection.close()


def test_the_number_of_queries_does_not_grow(filled: TestServer) -> None:
    if filled.sandbox is None:
        pytest.skip("counts statements at the server")
    connection = filled.connect()
    before = filled.sandbox.control.statement_count()
    read_tables(connection)
    assert filled.sandbox.control.statement_count() - before == 6
    connection.close()


def test_a_second_instance_after_a_change_of_the_table(server: TestServer) -> None:
    sql(server, "CREATE TABLE dbo.Grows (Id int PRIMARY KEY, Old int)")
    enable(server, "dbo", "Grows")
    sql(server, "ALTER TABLE dbo.Grows ADD New nvarchar(20) NULL")
    wait_for(lambda: tables(server)["dbo.Grows"].column("New"), "the new column")
    enable(server, "dbo", "Grows", capture_instance="dbo_Grows_2")

    old, new = tables(server)["dbo.Grows"].instances
    assert (old.name, new.name) == ("dbo_Grows", "dbo_Grows_2")
    assert old.start_lsn <= new.start_lsn
    assert [column.name for column in old.columns] == ["Id", "Old"]
    assert [column.name for column in new.columns] == ["Id", "Old", "New"]


def test_a_dropped_column_stays_in_its_instance(server: TestServer) -> None:
    sql(server, "CREATE TABLE dbo.Shrinks (Id int PRIMARY KEY, Gone int)")
    enable(server, "dbo", "Shrinks")
    sql(server, "ALTER TABLE dbo.Shrinks DROP COLUMN Gone")
    table = tables(server)["dbo.Shrinks"]
    assert [column.name for column in table.columns] == ["Id"]
    assert [column.name for column in table.instances[0].columns] == ["Id", "Gone"]


def test_all_tables(filled: TestServer) -> None:
    connection = filled.connect()
    found = {table.qualified: table for table in read_all_tables(connection)}
    connection.close()

    assert found["dbo.Uncaptured"].instances == ()
    assert found["dbo.Uncaptured"].rows == 3
    assert found["dbo.Orders"].instances
    assert not any(name.startswith("cdc.") for name in found)


def test_discover(filled: TestServer) -> None:
    connection = filled.connect()
    result = discover(connection, TableSelection(["Orders", "hr.*"]))
    connection.close()

    source = result.source
    assert source is not None
    assert source["database"] == filled.database
    assert [(table["schema"], table["name"]) for table in source["tables"]] == [("dbo", "Orders")]
    orders = source["tables"][0]
    assert orders["captured"] is True
    assert orders["primary_key"] == ["Id", "Region"]
    assert orders["columns"][2] == {"name": "Total", "type": "decimal(12,2)", "nullable": False}
    others = {f"{table['schema']}.{table['name']}": table for table in source["other_tables"]}
    assert others["dbo.Uncaptured"]["captured"] is False
    assert others["sales.Orders"]["captured"] is True
