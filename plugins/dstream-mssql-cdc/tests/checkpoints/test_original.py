"""From the Go provider's positions to ours and back: repeated now and then, never skipped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dstream_mssql_cdc.checkpoints.original import Offset, from_original, names_of, resumed, rows_of, to_original
from dstream_mssql_cdc.position import LAST, ZERO, ChangePosition, TablePosition

LSNS = st.integers(1, 3).map(lambda number: number.to_bytes(10, "big"))
SEQUENCES = st.integers(0, 3).map(lambda number: number.to_bytes(10, "big"))
CHANGES = st.builds(ChangePosition, LSNS, st.integers(1, 3), SEQUENCES, st.sampled_from([1, 2, 3, 4]))
LOGS = st.lists(CHANGES, unique=True, max_size=25).map(sorted)


def original_reads(log: list[ChangePosition], offset: Offset) -> list[ChangePosition]:
    """What the Go provider reads behind its position, without the images before updates."""
    behind = [row for row in log if row.operation != 3 and (row.lsn, row.sequence) > (offset.lsn, offset.sequence)]
    return sorted(behind, key=lambda row: (row.lsn, row.sequence))


@given(LOGS, st.data())
def test_nothing_is_skipped_on_the_way_here(log: list[ChangePosition], data: st.DataObject) -> None:
    """It has delivered a part of what it reads, and stored the last row's position; the page may end anywhere."""
    delivered = original_reads(log, Offset(ZERO, ZERO))
    delivered = delivered[: data.draw(st.integers(0, len(delivered)))]
    last = delivered[-1] if delivered else ChangePosition(ZERO)
    position = TablePosition.parse(from_original(Offset(last.lsn, last.sequence)))
    ours = [row for row in log if position.changes is None or row > position.changes]
    assert {row for row in log if row.operation != 3} <= {*delivered, *ours}
    repeated = set(delivered) & set(ours)
    assert {row.lsn for row in repeated} <= {last.lsn}, "more than one transaction is repeated"


@given(LOGS, st.data())
def test_nothing_is_skipped_on_the_way_back(log: list[ChangePosition], data: st.DataObject) -> None:
    delivered = log[: data.draw(st.integers(0, len(log)))]
    assume(delivered)
    last = delivered[-1]
    complete = not any(row.lsn == last.lsn for row in log[len(delivered) :])
    position = ChangePosition.behind(last.lsn) if complete and data.draw(st.booleans()) else last
    offset = to_original(TablePosition(position).document())
    assert offset is not None
    theirs = original_reads(log, offset)
    # Its own position never tells the rows of one __$seqval apart; nothing we left over may be lost through ours.
    assert {row for row in log if row.operation != 3 and row.sequence != ZERO} <= {*delivered, *theirs}
    assert {row.lsn for row in set(delivered) & set(theirs)} <= {last.lsn}
    if position == ChangePosition.behind(last.lsn):
        assert not set(delivered) & set(theirs)


@pytest.mark.parametrize("offset", [Offset(b"", b""), Offset(ZERO, ZERO), Offset(b"", b"\1" * 10)])
def test_without_a_position_everything_there_is_follows_and_no_snapshot(offset: Offset) -> None:
    assert from_original(offset) == {}


@pytest.mark.parametrize("offset", [Offset(b"\1" * 9, ZERO), Offset(b"\1" * 10, b"\1")])
def test_what_is_no_position_is_refused(offset: Offset) -> None:
    with pytest.raises(ValueError, match="a log sequence number has 10"):
        from_original(offset)


def test_a_snapshot_that_has_begun_gives_it_no_position() -> None:
    assert to_original({"snapshot": {"id": "1", "lsn": "00" * 10, "rows": 3}}) is None


@pytest.mark.parametrize(
    ("tables", "rows", "expected"),
    [
        (["dbo.Orders"], ["Orders"], {"dbo.Orders": ("Orders",)}),
        (["dbo.Orders"], ["dbo.Orders"], {"dbo.Orders": ("dbo.Orders",)}),
        (["dbo.Orders"], ["DBO.ORDERS"], {"dbo.Orders": ("DBO.ORDERS",)}),
        (["dbo.Orders"], ["orders", "dbo.Orders"], {"dbo.Orders": ("dbo.Orders", "orders")}),
        (["dbo.Orders", "sales.Orders"], ["Orders"], {"dbo.Orders": ("Orders",)}),
        (["dbo.Orders", "sales.Orders"], ["sales.Orders"], {"sales.Orders": ("sales.Orders",)}),
        (["sales.Orders"], ["Orders"], {}),
        (["dbo.Orders", "dbo.ORDERS"], ["Orders"], {"dbo.Orders": ("Orders",)}),
        (["dbo.Orders", "dbo.ORDERS"], ["orders"], {}),
        (["dbo.a.b", "a.b"], ["a.b"], {"a.b": ("a.b",)}),
        (["dbo.a.b"], ["a.b"], {"dbo.a.b": ("a.b",)}),
        (["dbo.x]y"], ["[dbo].[x]]y]"], {"dbo.x]y": ("[dbo].[x]]y]",)}),
        (["dbo.Größe"], ["GRÖSSE"], {"dbo.Größe": ("GRÖSSE",)}),
        (["dbo.Orders"], ["Items", "sales.Orders"], {}),
    ],
)
def test_whose_row_is_whose(tables: list[str], rows: list[str], expected: dict[str, tuple[str, ...]]) -> None:
    assert rows_of(tables, rows) == expected


def test_a_row_of_ours_is_called_as_the_original_calls_it() -> None:
    assert (names_of("dbo.Orders")[0], names_of("sales.Orders")[0]) == ("Orders", "sales.Orders")


ONE, TWO = Offset(b"\1" * 10, ZERO), Offset(b"\2" * 10, LAST)
OURS: dict[str, Any] = {"changes": ChangePosition(b"\1" * 10, 7).document(), "asked": "x", "instance": "old"}


def test_our_own_position_counts_while_the_rows_are_as_we_left_them() -> None:
    assert resumed(OURS, ONE, {"Orders": ONE}) == OURS
    assert resumed(OURS, ONE, {"Orders": ONE, "dbo.Orders": ONE}) == OURS


def test_a_row_that_was_moved_counts_and_the_snapshot_is_not_asked_for_again() -> None:
    moved = {"changes": ChangePosition(b"\2" * 10).document(), "asked": "x"}
    assert resumed(OURS, ONE, {"Orders": TWO}) == moved
    assert resumed(OURS, ONE, {"Orders": TWO, "dbo.Orders": ONE}) == moved


def test_a_row_that_was_removed_begins_anew() -> None:
    assert resumed(OURS, ONE, {}) is None


def test_a_new_table_without_a_row_is_new_and_one_with_a_row_goes_on() -> None:
    assert resumed(None, None, {}) is None
    assert resumed(None, None, {"Orders": TWO, "dbo.Orders": ONE}) == from_original(ONE)


def test_a_row_beside_a_snapshot_that_has_begun_does_not_end_it() -> None:
    begun = {"snapshot": {"id": "1", "lsn": "00" * 10, "rows": 3}}
    assert resumed(begun, None, {"Orders": ONE}) == begun
