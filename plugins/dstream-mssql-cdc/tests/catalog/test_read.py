"""The catalog from prepared answers."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest
from scripted import Answer, ScriptedConnection

from dstream_mssql_cdc.catalog import queries
from dstream_mssql_cdc.catalog.read import read_database, read_row_counts, read_tables
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import BusyError, SetupError, StatementError

GUID = UUID("AABBCCDD-0000-1111-2222-333344445555")
DATABASE = (
    *("Shop", True, 1, "ONLINE", False, "Latin1_General_CI_AS"),
    *(GUID, "16.0.1.2", 3, "Developer", "SQL1", 60, "READ_WRITE"),
)
INT = ("int", 4, 10, 0, 0, 0, None)


def session(answers: dict[str, Answer]) -> Connection:
    return cast("Connection", ScriptedConnection(answers))


def test_the_database() -> None:
    found = read_database(session({queries.DATABASE: [DATABASE]}))

    assert (found.server, found.name, found.version, found.engine_edition) == ("SQL1", "Shop", 16, 3)
    assert found.guid == "aabbccdd-0000-1111-2222-333344445555"
    assert (found.cdc_enabled, found.snapshot_allowed, found.utc_offset_minutes) == (True, True, 60)
    assert not found.case_sensitive


@pytest.mark.parametrize("collation", ["Latin1_General_CS_AS", "Latin1_General_100_BIN2"])
def test_case_sensitive_databases(collation: str) -> None:
    row = (*DATABASE[:5], collation, *DATABASE[6:])
    assert read_database(session({queries.DATABASE: [row]})).case_sensitive


@pytest.mark.parametrize(
    ("answer", "guid"), [([(GUID,)], str(GUID)), ([], ""), (SetupError("no such view", code="x"), "")]
)
def test_without_a_broker_the_recovery_status_names_the_database(answer: Answer, guid: str) -> None:
    row = (*DATABASE[:6], None, *DATABASE[7:])
    found = read_database(session({queries.DATABASE: [row], queries.DATABASE_GUID: answer}))
    assert found.guid == guid


def captured(**changes: Any) -> dict[str, Answer]:
    return {
        queries.CHANGE_TABLES_COLUMNS: [
            (900, "__$start_lsn", "binary", 10, 0, 0, 0, 0, None),
            (900, "Id", *INT),
            (900, "Name", "nvarchar", 100, 0, 0, 1, 0, "Latin1_General_CI_AS"),
            (900, "__$command_id", *INT),
            (901, "__$start_lsn", "binary", 10, 0, 0, 0, 0, None),
            (901, "Id", *INT),
        ],
        # in the order of the mask, which is not that of the change table's columns
        queries.CAPTURED_COLUMNS: [
            (900, "Name", False, "nvarchar"),
            (900, "Id", True, "int"),
            (901, "Id", False, "int"),
        ],
        queries.INSTANCES: [
            (10, "new", 901, b"\0" * 9 + b"\2", None, False, None, "new_CT"),
            (10, "old", 900, b"\0" * 9 + b"\1", "gate", True, None, "old_CT"),
        ],
        queries.CAPTURED_TABLES: [("dbo", "Orders", 10), ("dbo", "Other", 11)],
        queries.CAPTURED_TABLES_COLUMNS: [(10, "Id", *INT), (10, "Name", "nvarchar", 100, 0, 0, 1, 0, "x")],
        queries.CAPTURED_TABLES_KEYS: [(10, "Id")],
        **changes,
    }


def test_tables_with_their_instances() -> None:
    (table,) = read_tables(session(captured()))

    assert (table.qualified, table.primary_key) == ("dbo.Orders", ("Id",))
    old, new = table.instances
    assert (old.name, old.role, old.supports_net_changes, old.has_command_id) == ("old", "gate", True, True)
    assert (new.name, new.role, new.has_command_id) == ("new", None, False)
    assert [(column.name, column.declaration, column.computed) for column in old.columns] == [
        ("Name", "nvarchar(50)", False),
        ("Id", "int", True),
    ]


def test_a_column_that_the_change_table_lacks_keeps_its_place_in_the_mask() -> None:
    answers = captured()
    answers[queries.CAPTURED_COLUMNS] = [(900, "Lost", False, "int"), (900, "Id", False, "int")]
    old = read_tables(session(answers))[0].instances[0]
    assert [column.name for column in old.columns] == ["Lost", "Id"]


def test_a_change_table_whose_definition_may_not_be_seen() -> None:
    answers = captured()
    answers[queries.CHANGE_TABLES_COLUMNS] = []
    answers[queries.INSTANCES] = [(10, "old", 900, b"\0" * 9 + b"\1", None, False, None, None)]
    answers["SELECT TOP (0) [__$command_id] FROM [cdc].[old_CT]"] = []
    (old,) = read_tables(session(answers))[0].instances
    assert (old.change_table, old.has_command_id) == ("old_CT", True)
    assert [(column.name, column.declaration) for column in old.columns] == [("Name", "nvarchar(50)"), ("Id", "int")]


def test_a_table_that_is_not_visible_is_left_out() -> None:
    assert read_tables(session({**captured(), queries.CAPTURED_TABLES: []})) == ()


def test_row_counts_may_be_closed() -> None:
    assert read_row_counts(session({queries.ROW_COUNTS: SetupError("denied", code="mssql/permission")})) == {}
    with pytest.raises(BusyError):
        read_row_counts(session({queries.ROW_COUNTS: BusyError("deadlock")}))


REFUSED = StatementError("no such thing")


def test_a_server_that_has_not_all_facts_of_the_database_is_asked_for_each() -> None:
    answers: dict[str, Answer] = {queries.database_facts(fact): REFUSED for fact in queries.DATABASE_FACTS}
    answers |= {queries.DATABASE: REFUSED, queries.DATABASE_GUID: REFUSED}
    answers |= {queries.database_facts("d.name"): [("shop",)], queries.database_facts("d.is_cdc_enabled"): [(1,)]}

    found = read_database(session(answers))

    assert (found.name, found.cdc_enabled, found.guid, found.server, found.version) == ("shop", True, "", "", 0)
    assert found.snapshot_allowed, "what nobody says is tried"


@pytest.mark.parametrize(("answer", "enabled"), [([(0,)], True), (REFUSED, False)])
def test_without_a_list_of_databases_the_schema_cdc_tells(answer: Answer, enabled: bool) -> None:
    answers: dict[str, Answer] = {queries.database_facts(fact): [] for fact in queries.DATABASE_FACTS}
    answers |= {queries.DATABASE: [], queries.DATABASE_GUID: [], queries.DATABASE_NAME: [("shop",)]}
    found = read_database(session({**answers, queries.ANY_INSTANCE: answer}))
    assert (found.name, found.cdc_enabled) == ("shop", enabled)


def test_a_readable_secondary_takes_no_writes() -> None:
    assert read_database(session({queries.DATABASE: [(*DATABASE[:12], "READ_ONLY")]})).read_only


def test_a_catalog_with_the_most_common_columns_only() -> None:
    answers = captured()
    for name in ("CHANGE_TABLES_COLUMNS", "CAPTURED_TABLES_COLUMNS", "CAPTURED_COLUMNS", "INSTANCES"):
        answers[getattr(queries, name)] = REFUSED
    for name in ("CAPTURED_TABLES", "CAPTURED_TABLES_KEYS", "PLAIN_COLUMNS", "PLAIN_KEYS"):
        answers[getattr(queries, name)] = REFUSED
    answers[queries.PLAIN_TABLES] = [("dbo", "Orders", 10)]
    answers[queries.SCHEMA_COLUMNS] = [(10, "Id", *INT[:5], 0, None), (900, "Id", *INT[:5], 0, None)]
    answers[queries.SCHEMA_KEYS] = [(10, "Id")]
    answers[queries.PLAIN_CAPTURED_COLUMNS] = [(900, "Id", 0, None)]
    answers[queries.PLAIN_INSTANCES] = [(10, "old", 900, b"\0" * 9 + b"\1", None, None, None, None)]

    (table,) = read_tables(session(answers))

    (instance,) = table.instances
    assert (table.qualified, table.primary_key, instance.change_table) == ("dbo.Orders", ("Id",), "old_CT")
    assert not instance.has_command_id


def test_what_the_server_said_to_the_best_question_is_told() -> None:
    answers = {**captured(), queries.CAPTURED_TABLES: StatementError("first"), queries.PLAIN_TABLES: REFUSED}
    with pytest.raises(StatementError, match="first"):
        read_tables(session(answers))


def unbegun(*others: tuple[Any, ...]) -> dict[str, Answer]:
    new = (10, "new", 901, None, None, False, None, "new_CT")
    return {**captured(), queries.INSTANCES: [new, *others], queries.LOW_ENDPOINT: lambda _: [(bytes(10),)]}


def test_an_instance_that_the_capture_job_has_not_come_to_is_not_read_yet() -> None:
    old = (10, "old", 900, b"\0" * 9 + b"\1", None, False, None, "old_CT")
    (table,) = read_tables(session(unbegun(old)))
    assert [instance.name for instance in table.instances] == ["old"]


def test_a_table_that_the_capture_job_has_not_come_to_has_not_begun() -> None:
    (table,) = read_tables(session(unbegun()))
    assert not table.begun


def test_where_an_instance_begins_may_be_told_by_the_function_alone() -> None:
    (table,) = read_tables(session({**unbegun(), queries.LOW_ENDPOINT: lambda _: [(b"\1" * 10,)]}))
    assert (table.begun, table.instances[0].start_lsn) == (True, b"\1" * 10)


def test_a_database_without_a_guid_is_known_by_its_name() -> None:
    row = (*DATABASE[:6], None, *DATABASE[7:])
    found = read_database(session({queries.DATABASE: [row], queries.DATABASE_GUID: []}))
    assert found.identity == "sql1/shop"
