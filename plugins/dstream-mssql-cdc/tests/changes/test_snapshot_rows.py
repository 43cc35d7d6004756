"""Rows of a snapshot as lines."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import Any

from change_model import DATABASE, lines_of, lsn, options, table, without_key

from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.snapshot_rows import SnapshotEncoder

ROWS = [(1, "a", "1.00"), (2, None, "2.00")]
IDENTITY = uuid.UUID(int=7).hex


def encoder(of: Table | None = None, **values: Any) -> SnapshotEncoder:
    return SnapshotEncoder(DATABASE, of or table(), options(**values))


def ids(of: SnapshotEncoder, rows: list[Any], identity: str = IDENTITY) -> list[str]:
    return [line["metadata"]["MessageID"] for line in lines_of(of.lines(rows, lsn(5), identity))]


def test_a_row() -> None:
    first, second = lines_of(encoder().lines(ROWS, lsn(5), IDENTITY, 3))
    assert first == {
        "data": {"Id": 1, "Name": "a", "Total": "1.00"},
        "metadata": {
            "TableName": "Orders",
            "SchemaName": "dbo",
            "DatabaseName": "Shop",
            "OperationType": "Insert",
            "LSN": "00000000000000000005",
            "Seq": "00000000000000000000",
            "OperationID": 2,
            "CommandID": 0,
            "CommitTime": None,
            "TransactionID": None,
            "Snapshot": True,
            "Key": {"Id": 1},
            "MessageID": first["metadata"]["MessageID"],
            "LeaseEpoch": 3,
        },
    }
    assert second["data"] == {"Id": 2, "Name": None, "Total": "2.00"}


def test_no_rows_are_no_lines() -> None:
    assert encoder().lines([], lsn(5), IDENTITY) == b""


def test_ids_are_stable_and_tell_rows_and_snapshots_apart() -> None:
    whole = ids(encoder(), ROWS)
    assert ids(encoder(), ROWS[1:]) == whole[1:]
    assert len({*whole, *ids(encoder(), ROWS, "another")}) == 4
    assert all(len(each) <= 128 for each in whole)


def test_a_row_that_changed_between_two_attempts_is_another_one() -> None:
    assert ids(encoder(), [(1, "a", "1.00")]) != ids(encoder(), [(1, "b", "1.00")])


def test_equal_rows_of_a_table_without_a_key_are_numbered() -> None:
    keyless = encoder(without_key(table()))
    assert not keyless.has_key
    rows = [ROWS[0], ROWS[1], ROWS[0]]
    first = [*ids(keyless, rows[:2]), *ids(keyless, rows[2:])]
    assert len(set(first)) == 3
    keyless.forget()
    assert set(ids(keyless, rows[::-1])) == set(first)


def test_excluded_and_masked_keys_do_not_leave() -> None:
    row = (4711, "a", "1.00")
    masks = {"hash": ["Id"], "salt": "pepper and salt"}
    masked = encoder(masks=masks)
    assert "4711" not in str(lines_of(masked.lines([row], lsn(5), IDENTITY)))
    assert masked.key_of(row) == [4711]
    hidden = encoder(columns={"exclude": ["Id"]})
    assert hidden.select_list == ["t.[Name]", "CONVERT(varchar(41), t.[Total])", "t.[Id]"]
    rows = [("a", "1.00", 4711), ("a", "1.00", 4712)]
    one, two = lines_of(hidden.lines(rows, lsn(5), IDENTITY))
    assert one["data"] == two["data"] == {"Name": "a", "Total": "1.00"}
    assert one["metadata"]["Key"] == {}
    assert one["metadata"]["MessageID"] != two["metadata"]["MessageID"]
    assert hidden.key_of(rows[0]) == [4711]


def test_ids_cannot_be_found_by_trying_without_the_identity_of_the_snapshot() -> None:
    (identity,) = ids(encoder(), [ROWS[0]])
    content = b'{"Id":1,"Name":"a","Total":"1.00"}'
    assert hashlib.blake2b(content, digest_size=16).hexdigest() not in identity
    assert IDENTITY not in identity


def test_keys_are_exact_json() -> None:
    columns = (
        Column("a", "datetime2", "datetime2(7)", 8, 27, 7),
        Column("b", "binary", "binary(2)", 2),
        Column("c", "bigint", "bigint", 8),
    )
    of = replace(table(*columns, key=("c", "a", "b")))
    row = ("2026-11-21 04:34:46.1234567", b"\xff\xfe", 2**63 - 1)
    assert encoder(of).key_of(row) == [2**63 - 1, "2026-11-21T04:34:46.1234567", "//4="]


def test_the_original_envelope() -> None:
    (line, _) = lines_of(encoder(envelope="original").lines(ROWS, lsn(5), IDENTITY))
    assert line["metadata"] == {
        "LSN": "00000000000000000005",
        "OperationID": 2,
        "OperationType": "Insert",
        "Seq": "00000000000000000000",
        "TableName": "Orders",
    }
