"""Scans begin and end where a condition on the sort key says, so that paging a table costs what a page costs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from dstream_sandbox.sqlserver.types import INT, SqlType, varchar


class Spy:
    """Counts the rows that scans of a relation give."""

    def __init__(self, relation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given = 0
        self.ranges: list[Any] = []
        scan = type(relation).scan

        def spied(this: Any, session: Any, low: Any = None, high: Any = None, hints: Any = ()) -> Any:
            self.ranges.append((low, high))
            for row in scan(this, session, low, high, hints):
                self.given += this is relation
                yield row

        monkeypatch.setattr(type(relation), "scan", spied)


@pytest.fixture
def keyed(sql: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A table of 1000 rows with a key of three columns, and a spy on it."""
    sql.do("CREATE TABLE t (a int, b varchar(10), c binary(2), d int, PRIMARY KEY (a, b, c))")
    rows = [f"({a}, '{b}', 0x{c:04x}, {a})" for a, b, c in itertools.product(range(10), "abcdefghij", range(10))]
    sql.do("INSERT INTO t VALUES " + ", ".join(rows))
    sql.spy = Spy(sql.session.resolve(None, "dbo", "t"), monkeypatch)
    return sql


READS: list[tuple[str, int, int]] = [
    ("SELECT * FROM t WHERE a = 3", 100, 100),
    ("SELECT * FROM t WHERE a > 7", 200, 200),
    ("SELECT * FROM t WHERE 7 < a AND d >= 0", 200, 200),
    ("SELECT * FROM t WHERE a >= 3 AND a < 4 AND b = 'c'", 10, 110),
    ("SELECT * FROM t WHERE a BETWEEN 3 AND 4", 200, 200),
    ("SELECT * FROM t WHERE a = 3 AND b = 'C' AND c > 0x0003", 6, 7),
    ("SELECT * FROM t WHERE a = 3 AND b >= 'i'", 20, 20),
    ("SELECT * FROM t WHERE a IN (1, 2)", 200, 200),
    ("SELECT * FROM t WHERE a = NULL", 0, 0),
    ("SELECT * FROM t WHERE a > 9 AND a < 3", 0, 0),
    ("SELECT * FROM t WHERE a > 8 OR (a = 8 AND b > 'h') OR (a = 8 AND b = 'h' AND c > 0x0008)", 121, 122),
    ("SELECT TOP (5) * FROM t WHERE a > 2 ORDER BY a, b, c", 5, 6),
    ("SELECT TOP (5) * FROM t WHERE a > 2 ORDER BY a, b, d", 5, 11),
    ("SELECT * FROM t WHERE a + 0 = 3", 100, 1000),
    ("SELECT * FROM t WHERE a = 3 OR d = 4", 200, 1000),
    ("SELECT * FROM t WHERE a = d", 1000, 1000),
    ("SELECT * FROM t WHERE b COLLATE Latin1_General_BIN2 = 'c'", 100, 1000),
]


@pytest.mark.parametrize(("text", "count", "most"), READS, ids=[case[0] for case in READS])
def test_no_more_is_read_than_needed(keyed: Any, text: str, count: int, most: int) -> None:
    assert len(keyed.rows(text)) == count
    assert keyed.spy.given <= most


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_paging_by_the_whole_key_reads_each_row_about_once(keyed: Any, size: int) -> None:
    page = """
        SELECT TOP (@n) a, b, c FROM t
        WHERE a > @a OR (a = @a AND b > @b) OR (a = @a AND b = @b AND c > @c)
        ORDER BY a, b, c
    """
    last: Any = (-1, "", b"")
    pages = 0
    found: list[Any] = []
    while True:
        a, b, c = last
        given = {"n": (INT, size), "a": (INT, a), "b": (varchar(10), b), "c": (SqlType("binary", length=2), c)}
        rows = keyed.rows(page, **given)
        pages += 1
        if not rows:
            break
        found += rows
        last = rows[-1]
    assert found == sorted(found)
    assert len(set(found)) == 1000
    # A page reads its own rows, the one that it begins at, and at most one more.
    assert keyed.spy.given <= 1000 + 2 * pages


def test_a_join_looks_up_what_it_needs(keyed: Any) -> None:
    rows = keyed.rows("SELECT v.x, t.c FROM (VALUES (3), (5)) v(x) JOIN t ON t.a = v.x AND t.b = 'e' ORDER BY 1, 2")
    assert len(rows) == 20
    assert keyed.spy.given <= 20


def test_a_left_join_keeps_the_order_of_its_left_side(keyed: Any) -> None:
    text = "SELECT TOP (3) t.a, t.b, t.c, v.x FROM t LEFT JOIN (VALUES (0, 'zero')) v(i, x) ON v.i = t.a ORDER BY t.a, t.b, t.c"
    assert [row[3] for row in keyed.rows(text)] == ["zero"] * 3
    assert keyed.spy.given <= 5


def test_rows_come_while_others_are_still_unread(keyed: Any) -> None:
    for item in keyed.session.execute("SELECT a FROM t"):
        rows = iter(item.rows)
        next(rows)
        assert keyed.spy.given <= 2
        break
