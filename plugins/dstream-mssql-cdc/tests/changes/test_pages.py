"""Pages cut at every row boundary: nothing lost, nothing twice, no update torn."""

from __future__ import annotations

from typing import Any

import pytest
from change_model import DATABASE, ChangeTable, Row, change, lines_of, lsn, options, table

from dstream_core.api import TemporaryError
from dstream_mssql_cdc.changes import ChangeBlock, ChangeReader
from dstream_mssql_cdc.position import ChangePosition

START = ChangePosition.behind(lsn(0))
UPPER = lsn(30)
HUGE = 2**30

# The capture job gives the rows of a statement sequence numbers in the order of the log; a later statement may have
# smaller ones than an earlier one, since the log is reused.
SCRIPT = [
    change(10, 1, 50, 2, 1, "a", "1.00"),
    change(10, 1, 51, 2, 2, "b", "1.00"),
    # a second statement of the same transaction: an update of several rows
    change(10, 2, 40, 3, 1, "a", "1.00"),
    change(10, 2, 40, 4, 1, "aa", "1.00", mask=2),
    change(10, 2, 41, 3, 2, "b", "1.00"),
    change(10, 2, 41, 4, 2, "bb", "1.00", mask=2),
    # a third one: a key update, as delete and insert with one sequence number
    change(10, 3, 45, 1, 1, "aa", "1.00"),
    change(10, 3, 45, 2, 9, "aa", "1.00"),
    change(20, 1, 60, 3, 9, "aa", "1.00"),
    change(20, 1, 60, 4, 9, "aa", "2.00", mask=4),
    change(20, 1, 61, 1, 2, "bb", "1.00"),
    change(30, 1, 5, 2, 3, "c", None),
    change(30, 2, 6, 3, 3, "c", None),
    change(30, 2, 6, 4, 3, None, None, mask=2),
    change(30, 3, 7, 1, 3, None, None),
    change(31, 1, 8, 2, 4, "not yet complete", None),
]
EXPECTED = [row for row in SCRIPT if row[3] != 3 and row[0] <= UPPER]


def reader(**values: Any) -> ChangeReader:
    of = table()
    return ChangeReader(DATABASE, of, of.instances[0], options(**values))


def key(row: Row) -> ChangePosition:
    return ChangePosition(row[0], row[1] or 0, row[2], row[3])


def read_all(
    source: ChangeTable, of: ChangeReader, rows: int, max_bytes: int = HUGE, after: ChangePosition = START
) -> list[ChangeBlock]:
    """Page after page, each from the position behind the last line, until a page ends since nothing is left."""
    blocks: list[ChangeBlock] = []
    for _ in range(100):
        page = list(of.read(source, after, UPPER, rows, max_bytes, None))
        assert all(not block.full for block in page[:-1])
        blocks += page
        if not page or not page[-1].full:
            return blocks
        assert page[-1].position > after
        after = page[-1].position
    raise AssertionError("the pages do not end")


def told(blocks: list[ChangeBlock]) -> list[tuple[str, int, str, int]]:
    return [
        (
            line["metadata"]["LSN"],
            line["metadata"]["CommandID"],
            line["metadata"]["Seq"],
            line["metadata"]["OperationID"],
        )
        for block in blocks
        for line in lines_of(block.lines)
    ]


def shown(rows: list[Row]) -> list[tuple[str, int, str, int]]:
    return [(row[0].hex(), row[1], row[2].hex(), row[3]) for row in rows]


@pytest.mark.parametrize("images", [True, "changed", False])
@pytest.mark.parametrize("rows", range(1, len(SCRIPT) + 2))
def test_every_change_comes_once_and_in_order(rows: int, images: bool | str) -> None:
    blocks = read_all(ChangeTable(SCRIPT[::-1]), reader(before_images=images), rows)
    assert told(blocks) == shown(EXPECTED)
    assert sum(block.count for block in blocks) == len(EXPECTED)


@pytest.mark.parametrize("rows", range(1, len(SCRIPT) + 2))
def test_updates_are_whole_wherever_a_page_ends(rows: int) -> None:
    lines = [line for block in read_all(ChangeTable(SCRIPT), reader(), rows) for line in lines_of(block.lines)]
    updates = [(line["metadata"]["Before"], line["data"]) for line in lines if line["metadata"]["OperationID"] == 4]
    assert updates == [
        ({"Id": 1, "Name": "a", "Total": "1.00"}, {"Id": 1, "Name": "aa", "Total": "1.00"}),
        ({"Id": 2, "Name": "b", "Total": "1.00"}, {"Id": 2, "Name": "bb", "Total": "1.00"}),
        ({"Id": 9, "Name": "aa", "Total": "1.00"}, {"Id": 9, "Name": "aa", "Total": "2.00"}),
        ({"Id": 3, "Name": "c", "Total": None}, {"Id": 3, "Name": None, "Total": None}),
    ]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("fetch", [1, 2, 3])
@pytest.mark.parametrize("max_bytes", [1, 700, HUGE])
def test_bytes_and_small_fetches_end_pages_too(rows: int, fetch: int, max_bytes: int, monkeypatch: Any) -> None:
    monkeypatch.setattr("dstream_mssql_cdc.changes.FETCHED_ROWS", fetch)
    assert told(read_all(ChangeTable(SCRIPT), reader(), rows, max_bytes)) == shown(EXPECTED)


@pytest.mark.parametrize("place", range(len(SCRIPT)))
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_it_goes_on_behind_any_row(place: int, rows: int) -> None:
    after = key(SCRIPT[place])
    blocks = read_all(ChangeTable(SCRIPT), reader(), rows, after=after)
    behind = [row for row in EXPECTED if key(row) > after]
    assert told(blocks) == shown(behind)


@pytest.mark.parametrize("rows", range(1, len(SCRIPT) + 2))
def test_change_tables_without_command_ids(rows: int) -> None:
    of = table(commands=False)
    script = [
        (row[0], 0, (int.from_bytes(row[2], "big") + 100 * row[1]).to_bytes(10, "big"), *row[3:]) for row in SCRIPT
    ]
    blocks = read_all(ChangeTable(script), ChangeReader(DATABASE, of, of.instances[0], options()), rows)
    expected = [row for row in script if row[3] != 3 and row[0] <= UPPER]
    assert [entry[2:] for entry in told(blocks)] == [(row[2].hex(), row[3]) for row in expected]
    assert {entry[1] for entry in told(blocks)} == {None}


@pytest.mark.parametrize("rows", range(1, len(SCRIPT) + 2))
def test_rows_from_before_the_server_knew_commands(rows: int) -> None:
    script = [(row[0], None, *row[2:]) if row[0] == lsn(20) else row for row in SCRIPT]
    blocks = read_all(ChangeTable(script), reader(), rows)
    assert [(entry[0], entry[2], entry[3]) for entry in told(blocks)] == [
        (row[0].hex(), row[2].hex(), row[3]) for row in EXPECTED
    ]


def test_a_position_inside_a_block_is_that_of_its_line() -> None:
    (block,) = read_all(ChangeTable(SCRIPT), reader(), 100)
    assert [block.position_of(number) for number in range(1, block.count + 1)] == [key(row) for row in EXPECTED]
    assert block.position == key(EXPECTED[-1])
    assert block.rows == len(SCRIPT) - 1


def test_nothing_new_is_no_block_and_one_statement() -> None:
    source = ChangeTable(SCRIPT)
    assert list(reader().read(source, ChangePosition.behind(UPPER), lsn(30), 10, HUGE, None)) == []
    assert source.statements == []
    assert list(reader().read(ChangeTable([]), START, UPPER, 10, HUGE, None)) == []


def test_a_torn_update_is_read_again_and_never_skipped() -> None:
    torn = [row for row in SCRIPT if row[:4] != (lsn(30), 2, lsn(6), 4)][:-2]
    page = reader().read(ChangeTable([*torn[:-1], torn[-1]]), START, UPPER, 100, HUGE, None)
    with pytest.raises(TemporaryError, match="second row of an update") as caught:
        list(page)
    assert caught.value.code == "mssql/half-update"


def test_a_reader_that_is_left_early_gives_up_the_rest() -> None:
    page = reader().read(ChangeTable(SCRIPT), START, UPPER, 100, HUGE, None)
    next(page)
    page.close()  # type: ignore[attr-defined]  the iterator is a generator
