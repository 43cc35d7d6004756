"""Instances: two of a table, changes of the source's definition, clean-up, query functions, gates, health, restore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engine_helpers import (
    PASSWORD,
    call,
    connect,
    create,
    delete,
    insert,
    records,
    refused,
    result,
    running,
    scalar,
    select,
    update,
)  # fmt: skip

from dstream_sandbox.sqlserver.engine.api import AlterTable, ColumnSpec
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.types import INT, SqlType

ZERO = bytes(10)


@pytest.fixture
def server() -> Iterator[Server]:
    with running(capture=False) as started:
        yield started


@pytest.fixture
def session(server: Server) -> Session:
    made = connect(server)
    call(made, "sp_cdc_enable_db")
    return made


@pytest.fixture
def table(session: Session) -> Table:
    made = create(session, "T", "id int, name nvarchar(20)")
    enable(session)
    return made


def enable(session: Session, table: str = "T", **options: Any) -> None:
    call(session, "sp_cdc_enable_table", source_schema="dbo", source_name=table, **({"role_name": None} | options))


def alter(session: Session, table: Table, action: str, text: str = "", **arguments: Any) -> None:
    with session.statement("ddl"):
        session.alter_table(table, [AlterTable(action, **arguments)], text)


def capture(session: Session) -> None:
    session.server.capture_job("once", "Shop")


def changes(session: Session, instance: str = "dbo_T") -> list[dict[str, Any]]:
    capture(session)
    return records(session, "cdc", f"{instance}_CT")


def all_changes(
    session: Session, low: Any, high: Any, option: str = "all", which: str = "all"
) -> list[tuple[Any, ...]]:
    with session.statement("select"):
        function = session.database.table_function("cdc", f"fn_cdc_get_{which}_changes_dbo_T")
        assert function is not None
        return list(function(session, low, high, option).scan(session))  # type: ignore[operator,arg-type]  # the function is there


# --- definitions of the source ------------------------------------------------------------------------------------------------


def test_a_new_column_comes_with_a_second_instance_only(session: Session, table: Table) -> None:
    insert(session, table, (1, "a"))
    alter(session, table, "add column", "ALTER TABLE dbo.T ADD more int", column=ColumnSpec("more", INT))
    insert(session, table, (2, "b", 22))
    enable(session, capture_instance="second")
    insert(session, table, (3, "c", 33))
    assert [row["id"] for row in changes(session)] == [1, 2, 3]
    assert "more" not in changes(session)[0]
    assert [(row["id"], row["more"]) for row in changes(session, "second")] == [(3, 33)]
    first, second = records(session, "cdc", "change_tables")
    assert first["start_lsn"] < second["start_lsn"]
    assert changes(session)[1]["__$start_lsn"] < second["start_lsn"] < changes(session)[2]["__$start_lsn"]
    (history,) = records(session, "cdc", "ddl_history")
    assert history["ddl_command"] == "ALTER TABLE dbo.T ADD more int"
    assert history["required_column_update"] is False
    with refused(22962):
        enable(session, capture_instance="third")
    with refused(22926):
        create(session, "U", "id int")
        enable(session, "U", capture_instance="second")


def test_a_dropped_column_becomes_null_in_the_instance_that_had_it(session: Session, table: Table) -> None:
    insert(session, table, (1, "a"))
    alter(session, table, "drop column", "ALTER TABLE dbo.T DROP COLUMN name", name="name")
    insert(session, table, (2,))
    assert [(row["id"], row["name"]) for row in changes(session)] == [(1, "a"), (2, None)]
    alter(session, table, "add column", "again", column=ColumnSpec("name", INT))
    insert(session, table, (3, 5))
    assert changes(session)[-1]["name"] is None


def test_a_wider_type_goes_over_to_the_change_table(session: Session, table: Table) -> None:
    insert(session, table, (1, "a"))
    wide = ColumnSpec("name", SqlType.parse("nvarchar(200)"), nullable=True)
    alter(session, table, "alter column", "ALTER TABLE dbo.T ALTER COLUMN name nvarchar(200)", column=wide)
    insert(session, table, (2, "b" * 200))
    assert [row["name"] for row in changes(session)] == ["a", "b" * 200]
    column = next(one for one in session.resolve(None, "cdc", "dbo_T_CT").columns if one.name == "name")
    assert column.type.length == 200
    (history,) = result(session, "sp_cdc_get_ddl_history", capture_instance="dbo_T")
    assert history["required_column_update"] is True


def test_a_narrower_type_stops_the_capture_job(session: Session, table: Table) -> None:
    insert(session, table, (1, "abc"))
    capture(session)
    narrow = ColumnSpec("name", SqlType.parse("nvarchar(2)"), nullable=True)
    alter(session, table, "alter column", column=narrow, convert=lambda value: value[:2])
    insert(session, table, (2, "de"))
    newest = scalar(session, "fn_cdc_get_max_lsn")
    capture(session)
    assert scalar(session, "fn_cdc_get_max_lsn") == newest
    (error,) = records(session, "sys", "dm_cdc_errors")
    assert error["error_number"] == 22859
    call(session, "sp_cdc_disable_table", source_schema="dbo", source_name="T", capture_instance="all")
    capture(session)
    assert scalar(session, "fn_cdc_get_max_lsn") > newest


def test_captured_columns_cannot_be_renamed_and_captured_tables_not_truncated(session: Session, table: Table) -> None:
    with refused(4928):
        call(session, "sp_rename", objname="dbo.T.name", newname="label", objtype="COLUMN")
    with refused(4711), session.statement("ddl"):
        session.truncate_table(table)
    with session.statement("ddl"):
        session.drop_table(table)
    assert records(session, "cdc", "change_tables") == []
    with refused(208):
        select(session, "cdc", "dbo_T_CT")


def test_the_primary_key_of_net_changes_cannot_be_dropped(session: Session, table: Table) -> None:
    with refused(3725):
        alter(session, table, "drop constraint", name="PK_T")


def test_disabling_the_database_takes_everything_away(session: Session, table: Table) -> None:
    (row,) = [one for one in records(session, "sys", "databases") if one["name"] == "Shop"]
    assert row["is_cdc_enabled"] is True
    assert [one["is_tracked_by_cdc"] for one in records(session, "sys", "tables") if one["name"] == "T"] == [True]
    call(session, "sp_cdc_disable_db")
    (row,) = [one for one in records(session, "sys", "databases") if one["name"] == "Shop"]
    assert row["is_cdc_enabled"] is False
    assert [one["is_tracked_by_cdc"] for one in records(session, "sys", "tables") if one["name"] == "T"] == [False]
    with refused(208):
        records(session, "cdc", "change_tables")
    with refused(22901):
        enable(session)
    call(session, "sp_cdc_enable_db")
    enable(session)


# --- LSNs and query functions ---------------------------------------------------------------------------------------------------


def test_min_lsn_and_the_query_function(session: Session, table: Table) -> None:
    low = scalar(session, "fn_cdc_get_min_lsn", "dbo_T")
    (row,) = records(session, "cdc", "change_tables")
    assert low == row["start_lsn"]
    assert scalar(session, "fn_cdc_get_min_lsn", "nobody") == ZERO
    insert(session, table, (1, "a"))
    update(session, table, lambda row: (1, "b"))
    capture(session)
    high = scalar(session, "fn_cdc_get_max_lsn")
    assert [(row[2], row[4], row[5]) for row in all_changes(session, low, high)] == [(2, 1, "a"), (4, 1, "b")]
    assert [row[2] for row in all_changes(session, low, high, "all update old")] == [2, 3, 4]
    for bounds in ((ZERO, high), (low, scalar(session, "fn_cdc_increment_lsn", high)), (None, high), (high, low)):
        with refused(313):
            all_changes(session, *bounds)
    assert scalar(session, "fn_cdc_decrement_lsn", scalar(session, "fn_cdc_increment_lsn", high)) == high


def test_net_changes_are_one_row_for_a_key(session: Session, table: Table) -> None:
    insert(session, table, (1, "old"), (2, "old"))
    capture(session)
    low = scalar(session, "fn_cdc_increment_lsn", scalar(session, "fn_cdc_get_max_lsn"))
    update(session, table, lambda row: (row[0], "new"))
    delete(session, table, lambda row: row[0] == 2)
    insert(session, table, (3, "x"), (4, "y"))
    delete(session, table, lambda row: row[0] == 4)
    capture(session)
    high = scalar(session, "fn_cdc_get_max_lsn")
    assert {(row[1], row[3], row[4]) for row in all_changes(session, low, high, "all", "net")} == {
        (4, 1, "new"),
        (1, 2, "new"),
        (2, 3, "x"),
    }
    masks = {row[3]: row[2] for row in all_changes(session, low, high, "all with mask", "net")}
    assert masks == {1: b"\x02", 2: None, 3: None}
    assert {row[1] for row in all_changes(session, low, high, "all with merge", "net")} == {1, 5}


def test_lsns_map_to_local_times_and_back(server: Server, session: Session, table: Table) -> None:
    server.set_clock(time_zone=330)
    insert(session, table, (1, "a"))
    capture(session)
    newest = scalar(session, "fn_cdc_get_max_lsn")
    time = scalar(session, "fn_cdc_map_lsn_to_time", newest)
    ahead = time.total_ticks - server.utc_now().total_ticks
    assert abs(ahead / 600_000_000 - 330) < 1
    assert scalar(session, "fn_cdc_map_time_to_lsn", "largest less than or equal", time) == newest
    assert scalar(session, "fn_cdc_map_time_to_lsn", "smallest greater than or equal", time) is not None
    assert scalar(session, "fn_cdc_map_time_to_lsn", "smallest greater than", time) is None
    assert scalar(session, "fn_cdc_map_lsn_to_time", ZERO) is None
    assert scalar(session, "fn_cdc_get_column_ordinal", "dbo_T", "nobody") is None


# --- clean-up ---------------------------------------------------------------------------------------------------------------------


def test_cleaning_up_moves_the_low_water_mark_and_deletes_what_is_below(session: Session, table: Table) -> None:
    for number in range(5):
        insert(session, table, (number, "x"))
    rows = changes(session)
    low = rows[3]["__$start_lsn"]
    with refused(22964):
        call(session, "sp_cdc_cleanup_change_table", capture_instance="dbo_T", low_water_mark=ZERO)
    call(session, "sp_cdc_cleanup_change_table", capture_instance="dbo_T", low_water_mark=low)
    assert scalar(session, "fn_cdc_get_min_lsn", "dbo_T") == low
    assert [row["id"] for row in records(session, "cdc", "dbo_T_CT")] == [3, 4]
    assert records(session, "cdc", "lsn_time_mapping")[0]["start_lsn"] == low
    insert(session, table, (9, "x"))
    assert [row["id"] for row in changes(session)] == [3, 4, 9]
    session.server.cleanup("Shop", "dbo_T", b"\xff" * 10)
    assert records(session, "cdc", "dbo_T_CT") == []
    assert scalar(session, "fn_cdc_get_min_lsn", "dbo_T") > rows[4]["__$start_lsn"]


def test_the_clean_up_job_keeps_what_is_within_the_retention(server: Server, session: Session, table: Table) -> None:
    insert(session, table, (1, "old"))
    capture(session)
    server.set_clock(offset=3601)
    insert(session, table, (2, "new"))
    capture(session)
    server.cleanup("Shop")
    assert len(changes(session)) == 2
    call(session, "sp_cdc_change_job", job_type="cleanup", retention=60)
    assert [job["retention"] for job in result(session, "sp_cdc_help_jobs")] == [0, 60]
    server.cleanup("Shop")
    assert [row["id"] for row in changes(session)] == [2]


def test_two_instances_are_cleaned_apart(session: Session, table: Table) -> None:
    enable(session, capture_instance="second")
    insert(session, table, (1, "a"))
    insert(session, table, (2, "a"))
    low = changes(session)[1]["__$start_lsn"]
    session.server.cleanup("Shop", "dbo_T", low)
    assert len(changes(session)) == 1
    assert len(changes(session, "second")) == 2
    assert len(records(session, "cdc", "lsn_time_mapping")) == 2


# --- who may read -----------------------------------------------------------------------------------------------------------------


def reader_of(server: Server, session: Session, *grants: tuple[str, Any]) -> Session:
    session.create_login("reader", PASSWORD)
    session.create_user("reader", "reader")
    for permission, securable in grants:
        session.change_permission("grant", [permission], securable, [], ["reader"])
    return connect(server, "reader")


def test_the_gate_is_select_on_captured_columns_and_the_role(server: Server, session: Session, table: Table) -> None:
    enable(session, capture_instance="gated", role_name="cdc_reader")
    reader = reader_of(server, session, ("SELECT", ("SCHEMA", None, "cdc")))
    assert scalar(reader, "fn_cdc_get_min_lsn", "dbo_T") == ZERO
    assert result(reader, "sp_cdc_help_change_data_capture") == []
    session.change_permission("grant", ["SELECT"], ("OBJECT", "dbo", "T"), [], ["reader"])
    assert scalar(reader, "fn_cdc_get_min_lsn", "dbo_T") != ZERO
    assert scalar(reader, "fn_cdc_get_min_lsn", "gated") == ZERO
    assert [row["capture_instance"] for row in result(reader, "sp_cdc_help_change_data_capture")] == ["dbo_T"]
    session.alter_role("cdc_reader", "reader")
    assert scalar(reader, "fn_cdc_get_min_lsn", "gated") != ZERO
    assert select(reader, "cdc", "gated_CT") == []


def test_change_tables_need_select_on_the_schema(server: Server, session: Session, table: Table) -> None:
    reader = reader_of(server, session, ("SELECT", ("OBJECT", "dbo", "T")))
    with refused(229):
        select(reader, "cdc", "dbo_T_CT")
    with refused(229):
        select(reader, "cdc", "change_tables")
    with refused(229):
        select(reader, "cdc", "lsn_time_mapping")
    session.change_permission("grant", ["SELECT"], ("SCHEMA", None, "cdc"), [], ["reader"])
    select(reader, "cdc", "dbo_T_CT")
    with refused(262):
        select(reader, "sys", "dm_cdc_errors")
    session.change_permission("grant", ["VIEW DATABASE STATE"], None, [], ["reader"])
    assert select(reader, "sys", "dm_cdc_errors") == []
    with refused(22904):
        enable(reader)
    with refused(22902):
        call(reader, "sp_cdc_enable_db")


def test_grants_on_single_objects_of_cdc(server: Server, session: Session, table: Table) -> None:
    create(session, "U", "id int")
    enable(session, "U")
    reader = reader_of(server, session, ("SELECT", ("OBJECT", "cdc", "change_tables")))
    assert len(select(reader, "cdc", "change_tables")) == 2
    for name in ("captured_columns", "lsn_time_mapping", "dbo_T_CT"):
        with refused(229):
            select(reader, "cdc", name)
        session.change_permission("grant", ["SELECT"], ("OBJECT", "cdc", name), [], ["reader"])
        select(reader, "cdc", name)
    with refused(229):
        select(reader, "cdc", "dbo_U_CT")
    session.change_permission("deny", ["SELECT"], ("OBJECT", "cdc", "change_tables"), [], ["reader"])
    with refused(229):
        select(reader, "cdc", "change_tables")


def test_grants_on_columns_of_a_change_table(server: Server, session: Session, table: Table) -> None:
    reader = reader_of(server, session)
    columns = ["__$start_lsn", "id"]
    session.change_permission("grant", ["SELECT"], ("OBJECT", "cdc", "dbo_T_CT"), columns, ["reader"])
    with refused(230):
        select(reader, "cdc", "dbo_T_CT")
    with reader.statement("select"):
        reader.require("SELECT", reader.resolve(None, "cdc", "dbo_T_CT"), columns)
    asked = ("cdc.dbo_T_CT", "OBJECT", "SELECT")
    assert scalar(reader, "has_perms_by_name", *asked, schema=None) == 0
    assert scalar(reader, "has_perms_by_name", *asked, "[id]", "COLUMN", schema=None) == 1
    assert scalar(reader, "has_perms_by_name", *asked, "name", "COLUMN", schema=None) == 0
    assert scalar(reader, "has_perms_by_name", *asked, "nothing", "COLUMN", schema=None) is None


def test_the_catalog_shows_what_there_is_a_permission_on(server: Server, session: Session, table: Table) -> None:
    create(session, "U", "id int")
    enable(session, "U")
    reader = reader_of(server, session, ("VIEW DATABASE STATE", None), ("CREATE TABLE", None))

    def shown() -> set[str]:
        return {row["name"] for row in records(reader, "sys", "tables")}

    assert shown() == set()
    session.change_permission("grant", ["SELECT"], ("OBJECT", "cdc", "dbo_T_CT"), ["id"], ["reader"])
    assert shown() == {"dbo_T_CT"}
    assert "id" in {row["name"] for row in records(reader, "sys", "columns")}
    session.change_permission("grant", ["SELECT"], ("SCHEMA", None, "cdc"), [], ["reader"])
    assert shown() == {"dbo_T_CT", "dbo_U_CT", "lsn_time_mapping"}
    session.change_permission("grant", ["VIEW DEFINITION"], None, [], ["reader"])
    assert shown() == {"dbo_T_CT", "dbo_U_CT", "lsn_time_mapping", "T", "U"}


# --- health, and a restored database ------------------------------------------------------------------------------------------------


def test_health_views_tell_of_scans_and_errors(server: Server, session: Session, table: Table) -> None:
    insert(session, table, (1, "a"))
    capture(session)
    aggregate, scan = records(session, "sys", "dm_cdc_log_scan_sessions")
    assert aggregate["session_id"] == 0
    assert (scan["tran_count"], scan["latency"], scan["command_count"]) == (1, 0, 1)
    capture(session)
    capture(session)
    assert records(session, "sys", "dm_cdc_log_scan_sessions")[-1]["empty_scan_count"] == 2
    server.inject_capture_error("Shop", 22859)
    (error,) = records(session, "sys", "dm_cdc_errors")
    assert error["error_number"] == 22859
    assert "Log Scan" in error["error_message"]
    session.use("msdb")
    assert [row["job_type"] for row in records(session, "dbo", "cdc_jobs")] == ["capture", "cleanup"]


def test_a_restored_database_goes_back_in_lsns_and_rows(server: Server, session: Session, table: Table) -> None:
    insert(session, table, (1, "a"))
    capture(session)
    before, guid = scalar(session, "fn_cdc_get_max_lsn"), session.database.guid
    token = server.backup("Shop")
    insert(session, table, (2, "b"))
    capture(session)
    later = scalar(session, "fn_cdc_get_max_lsn")
    server.restore(token)
    again = connect(server)
    assert session.closed
    assert scalar(again, "fn_cdc_get_max_lsn") == before < later
    assert select(again, "dbo", "T") == [(1, "a")]
    assert (again.database.guid, again.database.recovery_fork == session.database.recovery_fork) == (guid, False)
    restored = again.resolve(None, "dbo", "T")
    insert(again, restored, (3, "c"))  # type: ignore[arg-type]  # the table is there
    assert [row["id"] for row in changes(again)] == [1, 3]
    server.restore(token)
    assert select(connect(server), "dbo", "T") == [(1, "a")]
