"""What is not T-SQL is a syntax error; what the sandbox does not do is refused by name, and no TRY hides it."""

from __future__ import annotations

from typing import Any

import pytest

NOT_T_SQL = [
    "SELECT 1 LIMIT 5",
    "SELECT a::int FROM t",
    "SELECT 'a' || 'b'",
    "SELECT `a` FROM t",
    "SELECT 1 WHERE 'a' ILIKE 'A'",
    "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
    "CREATE TABLE IF NOT EXISTS t (a int)",
    "SELECT 1 = 1",
    "SELECT name FROM sys.tables WHERE name",
    "SELECT 1 AS select",
    "SELECT FROM t",
    "SELECT (1",
    "UPDATE t SET a = 1 RETURNING a",
    "DELETE t USING u",
    "SELECT 1; GO SELECT 2; GO",
    "SELECT 'open",
    "SELECT /* open",
    "IF 1 = 1",
    "BEGIN SELECT 1",
    "BEGIN END",
    "SELECT CASE 1 END",
    "DECLARE x int",
    "SELECT * FROM t NATURAL JOIN u",
    "SELECT * FROM t JOIN u USING (a)",
    "SELECT !1",
    "EXEC p @a = 1 + 1",
    "SET nosuch ON",
    "SELECT 1 FROM t WITH (NOSUCHHINT)",
    "SELECT 1 OPTION (NOSUCHHINT)",
    "SELECT * FROM t WHERE a IN ()",
    "VALUES (1)",
    "SELECT TRUE",
    "SELECT 1 WHERE FALSE",
    "SELECT INTERVAL '1' DAY",
]


@pytest.mark.parametrize("text", NOT_T_SQL)
def test_not_t_sql(sql: Any, text: str) -> None:
    number = sql.error(text).number
    # TRUE and FALSE are no words of T-SQL: they are names of columns that do not exist.
    assert number in ({207, 4145} if "TRUE" in text or "FALSE" in text else {102, 105, 113, 156, 4145})


REFUSED = [
    "SELECT * FROM sys.tables WITH (NOLOCK)",
    "SELECT * FROM sys.tables (READUNCOMMITTED)",
    "SELECT TOP (5) PERCENT name FROM sys.tables",
    "SELECT TOP (5) WITH TIES name FROM sys.tables ORDER BY name",
    "SELECT name FROM sys.tables FOR JSON PATH",
    "SELECT name FROM sys.tables FOR XML AUTO",
    "SELECT COUNT(*) FROM sys.tables GROUP BY ROLLUP (name)",
    "SELECT * FROM sys.tables PIVOT (COUNT(name) FOR name IN ([a])) p",
    "SELECT FORMAT(1, 'N')",
    "SELECT JSON_VALUE('{}', '$.a')",
    "SELECT STDEV(1)",
    "SELECT CONVERT(varchar(30), GETDATE(), 130)",
    "SELECT GETDATE() AT TIME ZONE 'Central European Standard Time'",
    "SELECT geography::STGeomFromText('LINESTRING(0 0, 1 1)', 4326)",
    "DECLARE c CURSOR FOR SELECT 1",
    "OPEN c",
    "BACKUP DATABASE x TO DISK = 'y'",
    "GOTO there",
    "CREATE FUNCTION f() RETURNS int AS BEGIN RETURN 1 END",
    "CREATE TRIGGER t ON x AFTER INSERT AS SELECT 1",
    "CREATE SEQUENCE s",
    "CREATE TYPE t AS TABLE (a int)",
    "WAITFOR TIME '10:00'",
    "EXECUTE AS USER = 'x'",
    "SET DATEFIRST 1",
    "SET DATEFORMAT dmy",
    "SET LANGUAGE Deutsch",
    "SET ANSI_NULLS OFF",
    "SET STATISTICS IO ON",
    "SET SHOWPLAN_ALL ON",
    "SELECT * FROM server.db.dbo.t",
    "SELECT {fn NOW()}",
    "SELECT CAST('<a/>' AS xml).value('/a', 'int')",
    "ALTER DATABASE x SET ENCRYPTION ON",
    "DBCC CHECKDB",
    "SELECT GREATEST(1, 2)",
    "SELECT DATETRUNC(day, GETDATE())",
    "SELECT SOUNDEX('a')",
    "SELECT 1 WHERE N'é' COLLATE Latin1_General_CI_AI LIKE N'e'",
    "SELECT * FROM OPENJSON('[1, 2]')",
    "SELECT * FROM sys.dm_os_wait_stats",
    "SELECT * FROM sys.fn_dblog(NULL, NULL)",
    "EXEC sp_help 't'",
    "EXEC xp_cmdshell 'dir'",
    "CREATE TABLE t (a int); ALTER TABLE t SWITCH TO u",
    "CREATE TABLE t (a int); ALTER TABLE t ENABLE CHANGE_TRACKING",
    "SELECT t.a FROM sys.tables TABLESAMPLE (10 PERCENT)",
    "SELECT STUFF((SELECT ',' + name FROM sys.tables FOR XML PATH('')), 1, 1, '')",
    "SELECT SUM(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1)) v(a)",
    "CREATE TABLE t (a int SPARSE) WITH (MEMORY_OPTIMIZED = ON)",
    "CREATE SYNONYM s FOR t",
    "CREATE LOGIN [D\\u] FROM WINDOWS",
    "BEGIN DISTRIBUTED TRAN",
    "BULK INSERT t FROM 'x.csv'",
    "EXEC ('SELECT 1') AT linked",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused_by_name(sql: Any, text: str) -> None:
    error = sql.error(text)
    assert error.number == 50001
    assert error.message.startswith("sandbox: not supported: ")


def test_no_try_hides_what_is_refused(sql: Any) -> None:
    text = "BEGIN TRY EXEC ('SELECT FORMAT(1, ''N'')') END TRY BEGIN CATCH SELECT 'hidden' END CATCH"
    assert sql.error(text).number == 50001
