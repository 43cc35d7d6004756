"""What the capture job writes: operations, order, numbers, masks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_helpers import call, connect, create, delete, insert, records, refused, running, scalar, select, update

from dstream_sandbox.sqlserver.cdc.capture import scan_log
from dstream_sandbox.sqlserver.engine.api import DEFAULT, IndexSpec
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session


@pytest.fixture
def server() -> Iterator[Server]:
    with running(capture=False) as started:
        yield started


@pytest.fixture
def session(server: Server) -> Session:
    made = connect(server)
    call(made, "sp_cdc_enable_db")
    return made


def enable(session: Session, table: str, **options: object) -> None:
    call(session, "sp_cdc_enable_table", source_schema="dbo", source_name=table, role_name=None, **options)


def changes(session: Session, instance: str) -> list[dict[str, object]]:
    session.server.capture_job("once", "Shop")
    return records(session, "cdc", f"{instance}_CT")


def short(session: Session, instance: str, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in ("__$operation", *columns)) for row in changes(session, instance)]


def test_a_transactions_rows_share_the_commits_number_and_count_statements(session: Session) -> None:
    table = create(session, "T", "id int, name nvarchar(20)")
    enable(session, "T")
    session.begin()
    insert(session, table, (1, "a"), (2, "b"))
    update(session, table, lambda row: (row[0], row[1] * 2))
    delete(session, table, lambda row: row[0] == 2)
    session.commit()
    rows = changes(session, "dbo_T")
    assert [(row["__$operation"], row["__$command_id"], row["id"], row["name"]) for row in rows] == [
        (2, 1, 1, "a"), (2, 1, 2, "b"),
        (3, 2, 1, "a"), (4, 2, 1, "aa"), (3, 2, 2, "b"), (4, 2, 2, "bb"),
        (1, 3, 2, "bb"),
    ]  # fmt: skip
    assert len({row["__$start_lsn"] for row in rows}) == 1
    assert all(row["__$seqval"] < row["__$start_lsn"] for row in rows)
    assert rows[2]["__$seqval"] == rows[3]["__$seqval"] != rows[4]["__$seqval"]
    assert len({row["__$seqval"] for row in rows}) == 5
    (mapping,) = records(session, "cdc", "lsn_time_mapping")
    assert mapping["start_lsn"] == rows[0]["__$start_lsn"] == scalar(session, "fn_cdc_get_max_lsn")


def test_max_lsn_is_null_before_the_first_capture(session: Session) -> None:
    create(session, "T", "id int")
    enable(session, "T")
    assert scalar(session, "fn_cdc_get_max_lsn") is None
    session.server.capture_job("once")
    assert len(scalar(session, "fn_cdc_get_max_lsn")) == 10
    (dummy,) = records(session, "cdc", "lsn_time_mapping")
    assert dummy["tran_id"] == b"\0"


def test_who_began_earlier_and_commits_later_has_numbers_below_the_others_commit(
    server: Server, session: Session
) -> None:
    table = create(session, "T", "id int")
    enable(session, "T")
    other = connect(server)
    session.begin()
    insert(session, table, (1,))
    insert(other, table, (2,))
    session.commit()
    first, second = changes(session, "dbo_T")
    assert (first["id"], second["id"]) == (2, 1)
    assert second["__$seqval"] < first["__$start_lsn"] < second["__$start_lsn"]


def test_rollbacks_leave_no_change_rows(session: Session) -> None:
    table = create(session, "T", "id int")
    enable(session, "T")
    session.begin()
    insert(session, table, (1,))
    session.save("here")
    insert(session, table, (2,))
    session.rollback("here")
    with refused(2627):
        insert(session, table, (3,), (1,))
    session.commit()
    session.begin()
    insert(session, table, (4,))
    session.rollback()
    assert short(session, "dbo_T", "id") == [(2, 1)]
    assert select(session, "dbo", "T") == [(1,)]


def test_an_update_of_the_key_of_one_row_is_a_delete_and_an_insert_with_one_number(session: Session) -> None:
    table = create(session, "T", "id int, name nvarchar(20)")
    enable(session, "T")
    insert(session, table, (1, "a"))
    update(session, table, lambda row: (9, "z"))
    _, gone, come = changes(session, "dbo_T")
    assert (gone["__$operation"], gone["id"], gone["name"]) == (1, 1, "a")
    assert (come["__$operation"], come["id"], come["name"]) == (2, 9, "z")
    assert gone["__$seqval"] == come["__$seqval"]
    assert gone["__$update_mask"] == come["__$update_mask"] == b"\x03"


def test_an_update_of_the_keys_of_several_rows_deletes_all_and_then_inserts_all(session: Session) -> None:
    table = create(session, "T", "id int, name nvarchar(20)")
    enable(session, "T")
    insert(session, table, (1, "a"), (2, "b"), (3, "c"))
    update(session, table, lambda row: (row[0] + 1, row[1]))
    rows = changes(session, "dbo_T")[3:]
    assert [(row["__$operation"], row["id"]) for row in rows] == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4)]
    assert len({row["__$seqval"] for row in rows}) == 6
    assert {row["__$command_id"] for row in rows} == {1}
    assert select(session, "dbo", "T") == [(2, "a"), (3, "b"), (4, "c")]


def test_another_unique_key_counts_as_the_key_does(session: Session) -> None:
    table = create(session, "T", "id int, code int", indexes=[IndexSpec("UX", [("code", False)], "unique")])
    enable(session, "T")
    insert(session, table, (1, 10))
    update(session, table, lambda row: (1, 11))
    assert short(session, "dbo_T", "code") == [(2, 10), (1, 10), (2, 11)]


def test_the_mask_counts_captured_columns_from_the_right(session: Session) -> None:
    columns = ", ".join(f"c{number} int" for number in range(1, 10))
    table = create(session, "T", f"id int, {columns}")
    enable(session, "T", captured_column_list="id, [c1], c9")
    enable(session, "T", capture_instance="all_of_it")
    insert(session, table, (1, *range(1, 10)))
    update(session, table, lambda row: (*row[:-1], 99))
    update(session, table, lambda row: (*row[:2], 77, *row[3:]))
    assert [row["__$update_mask"].hex() for row in changes(session, "dbo_T")] == ["07", "04", "04"]
    assert [row["__$update_mask"].hex() for row in changes(session, "all_of_it")] == [
        "03ff",
        "0200",
        "0200",
        "0004",
        "0004",
    ]
    assert scalar(session, "fn_cdc_get_column_ordinal", "dbo_T", "c9") == 3
    assert scalar(session, "fn_cdc_is_bit_set", 10, bytes.fromhex("0200")) is True
    assert scalar(session, "fn_cdc_has_column_changed", "all_of_it", "C9", bytes.fromhex("0200")) is True
    assert scalar(session, "fn_cdc_has_column_changed", "all_of_it", "c1", bytes.fromhex("0200")) is False


def test_updates_that_change_nothing_write_nothing(session: Session) -> None:
    table = create(session, "T", "id int, name nvarchar(20)")
    enable(session, "T")
    insert(session, table, (1, "a"))
    update(session, table, lambda row: row)
    assert len(changes(session, "dbo_T")) == 1


def test_large_values_are_missing_where_the_server_leaves_them_out(session: Session) -> None:
    table = create(session, "T", "id int, big varchar(max), old text, n int")
    enable(session, "T")
    insert(session, table, (1, "B", "O", 1))
    update(session, table, lambda row: (*row[:3], 2))
    update(session, table, lambda row: (1, "C", "P", 2))
    delete(session, table)
    assert short(session, "dbo_T", "big", "old", "n") == [
        (2, "B", "O", 1),
        (3, None, None, 1), (4, "B", "O", 2),
        (3, "B", None, 2), (4, "C", "P", 2),
        (1, "C", None, 2),
    ]  # fmt: skip


def test_computed_columns_are_captured_as_null(session: Session) -> None:
    table = create(
        session, "T", "id int, twice int", twice={"computed": lambda _, row: row[0] * 2, "computed_text": "([id]*(2))"}
    )
    enable(session, "T")

    assert insert(session, table, (4, DEFAULT)) == [(4, 8)]
    assert short(session, "dbo_T", "id", "twice") == [(2, 4, None)]


def test_values_over_max_text_repl_size_fail_the_write(session: Session) -> None:
    table = create(session, "T", "id int, big nvarchar(max), raw varbinary(max)")
    insert(session, table, (1, "x" * 40_000, None))
    enable(session, "T")
    with refused(7139):
        insert(session, table, (2, "x" * 40_000, None))
    insert(session, table, (3, "x" * 32_768, b"y" * 65_536))
    with refused(7139):
        update(session, table, lambda row: (row[0], row[1], b"z" * 65_537))
    call(session, "sp_configure", configname="max text repl size", configvalue=-1)
    insert(session, table, (4, "x" * 40_000, None))


def test_changes_before_and_after_capture_are_not_there(session: Session) -> None:
    table = create(session, "T", "id int")
    insert(session, table, (1,))
    enable(session, "T")
    insert(session, table, (2,))
    assert short(session, "dbo_T", "id") == [(2, 2)]
    call(session, "sp_cdc_disable_table", source_schema="dbo", source_name="T", capture_instance="dbo_T")
    with refused(208):
        select(session, "cdc", "dbo_T_CT")
    insert(session, table, (3,))
    enable(session, "T")
    assert short(session, "dbo_T", "id") == []


def test_enabling_can_be_rolled_back(session: Session) -> None:
    create(session, "T", "id int")
    session.begin()
    enable(session, "T")
    session.rollback()
    assert select(session, "cdc", "change_tables") == []
    enable(session, "T")
    assert len(select(session, "cdc", "change_tables")) == 1


def test_a_stopped_job_leaves_max_lsn_where_it_is(server: Server) -> None:
    with running(capture_interval=0.005) as live:
        session = connect(live)
        call(session, "sp_cdc_enable_db")
        table = create(session, "T", "id int")
        enable(session, "T")
        call(session, "sp_cdc_stop_job")
        before = scalar(session, "fn_cdc_get_max_lsn")
        insert(session, table, (1,))
        assert scalar(session, "fn_cdc_get_max_lsn") == before
        assert select(session, "cdc", "dbo_T_CT") == []
        call(session, "sp_cdc_start_job")
        live.capture_job("once")
        assert len(select(session, "cdc", "dbo_T_CT")) == 1


def test_a_snapshot_sees_change_rows_and_max_lsn_of_one_moment(server: Server, session: Session) -> None:
    table = create(session, "T", "id int")
    enable(session, "T")
    insert(session, table, (1,))
    server.capture_job("once")
    reader = connect(server)
    reader.isolation = "snapshot"
    reader.begin()
    before = scalar(reader, "fn_cdc_get_max_lsn")
    insert(session, table, (2,))
    server.capture_job("once")
    server.cleanup("Shop", "", scalar(session, "fn_cdc_get_max_lsn"))
    assert scalar(reader, "fn_cdc_get_max_lsn") == before != scalar(session, "fn_cdc_get_max_lsn")
    assert [row[5] for row in select(reader, "cdc", "dbo_T_CT")] == [1]
    reader.commit()
    assert [row[5] for row in select(reader, "cdc", "dbo_T_CT")] == [2]


def test_millions_of_fabricated_rows_take_no_memory(server: Server, session: Session) -> None:
    create(session, "T", "id int, name nvarchar(20), price decimal(9,2)")
    enable(session, "T")
    server.fabricate("Shop", "dbo.T", 1_000_000, 1000)
    newest = scalar(session, "fn_cdc_get_max_lsn")
    table = session.resolve(None, "cdc", "dbo_T_CT")
    with session.statement("select"):
        rows = list(table.scan(session, (newest,), (newest,)))  # type: ignore[union-attr]  # the table is there
    assert len(rows) == 1000
    assert rows[-1][5:8] == (1_000_000, "a fabricated value", __import__("decimal").Decimal("123.45"))
    insert(session, session.resolve(None, "dbo", "T"), (7, "real", None))  # type: ignore[arg-type]  # the table is there
    server.capture_job("once")
    assert scalar(session, "fn_cdc_get_max_lsn") > newest
    assert table.row_count(session) == 1_000_001  # type: ignore[union-attr]  # the table is there


def test_an_idle_job_shows_at_its_interval_that_it_lives(session: Session) -> None:
    state = session.database.capture
    assert state is not None
    state.last_dummy = 0.0
    counts = []
    for interval in (3600, 3600, 0, 0, 3600):
        scan_log(state, interval)
        counts.append(len(records(session, "cdc", "lsn_time_mapping")))
    assert counts == [1, 1, 2, 3, 3]
    rows = records(session, "cdc", "lsn_time_mapping")
    assert {row["tran_id"] for row in rows} == {b"\0"}
    assert [row["start_lsn"] for row in rows] == sorted({row["start_lsn"] for row in rows})
    assert scalar(session, "fn_cdc_get_max_lsn") == rows[-1]["start_lsn"]
