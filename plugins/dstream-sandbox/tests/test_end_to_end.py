"""Unmodified pymssql against the whole sandbox: change data capture, paged reads, snapshots, application locks."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pymssql
import pytest
from python_tds import pytds

from dstream_sandbox.sqlserver.client import SqlServerSandbox

Connect = Callable[..., Any]

PAGE = """
SELECT TOP (%d) __$start_lsn, __$command_id, __$seqval, __$operation, id, name
FROM cdc.dbo_Orders_CT
WHERE __$start_lsn <= %s AND (
    __$start_lsn > %s
    OR (__$start_lsn = %s AND __$command_id > %s)
    OR (__$start_lsn = %s AND __$command_id = %s AND __$seqval > %s)
    OR (__$start_lsn = %s AND __$command_id = %s AND __$seqval = %s AND __$operation > %s))
ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox(databases=["shop"], capture_interval=0.005) as started:
        started.control.sql("ALTER DATABASE shop SET ALLOW_SNAPSHOT_ISOLATION ON")
        started.control.sql("EXEC sys.sp_cdc_enable_db", database="shop")
        yield started


@pytest.fixture
def connect(sandbox: SqlServerSandbox) -> Iterator[Connect]:
    opened: list[Any] = []

    def make(**more: Any) -> Any:
        opened.append(pymssql.connect(**{**sandbox.pymssql("shop"), "autocommit": True, **more}))
        return opened[-1]

    yield make
    for connection in opened:
        with contextlib.suppress(pymssql.Error):
            connection.close()


@pytest.fixture
def cursor(sandbox: SqlServerSandbox, connect: Connect) -> Iterator[Any]:
    made = connect().cursor()
    made.execute(
        "CREATE TABLE dbo.Orders (id int NOT NULL PRIMARY KEY, name nvarchar(40), price decimal(9, 2), at datetime2(7))"
    )
    made.execute("EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL")
    yield made
    connect().cursor().execute("DROP TABLE dbo.Orders")


def rows(cursor: Any, sql: str, *parameters: Any) -> list[Any]:
    cursor.execute(sql, parameters or None)
    return list(cursor.fetchall())


def captured(sandbox: SqlServerSandbox, cursor: Any) -> bytes:
    sandbox.control.capture_once("shop")
    ((lsn,),) = rows(cursor, "SELECT sys.fn_cdc_get_max_lsn()")
    return bytes(lsn)


def pages(cursor: Any, upper: bytes, size: int) -> list[Any]:
    """All rows up to an LSN, page by page, by the whole key."""
    start, command, sequence, operation = bytes(10), 0, bytes(10), 0
    found: list[Any] = []
    while True:
        s, q = bytearray(start), bytearray(sequence)
        page = rows(cursor, PAGE, size, bytearray(upper), s, s, command, s, command, q, s, command, q, operation)
        found += page
        if len(page) < size:
            return found
        start, command, sequence, operation = page[-1][:4]


def test_changes_of_every_kind_read_in_pages_of_every_size(
    sandbox: SqlServerSandbox, connect: Connect, cursor: Any
) -> None:
    writer = connect(autocommit=False)
    writing = writer.cursor()
    writing.execute(
        "INSERT INTO dbo.Orders (id, name, price) VALUES (1, N'één', 1.10), (2, N'two', 2.20), (3, N'three', 3)"
    )
    writing.execute("UPDATE dbo.Orders SET name = name + N'!' WHERE id < 3")
    writing.execute("UPDATE dbo.Orders SET id = 9 WHERE id = 3")
    writing.execute("UPDATE dbo.Orders SET id = id + 1 WHERE id < 9")
    writing.execute("DELETE FROM dbo.Orders WHERE id = 9")
    writer.commit()
    writing.execute("INSERT INTO dbo.Orders (id) VALUES (100)")
    writer.rollback()
    upper = captured(sandbox, cursor)
    whole = pages(cursor, upper, 100)
    assert [(row[1], row[3], row[4], row[5]) for row in whole] == [
        (1, 2, 1, "één"),
        (1, 2, 2, "two"),
        (1, 2, 3, "three"),
        (2, 3, 1, "één"),
        (2, 4, 1, "één!"),
        (2, 3, 2, "two"),
        (2, 4, 2, "two!"),
        (3, 1, 3, "three"),
        (3, 2, 9, "three"),
        (4, 1, 1, "één!"),
        (4, 1, 2, "two!"),
        (4, 2, 2, "één!"),
        (4, 2, 3, "two!"),
        (5, 1, 9, "three"),
    ]
    for size in range(1, 16):
        assert pages(cursor, upper, size) == whole
    assert rows(cursor, "SELECT id, name FROM dbo.Orders") == [(2, "één!"), (3, "two!")]


def test_the_query_functions(sandbox: SqlServerSandbox, cursor: Any) -> None:
    cursor.execute("INSERT INTO dbo.Orders (id, name, price, at) VALUES (1, N'a', 1.25, '2024-05-06T07:08:09.1234567')")
    cursor.execute("UPDATE dbo.Orders SET price = 2 WHERE id = 1")
    captured(sandbox, cursor)
    batch = (
        "DECLARE @from binary(10) = sys.fn_cdc_get_min_lsn(N'dbo_Orders'), @to binary(10) = sys.fn_cdc_get_max_lsn(); "
    )
    found = rows(
        cursor, batch + "SELECT __$operation, price, at FROM cdc.fn_cdc_get_all_changes_dbo_Orders(@from, @to, N'all')"
    )
    at = dt.datetime(2024, 5, 6, 7, 8, 9, 123456)  # noqa: DTZ001  datetime2 has no time zone
    assert found == [(2, Decimal("1.25"), at), (4, Decimal("2.00"), at)]
    net = rows(
        cursor, batch + "SELECT __$operation, price FROM cdc.fn_cdc_get_net_changes_dbo_Orders(@from, @to, N'all')"
    )
    assert net == [(2, Decimal("2.00"))]
    ((changed,),) = rows(
        cursor,
        "SELECT sys.fn_cdc_has_column_changed(N'dbo_Orders', N'price', __$update_mask) FROM cdc.dbo_Orders_CT WHERE __$operation = 4",
    )
    assert changed
    ((age,),) = rows(
        cursor,
        "SELECT DATEDIFF(second, sys.fn_cdc_map_lsn_to_time(MAX(__$start_lsn)), GETDATE()) FROM cdc.dbo_Orders_CT",
    )
    assert 0 <= age < 60
    with pytest.raises(pymssql.Error, match="313"):
        rows(cursor, "SELECT * FROM cdc.fn_cdc_get_all_changes_dbo_Orders(0x00, sys.fn_cdc_get_max_lsn(), N'all')")


def test_a_snapshot_reads_one_moment_of_tables_and_changes(
    sandbox: SqlServerSandbox, connect: Connect, cursor: Any
) -> None:
    cursor.execute("INSERT INTO dbo.Orders (id) SELECT 1 UNION ALL SELECT 2")
    before = captured(sandbox, cursor)
    reader = connect().cursor()
    reader.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION")
    assert rows(reader, "SELECT sys.fn_cdc_get_max_lsn()") == [(before,)]
    cursor.execute("INSERT INTO dbo.Orders (id) VALUES (3); DELETE FROM dbo.Orders WHERE id = 1")
    after = captured(sandbox, cursor)
    assert after > before
    assert rows(reader, "SELECT id FROM dbo.Orders ORDER BY id") == [(1,), (2,)]
    assert rows(reader, "SELECT COUNT(*) FROM cdc.dbo_Orders_CT") == [(2,)]
    reader.execute("COMMIT")
    assert rows(reader, "SELECT id FROM dbo.Orders ORDER BY id") == [(2,), (3,)]


def test_an_application_lock_goes_to_the_next_when_its_session_dies(
    sandbox: SqlServerSandbox, connect: Connect, cursor: Any
) -> None:
    take = (
        "DECLARE @result int; EXEC @result = sys.sp_getapplock @Resource = N'dstream/shop/dbo.Orders', @LockMode = N'Exclusive', "
        "@LockOwner = N'Session', @LockTimeout = {}; SELECT @result"
    )
    first, second = connect(), connect()
    holder, waiter = first.cursor(), second.cursor()
    assert rows(holder, take.format(0)) == [(0,)]
    assert rows(waiter, take.format(0)) == [(-1,)]
    taken: list[Any] = []
    waiting = threading.Thread(target=lambda: taken.extend(rows(waiter, take.format(10_000))), daemon=True)
    waiting.start()
    ((spid,),) = rows(holder, "SELECT @@SPID")
    deadline = time.monotonic() + 10
    while not rows(cursor, "SELECT session_id FROM sys.dm_exec_requests WHERE blocking_session_id = %s", spid):
        assert time.monotonic() < deadline
    cursor.execute(f"KILL {spid}")
    waiting.join(10)
    assert taken == [(1,)]
    with pytest.raises(pymssql.Error):
        rows(holder, "SELECT 1")


def test_a_second_instance_and_a_changed_table(sandbox: SqlServerSandbox, cursor: Any) -> None:
    cursor.execute(
        "ALTER TABLE dbo.Orders ADD note nvarchar(max) NULL; ALTER TABLE dbo.Orders ALTER COLUMN name nvarchar(80) NULL"
    )
    cursor.execute(
        "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL, "
        "@capture_instance = N'Orders v2', @supports_net_changes = 0"
    )
    cursor.execute("INSERT INTO dbo.Orders (id, note) VALUES (1, N'new')")
    captured(sandbox, cursor)
    assert rows(cursor, "SELECT id, note FROM cdc.[Orders v2_CT]") == [(1, "new")]
    assert rows(cursor, "SELECT COUNT(*) FROM cdc.dbo_Orders_CT") == [(1,)]
    history = rows(cursor, "SELECT ddl_command, required_column_update FROM cdc.ddl_history ORDER BY ddl_lsn")
    assert [bool(row[1]) for row in history] == [False, True]
    assert all("ALTER TABLE dbo.Orders" in row[0] for row in history)
    cursor.execute("EXEC sys.sp_cdc_help_change_data_capture")
    assert [row[2] for row in cursor.fetchall()] == ["dbo_Orders", "Orders v2"]
    found = rows(
        cursor,
        "SELECT ct.capture_instance, c.column_name, c.column_ordinal FROM cdc.change_tables AS ct "
        "JOIN cdc.captured_columns AS c ON c.object_id = ct.object_id "
        "JOIN sys.tables AS t ON t.object_id = ct.source_object_id AND t.is_tracked_by_cdc = 1 "
        "ORDER BY ct.start_lsn, c.column_ordinal",
    )
    assert [row[1] for row in found] == ["id", "name", "price", "at", "id", "name", "price", "at", "note"]
    with pytest.raises(pymssql.Error, match="4711"):
        cursor.execute("TRUNCATE TABLE dbo.Orders")
    with pytest.raises(pymssql.Error, match="4928"):
        cursor.execute("EXEC sp_rename 'dbo.Orders.name', 'label', 'COLUMN'")


def test_permissions_from_outside(sandbox: SqlServerSandbox, connect: Connect, cursor: Any) -> None:
    cursor.execute(
        "CREATE LOGIN reader WITH PASSWORD = 'Other-9', CHECK_POLICY = OFF; CREATE USER reader FOR LOGIN reader"
    )
    try:
        reader = connect(user="reader", password="Other-9").cursor()
        with pytest.raises(pymssql.Error, match="229"):
            rows(reader, "SELECT * FROM cdc.dbo_Orders_CT")
        cursor.execute("GRANT SELECT ON SCHEMA::cdc TO reader; GRANT SELECT ON dbo.Orders (id) TO reader")
        assert rows(reader, "SELECT * FROM cdc.dbo_Orders_CT") == []
        assert rows(reader, "SELECT id FROM dbo.Orders") == []
        with pytest.raises(pymssql.Error, match="230"):
            rows(reader, "SELECT id, price FROM dbo.Orders")
        with pytest.raises(pytds.Error, match="Login failed for user 'reader'"):  # pymssql tells an older number
            pytds.connect(sandbox.host, port=sandbox.port, user="reader", password="wrong", database="shop")
        with pytest.raises(pymssql.Error, match="262"):
            rows(reader, "SELECT * FROM sys.dm_cdc_errors")
        reader.connection.close()
    finally:
        cursor.execute("DROP USER reader")


def test_clean_up_backup_and_restore(sandbox: SqlServerSandbox, connect: Connect, cursor: Any) -> None:
    cursor.execute("INSERT INTO dbo.Orders (id) VALUES (1)")
    first = captured(sandbox, cursor)
    token = sandbox.control.backup("shop")
    cursor.execute("INSERT INTO dbo.Orders (id) VALUES (2)")
    later = captured(sandbox, cursor)
    sandbox.control.cleanup("shop", keep_from=later)
    assert rows(cursor, "SELECT id FROM cdc.dbo_Orders_CT") == [(2,)]
    assert rows(cursor, "SELECT sys.fn_cdc_get_min_lsn(N'dbo_Orders')") == [(later,)]
    sandbox.control.restore(token)
    again = connect().cursor()
    assert rows(again, "SELECT sys.fn_cdc_get_max_lsn(), (SELECT COUNT(*) FROM dbo.Orders)") == [(first, 1)]


def test_fabricated_changes_stream_out(sandbox: SqlServerSandbox, cursor: Any) -> None:
    sandbox.control.fabricate("shop", "dbo.Orders", 50_000, 100)
    assert rows(cursor, "SELECT COUNT(*), MIN(id), MAX(id) FROM cdc.dbo_Orders_CT") == [(50_000, 1, 50_000)]
    cursor.execute(
        "SELECT __$start_lsn, id, name FROM cdc.dbo_Orders_CT ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation"
    )
    numbers = [row[1] for row in iter(cursor.fetchone, None)]
    assert numbers == list(range(1, 50_001))
