"""hierarchyid, geography and geometry: text forms and the serialised forms that go over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_sandbox.sqlserver.language.clr import hierarchy, spatial

# "hierarchyid data type method reference" and "[MS-SSCLRT]" show these
KNOWN = [("/", ""), ("/1/", "58"), ("/2/", "68"), ("/1/1/", "5ac0"), ("/1.1/", "62c0"), ("/0/", "48")]


@pytest.mark.parametrize(("path", "data"), KNOWN)
def test_known_hierarchies(path: str, data: str) -> None:
    assert hierarchy.parse(path).hex() == data
    assert hierarchy.path_of(bytes.fromhex(data)) == path


numbers = st.one_of(st.integers(-10_000, 10_000), st.integers(-(2**40), 2**40))
labels = st.lists(numbers, min_size=1, max_size=3)


@given(st.lists(labels, max_size=6))
def test_hierarchies_and_back(path: list[list[int]]) -> None:
    text = "/" + "".join(".".join(map(str, label)) + "/" for label in path)
    assert hierarchy.path_of(hierarchy.parse(text)) == text


@given(
    st.lists(st.lists(st.integers(-200, 6000), min_size=1, max_size=1), max_size=4),
    st.lists(st.lists(st.integers(-200, 6000), min_size=1, max_size=1), max_size=4),
)
def test_bytes_order_as_the_tree_does(one: list[list[int]], other: list[list[int]]) -> None:
    """Depth first: "hierarchyid … a < b means a comes before b in a depth-first traversal"."""

    def data(path: list[list[int]]) -> bytes:
        return hierarchy.parse("/" + "".join(f"{label[0]}/" for label in path))

    assert (data(one) < data(other)) == (one < other)


def test_hierarchy_methods(sql: Any) -> None:
    text = "SELECT h.ToString(), h.GetLevel(), h.GetAncestor(1).ToString(), h.IsDescendantOf('/1/') FROM (VALUES (hierarchyid::Parse('/1/3/'))) v(h)"
    assert sql.row(text) == ("/1/3/", 2, "/1/", True)
    assert sql.error("SELECT hierarchyid::Parse('1')").number == 6522


def test_points(sql: Any) -> None:
    text = "g.ToString(), g.STAsText(), g.STSrid, g.Lat, g.Long, g.STAsBinary() FROM (VALUES (geography::STGeomFromText('POINT(8.5 47.25)', 4326))) v(g)"
    wkb = bytes.fromhex("010100000000000000000021400000000000a04740")
    assert sql.row("SELECT " + text) == ("POINT (8.5 47.25)", "POINT (8.5 47.25)", 4326, 47.25, 8.5, wkb)
    assert sql.row("SELECT geometry::Parse('POINT(1 2)').STX, geography::Point(47, 8, 4326).STAsText()") == (
        1.0,
        "POINT (8 47)",
    )


def test_serialised_point() -> None:
    """Spatial reference, version 1, valid and a single point, then latitude and longitude."""
    data = spatial.from_text("geography", "POINT(1 2)", 4326)
    assert data.hex() == "e6100000010c0000000000000040000000000000f03f"
    assert spatial.from_wkb("geography", spatial.wkb_of(data, "geography"), 4326) == data


def test_columns_of_these_types(sql: Any) -> None:
    sql.do("CREATE TABLE c (h hierarchyid, g geography, x xml, v sql_variant)")
    sql.do("INSERT INTO c VALUES ('/1/', 'POINT(1 2)', '<a>1</a>', 5), (NULL, NULL, NULL, N'x')")
    assert sql.rows("SELECT c.h.ToString(), c.g.STAsText(), x, CAST(v AS nvarchar(5)) FROM c") == [
        ("/1/", "POINT (1 2)", "<a>1</a>", "5"),
        (None, None, None, "x"),
    ]
