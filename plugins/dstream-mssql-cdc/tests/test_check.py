"""The verb `check`, and what a run demands before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sql_servers import TestServer, drop_database, enable, sql

from dstream_core.api import ConfigurationError, Result
from dstream_mssql_cdc.catalog.checks import check_source, require_readable
from dstream_mssql_cdc.catalog.discover import discover
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.connection.errors import SetupError
from dstream_mssql_cdc.position import LAST, ChangePosition, TablePosition
from dstream_mssql_cdc.shared_tables import checkpoint_tables
from dstream_mssql_cdc.sql import quoted


@pytest.fixture(scope="module")
def ready(server: TestServer) -> TestServer:
    """Two captured tables, and one that is not."""
    for name in ("Orders", "Items", "Uncaptured", "Other one"):
        sql(server, f"CREATE TABLE dbo.[{name}] (Id int PRIMARY KEY, Name nvarchar(50))")
    enable(server, "dbo", "Orders")
    enable(server, "dbo", "Items")
    server.captured()
    return server


def require(server: TestServer, *tables: str, **options: object) -> None:
    connection = server.connect()
    try:
        require_readable(connection, TableSelection(tables), server.options(**options))
    finally:
        connection.close()


def check(server: TestServer, positions: dict[str, TablePosition] | None = None, **options: object) -> Result:
    return check_source(server.options(**options), "test", positions=lambda _: positions or {})


def findings(result: Result, state: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for resource in result.resources:
        if resource.state == state:
            found[resource.name] = f"{found.get(resource.name, '')}{resource.detail}\n"
    return found


def test_all_is_well(ready: TestServer) -> None:
    result = check(ready, tables=["Orders", "Items"], snapshot="never")

    assert result.healthy is True, result.message
    assert findings(result, "error") == {}
    assert "captured as dbo_Orders; primary key: Id" in findings(result, "ok")["dbo.Orders"]
    require(ready, "Orders", "Items")


def test_tables_that_are_not_captured_are_one_error_with_every_call(ready: TestServer) -> None:
    with pytest.raises(SetupError) as caught:
        require(ready, "Orders", "Uncaptured", "[Other one]", "Oders")

    assert caught.value.code == "mssql/not-captured"
    assert "dbo.Uncaptured, dbo.Other one" in caught.value.message
    hint = caught.value.hint or ""
    assert hint.count("EXEC sys.sp_cdc_enable_table") == 2
    assert "@source_name = N'Other one', @role_name = NULL" in hint
    assert "did you mean dbo.Orders?" in hint
    result = check(ready, tables=["Orders", "Uncaptured", "Oders"])
    assert result.healthy is False
    assert set(findings(result, "error")) == {"dbo.Uncaptured", "Oders"}


def test_a_name_never_means_a_captured_table_elsewhere_while_dbo_has_one(ready: TestServer) -> None:
    sql(ready, "CREATE SCHEMA other")
    sql(ready, "CREATE TABLE other.Uncaptured (Id int PRIMARY KEY); CREATE TABLE other.Alone (Id int PRIMARY KEY)")
    enable(ready, "other", "Uncaptured")
    enable(ready, "other", "Alone")
    with pytest.raises(SetupError) as caught:
        require(ready, "Uncaptured")
    assert "dbo.Uncaptured" in caught.value.message
    require(ready, "Alone", "other.Uncaptured")


def test_snapshot_isolation_is_a_warning(ready: TestServer) -> None:
    result = check(ready, tables=["Orders"])
    assert "ALLOW_SNAPSHOT_ISOLATION ON" in findings(result, "warning")["snapshot isolation"]
    assert result.healthy is True


def test_a_filter_that_is_no_condition(ready: TestServer) -> None:
    result = check(ready, tables=["Orders", "Items"], snapshot_where={"Orders": "Nam = 1", "Items": "Name <> 'it''s'"})
    assert "dbo.Orders" in findings(result, "error")["snapshot_where"]
    assert "dbo.Items" in findings(result, "ok")["snapshot_where"]


def test_options_that_name_nothing(ready: TestServer) -> None:
    result = check(ready, tables=["Orders"], columns={"exclude": ["Orders.Pasword"]}, snapshot_again={"Items": "1"})
    warnings = findings(result, "warning")
    assert "Orders.Pasword" in warnings["columns.exclude"]
    assert "Items" in warnings["snapshot_again"]


def test_positions_that_were_cleaned_up_or_are_from_the_future(ready: TestServer) -> None:
    positions = {
        "dbo.Orders": TablePosition(ChangePosition.behind(b"\0" * 9 + b"\1")),
        "dbo.Items": TablePosition(ChangePosition.behind(LAST)),
    }
    errors = findings(check(ready, positions, tables=["Orders", "Items"]), "error")
    assert "cleanup job" in errors["dbo.Orders"]
    assert "restored" in errors["dbo.Items"]
    warned = check(ready, positions, tables=["Orders", "Items"], on_gap="snapshot")
    assert "delivered again" in findings(warned, "warning")["dbo.Orders"]
    assert warned.healthy is True


def test_a_pattern_that_matches_nothing_yet(ready: TestServer) -> None:
    result = check(ready, tables=["new_*"])
    assert result.healthy is True
    assert "new_*" in findings(result, "warning")["tables"]


def test_a_database_without_change_data_capture(host: TestServer) -> None:
    sql(host, "CREATE DATABASE plain_one")
    try:
        connection = host.connect(database="plain_one")
        with pytest.raises(SetupError) as caught:
            require_readable(connection, TableSelection(["Orders"]), host.options())
        connection.close()
        result = check_source(host.options(database="plain_one"), "test")
    finally:
        drop_database(host, "plain_one")
    assert caught.value.code == "mssql/cdc-disabled"
    assert "USE [plain_one]; EXEC sys.sp_cdc_enable_db;" in (caught.value.hint or "")
    assert result.healthy is False


def test_discover_says_that_change_data_capture_is_off(host: TestServer) -> None:
    sql(host, "CREATE DATABASE plain_two")
    sql(host, "CREATE TABLE dbo.T (Id int PRIMARY KEY)", "plain_two")
    try:
        connection = host.connect(database="plain_two")
        result = discover(connection, TableSelection([]))
        connection.close()
    finally:
        drop_database(host, "plain_two")
    assert result.source["cdc_enabled"] is False
    assert [table["name"] for table in result.source["other_tables"]] == ["T"]
    assert "USE [plain_two]; EXEC sys.sp_cdc_enable_db;" in (result.message or "")


def test_a_secondary_is_no_error(host: TestServer) -> None:
    """A database that takes no writes, on a server that has no jobs for it."""
    sql(host, "CREATE DATABASE away")
    there = TestServer(replace(host.settings, database="away"), host.sandbox)
    try:
        sql(there, "EXEC sys.sp_cdc_enable_db")
        sql(there, "CREATE TABLE dbo.T (Id int PRIMARY KEY)")
        enable(there, "dbo", "T")
        there.captured()
        sql(there, "EXEC sys.sp_cdc_drop_job N'capture'; EXEC sys.sp_cdc_drop_job N'cleanup'")
        sql(there, "ALTER DATABASE away SET READ_ONLY")
        result = check(there, tables=["T"])
        refused = check(there, tables=["T"], checkpoint="table")
        sql(there, "ALTER DATABASE away SET READ_WRITE")
    finally:
        drop_database(host, "away")
    assert result.healthy is True, result.message
    assert "on the primary: EXEC sys.sp_cdc_help_jobs" in findings(result, "warning")["jobs"]
    assert "not needed" in findings(result, "ok")["snapshot isolation"]
    assert 'checkpoint = "file"' in findings(refused, "error")["checkpoint table"]


def test_nothing_is_said_where_the_server_is_not_reached(host: TestServer) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_source(host.options(password="wrong"), "test")
    assert caught.value.code == "mssql/login"


# -- permissions


@pytest.fixture
def limited(ready: TestServer, reader: TestServer) -> Iterator[TestServer]:
    yield reader
    user = quoted(reader.settings.user or "")
    sql(ready, f"REVOKE SELECT ON SCHEMA::cdc FROM {user}; REVOKE SELECT ON dbo.Orders FROM {user}")


def test_each_right_that_is_missing(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, f"GRANT SELECT ON dbo.Orders TO {user}")
    with pytest.raises(ConfigurationError) as caught:
        require(limited, "Orders")
    assert caught.value.code == "mssql/permission"
    sql(ready, f"GRANT SELECT ON SCHEMA::cdc TO {user}; REVOKE SELECT ON dbo.Orders FROM {user}")
    result = check(limited, tables=["Orders"])
    assert result.healthy is False
    sql(ready, f"GRANT SELECT ON dbo.Orders TO {user}")
    require(limited, "Orders")
    result = check(limited, tables=["Orders"])
    assert result.healthy is True, result.message
    assert "GRANT VIEW DATABASE STATE" in findings(result, "warning")["permissions"]


def test_the_gating_role(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, "CREATE TABLE dbo.Gated (Id int PRIMARY KEY)")
    enable(ready, "dbo", "Gated", role_name="cdc_gate")
    sql(ready, f"GRANT SELECT ON SCHEMA::cdc TO {user}; GRANT SELECT ON dbo.Gated TO {user}")

    warnings = findings(check(limited, tables=["Gated"]), "warning")
    assert f"ALTER ROLE [cdc_gate] ADD MEMBER {user}" in warnings["dbo.Gated"]
    sql(ready, f"ALTER ROLE cdc_gate ADD MEMBER {user}")
    assert "dbo.Gated" not in findings(check(limited, tables=["Gated"]), "warning")


def test_a_checkpoint_table_that_may_not_be_made(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, f"GRANT SELECT ON SCHEMA::cdc TO {user}; GRANT SELECT ON dbo.Orders TO {user}")

    error = findings(check(limited, tables=["Orders"], checkpoint="table"), "error")["checkpoint table"]
    assert "GRANT CREATE TABLE" in error
    assert "to be made" in findings(check(ready, tables=["Orders"], checkpoint="table"), "ok")["checkpoint table"]


def checkpoint_error(server: TestServer, **options: object) -> str:
    return findings(check(server, tables=["Orders"], **options), "error").get("checkpoint table", "")


def test_every_table_that_a_run_would_write(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, f"GRANT SELECT ON SCHEMA::cdc TO {user}; GRANT SELECT ON dbo.Orders TO {user}")
    tables = checkpoint_tables("keep.cdc_offsets")
    place: dict[str, object] = {"checkpoint": "table", "checkpoint_table": "keep.cdc_offsets"}
    assert f"CREATE SCHEMA [keep] AUTHORIZATION {user}" in checkpoint_error(limited, **place)
    sql(ready, "CREATE SCHEMA keep")
    try:
        for table in (tables.offsets, tables.positions):
            sql(ready, tables.definition(table))
        sql(ready, f"GRANT SELECT ON SCHEMA::keep TO {user}; GRANT INSERT, UPDATE ON {tables.offsets} TO {user}")
        error = checkpoint_error(limited, **place)
        assert f"may not INSERT, UPDATE on {tables.positions}" in error
        assert f"on {tables.offsets}" not in error
        sql(ready, f"GRANT INSERT, UPDATE ON {tables.positions} TO {user}")
        assert checkpoint_error(limited, **place) == ""
        locks = {"type": "sqlserver"}
        assert f"{tables.copies} not there" in checkpoint_error(limited, lock_config=locks, **place)
        sql(ready, f"ALTER TABLE {tables.offsets} DROP COLUMN last_seq")
        assert f"ALTER TABLE {tables.offsets} ADD last_seq" in checkpoint_error(limited, **place)
    finally:
        for table in (tables.offsets, tables.positions):
            sql(ready, f"DROP TABLE {table}")


def test_the_go_providers_table_counts_where_it_has_rows(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, f"GRANT SELECT ON SCHEMA::cdc TO {user}; GRANT SELECT ON dbo.Orders TO {user}")
    tables = checkpoint_tables("dbo.cdc_offsets")
    sql(ready, tables.definition(tables.offsets))
    try:
        sql(ready, f"GRANT SELECT ON {tables.offsets} TO {user}")
        assert checkpoint_error(limited) == ""
        sql(ready, f"INSERT {tables.offsets} (table_name) VALUES (N'Orders')")
        error = checkpoint_error(limited)
        assert f"may not INSERT, UPDATE on {tables.offsets}" in error
        assert f"{tables.positions} not there" in error
        at_home = check_source(limited.options(tables=["Orders"]), "test", kept_in_file=True)
        assert "checkpoint table" not in findings(at_home, "error")
    finally:
        sql(ready, f"DROP TABLE {tables.offsets}")


def test_columns_that_are_not_read_need_no_right(ready: TestServer, limited: TestServer) -> None:
    user = quoted(limited.settings.user or "")
    sql(ready, "CREATE TABLE dbo.People (Id int PRIMARY KEY, Name nvarchar(9), Ssn char(9))")
    enable(ready, "dbo", "People")
    columns = "[__$start_lsn], [__$seqval], [__$operation], [__$update_mask], [__$command_id]"
    sql(ready, f"GRANT SELECT ON dbo.People (Id, Name) TO {user}")
    for name in ("change_tables", "captured_columns", "lsn_time_mapping"):
        sql(ready, f"GRANT SELECT ON cdc.{name} TO {user}")
    sql(ready, f"GRANT SELECT ON cdc.dbo_People_CT ({columns}, Id, Name) TO {user}")
    with pytest.raises(ConfigurationError) as caught:
        require(limited, "People")
    assert caught.value.code == "mssql/permission"
    assert "the changes of dbo.People and the rows of dbo.People" in caught.value.message
    for options in ({"columns": {"exclude": ["Ssn"]}}, {"columns": {"include": ["People.Name"]}}):
        require(limited, "People", **options)
        assert findings(check(limited, tables=["People"], **options), "error") == {}
    sql(ready, f"REVOKE SELECT ON cdc.lsn_time_mapping FROM {user}")
    with pytest.raises(ConfigurationError) as caught:
        require(limited, "People", columns={"exclude": ["Ssn"]})
    assert "cdc.lsn_time_mapping" in caught.value.message
    require(limited, "People", columns={"exclude": ["Ssn"]}, envelope="original")
    for name in ("change_tables", "captured_columns"):
        sql(ready, f"REVOKE SELECT ON cdc.{name} FROM {user}")


@pytest.mark.skipif("os.environ.get('DSTREAM_TEST_MSSQL')", reason="reads the server's journal of statements")
def test_a_check_only_asks(ready: TestServer) -> None:
    ready.sandbox.control.clear_statements()
    check(ready, tables=["Orders", "Uncaptured"], checkpoint="table", snapshot_where={"Orders": "Id > 1"})
    asked = [text.split()[0].upper() for text in ready.sandbox.control.distinct_statements()]
    assert "SELECT" in asked
    assert set(asked) <= {"SELECT", "SET", "USE", "EXEC"}
    procedures = [text for text in ready.sandbox.control.distinct_statements() if text.upper().startswith("EXEC")]
    assert procedures == ["EXEC sys.sp_cdc_help_jobs"]
