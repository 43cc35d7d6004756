"""INSERT, UPDATE, DELETE, MERGE, OUTPUT, identities, table variables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dstream_sandbox.sqlserver.types import INT, varchar


@pytest.fixture
def items(sql: Any) -> Any:
    """A table with everything that a column can have."""
    sql.do(
        """
        CREATE TABLE Items (
            id int IDENTITY(10, 5) PRIMARY KEY,
            name nvarchar(10) NOT NULL DEFAULT N'none',
            price decimal(9,2) NULL CONSTRAINT ck_price CHECK (price >= 0),
            twice AS (price * 2),
            version rowversion
        );
        INSERT INTO Items (name, price) VALUES (N'a', 1), (N'b', 2.255), (DEFAULT, NULL);
        """
    )
    return sql


def test_insert(items: Any) -> None:
    assert items.rows("SELECT id, name, price, twice FROM Items ORDER BY id") == [
        (10, "a", Decimal("1.00"), Decimal("2.00")),
        (15, "b", Decimal("2.26"), Decimal("4.52")),
        (20, "none", None, None),
    ]
    assert items.do("INSERT INTO Items DEFAULT VALUES") == [1]
    assert items.do("INSERT Items (name) SELECT name + N'x' FROM Items") == [4]
    assert items.value("SCOPE_IDENTITY()") == 45
    assert items.value("@@IDENTITY") == 45
    assert items.value("COUNT(*) FROM Items") == 8


def test_insert_output(items: Any) -> None:
    assert items.rows(
        "INSERT INTO Items (name) OUTPUT inserted.id, INSERTED.name AS n, inserted.twice VALUES (N'q')"
    ) == [(25, "q", None)]
    items.do(
        "DECLARE @got TABLE (i int, n nvarchar(10)); INSERT INTO Items (name) OUTPUT inserted.id, inserted.name INTO @got VALUES (N'r'); IF (SELECT n FROM @got WHERE i = 30) <> N'r' THROW 50000, 'wrong', 1"
    )


def test_identity_insert(items: Any) -> None:
    assert items.error("INSERT INTO Items (id, name) VALUES (1, N'x')").number == 544
    items.do(
        "SET IDENTITY_INSERT Items ON; INSERT INTO Items (id, name) VALUES (1, N'x'); SET IDENTITY_INSERT Items OFF"
    )
    assert items.value("name FROM Items WHERE id = 1") == "x"


def test_update(items: Any) -> None:
    assert items.do("UPDATE Items SET name = name + N'!', price += 1 WHERE id <= 15") == [2]
    assert items.rows("SELECT name, price FROM Items WHERE id <= 15 ORDER BY id") == [
        ("a!", Decimal("2.00")),
        ("b!", Decimal("3.26")),
    ]
    assert items.rows(
        "UPDATE Items SET price = 9 OUTPUT deleted.price, inserted.price, inserted.twice WHERE name = N'A!'"
    ) == [(Decimal("2.00"), Decimal("9.00"), Decimal("18.00"))]
    assert items.do("UPDATE Items SET name = DEFAULT WHERE id = 10") == [1]
    assert items.value("name FROM Items WHERE id = 10") == "none"
    assert items.rows("DECLARE @v nvarchar(10); UPDATE Items SET @v = name = N'w' WHERE id = 15; SELECT @v") == [("w",)]


def test_a_set_looks_at_the_row_before(sql: Any) -> None:
    sql.do("CREATE TABLE p (a int, b int); INSERT INTO p VALUES (1, 2); UPDATE p SET a = b, b = a")
    assert sql.row("SELECT a, b FROM p") == (2, 1)


def test_update_from(items: Any) -> None:
    items.do(
        "UPDATE i SET price = v.p FROM Items AS i JOIN (VALUES (10, 7), (10, 8), (15, 9)) AS v(id, p) ON v.id = i.id"
    )
    assert items.rows("SELECT price FROM Items WHERE id < 20 ORDER BY id") == [(Decimal("7.00"),), (Decimal("9.00"),)]
    items.do("UPDATE Items SET price = 0 FROM Items WHERE name = N'a'")
    assert items.value("price FROM Items WHERE id = 10") == Decimal("0.00")


def test_delete(items: Any) -> None:
    assert items.rows("DELETE FROM Items OUTPUT deleted.id WHERE price IS NULL") == [(20,)]
    assert items.do("DELETE i FROM Items i JOIN (VALUES (10)) v(id) ON v.id = i.id") == [1]
    assert items.do("DELETE TOP (1) FROM Items") == [1]
    assert items.value("COUNT(*) FROM Items") == 0


def test_top_update_in_pieces(sql: Any) -> None:
    sql.do("CREATE TABLE q (id int PRIMARY KEY, done bit NOT NULL DEFAULT 0); INSERT INTO q (id) VALUES (1), (2), (3)")
    assert sql.do("UPDATE TOP (2) q SET done = 1 WHERE done = 0") == [2]
    assert sql.do("UPDATE TOP (2) q SET done = 1 WHERE done = 0") == [1]


MERGE = """
    MERGE INTO Items WITH (HOLDLOCK) AS t
    USING (VALUES (10, N'A', 5), (99, N'new', 6), (15, N'gone', 0)) AS s(id, name, price) ON t.id = s.id
    WHEN MATCHED AND s.price = 0 THEN DELETE
    WHEN MATCHED THEN UPDATE SET name = s.name, price = s.price
    WHEN NOT MATCHED THEN INSERT (name, price) VALUES (s.name, s.price)
"""


def test_merge(items: Any) -> None:
    assert items.do(MERGE + ";") == [3]
    assert items.rows("SELECT id, name, price FROM Items ORDER BY id") == [
        (10, "A", Decimal("5.00")),
        (20, "none", None),
        (25, "new", Decimal("6.00")),
    ]


def test_merge_with_output_and_rows_that_the_source_lacks(items: Any) -> None:
    rows = items.rows(
        MERGE
        + "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET name = N'left' OUTPUT $action, inserted.id, deleted.id, inserted.name;"
    )
    assert sorted(rows, key=repr) == sorted(
        [("UPDATE", 10, 10, "A"), ("DELETE", None, 15, None), ("UPDATE", 20, 20, "left"), ("INSERT", 25, None, "new")],
        key=repr,
    )


def test_merge_of_one_row_into_a_table_without_it(sql: Any) -> None:
    sql.do("CREATE TABLE k (k int PRIMARY KEY, v varchar(9))")
    text = "MERGE k AS t USING (SELECT @k AS k, @v AS v) AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v);"
    for number in (1, 2, 1):
        assert sql.do(text, k=(INT, number), v=(varchar(9), f"v{number}")) == [1]
    assert sql.rows("SELECT * FROM k ORDER BY k") == [(1, "v1"), (2, "v2")]


ERRORS: list[tuple[str, int]] = [
    ("INSERT INTO nosuch VALUES (1)", 208),
    ("INSERT INTO Items (nosuch) VALUES (1)", 207),
    ("INSERT INTO Items (name, price) VALUES (N'x')", 109),
    ("INSERT INTO Items (name) VALUES (N'x', 1)", 110),
    ("INSERT INTO Items VALUES (N'x')", 213),
    ("INSERT INTO Items (name, price) SELECT N'x'", 120),
    ("INSERT INTO Items (name) SELECT N'x', 1", 121),
    ("INSERT INTO Items (name, name) VALUES (N'x', N'y')", 264),
    ("INSERT INTO Items (twice) VALUES (1)", 271),
    ("INSERT INTO Items (version) VALUES (0x01)", 273),
    ("INSERT INTO Items (name) VALUES (NULL)", 515),
    ("INSERT INTO Items (name) VALUES (N'far too long')", 2628),
    ("INSERT INTO Items (name, price) VALUES (N'x', -1)", 547),
    ("INSERT INTO Items (name, price) VALUES (N'x', 'y')", 8114),
    ("INSERT INTO Items (name, price) VALUES (N'x', 99999999)", 8115),
    ("INSERT INTO Items (name, price) VALUES (N'x', GETDATE())", 257),
    ("UPDATE Items SET nosuch = 1", 207),
    ("UPDATE Items SET id = 1", 8102),
    ("UPDATE Items SET twice = 1", 271),
    ("UPDATE Items SET version = 0x01", 272),
    ("UPDATE Items SET name = NULL", 515),
    ("DELETE FROM nosuch", 208),
    ("MERGE Items AS t USING (VALUES (10), (10)) AS s(i) ON t.id = s.i WHEN MATCHED THEN DELETE;", 8672),
    ("MERGE Items AS t USING (VALUES (10)) AS s(i) ON t.id = s.i WHEN MATCHED THEN DELETE", 10713),
    ("INSERT INTO @t VALUES (1)", 1087),
    ("TRUNCATE TABLE nosuch", 208),
]


@pytest.mark.parametrize(("text", "number"), ERRORS, ids=[case[0] for case in ERRORS])
def test_errors_change_nothing(items: Any, text: str, number: int) -> None:
    before = items.rows("SELECT * FROM Items ORDER BY id")
    assert items.error(text).number == number
    assert items.rows("SELECT * FROM Items ORDER BY id") == before


def test_a_statement_is_all_or_nothing(items: Any) -> None:
    items.error("UPDATE Items SET price = price - 1.5")
    assert items.value("SUM(price) FROM Items") == Decimal("3.26")


def test_table_variables(sql: Any) -> None:
    rows = sql.rows(
        """
        DECLARE @t TABLE (id int IDENTITY PRIMARY KEY, n varchar(5) NOT NULL DEFAULT 'q', m AS (n + '!'), CHECK (n <> 'bad'));
        INSERT INTO @t (n) VALUES ('a'), ('b');
        INSERT INTO @t DEFAULT VALUES;
        BEGIN TRAN; DELETE FROM @t WHERE id = 1; ROLLBACK;
        UPDATE @t SET n = 'z' WHERE n = 'b';
        SELECT id, m FROM @t ORDER BY id
        """
    )
    assert rows == [(2, "z!"), (3, "q!")]
    declared = "DECLARE @t TABLE (id int PRIMARY KEY, n varchar(5) CHECK (n <> 'bad'));"
    assert sql.error(declared + "INSERT INTO @t VALUES (1, 'a'), (1, 'b')").number == 2627
    assert sql.error(declared + "INSERT INTO @t VALUES (1, 'bad')").number == 547
    assert sql.error(declared + "INSERT INTO @t VALUES (NULL, 'a')").number == 515


def test_fixed_length_columns_are_padded(sql: Any) -> None:
    sql.do("CREATE TABLE f (c char(4), b binary(3)); INSERT INTO f VALUES ('ab', 0x01), ('ab      ', 0x0100000000)")
    assert sql.rows("SELECT * FROM f") == [("ab  ", b"\1\0\0")] * 2


def test_insert_exec(sql: Any) -> None:
    sql.do("CREATE TABLE e (a int, b varchar(5))")
    sql.do("CREATE PROCEDURE two AS SELECT 1, 'x'; SELECT 2, 'y'")
    assert sql.do("INSERT INTO e EXEC two") == [2]
    assert sql.rows("SELECT * FROM e ORDER BY a") == [(1, "x"), (2, "y")]
