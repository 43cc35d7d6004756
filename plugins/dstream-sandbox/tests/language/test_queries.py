"""SELECT: sources, groups, windows, order, sets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


@pytest.fixture
def shop(sql: Any) -> Any:
    """A few related tables."""
    sql.do(
        """
        CREATE TABLE Customers (id int PRIMARY KEY, name nvarchar(30) NULL, city varchar(20) COLLATE Latin1_General_CS_AS NULL);
        CREATE TABLE Orders (id int PRIMARY KEY, customer int NULL, total decimal(9,2) NOT NULL, placed datetime2(3) NOT NULL);
        INSERT INTO Customers VALUES (1, N'Ann', 'Bern'), (2, N'Bob', 'bern'), (3, N'Cy', NULL), (4, NULL, 'Basel');
        INSERT INTO Orders VALUES (10, 1, 5, '2023-01-01'), (11, 1, 7.5, '2023-01-02'), (12, 2, 1, '2023-01-03'), (13, NULL, 9, '2023-01-04');
        """
    )
    return sql


CASES: list[tuple[str, str, list[Any]]] = [
    (
        "inner join",
        "SELECT c.name, o.id FROM Customers c JOIN Orders o ON o.customer = c.id ORDER BY o.id",
        [("Ann", 10), ("Ann", 11), ("Bob", 12)],
    ),
    (
        "left join",
        "SELECT c.id, o.id FROM Customers c LEFT JOIN Orders o ON o.customer = c.id AND o.total > 6 ORDER BY c.id",
        [(1, 11), (2, None), (3, None), (4, None)],
    ),
    (
        "right join",
        "SELECT c.id, o.id FROM Customers c RIGHT OUTER JOIN Orders o ON o.customer = c.id ORDER BY o.id",
        [(1, 10), (1, 11), (2, 12), (None, 13)],
    ),
    (
        "full join",
        "SELECT c.id, o.id FROM Customers c FULL JOIN Orders o ON o.customer = c.id ORDER BY c.id, o.id",
        [(None, 13), (1, 10), (1, 11), (2, 12), (3, None), (4, None)],
    ),
    ("cross join", "SELECT COUNT(*) FROM Customers, Orders", [(16,)]),
    ("join without equality", "SELECT COUNT(*) FROM Customers c JOIN Orders o ON o.customer < c.id", [(8,)]),
    (
        "nested join",
        "SELECT c.id, o.id, p.id FROM Customers c LEFT JOIN Orders o JOIN Orders p ON p.id = o.id + 1 ON o.customer = c.id WHERE c.id < 3 ORDER BY 1, 2",
        [(1, 10, 11), (1, 11, 12), (2, 12, 13)],
    ),
    (
        "self join",
        "SELECT a.id, b.id FROM Orders a JOIN Orders b ON a.customer = b.customer AND a.id < b.id",
        [(10, 11)],
    ),
    (
        "cross apply",
        "SELECT c.id, x.t FROM Customers c CROSS APPLY (SELECT TOP 1 o.total t FROM Orders o WHERE o.customer = c.id ORDER BY o.total DESC) x ORDER BY 1",
        [(1, Decimal("7.50")), (2, Decimal("1.00"))],
    ),
    (
        "outer apply",
        "SELECT c.id, x.n FROM Customers c OUTER APPLY (SELECT COUNT(*) n FROM Orders o WHERE o.customer = c.id HAVING COUNT(*) > 0) x ORDER BY 1",
        [(1, 2), (2, 1), (3, None), (4, None)],
    ),
    (
        "apply a function",
        "SELECT c.id, s.value FROM Customers c CROSS APPLY STRING_SPLIT(c.name, 'n') s WHERE c.id = 1",
        [(1, "A"), (1, ""), (1, "")],
    ),
    (
        "group",
        "SELECT customer, COUNT(*) n, SUM(total) s FROM Orders GROUP BY customer ORDER BY customer",
        [(None, 1, Decimal("9.00")), (1, 2, Decimal("12.50")), (2, 1, Decimal("1.00"))],
    ),
    (
        "group by an expression",
        "SELECT YEAR(placed) y, MAX(id) FROM Orders GROUP BY YEAR(placed) HAVING COUNT(*) > 1",
        [(2023, 13)],
    ),
    (
        "having",
        "SELECT o.customer FROM Orders AS o GROUP BY customer HAVING SUM(total) > 5 ORDER BY SUM(o.total) DESC",
        [(1,), (None,)],
    ),
    ("aggregates of nothing", "SELECT COUNT(*), SUM(total), MIN(id) FROM Orders WHERE 1 = 2", [(0, None, None)]),
    ("aggregates of no group", "SELECT COUNT(*) FROM Orders WHERE 1 = 2 GROUP BY customer", []),
    ("count of values", "SELECT COUNT(customer), COUNT(DISTINCT customer), COUNT_BIG(*) FROM Orders", [(3, 2, 4)]),
    ("average", "SELECT AVG(id), AVG(total) FROM Orders", [(11, Decimal("5.625000"))]),
    (
        "string_agg",
        "SELECT STRING_AGG(name, ', ') WITHIN GROUP (ORDER BY name DESC) FROM Customers",
        [("Cy, Bob, Ann",)],
    ),
    (
        "groups under a case-sensitive collation",
        "SELECT city, COUNT(*) FROM Customers WHERE city IS NOT NULL GROUP BY city ORDER BY 2, 1",
        [("Basel", 1), ("bern", 1), ("Bern", 1)],
    ),
    ("distinct", "SELECT DISTINCT customer FROM Orders ORDER BY customer", [(None,), (1,), (2,)]),
    ("order by alias", "SELECT id * -1 AS x FROM Orders ORDER BY x", [(-13,), (-12,), (-11,), (-10,)]),
    ("order by what is not selected", "SELECT id FROM Orders ORDER BY total DESC, id", [(13,), (11,), (10,), (12,)]),
    (
        "mixed directions",
        "SELECT customer, id FROM Orders ORDER BY customer DESC, id ASC",
        [(2, 12), (1, 10), (1, 11), (None, 13)],
    ),
    ("offset fetch", "SELECT id FROM Orders ORDER BY id OFFSET 1 ROW FETCH NEXT 2 ROWS ONLY", [(11,), (12,)]),
    ("top with a variable", "DECLARE @n int = 2; SELECT TOP (@n) id FROM Orders ORDER BY id", [(10,), (11,)]),
    ("top of a sort", "SELECT TOP 2 id FROM Orders ORDER BY total DESC", [(13,), (11,)]),
    ("union", "SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1 DESC", [(2,), (1,)]),
    ("intersect before union", "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", [(1,)]),
    ("except", "SELECT id FROM Customers EXCEPT SELECT customer FROM Orders ORDER BY id", [(3,), (4,)]),
    ("parentheses in sets", "(SELECT 1 UNION SELECT 2) INTERSECT SELECT 2", [(2,)]),
    (
        "correlated",
        "SELECT id, (SELECT COUNT(*) FROM Orders o WHERE o.customer = c.id) FROM Customers c ORDER BY id",
        [(1, 2), (2, 1), (3, 0), (4, 0)],
    ),
    (
        "correlated twice",
        "SELECT id FROM Customers c WHERE EXISTS (SELECT 1 FROM Orders o WHERE o.customer = c.id AND EXISTS (SELECT 1 FROM Orders p WHERE p.customer = c.id AND p.id > o.id))",
        [(1,)],
    ),
    (
        "exists",
        "SELECT id FROM Customers c WHERE NOT EXISTS (SELECT * FROM Orders WHERE customer = c.id) ORDER BY id",
        [(3,), (4,)],
    ),
    ("derived", "SELECT d.n FROM (SELECT COUNT(*) AS n FROM Orders) AS d", [(4,)]),
    ("values", "SELECT v.b FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b) WHERE v.a = 2", [("y",)]),
    (
        "common table expressions",
        "WITH a AS (SELECT id FROM Orders WHERE id > 10), b(x) AS (SELECT id + 1 FROM a) SELECT x FROM b ORDER BY x",
        [(12,), (13,), (14,)],
    ),
    ("recursion", "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT SUM(i) FROM n", [(10,)]),
    (
        "row_number",
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id DESC) r FROM Orders ORDER BY id",
        [(10, 2), (11, 1), (12, 1), (13, 1)],
    ),
    (
        "rank",
        "SELECT x, RANK() OVER (ORDER BY x), DENSE_RANK() OVER (ORDER BY x) FROM (VALUES (1), (1), (2)) v(x)",
        [(1, 1, 1), (1, 1, 1), (2, 3, 2)],
    ),
    ("running sum", "SELECT x, SUM(x) OVER (ORDER BY x) FROM (VALUES (1), (2), (2)) v(x)", [(1, 1), (2, 5), (2, 5)]),
    (
        "running sum by rows",
        "SELECT x, SUM(x) OVER (ORDER BY x ROWS UNBOUNDED PRECEDING) FROM (VALUES (1), (2), (2)) v(x)",
        [(1, 1), (2, 3), (2, 5)],
    ),
    ("sum over all", "SELECT id, COUNT(*) OVER () FROM Customers WHERE id < 3 ORDER BY id", [(1, 2), (2, 2)]),
    (
        "lag and lead",
        "SELECT id, LAG(id) OVER (ORDER BY id), LEAD(id, 1, 0) OVER (ORDER BY id) FROM Customers ORDER BY id",
        [(1, None, 2), (2, 1, 3), (3, 2, 4), (4, 3, 0)],
    ),
    (
        "window over groups",
        "SELECT customer, SUM(SUM(total)) OVER () FROM Orders WHERE customer IS NOT NULL GROUP BY customer ORDER BY 1",
        [(1, Decimal("13.50")), (2, Decimal("13.50"))],
    ),
    (
        "star of one source",
        "SELECT o.* FROM Customers c JOIN Orders o ON o.id = 10 AND c.id = 1",
        [(10, 1, Decimal("5.00"), None)],
    ),
    ("three-part columns", "SELECT dbo.Orders.id FROM dbo.Orders WHERE Orders.id = 10", [(10,)]),
    ("case of names", "select ID from ORDERS where Id = 10", [(10,)]),
    ("alias with =", "SELECT x = id FROM Orders WHERE id = 10", [(10,)]),
    ("brackets and quotes", 'SELECT [id] AS [a b], "id" AS "c d" FROM [dbo].[Orders] WHERE [id] = 10', [(10, 10)]),
    ("option", "SELECT id FROM Orders WHERE id = 10 OPTION (RECOMPILE, MAXDOP 1)", [(10,)]),
    ("lock hints", "SELECT id FROM Orders WITH (ROWLOCK, HOLDLOCK) WHERE id = 10", [(10,)]),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rows(shop: Any, text: str, expected: list[Any]) -> None:
    rows = shop.rows(text)
    if "o.*" in text:
        rows = [(*row[:3], None) for row in rows]
    assert rows == expected


ERRORS: list[tuple[str, int]] = [
    ("SELECT * FROM nosuch", 208),
    ("SELECT nosuch FROM Orders", 207),
    ("SELECT o.nosuch FROM Orders o", 207),
    ("SELECT x.id FROM Orders o", 4104),
    ("SELECT Orders.id FROM Orders o", 4104),
    ("SELECT id FROM Orders a, Orders b", 209),
    ("SELECT 1 FROM Orders, Orders", 1013),
    ("SELECT id, COUNT(*) FROM Orders", 8120),
    ("SELECT customer FROM Orders GROUP BY customer HAVING id > 1", 8121),
    ("SELECT id FROM Orders WHERE COUNT(*) > 1", 147),
    ("SELECT ROW_NUMBER() OVER (PARTITION BY id) FROM Orders", 4112),
    ("SELECT id FROM Orders WHERE ROW_NUMBER() OVER (ORDER BY id) = 1", 4108),
    ("SELECT 1 UNION SELECT 1, 2", 205),
    ("SELECT id FROM Orders ORDER BY 5", 108),
    ("SELECT DISTINCT id FROM Orders ORDER BY total", 145),
    ("SELECT TOP (-1) id FROM Orders", 127),
    ("SELECT *", 263),
    ("SELECT x.* FROM Orders", 107),
    ("SELECT * FROM (SELECT 1) d", 8155),
    ("SELECT * FROM (SELECT 1 AS a) d(x, y)", 8159),
    ("SELECT @a = 1, 2 FROM Orders", 137),
    ("DECLARE @a int; SELECT @a = 1, 2", 141),
    ("SELECT SUM(name) FROM Customers", 8117),
    (
        "SELECT * FROM Customers a JOIN Customers b ON a.city = b.name COLLATE Latin1_General_CI_AS AND a.nosuch = 1",
        207,
    ),
    ("SELECT id FROM sys.no_such_view", 50001),
    ("SELECT * FROM cdc.fn_cdc_get_all_changes_nosuch(0x01, 0x02, 'all')", 208),
]


@pytest.mark.parametrize(("text", "number"), ERRORS, ids=[case[0] for case in ERRORS])
def test_errors(shop: Any, text: str, number: int) -> None:
    assert shop.error(text).number == number


def test_names_and_types_of_columns(shop: Any) -> None:
    (result,) = shop.results("SELECT o.id, total AS t, total + 1, N'x' AS [select] FROM Orders o")
    assert [c.name for c in result.columns] == ["id", "t", "", "select"]
    assert [c.type.declaration() for c in result.columns] == ["int", "decimal(9,2)", "numeric(10,2)", "nvarchar(1)"]
    assert [c.nullable for c in result.columns] == [False, False, False, False]


def test_an_error_in_a_row_comes_behind_the_rows_before(shop: Any) -> None:
    items = shop.items("SELECT 1 / (id - 12) FROM Orders; SELECT 5")
    assert [type(item).__name__ for item in items] == ["RowSet", "ErrorItem", "RowSet"]
    assert items[0].rows == [(0,), (-1,)]
    assert items[1].error.number == 8134


def test_views(shop: Any) -> None:
    shop.do("CREATE VIEW dbo.Big AS SELECT id, total FROM Orders WHERE total > 6")
    assert shop.rows("SELECT b.id FROM Big b ORDER BY b.id") == [(11,), (13,)]
    shop.do("CREATE OR ALTER VIEW Big (n) AS SELECT COUNT(*) FROM Orders")
    assert shop.rows("SELECT n FROM Big") == [(4,)]


def test_a_plan_is_made_anew_when_its_table_changes(shop: Any) -> None:
    text = "SELECT * FROM Customers WHERE id = 1"
    assert len(shop.row(text)) == 3
    shop.do("ALTER TABLE Customers ADD more int NULL")
    assert len(shop.row(text)) == 4
    shop.do("DROP TABLE Customers")
    assert shop.error(text).number == 208
    shop.do("CREATE TABLE Customers (id varchar(5)); INSERT INTO Customers VALUES ('1')")
    assert shop.row(text) == ("1",)


def test_select_into(shop: Any) -> None:
    shop.do("SELECT id, total * 2 AS twice INTO #copy FROM Orders")
    assert shop.rows("SELECT TOP 1 * FROM #copy ORDER BY id") == [(10, Decimal("10.00"))]


def test_declare_from_a_query(shop: Any) -> None:
    assert shop.rows("DECLARE @n int = (SELECT COUNT(*) FROM Orders); SELECT @n") == [(4,)]
