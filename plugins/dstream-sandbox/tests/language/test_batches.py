"""Control flow, variables, errors, transactions, procedures, options."""

from __future__ import annotations

from typing import Any

import pytest

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Done, EnvChange, ErrorItem, Info, ReturnStatus, ReturnValue, RowSet
from dstream_sandbox.sqlserver.types import INT, SqlType, nvarchar

BATCHES: list[tuple[str, str, list[Any]]] = [
    (
        "declare and set",
        "DECLARE @a int = 1, @b varchar(3); SET @a += 4; SET @b = 'abcdef'; SELECT @a, @b",
        [(5, "abc")],
    ),
    (
        "select into variables",
        "DECLARE @a int, @b int; SELECT @a = x, @b = x * 2 FROM (VALUES (1), (2)) v(x); SELECT @a, @b",
        [(2, 4)],
    ),
    ("a select without rows keeps the value", "DECLARE @a int = 9; SELECT @a = 1 WHERE 1 = 2; SELECT @a", [(9,)]),
    ("sum in a variable", "DECLARE @a int = 0; SELECT @a += x FROM (VALUES (1), (2), (3)) v(x); SELECT @a", [(6,)]),
    ("if else", "IF 1 = 2 SELECT 'a' ELSE IF 1 = 1 SELECT 'b' ELSE SELECT 'c'", [("b",)]),
    ("unknown is not true", "IF NULL = 1 SELECT 1 ELSE SELECT 2", [(2,)]),
    ("if exists", "IF EXISTS (SELECT 1 FROM sys.tables) SELECT 1; ELSE SELECT 0", [(0,)]),
    (
        "while",
        "DECLARE @i int = 0, @s int = 0; WHILE 1 = 1 BEGIN SET @i += 1; IF @i = 3 CONTINUE; IF @i > 5 BREAK; SET @s += @i END SELECT @s",
        [(12,)],
    ),
    (
        "declare in a loop",
        "DECLARE @i int = 0; WHILE @i < 2 BEGIN SET @i += 1; DECLARE @x int = @i * 10; END SELECT @x",
        [(20,)],
    ),
    ("return", "SELECT 1; RETURN; SELECT 2", [(1,)]),
    ("rowcount", "DECLARE @t TABLE (a int); INSERT INTO @t VALUES (1), (2); SELECT @@ROWCOUNT", [(2,)]),
    ("error number", "DECLARE @t TABLE (a int NOT NULL); INSERT INTO @t VALUES (NULL); SELECT @@ERROR", [(515,)]),
    (
        "try catch",
        "BEGIN TRY RAISERROR('no %s %d', 16, 3, 'way', 7) END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_MESSAGE(), ERROR_SEVERITY(), ERROR_STATE() END CATCH",
        [(50000, "no way 7", 16, 3)],
    ),
    (
        "no error outside of catch",
        "BEGIN TRY SELECT 1 / 0 END TRY BEGIN CATCH END CATCH SELECT ERROR_NUMBER()",
        [(None,)],
    ),
    (
        "throw and catch",
        "BEGIN TRY THROW 51000, 'stop', 4 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_STATE() END CATCH",
        [(51000, 4)],
    ),
    (
        "catch in catch",
        "BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH BEGIN TRY SELECT CAST('x' AS int) END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH END CATCH",
        [(245,)],
    ),
    ("exec a text", "EXEC ('SELECT ' + '5')".replace("' + '", ""), [(5,)]),
    ("exec a text of a variable", "DECLARE @s varchar(20) = 'SELECT 6'; EXEC (@s)", [(6,)]),
    (
        "sp_executesql",
        "DECLARE @o int; EXEC sp_executesql N'SET @b = @a * 2', N'@a int, @b int OUTPUT', @a = 4, @b = @o OUTPUT; SELECT @o",
        [(8,)],
    ),
    (
        "sp_executesql by place",
        "EXEC sys.sp_executesql N'SELECT @a, @b', N'@a int, @b nvarchar(5)', 1, N'x'",
        [(1, "x")],
    ),
    ("line of an error", "\n\nBEGIN TRY\n SELECT 1/0\nEND TRY BEGIN CATCH SELECT ERROR_LINE() END CATCH", [(4,)]),
    ("comments", "SELECT 1 /* a /* nested */ one */ -- and this\n", [(1,)]),
    ("quotes", "SELECT 'it''s', N'ü', ''", [("it's", "ü", "")]),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in BATCHES], ids=[case[0] for case in BATCHES])
def test_last_result(sql: Any, text: str, expected: list[Any]) -> None:
    items = sql.items(text)
    assert [item.rows for item in items if isinstance(item, RowSet)][-1] == expected


def kinds(items: list[Any]) -> list[str]:
    return [type(item).__name__ for item in items]


def test_a_statement_error_lets_the_batch_go_on(sql: Any) -> None:
    sql.do("CREATE TABLE t (a int PRIMARY KEY)")
    items = sql.items("INSERT INTO t VALUES (1)\nINSERT INTO t VALUES (1)\nSELECT 2")
    assert kinds(items) == ["Done", "ErrorItem", "RowSet"]
    assert (items[1].error.number, items[1].error.line) == (2627, 2)


@pytest.mark.parametrize("text", ["SELECT CAST('x' AS int)", "SELECT * FROM nosuch", "THROW 50001, 'x', 1"])
def test_other_errors_end_the_batch(sql: Any, text: str) -> None:
    assert not any(isinstance(i, RowSet) and i.rows == [(2,)] for i in _until_error(sql, f"{text}; SELECT 2"))


def _until_error(sql: Any, text: str) -> list[Any]:
    """What came before the error that ended a batch."""
    found: list[Any] = []
    try:
        found.extend(read_all(sql, text, found))
    except SqlError:
        return found
    raise AssertionError("the batch did not end")


def read_all(sql: Any, text: str, found: list[Any]) -> list[Any]:
    for item in sql.session.execute(text):
        found.append(RowSet(item.columns, list(item.rows)) if isinstance(item, RowSet) else item)  # noqa: PERF401  what came before an error counts
    return []


def test_nothing_of_a_batch_runs_when_it_does_not_parse(sql: Any) -> None:
    assert sql.error("CREATE TABLE t (a int); SELEC 1").number == 102
    assert sql.value("OBJECT_ID('t')") is None


def test_transactions(sql: Any) -> None:
    sql.do("CREATE TABLE t (a int)")
    items = sql.items(
        "BEGIN TRAN; INSERT INTO t VALUES (1); SAVE TRAN here; INSERT INTO t VALUES (2); ROLLBACK TRAN here; COMMIT"
    )
    changes = [item.kind for item in items if isinstance(item, EnvChange)]
    assert changes == ["begin", "commit"]
    assert sql.rows("SELECT a FROM t") == [(1,)]
    assert sql.row("BEGIN TRAN; BEGIN TRAN; SELECT @@TRANCOUNT; ROLLBACK") == (2,)
    assert sql.value("@@TRANCOUNT") == 0
    assert sql.error("COMMIT").number == 3902
    assert sql.error("ROLLBACK").number == 3903


def test_a_named_transaction_from_a_variable(sql: Any) -> None:
    sql.do("DECLARE @n varchar(10) = 'x'; BEGIN TRANSACTION @n; COMMIT TRANSACTION @n")
    assert sql.value("XACT_STATE()") == 0


def test_xact_abort_rolls_back(sql: Any) -> None:
    sql.do("CREATE TABLE t (a int PRIMARY KEY)")
    assert (
        sql.error("SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); COMMIT").number
        == 2627
    )
    assert sql.value("@@TRANCOUNT") == 0
    assert sql.value("COUNT(*) FROM t") == 0


def test_xact_abort_dooms_inside_try(sql: Any) -> None:
    text = "SET XACT_ABORT ON; BEGIN TRAN; BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT XACT_STATE(); ROLLBACK END CATCH"
    assert sql.rows(text) == [(-1,)]


def test_a_conversion_error_loses_the_transaction(sql: Any) -> None:
    sql.error("BEGIN TRAN; SELECT CAST('x' AS int)")
    assert sql.value("@@TRANCOUNT") == 0


def test_throw_again(sql: Any) -> None:
    error = sql.error("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH THROW END CATCH")
    assert error.number == 8134
    assert sql.error("THROW").number == 10704
    assert sql.error("THROW 5, 'x', 1").number == 35100


def test_messages(sql: Any) -> None:
    assert sql.messages("PRINT 'a'; PRINT 5; RAISERROR('low %i', 10, 1, 3)") == ["a", "5", "low 3"]


def test_nocount(sql: Any) -> None:
    sql.do("CREATE TABLE t (a int)")
    items = sql.items("SET NOCOUNT ON; INSERT INTO t VALUES (1); SELECT a FROM t")
    assert [i.count for i in items if isinstance(i, Done)] == [None, None]
    assert [i.counted for i in items if isinstance(i, RowSet)] == [False]


def test_use(sql: Any) -> None:
    items = sql.items("USE master; SELECT DB_NAME()")
    assert isinstance(items[0], EnvChange)
    assert isinstance(items[1], Info)
    assert items[2].rows == [("master",)]
    assert sql.error("USE nosuch").number == 911


def test_parameters_and_outputs(sql: Any) -> None:
    given = {"@a": (INT, 5), "@s": (nvarchar(10), "x")}
    items = list(sql.session.execute("SET @a = @a * 2; SET @s = N'yy'", given, ["@a", "@s"]))
    assert items[-2:] == [ReturnValue("@a", INT, 10), ReturnValue("@s", nvarchar(10), "yy")]


PROCEDURE = """
CREATE PROCEDURE dbo.twice @a int, @b int = 10, @out int OUTPUT AS
BEGIN
    SET NOCOUNT ON;
    IF @a < 0 RETURN -1;
    SET @out = (@a + @b) * 2;
    SELECT @a AS a, @b AS b;
END
"""


def test_procedures(sql: Any) -> None:
    sql.do(PROCEDURE)
    assert sql.rows("DECLARE @o int, @r int; EXEC @r = twice 1, @out = @o OUTPUT; SELECT @o, @r") == [(22, 0)]
    assert sql.rows("DECLARE @o int, @r int; EXECUTE @r = dbo.twice -1, 2, @o OUTPUT; SELECT @o, @r") == [(None, -1)]
    statuses = [
        i.status for i in sql.items("DECLARE @o int; EXEC twice @a = -5, @out = @o") if isinstance(i, ReturnStatus)
    ]
    assert statuses == [-1]
    assert sql.error("EXEC twice").number == 201
    assert sql.error("EXEC twice 1, 2, 3, 4").number == 8144
    assert sql.error("EXEC twice @nosuch = 1").number == 8145
    assert sql.error("EXEC nosuch").number == 2812
    sql.do("ALTER PROCEDURE twice AS SELECT 'new'")
    assert sql.rows("twice") == [("new",)]
    sql.do("DROP PROCEDURE twice")
    assert sql.error("EXEC twice").number == 2812


def test_a_procedure_that_calls_itself(sql: Any) -> None:
    sql.do(
        "CREATE PROCEDURE down @n int AS IF @n > 0 BEGIN DECLARE @m int = @n - 1; EXEC down @m END ELSE SELECT @@NESTLEVEL"
    )
    assert sql.rows("EXEC down 3") == [(4,)]
    assert sql.error("EXEC down 40").number == 217


VARIABLE_ERRORS: list[tuple[str, int]] = [
    ("SET @x = 1", 137),
    ("DECLARE @x int; DECLARE @x int", 134),
    ("DECLARE @x nosuch", 2715),
    ("DECLARE @x varchar(9000)", 2717),
    ("DECLARE @x date = 5", 529),
    ("WAITFOR DELAY 'soon'", 148),
    ("RAISERROR('x', 19, 1)", 2754),
]


@pytest.mark.parametrize(("text", "number"), VARIABLE_ERRORS, ids=[case[0] for case in VARIABLE_ERRORS])
def test_errors_of_variables(sql: Any, text: str, number: int) -> None:
    assert sql.error(text).number == number


def test_options_that_a_driver_sets(sql: Any) -> None:
    sql.do(
        "SET ARITHABORT ON;SET CONCAT_NULL_YIELDS_NULL ON;SET ANSI_NULLS ON;SET ANSI_NULL_DFLT_ON ON;SET ANSI_PADDING ON;"
        "SET ANSI_WARNINGS ON;SET CURSOR_CLOSE_ON_COMMIT OFF;SET QUOTED_IDENTIFIER ON;SET TEXTSIZE 2147483647;"
        "SET LOCK_TIMEOUT 1000 SET DEADLOCK_PRIORITY LOW SET LANGUAGE us_english SET DATEFORMAT mdy SET IMPLICIT_TRANSACTIONS OFF"
    )
    assert sql.session.lock_timeout == 1000
    sql.do("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    assert sql.session.isolation == "repeatable read"


def test_quoted_identifier_off_makes_texts(sql: Any) -> None:
    sql.do("SET QUOTED_IDENTIFIER OFF")
    assert sql.rows('SELECT "text"') == [("text",)]


def test_definitions(sql: Any) -> None:
    sql.do("CREATE SCHEMA s")
    sql.do("CREATE TYPE s.Name FROM nvarchar(20) NOT NULL")
    sql.do(
        "CREATE TABLE s.t (id int NOT NULL, n s.Name, d AS (LEN(n)) PERSISTED, CONSTRAINT pk PRIMARY KEY (id DESC), INDEX ix NONCLUSTERED (n))"
    )
    sql.do("INSERT INTO s.t (id, n) VALUES (1, N'abc')")
    assert sql.row("SELECT * FROM s.t") == (1, "abc", 3)
    sql.do("ALTER TABLE s.t ADD e int NOT NULL CONSTRAINT de DEFAULT 7, f varchar(5) NULL")
    assert sql.row("SELECT e, f FROM s.t") == (7, None)
    sql.do("ALTER TABLE s.t ALTER COLUMN f varchar(50) NULL; ALTER TABLE s.t DROP CONSTRAINT de, COLUMN e")
    assert sql.error("SELECT e FROM s.t").number == 207
    sql.do(
        "CREATE UNIQUE INDEX ux ON s.t (f) WHERE f IS NOT NULL; EXEC sp_rename 's.t.f', 'g', 'COLUMN'; TRUNCATE TABLE s.t"
    )
    assert sql.rows("SELECT g FROM s.t") == []
    sql.do("DROP INDEX ux ON s.t; DROP TABLE IF EXISTS s.t, s.nosuch; DROP TYPE s.Name")
    assert sql.error("DROP TABLE s.t").number == 3701


def test_batch_goes_on_behind_control_flow_with_an_error(sql: Any) -> None:
    items = sql.items("IF 1 = 1 BEGIN RAISERROR('x', 16, 1); SELECT 1 END SELECT 2")
    assert kinds(items) == ["ErrorItem", "RowSet", "RowSet"]
    assert isinstance(items[0], ErrorItem)


def test_typed_null_parameter(sql: Any) -> None:
    assert sql.value("CASE WHEN @p IS NULL THEN 'null' END", p=(SqlType("binary", length=10), None)) == "null"
