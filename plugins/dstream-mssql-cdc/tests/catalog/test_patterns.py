"""Which tables and columns the options mean."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.columns import column_of
from dstream_mssql_cdc.catalog.patterns import ColumnPatterns, TableSelection, TableValues
from dstream_mssql_cdc.catalog.values import Table

KNOWN = [
    "dbo.Orders",
    "dbo.Order Lines",
    "sales.Orders",
    "sales.Audit",
    "sales.Items",
    "hr.People",
    "dbo.a.b",
    "dbo.x]y",
]


def tables(*names: str) -> list[Table]:
    column = column_of("Id", "int", 4, 10, 0, 0, 0, None)
    return [
        Table(schema, name, number, (column,), ("Id",), ())
        for number, (schema, _, name) in enumerate(name.partition(".") for name in names)
    ]


def selected(patterns: list[str], names: list[str] = KNOWN) -> list[str]:
    return [table.qualified for table in TableSelection(patterns).select(tables(*names))]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], KNOWN),
        (["Orders"], ["dbo.Orders"]),
        (["orders"], ["dbo.Orders"]),
        (["sales.Orders"], ["sales.Orders"]),
        (["SALES.ORDERS"], ["sales.Orders"]),
        (["People"], ["hr.People"]),
        (["Order Lines"], ["dbo.Order Lines"]),
        (["[dbo].[Order Lines]"], ["dbo.Order Lines"]),
        (['"dbo"."Order Lines"'], ["dbo.Order Lines"]),
        (["dbo.[a.b]"], ["dbo.a.b"]),
        (["[x]]y]"], ["dbo.x]y"]),
        (["sales.*"], ["sales.Orders", "sales.Audit", "sales.Items"]),
        (["*.Orders"], ["dbo.Orders", "sales.Orders"]),
        (["Order*"], ["dbo.Orders", "dbo.Order Lines", "sales.Orders"]),
        (["sales.?tems"], ["sales.Items"]),
        (["sales.*", "!sales.Audit"], ["sales.Orders", "sales.Items"]),
        (["sales.*", "!Audit"], ["sales.Orders", "sales.Items"]),
        (["sales.*", "!sales.*", "sales.Items"], ["sales.Items"]),
        (["!sales.*"], ["dbo.Orders", "dbo.Order Lines", "hr.People", "dbo.a.b", "dbo.x]y"]),
        (["!sales.Audit", "sales.*"], ["sales.Orders", "sales.Audit", "sales.Items"]),
        (["[sales].[*]"], []),
        (["*"], KNOWN),
    ],
)
def test_tables(patterns: list[str], expected: list[str]) -> None:
    assert selected(patterns) == expected


def test_case_counts_only_between_names_that_differ_in_nothing_else() -> None:
    assert selected(["orders"], ["dbo.Orders", "dbo.orders"]) == ["dbo.orders"]
    assert selected(["dbo.Orders"], ["dbo.Orders", "dbo.orders"]) == ["dbo.Orders"]
    with pytest.raises(ConfigurationError) as caught:
        selected(["ORDERS"], ["dbo.Orders", "dbo.orders"])
    assert caught.value.code == "mssql/table-ambiguous"


def test_a_name_in_several_schemas_other_than_dbo_is_ambiguous() -> None:
    with pytest.raises(ConfigurationError) as caught:
        selected(["Log"], ["a.Log", "b.Log"])
    assert "a.Log, b.Log" in caught.value.message


def test_letters_beyond_ascii_match_in_any_unicode_form() -> None:
    decomposed = unicodedata.normalize("NFD", "dbo.Größe")
    assert selected(["größe"], [decomposed]) == [decomposed]
    assert selected(["Заказы"], ["dbo.заказы"]) == ["dbo.заказы"]


def test_names_without_table() -> None:
    selection = TableSelection(["Orders", "Nowhere", "no.Table", "sales.*", "!Gone", "new_*"])
    assert selection.missing(tables(*KNOWN)) == ("Nowhere", "no.Table")
    assert selection.idle(tables(*KNOWN)) == ("new_*",)


def test_names_that_mean_a_table_outside_dbo() -> None:
    selection = TableSelection(["Orders", "People", "sales.Items", "*"])
    assert selection.elsewhere(tables(*KNOWN)) == ("People",)


def test_one_table_among_others() -> None:
    assert TableSelection(["Orders"]).matches("sales", "Orders")
    assert not TableSelection(["Orders"]).matches("sales", "Orders", [("dbo", "Orders")])


@pytest.mark.parametrize("text", ["", "!", "a..b", ".a", "a.", "[a", "a]b", "a.b.c", "[]", 'a"b'])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TableSelection([text])
    assert caught.value.code == "mssql/pattern"


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12), min_size=2, max_size=2)
)
def test_any_name_in_brackets_means_itself(parts: list[str]) -> None:
    schema, name = parts
    pattern = ".".join("[" + part.replace("]", "]]") + "]" for part in parts)
    column = column_of("Id", "int", 4, 10, 0, 0, 0, None)
    here = Table(schema, name, 1, (column,), (), ())
    assert TableSelection([pattern]).select([here, Table(schema, name + "x", 2, (column,), (), ())]) == (here,)


def test_values_by_table() -> None:
    values = TableValues({"sales.*": 1, "Orders": 2, "sales.Items": 3, "Nowhere": 4})
    known = tables(*KNOWN)
    assert values.resolve(known) == {"sales.Orders": 1, "sales.Audit": 1, "sales.Items": 3, "dbo.Orders": 2}
    assert values.missing(known) == ("Nowhere",)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("Email", True),
        ("e*", True),
        ("Customers.Email", True),
        ("customers.email", True),
        ("dbo.Customers.Email", True),
        ("*.Email", True),
        ("*.*.Email", True),
        ("sales.Customers.Email", False),
        ("Orders.Email", False),
        ("[Cust*].Email", False),
        ("Phone", False),
    ],
)
def test_columns(pattern: str, expected: bool) -> None:
    assert ColumnPatterns([pattern]).matches("dbo", "Customers", "Email") is expected


def test_which_tables_column_patterns_name() -> None:
    patterns = ColumnPatterns(["Orders.Id", "sales.Items.*"])
    assert patterns.names_table("any", "orders")
    assert patterns.names_table("sales", "Items")
    assert not patterns.names_table("dbo", "Items")
    assert patterns.idle([("dbo", "Orders", "Id")]) == ("sales.Items.*",)
