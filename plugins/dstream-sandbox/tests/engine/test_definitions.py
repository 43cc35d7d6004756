"""DDL, the catalog, logins and permissions, application locks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from engine_helpers import (
    DEFAULT,
    PASSWORD,
    Aside,
    call,
    connect,
    create,
    delete,
    insert,
    records,
    refused,
    running,
    scalar,
    select,
    update,
)  # fmt: skip

from dstream_sandbox.sqlserver.engine.api import AlterTable, ColumnSpec, IndexSpec, Module
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.results import ReturnStatus
from dstream_sandbox.sqlserver.types import INT, SqlType, nvarchar


@pytest.fixture
def server() -> Iterator[Server]:
    with running(capture=False) as started:
        yield started


@pytest.fixture
def session(server: Server) -> Session:
    return connect(server)


def alter(session: Session, table: Any, action: str, **arguments: Any) -> None:
    with session.statement("ddl"):
        session.alter_table(table, [AlterTable(action, **arguments)])


def test_columns_come_change_and_go(session: Session) -> None:
    table = create(session, "T", "id int, name nvarchar(5)")
    insert(session, table, (1, "a"), (2, None))
    alter(
        session,
        table,
        "add column",
        column=ColumnSpec("n", INT, nullable=False, default=lambda _: 5, default_text="((5))"),
    )
    assert select(session, "dbo", "T") == [(1, "a", 5), (2, None, 5)]
    with refused(4901):
        alter(session, table, "add column", column=ColumnSpec("m", INT, nullable=False))
    with refused(515):
        alter(session, table, "alter column", column=ColumnSpec("name", nvarchar(9), nullable=False))
    alter(session, table, "alter column", column=ColumnSpec("name", nvarchar(9), nullable=True))
    with refused(4922):
        alter(session, table, "drop column", name="id")
    with refused(4922):
        alter(session, table, "drop column", name="n")
    session.begin()
    alter(session, table, "drop column", name="name")
    insert(session, table, (3, 6))
    assert select(session, "dbo", "T") == [(1, 5), (2, 5), (3, 6)]
    session.rollback()
    assert select(session, "dbo", "T") == [(1, "a", 5), (2, None, 5)]
    assert [row["column_id"] for row in records(session, "sys", "columns")] == [1, 2, 3]


def test_indexes_keep_rows_in_order_and_unique(session: Session) -> None:
    table = create(session, "T", "id int, n int", key="")
    insert(session, table, (3, 1), (1, 1), (2, 2))
    assert [row[0] for row in select(session, "dbo", "T")] == [3, 1, 2]
    with refused(1505), session.statement("ddl"):
        session.create_index(table, IndexSpec("UX", [("n", False)], unique=True))
    with session.statement("ddl"):
        session.create_index(table, IndexSpec("CX", [("id", False)], clustered=True))
    assert [row[0] for row in select(session, "dbo", "T")] == [1, 2, 3]
    with refused(8111):
        alter(session, table, "add constraint", constraint=IndexSpec("PK", [("id", False)], "primary key"))
    with session.statement("ddl"):
        session.drop_index(table, "CX")
    kinds = {row["type_desc"] for row in records(session, "sys", "indexes")}
    assert kinds == {"HEAP"}


def test_filtered_unique_indexes_leave_other_rows_alone(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    with session.statement("ddl"):
        session.create_index(
            table,
            IndexSpec(
                "UX",
                [("n", False)],
                unique=True,
                where=lambda _, row: row[1] is not None,
                where_text="([n] IS NOT NULL)",
            ),
        )
    insert(session, table, (1, None), (2, None), (3, 3))
    with refused(2601):
        insert(session, table, (4, 3))
    update(session, table, lambda row: (row[0], 4) if row[0] == 3 else None)
    insert(session, table, (4, 3))


def test_truncate_can_be_rolled_back_and_restarts_the_identity(session: Session) -> None:
    table = create(session, "T", "id int, n int", id={"identity": (1, 1)})
    insert(session, table, (DEFAULT, 1), (DEFAULT, 2))
    session.begin()
    with session.statement("ddl"):
        session.truncate_table(table)
    assert select(session, "dbo", "T") == []
    session.rollback()
    assert len(select(session, "dbo", "T")) == 2
    with session.statement("ddl"):
        session.truncate_table(table)
    assert insert(session, table, (DEFAULT, 1)) == [(1, 1)]


def test_dropped_and_created_tables_come_and_go_with_the_transaction(session: Session) -> None:
    table = create(session, "T", "id int")
    insert(session, table, (1,))
    session.begin()
    with session.statement("ddl"):
        session.drop_table(table)
    create(session, "T", "other int", key="other")
    create(session, "U", "id int")
    session.rollback()
    assert select(session, "dbo", "T") == [(1,)]
    with refused(208):
        select(session, "dbo", "U")
    with refused(2714):
        create(session, "T", "id int")
    with refused(2760):
        create(session, "T", "id int", schema="nowhere")


def test_temporary_tables_are_the_sessions_own(server: Server, session: Session) -> None:
    table = create(session, "#t", "id int")
    insert(session, table, (1,))
    assert select(session, "dbo", "#T") == [(1,)]
    other = connect(server)
    with refused(208):
        select(other, "dbo", "#t")
    session.reset()
    with refused(208):
        select(session, "dbo", "#t")


def test_renaming(session: Session) -> None:
    create(session, "T", "id int, n int")
    call(session, "sp_rename", objname="dbo.T.n", newname="m", objtype="COLUMN")
    call(session, "sp_rename", objname="T", newname="U")
    assert [column.name for column in session.resolve(None, "dbo", "U").columns] == ["id", "m"]
    assert [row["name"] for row in records(session, "sys", "tables")] == ["U"]


def test_the_catalog_tells_what_there_is(session: Session) -> None:
    with session.statement("ddl"):
        session.create_schema("Sales")
        session.create_type("dbo", "Code", nvarchar(7), False)
    create(
        session, "O", "id int, price decimal(9,3), at datetime2(3), c nvarchar(7)", schema="Sales", id={"identity": (1, 1)}, c={"alias": "dbo.Code"},
        indexes=[IndexSpec("IX", [("price", True)], included=["at"])],
    )  # fmt: skip
    with session.statement("ddl"):
        session.create_module(
            Module("dbo", "V", "V", "CREATE VIEW …", columns=session.resolve(None, "Sales", "O").columns[:1])
        )
    (table,) = records(session, "sys", "tables")
    schemas = {row["schema_id"]: row["name"] for row in records(session, "sys", "schemas")}
    assert schemas[table["schema_id"]] == "Sales"
    columns = [row for row in records(session, "sys", "columns") if row["object_id"] == table["object_id"]]
    assert [(row["name"], row["system_type_id"], row["max_length"], row["precision"], row["scale"], row["is_identity"]) for row in columns] == [
        ("id", 56, 4, 10, 0, True), ("price", 106, 5, 9, 3, False), ("at", 42, 7, 23, 3, False), ("c", 231, 14, 0, 0, False),
    ]  # fmt: skip
    types = {row["user_type_id"]: row["name"] for row in records(session, "sys", "types")}
    assert [types[row["user_type_id"]] for row in columns] == ["int", "decimal", "datetime2", "Code"]
    indexes = {row["name"]: row for row in records(session, "sys", "indexes")}
    assert indexes["PK_O"]["is_primary_key"]
    assert [(row["column_id"], row["is_included_column"]) for row in records(session, "sys", "index_columns") if row["index_id"] == 2] == [
        (2, False), (3, True),
    ]  # fmt: skip
    assert [
        row["COLUMN_NAME"] for row in records(session, "INFORMATION_SCHEMA", "columns") if row["TABLE_NAME"] == "O"
    ] == ["id", "price", "at", "c"]
    assert [row["name"] for row in records(session, "sys", "views")] == ["V"]
    assert scalar(session, "object_id", "Sales.[O]", "U", schema=None) == table["object_id"]
    assert scalar(session, "object_name", table["object_id"], schema=None) == "O"
    assert scalar(session, "object_id", "nobody", schema=None) is None
    (status,) = [
        row
        for row in records(session, "sys", "database_recovery_status")
        if row["database_id"] == session.database.database_id
    ]
    assert status["database_guid"] == session.database.guid


@pytest.mark.parametrize(
    "name",
    sorted(
        f"{schema}.{name}"
        for schema, name in __import__("dstream_sandbox.sqlserver.engine.catalog", fromlist=["VIEWS"]).VIEWS
    ),
)
def test_every_view_gives_rows_as_wide_as_its_columns(server: Server, session: Session, name: str) -> None:
    call(session, "sp_cdc_enable_db")
    table = create(
        session,
        "T",
        "id int, n int, d int",
        id={"identity": (1, 1)},
        d={"computed": lambda _, row: 1, "computed_text": "((1))"},
    )
    call(session, "sp_cdc_enable_table", source_schema="dbo", source_name="T", role_name="gate")
    insert(session, table, (DEFAULT, 1, DEFAULT))
    server.capture_job("once")
    server.inject_capture_error("Shop")
    call(session, "sp_getapplock", Resource="r", LockMode="Exclusive", LockOwner="Session")
    schema, _, view = name.partition(".")
    if schema == "dbo":
        session.use("msdb")
    relation = session.resolve(None, schema, view)
    for row in select(session, schema, view):
        assert len(row) == len(relation.columns)


# --- who may do what --------------------------------------------------------------------------------------------------------------


def user(server: Server, session: Session, name: str = "ann") -> Session:
    session.create_login(name, PASSWORD)
    session.create_user(name, name)
    return connect(server, name)


def test_logins(server: Server, session: Session) -> None:
    for login, password, database, number in (
        ("nobody", PASSWORD, "", 18456), ("sa", "wrong", "", 18456), ("sa", PASSWORD, "Nowhere", 4060),
    ):  # fmt: skip
        with refused(number):
            server.login(login, password, database, "", "")
    session.create_login("ann", PASSWORD)
    with refused(4060):
        connect(server, "ann")
    outside = connect(server, "ann", "master")
    with refused(916):
        outside.use("Shop")
    with refused(911):
        outside.use("Nowhere")
    session.alter_login("ann", enabled=False)
    with refused(18456):
        connect(server, "ann", "master")


def test_permissions_are_given_and_taken_away(server: Server, session: Session) -> None:
    table = create(session, "T", "id int, secret int")
    insert(session, table, (1, 2))
    ann = user(server, session)
    with refused(229):
        select(ann, "dbo", "T")
    session.change_permission("grant", ["SELECT"], ("OBJECT", "dbo", "T"), ["id"], ["ann"])
    with ann.statement("select"):
        ann.require("SELECT", table, ["id"])
    with refused(230):
        select(ann, "dbo", "T")
    session.change_permission("grant", ["SELECT"], ("SCHEMA", None, "dbo"), [], ["ann"])
    assert len(select(ann, "dbo", "T")) == 1
    session.change_permission("deny", ["SELECT"], ("OBJECT", "dbo", "T"), ["secret"], ["ann"])
    with refused(230):
        select(ann, "dbo", "T")
    session.change_permission("deny", ["SELECT"], None, [], ["public"])
    with refused(229):
        select(ann, "dbo", "T")
    with refused(229):
        insert(ann, table, (2, 2))
    with refused(229):
        delete(ann, table)
    with refused(262):
        create(ann, "U", "id int")
    session.change_permission("revoke", ["SELECT"], None, [], ["public"])
    session.alter_role("db_owner", "ann")
    insert(ann, table, (2, 2))
    create(ann, "U", "id int")
    session.alter_role("db_owner", "ann", add=False)
    session.alter_role("db_datareader", "ann")
    assert select(ann, "dbo", "U") == []
    assert scalar(ann, "has_perms_by_name", "dbo.U", "OBJECT", "SELECT", schema=None) == 1
    assert scalar(ann, "has_perms_by_name", "dbo.U", "OBJECT", "INSERT", schema=None) == 0
    assert scalar(ann, "is_member", "db_datareader", schema=None) == 1
    with refused(300):
        select(ann, "sys", "dm_server_services")
    with refused(6102):
        ann.kill(session.spid)


def test_who_makes_a_table_needs_its_schema(server: Server, session: Session) -> None:
    ann = user(server, session)
    session.change_permission("grant", ["CREATE TABLE"], None, [], ["ann"])
    with refused(2760):
        create(ann, "T", "id int")
    session.change_permission("grant", ["ALTER"], ("SCHEMA", None, "dbo"), [], ["ann"])
    table = create(ann, "T", "id int")
    with refused(229):
        insert(ann, table, (1,))  # it belongs to the owner of the schema
    with session.statement("ddl"):
        session.create_schema("hers", "ann")
    assert scalar(ann, "has_perms_by_name", "hers", "SCHEMA", "ALTER", schema=None) == 1
    hers = create(ann, "T", "id int", schema="hers")
    insert(ann, hers, (1,))
    assert select(ann, "hers", "T") == [(1,)]


def test_sessions_see_themselves_only(server: Server, session: Session) -> None:
    ann = user(server, session)
    assert [row["session_id"] for row in records(ann, "sys", "dm_exec_sessions")] == [ann.spid]
    assert {row["session_id"] for row in records(session, "sys", "dm_exec_sessions")} == {ann.spid, session.spid}


def test_databases(server: Server, session: Session) -> None:
    session.create_database("Other")
    with refused(1801):
        session.create_database("OTHER")
    session.alter_database("Other", "read_only", True)
    other = connect(server, database="Other")
    with refused(3702):
        session.drop_database("Other")
    with refused(3906):
        create(other, "T", "id int")
    other.close()
    session.alter_database("Other", "state", "offline")
    with refused(4060):
        connect(server, database="Other")
    session.drop_database("Other")
    assert [row["name"] for row in records(session, "sys", "databases")][4:] == ["Shop"]


# --- application locks --------------------------------------------------------------------------------------------------------------


def lock(session: Session, mode: str = "Exclusive", owner: str = "Session", timeout: int = 0) -> int:
    items = call(session, "sp_getapplock", Resource="table 1", LockMode=mode, LockOwner=owner, LockTimeout=timeout)
    (status,) = [item.status for item in items if isinstance(item, ReturnStatus)]
    return int(status)


def test_an_application_lock_has_one_holder(server: Server, session: Session) -> None:
    other = connect(server)
    assert lock(session) == 0
    assert lock(session) == 0
    assert lock(other) == -1
    assert lock(other, timeout=20) == -1
    assert scalar(other, "applock_test", "public", "table 1", "Shared", "Session", schema=None) == 0
    assert scalar(session, "applock_mode", "public", "table 1", "Session", schema=None) == "Exclusive"
    call(session, "sp_releaseapplock", Resource="table 1", LockOwner="Session")
    assert lock(other) == -1, "taken twice, given back once"
    waiting = Aside(lambda: lock(other, timeout=5000))
    deadline = time.monotonic() + 5
    while not server.waits.blocker_of(other):
        assert time.monotonic() < deadline
    server.kill(session.spid)
    assert waiting.wait() == 1
    other.reset()
    assert lock(connect(server)) == 0


def test_a_transactions_application_lock_ends_with_it(server: Server, session: Session) -> None:
    other = connect(server)
    assert lock(session, owner="Transaction") == -999
    session.begin()
    assert lock(session, "Shared", "Transaction") == 0
    assert lock(other, "Shared") == 0
    call(other, "sp_releaseapplock", Resource="table 1", LockOwner="Session")
    assert lock(other) == -1
    session.commit()
    assert lock(other) == 0
    with refused(1223):
        call(session, "sp_releaseapplock", Resource="table 1", LockOwner="Session")


def test_types_without_a_length_parse() -> None:
    assert SqlType.parse("rowversion").name == "timestamp"
