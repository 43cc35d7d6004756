"""What a change looks like as a line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from change_model import DATABASE, ID, NAME, TOTAL, ChangeTable, Row, change, lines_of, lsn, options, table
from hypothesis import given
from hypothesis import strategies as st

from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.changes import ChangeReader
from dstream_mssql_cdc.commit_time import CommitClock
from dstream_mssql_cdc.position import ChangePosition

BODY = Column("Body", "nvarchar", "nvarchar(max)", -1)
OLD = Column("Old", "text", "text", 16)
SUM = Column("Sum", "int", "int", 4, computed=True)


def envelopes(
    rows: list[Row], of: Table | None = None, epoch: int | None = None, offset: int = 0, **values: Any
) -> list[dict[str, Any]]:
    of = of or table()
    clock = CommitClock(offset)
    reader = ChangeReader(DATABASE, of, of.instances[0], options(**values), clock)
    blocks = reader.read(ChangeTable(rows), ChangePosition.behind(lsn(0)), lsn(2**70), 1000, 2**30, epoch)
    return [line for block in blocks for line in lines_of(block.lines)]


def update(before: tuple[Any, ...], after: tuple[Any, ...], mask: int) -> list[Row]:
    return [change(1, 1, 1, 3, *before, mask=mask), change(1, 1, 1, 4, *after, mask=mask)]


def test_an_insert() -> None:
    (line,) = envelopes([change(0x1A, 3, 0xFF, 2, 1, "Zoë", "1.50")], offset=60)
    assert line == {
        "data": {"Id": 1, "Name": "Zoë", "Total": "1.50"},
        "metadata": {
            "TableName": "Orders",
            "SchemaName": "dbo",
            "DatabaseName": "Shop",
            "OperationType": "Insert",
            "LSN": "0000000000000000001a",
            "Seq": "000000000000000000ff",
            "OperationID": 2,
            "CommandID": 3,
            "CommitTime": "2026-11-21T03:34:46.123Z",
            "TransactionID": "00000000000000000402",
            "Snapshot": False,
            "Key": {"Id": 1},
            "MessageID": line["metadata"]["MessageID"],
        },
    }
    assert len(line["metadata"]["MessageID"]) <= 128


def test_an_update() -> None:
    (line,) = envelopes(update((1, "a", "1.00"), (1, "b", "1.00"), 0b010), epoch=7)
    metadata = line["metadata"]
    assert line["data"] == {"Id": 1, "Name": "b", "Total": "1.00"}
    assert (metadata["OperationType"], metadata["OperationID"]) == ("Update", 4)
    assert metadata["Before"] == {"Id": 1, "Name": "a", "Total": "1.00"}
    assert metadata["Changed"] == ["Name"]
    assert metadata["LeaseEpoch"] == 7
    assert "Unavailable" not in metadata


def test_a_key_update_is_a_delete_and_an_insert_that_share_a_transaction() -> None:
    delete, insert = envelopes([change(5, 1, 9, 1, 1, "a", None), change(5, 1, 9, 2, 2, "a", None)])
    assert [delete["metadata"]["OperationType"], insert["metadata"]["OperationType"]] == ["Delete", "Insert"]
    assert delete["metadata"]["TransactionID"] == insert["metadata"]["TransactionID"]
    assert delete["metadata"]["MessageID"] != insert["metadata"]["MessageID"]
    assert (delete["metadata"]["Key"], insert["metadata"]["Key"]) == ({"Id": 1}, {"Id": 2})


def test_before_images() -> None:
    rows = update((1, "a", "1.00"), (1, "b", "1.00"), 0b010)
    assert envelopes(rows, before_images="changed")[0]["metadata"]["Before"] == {"Name": "a"}
    (line,) = envelopes(rows, before_images=False)
    assert "Before" not in line["metadata"]
    assert line["metadata"]["Changed"] == ["Name"]


def test_the_original_envelope() -> None:
    rows = [change(1, 1, 1, 2, 1, "a", None), *(change(2, 1, 2, op, 1, "b", None) for op in (3, 4))]
    insert, changed = envelopes(rows, envelope="original", epoch=3)
    assert insert["metadata"] == {
        "LSN": "00000000000000000001",
        "OperationID": 2,
        "OperationType": "Insert",
        "Seq": "00000000000000000001",
        "TableName": "Orders",
    }
    assert changed["metadata"]["OperationType"] == "Update"
    assert changed["data"] == {"Id": 1, "Name": "b", "Total": None}


def test_large_values_that_did_not_change_are_unavailable_before() -> None:
    of = table(ID, NAME, BODY)
    unchanged = update((1, "a", None), (1, "b", "long"), 0b010)
    assert envelopes(unchanged, of)[0]["metadata"]["Unavailable"] == ["Body"]
    was_null = update((1, "a", None), (1, "b", "long"), 0b110)
    assert "Unavailable" not in envelopes(was_null, of)[0]["metadata"]
    still_null = update((1, "a", None), (1, "b", None), 0b010)
    assert "Unavailable" not in envelopes(still_null, of)[0]["metadata"]
    assert "Unavailable" not in envelopes(unchanged, of, before_images="changed")[0]["metadata"]
    assert "Unavailable" not in envelopes(unchanged, of, before_images=False)[0]["metadata"]


def test_old_large_types_are_unavailable_in_deletes_and_before_updates() -> None:
    of = table(ID, NAME, OLD)
    assert envelopes([change(1, 1, 1, 1, 1, "a", None)], of)[0]["metadata"]["Unavailable"] == ["Old"]
    assert "Unavailable" not in envelopes([change(1, 1, 1, 2, 1, "a", None)], of)[0]["metadata"]
    changed = update((1, "a", None), (1, "a", "new"), 0b100)
    assert envelopes(changed, of)[0]["metadata"]["Unavailable"] == ["Old"]
    assert envelopes(changed, of, before_images="changed")[0]["metadata"]["Unavailable"] == ["Old"]


def test_computed_columns_are_unavailable() -> None:
    of = table(ID, SUM, NAME)
    lines = envelopes(
        [
            change(1, 1, 1, 2, 1, None, "a"),
            *update((1, None, "a"), (1, None, "b"), 0b100),
            change(3, 1, 1, 1, 1, None, "b"),
        ],
        of,
    )
    assert [line["metadata"]["Unavailable"] for line in lines] == [["Sum"]] * 3


@given(st.sets(st.integers(0, 39)), st.integers(40, 60))
def test_the_update_mask_names_the_columns(bits: set[int], count: int) -> None:
    columns = [ID, *(Column(f"c{number}", "int", "int", 4) for number in range(1, count))]
    mask = sum(1 << bit for bit in bits)
    (line,) = envelopes(update((1,) * count, (1,) * count, mask), table(*columns))
    assert line["metadata"]["Changed"] == [columns[bit].name for bit in sorted(bits)]


def test_the_mask_goes_by_the_place_in_the_change_table_not_among_the_delivered() -> None:
    of = table(ID, NAME, TOTAL)
    (line,) = envelopes(update((1, "2.00"), (1, "3.00"), 0b100), of, columns={"exclude": ["Name"]})
    assert line["metadata"]["Changed"] == ["Total"]
    assert line["metadata"]["Before"] == {"Id": 1, "Total": "2.00"}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "ä ö.%s", "x]y", "{0}", "tab\there", "'; --"])
def test_unusual_names(name: str) -> None:
    of = table(replace(ID, name=name), NAME)
    lines = envelopes([change(1, 1, 1, 2, 1, "a"), *update((1, "a"), (1, "b"), 2)], of, before_images="changed")
    assert lines[0]["data"] == {name: 1, "Name": "a"}
    of = replace(of, primary_key=(name,))
    assert envelopes([change(1, 1, 1, 2, 1, "a")], of)[0]["metadata"]["Key"] == {name: 1}


def test_a_table_without_a_key_has_an_empty_one() -> None:
    of = replace(table(), primary_key=())
    assert envelopes([change(1, 1, 1, 2, 1, "a", None)], of)[0]["metadata"]["Key"] == {}


def test_message_ids_tell_tables_and_databases_apart() -> None:
    row = change(1, 1, 1, 2, 1, "a", None)
    ids = {
        envelopes([row], of, envelope="dstream")[0]["metadata"]["MessageID"]
        for of in (table(), table(name="Other"), replace(table(), schema="sales"))
    }
    assert len(ids) == 3


def test_message_ids_are_the_same_from_both_capture_instances() -> None:
    one, two = table(), table(ID, NAME, TOTAL, SUM)
    two = replace(two, instances=(replace(two.instances[0], name="other", change_table="other_CT"),))
    first = envelopes([change(1, 1, 1, 2, 1, "a", None)], one)
    second = envelopes([change(1, 1, 1, 2, 1, "a", None, None)], two)
    assert first[0]["metadata"]["MessageID"] == second[0]["metadata"]["MessageID"]


def test_a_commit_that_the_server_has_forgotten() -> None:
    row = change(1, 1, 1, 2, 1, "a", None, committed=None)
    (line,) = envelopes([(*row[:6], None, *row[7:])])
    assert line["metadata"]["CommitTime"] is None
    assert line["metadata"]["TransactionID"] is None


def test_masks_hold_in_data_before_and_key() -> None:
    masks = {"hash": ["Id"], "redact": ["Total"], "truncate": {"Name": 1}, "salt": "pepper and salt"}
    before, after = (12345, "secret", "66.60"), (12345, "public", "77.70")
    (line,) = envelopes(update(before, after, 0b110), masks=masks)
    metadata = line["metadata"]
    assert line["data"]["Id"] == metadata["Key"]["Id"] == metadata["Before"]["Id"]
    assert len(line["data"]["Id"]) == 64
    assert (line["data"]["Name"], metadata["Before"]["Name"]) == ("p", "s")
    assert (line["data"]["Total"], metadata["Before"]["Total"]) == ("***", "***")
    assert not any(value in str(line) for value in ("12345", "secret", "public", "66.60", "77.70"))


def test_included_columns_and_the_key() -> None:
    rows = [change(1, 1, 1, 2, "1.00", 1)]
    (line,) = envelopes(rows, columns={"include": ["Orders.Total"]})
    assert line["data"] == {"Total": "1.00"}
    assert line["metadata"]["Key"] == {"Id": 1}
    (line,) = envelopes([change(1, 1, 1, 2, "1.00")], columns={"include": ["Orders.Total"], "exclude": ["*.Id"]})
    assert line["metadata"]["Key"] == {}


def test_no_column_at_all() -> None:
    lines = envelopes([change(1, 1, 1, 2), change(2, 1, 1, 2)], columns={"exclude": ["*"]})
    assert [line["data"] for line in lines] == [{}, {}]
