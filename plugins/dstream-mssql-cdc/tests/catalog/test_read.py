"""The catalog from prepared answers."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest
from scripted import Answer, ScriptedConnection

from dstream_mssql_cdc.catalog import queries
from dstream_mssql_cdc.catalog.read import read_database, read_row_counts, read_tables
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import BusyError, SetupError

GUID = UUID("AABBCCDD-0000-1111-2222-333344445555")
DATABASE = ("Shop", True, 1, "ONLINE", False, "Latin1_General_CI_AS", GUID, "16.0.1.2", 3, "Developer", "SQL1", 60)
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
    (old,) = read_tables(session(answers))[0].instances
    assert (old.change_table, old.has_command_id) == ("old_CT", True)
    assert [(column.name, column.declaration) for column in old.columns] == [("Name", "nvarchar(50)"), ("Id", "int")]


def test_a_table_that_is_not_visible_is_left_out() -> None:
    assert read_tables(session({**captured(), queries.CAPTURED_TABLES: []})) == ()


def test_row_counts_may_be_closed() -> None:
    assert read_row_counts(session({queries.ROW_COUNTS: SetupError("denied", code="mssql/permission")})) == {}
    with pytest.raises(BusyError):
        read_row_counts(session({queries.ROW_COUNTS: BusyError("deadlock")}))
