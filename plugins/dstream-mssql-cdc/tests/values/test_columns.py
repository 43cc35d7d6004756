"""Which columns are read and delivered."""

from __future__ import annotations

from typing import Any

import pytest

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.values.columns import ColumnPlan, plan_columns

COLUMNS = tuple(Column(name, "int", "int", 4) for name in ("Name", "B", "A", "Note"))
TABLE = Table("sales", "Orders", 1, COLUMNS, ("A", "B"), ())


def plan(*, whole_key: bool = False, columns: tuple[Column, ...] = COLUMNS, **values: Any) -> ColumnPlan:
    options = MssqlCdcOptions.model_validate(
        {"server": "s", "database": "d", "user": "u", "password": "p", "columns": values}
    )
    return plan_columns(TABLE, columns, options, whole_key=whole_key)


def read(of: ColumnPlan) -> list[str]:
    return [each.name for each in of.read]


def test_everything_in_the_tables_order_and_the_key_in_its_own() -> None:
    assert plan().data_names == ("Name", "B", "A", "Note")
    assert plan().key_names == ("A", "B")


def test_patterns_for_other_tables_leave_it_alone() -> None:
    assert plan(include=["Customers.Id"]).data_names == ("Name", "B", "A", "Note")


def test_include_keeps_the_key_out_of_data_but_in_the_key() -> None:
    found = plan(include=["sales.Orders.N*"])
    assert found.data_names == ("Name", "Note")
    assert read(found) == ["Name", "Note", "B", "A"]
    assert found.key_names == ("A", "B")
    assert [each.ordinal for each in found.read] == [0, 3, 1, 2]


def test_exclude_wins_and_takes_from_the_key_too() -> None:
    found = plan(include=["Orders.*"], exclude=["*.B", "note"])
    assert found.data_names == ("Name", "A")
    assert read(found) == ["Name", "A"]
    assert found.key_names == ("A",)
    assert found.full_key == ()


def test_a_snapshot_reads_the_whole_key_but_does_not_deliver_it() -> None:
    found = plan(whole_key=True, exclude=["B"])
    assert read(found) == ["Name", "A", "Note", "B"]
    assert found.data_names == ("Name", "A", "Note")
    assert found.key_names == ("A",)
    assert [read(found)[place] for place in found.full_key] == ["A", "B"]


def test_a_change_table_without_a_key_column() -> None:
    found = plan(columns=COLUMNS[:2])
    assert found.key_names == ("B",)
    assert found.full_key == ()


def test_columns_of_unknown_types_hinder_only_if_they_are_read() -> None:
    odd = (*COLUMNS, Column("Place", "vector", "vector(3)"))
    with pytest.raises(ConfigurationError, match="Place"):
        plan(columns=odd)
    assert plan(columns=odd, exclude=["Place"]).data_names == ("Name", "B", "A", "Note")


@pytest.mark.parametrize(
    ("columns", "weight"),
    [
        ((Column("A", "int", "int", 4), Column("N", "nvarchar", "nvarchar(200)", 400)), None),
        ((Column("A", "int", "int", 4), Column("N", "nvarchar", "nvarchar(max)", -1)), 3),
        ((Column("A", "int", "int", 4), Column("N", "text", "text", 16)), 3),
        ((Column("A", "nvarchar", "nvarchar(20)", 40), Column("N", "nvarchar", "nvarchar(4000)", 8000)), 3),
    ],
)
def test_rows_that_may_be_large_are_weighed(columns: tuple[Column, ...], weight: int | None) -> None:
    weigh = plan(columns=columns).weigher(1)
    assert (None if weigh is None else weigh((None, "key", "abc"))) == weight
    assert weigh is None or weigh((None, "key", None)) == 0
