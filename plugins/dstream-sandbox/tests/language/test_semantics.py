"""Where T-SQL differs from what one would guess: whole batches and the last result that documentation promises for them."""

from __future__ import annotations

import contextlib
import random
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.scanner import scan
from dstream_sandbox.sqlserver.types import SqlType, Variant, varchar

D = Decimal

# "NULL and UNKNOWN", "SET ANSI_NULLS", "IN", "GROUP BY", "ORDER BY", "COUNT", "AVG", "Aggregate functions"
NULLS: list[tuple[str, Any]] = [
    ("SELECT COUNT(*) FROM (VALUES (1), (NULL)) v(a) WHERE a = NULL OR a <> NULL", [(0,)]),
    ("SELECT COUNT(a), COUNT(*), COUNT(DISTINCT a) FROM (VALUES (1), (1), (NULL)) v(a)", [(2, 3, 1)]),
    ("SELECT AVG(a) FROM (VALUES (1), (2), (NULL)) v(a)", [(1,)]),
    ("SELECT AVG(a) FROM (VALUES (-1), (-2)) v(a)", [(-1,)]),
    ("SELECT AVG(a * 1.0) FROM (VALUES (1), (2)) v(a)", [(D("1.500000"),)]),
    (
        "SELECT SUM(a), MAX(a), MIN(a), AVG(a), COUNT(a) FROM (VALUES (1)) v(a) WHERE 1 = 0",
        [(None, None, None, None, 0)],
    ),
    ("SELECT a, COUNT(*) FROM (VALUES (NULL), (1), (NULL)) v(a) GROUP BY a ORDER BY a", [(None, 2), (1, 1)]),
    ("SELECT COUNT(*) FROM (VALUES (1)) v(a) WHERE 1 = 0 GROUP BY a", []),
    ("SELECT DISTINCT a FROM (VALUES (NULL), (NULL)) v(a)", [(None,)]),
    ("SELECT a FROM (VALUES (2), (NULL), (1)) v(a) ORDER BY a DESC", [(2,), (1,), (None,)]),
    ("SELECT NULL UNION SELECT NULL", [(None,)]),
    ("SELECT 1 EXCEPT SELECT NULL", [(1,)]),
    ("SELECT NULL INTERSECT SELECT NULL", [(None,)]),
    ("SELECT 'a' + NULL, CONCAT('a', NULL, 'b'), CONCAT_WS('-', 'a', NULL, 'b')", [(None, "ab", "a-b")]),
    ("SELECT CASE NULL WHEN NULL THEN 'same' ELSE 'other' END", [("other",)]),
    ("SELECT 1 WHERE NOT (1 IN (2, NULL))", []),
    ("SELECT COUNT(*) FROM (VALUES (1), (2)) a(x) LEFT JOIN (VALUES (1)) b(y) ON a.x = b.y WHERE b.y IS NULL", [(1,)]),
    ("SELECT SUM(x) FROM (VALUES (CAST(200 AS tinyint)), (CAST(200 AS tinyint))) v(x)", [(400,)]),
    ("SELECT 1 FROM (VALUES (1)) v(a) HAVING COUNT(*) = 1", [(1,)]),
    ("SELECT ISNULL(NULLIF('', ''), 'empty')", [("e",)]),
    ("DECLARE @t TABLE (a int UNIQUE); INSERT @t VALUES (NULL); INSERT @t VALUES (NULL)", 2627),
    ("CREATE TABLE t (a int CHECK (a > 0)); INSERT t VALUES (NULL); SELECT COUNT(*) FROM t", [(1,)]),
    ("DECLARE @a int; SELECT @a = a FROM (VALUES (1)) v(a) WHERE 1 = 0; SELECT @a", [(None,)]),
    ("DECLARE @a int = 5; SELECT @a = a FROM (VALUES (1)) v(a) WHERE 1 = 0; SELECT @a", [(5,)]),
    ("DECLARE @a int = 5; SET @a = (SELECT a FROM (VALUES (1)) v(a) WHERE 1 = 0); SELECT @a", [(None,)]),
]

# "char and varchar", "Collation", "LIKE", "LEN", "String functions", "+ (String concatenation)", "STRING_AGG"
TEXTS: list[tuple[str, Any]] = [
    ("SELECT COUNT(*) FROM (VALUES ('a'), ('a '), ('A'), ('á')) v(a) WHERE a = 'a'", [(3,)]),
    ("SELECT COUNT(DISTINCT a) FROM (VALUES ('a'), ('a '), ('A'), ('b')) v(a)", [(2,)]),
    ("SELECT 1 WHERE '' = ' '", [(1,)]),
    ("SELECT 1 WHERE 'a' LIKE 'a '", []),
    ("SELECT 1 WHERE 'a ' LIKE 'a'", [(1,)]),
    ("SELECT 1 WHERE N'a ' LIKE N'a'", []),
    ("SELECT 1 WHERE 'a_b' LIKE 'a[_]b' AND 'axb' NOT LIKE 'a[_]b'", [(1,)]),
    ("SELECT 1 WHERE 'a%b' LIKE 'a\\%b' ESCAPE '\\'", [(1,)]),
    ("SELECT 1 WHERE 'a-c' LIKE 'a[-]c' AND 'a]' LIKE 'a]'", [(1,)]),
    ("SELECT 1 WHERE 'x' LIKE '[^a-f]'", [(1,)]),
    ("SELECT 1 WHERE NULL LIKE '%' OR 'a' LIKE NULL", []),
    ("SELECT LEN(''), LEN(' '), DATALENGTH(' '), LEN(NULL)", [(0, 0, 1, None)]),
    ("SELECT SUBSTRING('abcdef', 0, 3), SUBSTRING('abcdef', -1, 3), SUBSTRING('abc', 2, 100)", [("ab", "a", "bc")]),
    ("SELECT SUBSTRING('abc', 1, -1)", 537),
    ("SELECT LEFT('abc', -1)", 537),
    ("SELECT CHARINDEX('B', 'abc'), CHARINDEX('', 'abc'), CHARINDEX('c', 'abc', 4)", [(2, 0, 0)]),
    ("SELECT PATINDEX('%[0-9]%', 'ab3'), PATINDEX('b', 'abc')", [(3, 0)]),
    ("SELECT REPLACE('aAa', 'a', 'b'), STUFF('abcdef', 2, 3, 'X'), STUFF('abc', 9, 1, 'x')", [("bbb", "aXef", None)]),
    ("SELECT REPLICATE('ab', 3), REPLICATE('a', -1), SPACE(2) + '|'", [("ababab", None, "  |")]),
    ("SELECT STR(3.147, 6, 2), STR(12), STR(123, 2)", [("  3.15", "        12", "**")]),
    ("SELECT QUOTENAME('a]b'), QUOTENAME('a''b', ''''), QUOTENAME('a', 'x')", [("[a]]b]", "'a''b'", None)]),
    ("SELECT ASCII('A'), CHAR(65), UNICODE(N'é'), NCHAR(233), CHAR(256)", [(65, "A", 233, "é", None)]),
    ("SELECT LTRIM('  a '), RTRIM(' a  '), TRIM('  a  '), TRIM('x' FROM 'xax')", [("a ", " a", "a", "a")]),
    ("SELECT UPPER('straße'), LOWER('ÄB'), REVERSE('abc')", [("STRAßE", "äb", "cba")]),
    ("SELECT STRING_AGG(a, ',') WITHIN GROUP (ORDER BY a DESC) FROM (VALUES ('x'), (NULL), ('y')) v(a)", [("y,x",)]),
    ("SELECT value FROM STRING_SPLIT('a,,b', ',')", [("a",), ("",), ("b",)]),
    ("SELECT TRANSLATE('2*[3+4]', '[]', '()')", [("2*(3+4)",)]),
    ("SELECT CAST('abcdef' AS varchar(3)), CAST('abc' AS char(5)) + '|'", [("abc", "abc  |")]),
    ("SELECT LEN(CAST(REPLICATE('a', 100) AS varchar)), DATALENGTH(CONVERT(nvarchar, 'x'))", [(30, 2)]),
    ("DECLARE @a varchar; SET @a = 'abc'; SELECT @a", [("a",)]),
    ("DECLARE @a varchar(3) = 'abcdef'; SELECT @a", [("abc",)]),
    ("CREATE TABLE t (a varchar(3)); INSERT t VALUES ('abcd')", 2628),
    ("CREATE TABLE t (a varchar(3)); INSERT t VALUES ('abc   '); SELECT DATALENGTH(a) FROM t", [(3,)]),
    ("CREATE TABLE t (a varchar(9) PRIMARY KEY); INSERT t VALUES ('a'), ('a ')", 2627),
    ("SELECT 'it''s', N'x''y', \"q\" FROM (SELECT 1 AS q) s", [("it's", "x'y", 1)]),
    ("SELECT CONCAT(1, 'a', 2.50, CAST('2024-01-02' AS date))", [("1a2.502024-01-02",)]),
    ("SELECT CAST('ж' AS varchar(5)), N'ж'", [("?", "ж")]),
    ("SELECT CHECKSUM('a') - CHECKSUM('A')", [(0,)]),
    (
        "SELECT CASE WHEN 'B' > 'a' THEN 1 END, CASE WHEN 'B' COLLATE Latin1_General_BIN > 'a' THEN 1 ELSE 0 END",
        [(1, 0)],
    ),
    (
        "SELECT 'a' COLLATE Latin1_General_CS_AS UNION SELECT 'A' COLLATE Latin1_General_CS_AS ORDER BY 1",
        [("a",), ("A",)],
    ),
    ("SELECT 1 WHERE 'a' COLLATE Latin1_General_CS_AS = 'a' COLLATE Latin1_General_CI_AS", 468),
]

# "Data type conversion", "Precision, scale, and length", "ROUND", "int", "bit", "money", "/ (Divide)"
NUMBERS: list[tuple[str, Any]] = [
    ("SELECT 5 / 2, -5 / 2, 5 % -2, 5 / 2.0", [(2, -2, 1, D("2.500000"))]),
    ("SELECT 1 / 0", 8134),
    ("SELECT 1 % 0", 8134),
    ("SELECT 2147483647 + 1", 8115),
    ("SELECT CAST(300 AS tinyint)", 220),
    ("SELECT CAST(99999 AS smallint)", 220),
    ("SELECT CAST('99999' AS smallint)", 244),
    ("SELECT CAST('99999999999' AS int)", 248),
    ("SELECT CAST(-1 AS tinyint)", 220),
    ("SELECT CAST('' AS int), CAST(' ' AS int), CAST(' 12 ' AS int), CAST('-' AS int)", 245),
    ("SELECT CAST('' AS int), CAST('  ' AS bigint), CAST(' 12 ' AS int)", [(0, 0, 12)]),
    ("SELECT CAST('' AS decimal(5,2))", 8114),
    ("SELECT CAST('' AS float), CAST('' AS money)", [(0.0, D("0.0000"))]),
    ("SELECT CAST('1.5' AS int)", 245),
    ("SELECT CAST('1e3' AS decimal(9,2))", 8114),
    ("SELECT CAST('1e3' AS float), CAST('$1,234.5' AS money)", [(1000.0, D("1234.5000"))]),
    ("SELECT CAST(2.5 AS int), CAST(-2.9 AS int), CAST(2.9e0 AS int)", [(2, -2, 2)]),
    (
        "SELECT CAST(2.5 AS decimal(5,0)), CAST(-2.5 AS decimal(5,0)), CAST(2.345 AS decimal(5,2))",
        [(D(3), D(-3), D("2.35"))],
    ),
    ("SELECT CAST(123.45 AS decimal(4,2))", 8115),
    ("SELECT CAST(10.6 AS money), CAST($2.5 AS int), CAST($3.5 AS int), CAST($2.49 AS int)", [(D("10.6000"), 3, 4, 2)]),
    ("SELECT CAST('true' AS bit), CAST('0' AS bit), CAST(-7 AS bit), CAST(0.4 AS bit)", [(True, False, True, True)]),
    ("SELECT CAST('yes' AS bit)", 245),
    ("SELECT ROUND(748.58, -1), ROUND(748.58, -2), ROUND(748.58, -3)", 8115),
    ("SELECT ROUND(748.58, -1), ROUND(748.58, -2), ROUND(748.58, -4)", [(D("750.00"), D("700.00"), D("0.00"))]),
    (
        "SELECT ROUND(123.9994, 3), ROUND(123.9995, 3), ROUND(150.75, 0), ROUND(150.75, 0, 1)",
        [(D("123.9990"), D("124.0000"), D("151.00"), D("150.00"))],
    ),
    ("SELECT ROUND(-2.5, 0), ROUND(2.5e0, 0), ROUND(15, -1), ROUND(14, -1)", [(D("-3.0"), 3.0, 20, 10)]),
    (
        "SELECT CEILING(1.2), FLOOR(-1.2), SIGN(-5), ABS(-5.5), POWER(2, 3), POWER(2, 0.5)",
        [(D(2), D(-2), -1, D("5.5"), 8, 1)],
    ),
    ("SELECT ABS(CAST(-2147483648 AS int))", 8115),
    ("SELECT SQRT(16), SQUARE(3), LOG10(100), EXP(0), PI()", [(4.0, 9.0, 2.0, 1.0, 3.141592653589793)]),
    ("SELECT SQRT(-1)", 3623),
    ("SELECT 0.1 + 0.2, CASE WHEN 0.1e0 + 0.2e0 = 0.3e0 THEN 1 ELSE 0 END", [(D("0.3"), 0)]),
    ("SELECT CAST(1.0 AS float), CAST(CAST(0.1 AS real) AS float)", [(1.0, 0.10000000149011612)]),
    (
        "SELECT CONVERT(varchar(30), 1234567.0e0), CONVERT(varchar(30), 0.1e0), CONVERT(varchar(30), 1e10)",
        [("1.23457e+006", "0.1", "1e+010")],
    ),
    ("SELECT CONVERT(varchar(30), 1234.5678e0, 1)", [("1.2345678e+003",)]),
    (
        "SELECT CONVERT(varchar(20), $1234567.891), CONVERT(varchar(20), $1234567.891, 1), CONVERT(varchar(20), $1.23456, 2)",
        [("1234567.89", "1,234,567.89", "1.2346")],
    ),
    (
        "SELECT CAST(0x0000000A AS int), CAST(10 AS varbinary(4)), CAST(0xFF AS tinyint), CAST('ab' AS varbinary(3))",
        [(10, b"\0\0\0\n", 255, b"ab")],
    ),
    (
        "SELECT CONVERT(varchar(20), 0x1A2B, 1), CONVERT(varchar(20), 0x1A2B, 2), CONVERT(varbinary(4), '0x1A2B', 1)",
        [("0x1A2B", "1A2B", b"\x1a\x2b")],
    ),
    ("SELECT CONVERT(varbinary(4), '1A2', 2)", 8114),
    ("SELECT 1 + '1', '1' + '1', 1.5 + '1'", [(2, "11", D("2.5"))]),
    ("SELECT 1 + 'a'", 245),
    ("SELECT 'a' + 1", 245),
    ("SELECT 1 WHERE 1 = 'x'", 245),
    ("SELECT CAST(CAST(1 AS bit) AS varchar(5)) + '|'", [("1|",)]),
    ("SELECT CAST(1 AS bit) + CAST(1 AS bit)", 8117),
    ("SELECT SUM(CAST(1 AS bit))", 8117),
    ("SELECT MAX(CAST(1 AS bit))", 8117),
    ("SELECT SUM(a) FROM (VALUES (2147483647), (1)) v(a)", 8115),
    ("SELECT COUNT_BIG(*), SUM(CAST(a AS bigint)) FROM (VALUES (2147483647), (1)) v(a)", [(2, 2147483648)]),
    ("SELECT TRY_CAST('x' AS int), TRY_CONVERT(int, '5'), TRY_CAST('2024-02-30' AS date)", [(None, 5, None)]),
    ("SELECT ISNUMERIC('1e5'), ISNUMERIC('$'), ISNUMERIC(''), ISNUMERIC('12a')", [(1, 1, 0, 0)]),
    ("SELECT 10 & 6, 10 | 6, 10 ^ 6, ~10", [(2, 14, 12, -11)]),
    ("SELECT - - 5, +5, -(2 + 3)", [(5, 5, -5)]),
    ("SELECT 2 + 3 * 4 % 5 - 6 / 4", [(3,)]),
]

# "datetime", "datetime2", "date", "DATEDIFF", "DATEADD", "EOMONTH", "CAST and CONVERT" (styles)
DATES: list[tuple[str, Any]] = [
    ("SELECT DATEDIFF(year, '2023-12-31', '2024-01-01'), DATEDIFF(year, '2024-01-01', '2024-12-31')", [(1, 0)]),
    (
        "SELECT DATEDIFF(month, '2024-01-31', '2024-02-01'), DATEDIFF(day, '2024-01-01T23:59:59', '2024-01-02T00:00:00')",
        [(1, 1)],
    ),
    (
        "SELECT DATEDIFF(hour, '2024-01-01T10:59:59', '2024-01-01T11:00:00'), DATEDIFF(quarter, '2024-03-31', '2024-04-01')",
        [(1, 1)],
    ),
    ("SELECT DATEDIFF(week, '2024-01-06', '2024-01-07'), DATEDIFF(week, '2024-01-07', '2024-01-13')", [(1, 0)]),
    (
        "SELECT DATEDIFF(second, '2024-01-02', '2024-01-01'), DATEDIFF(millisecond, '2024-01-01', '2024-01-01T00:00:00.003')",
        [(-86400, 3)],
    ),
    ("SELECT DATEDIFF(second, '1900-01-01', '2024-01-01')", 535),
    ("SELECT DATEDIFF_BIG(second, '1900-01-01', '2024-01-01')", [(3913056000,)]),
    (
        "SELECT DATEADD(month, 1, CAST('2024-01-31' AS date)), DATEADD(year, 1, CAST('2024-02-29' AS date))",
        [("2024-02-29", "2025-02-28")],
    ),
    (
        "SELECT EOMONTH('2024-02-10'), EOMONTH('2024-01-31', 1), EOMONTH('2024-03-31', -1)",
        [("2024-02-29", "2024-02-29", "2024-02-29")],
    ),
    (
        "SELECT DATEPART(weekday, '2024-01-07'), DATEPART(week, '2024-01-07'), DATEPART(iso_week, '2024-12-30'), DATEPART(dayofyear, '2024-03-01')",
        [(1, 2, 1, 61)],
    ),
    (
        "SELECT DATENAME(month, '2024-03-01'), DATENAME(weekday, '2024-03-01'), YEAR('2024-03-01'), MONTH(0), DAY(0)",
        [("March", "Friday", 2024, 1, 1)],
    ),
    ("SELECT CONVERT(varchar(23), CAST('2024-01-02T03:04:05.678' AS datetime), 121)", [("2024-01-02 03:04:05.677",)]),
    ("SELECT CONVERT(varchar(30), CAST('2024-01-02T03:04:05.678' AS datetime))", [("Jan  2 2024  3:04AM",)]),
    (
        "SELECT CONVERT(varchar(10), CAST('2024-01-02' AS datetime), 101), CONVERT(varchar(10), CAST('2024-01-02' AS datetime), 103), CONVERT(varchar(8), CAST('2024-01-02' AS datetime), 112)",
        [("01/02/2024", "02/01/2024", "20240102")],
    ),
    (
        "SELECT CONVERT(varchar(30), CAST('2024-01-02T13:04:05' AS datetime), 100), CONVERT(varchar(30), CAST('2024-01-02T13:04:05' AS datetime), 108), CONVERT(varchar(30), CAST('2024-01-02T13:04:05' AS datetime), 126)",
        [("Jan  2 2024  1:04PM", "13:04:05", "2024-01-02T13:04:05")],
    ),
    (
        "SELECT CONVERT(varchar(30), CAST('2024-01-02T13:04:05.1200000' AS datetime2(7)), 126), CONVERT(varchar(30), CAST('2024-01-02' AS date), 104), CONVERT(varchar(30), CAST('13:04:05.5' AS time(3)))",
        [("2024-01-02T13:04:05.1200000", "02.01.2024", "13:04:05.500")],
    ),
    (
        "SELECT CONVERT(varchar(40), CAST('2024-01-02T13:04:05 +02:00' AS datetimeoffset(0)), 127), CONVERT(varchar(40), CAST('2024-01-02T13:04:05+02:00' AS datetimeoffset(0)))",
        [("2024-01-02T11:04:05Z", "2024-01-02 13:04:05 +02:00")],
    ),
    (
        "SELECT CONVERT(date, '31/12/2024', 103), CONVERT(date, '12/31/2024', 101), CONVERT(date, '31.12.2024', 104)",
        [("2024-12-31",) * 3],
    ),
    ("SELECT CONVERT(date, '31/12/2024')", 241),
    (
        "SELECT CAST('' AS date), CAST('' AS datetime), CAST('' AS datetime2(0))",
        [("1900-01-01", "1900-01-01 00:00:00.000", "1900-01-01 00:00:00")],
    ),
    (
        "SELECT CAST(0 AS datetime), CAST(1.5 AS datetime), CAST(CAST('1900-01-02T12:00:00' AS datetime) AS float)",
        [("1900-01-01 00:00:00.000", "1900-01-02 12:00:00.000", 1.5)],
    ),
    ("SELECT CAST(0 AS date)", 529),
    ("SELECT CAST('1752-12-31' AS datetime)", 242),
    ("SELECT CAST('2024-13-01' AS date)", 241),
    ("SELECT CAST('20240230' AS datetime)", 242),
    (
        "SELECT CAST('2024-01-02T23:59:59.999' AS datetime), CAST('2024-01-02T23:59:59.9999999' AS datetime2(3)), CAST('2024-01-02T12:00:30' AS smalldatetime)",
        [("2024-01-03 00:00:00.000", "2024-01-03 00:00:00.000", "2024-01-02 12:01:00.000")],
    ),
    (
        "SELECT CAST('23:59:59.9999999' AS time(0)), CAST('2024-01-02T12:00:29.999' AS smalldatetime)",
        [("00:00:00", "2024-01-02 12:01:00.000")],
    ),
    (
        "SELECT CAST('2024-01-02' AS datetime) + 1, CAST('2024-01-02' AS datetime) - 0.5",
        [("2024-01-03 00:00:00.000", "2024-01-01 12:00:00.000")],
    ),
    ("SELECT CAST('2024-01-02' AS date) + 1", 206),
    (
        "SELECT COUNT(*) FROM (VALUES (CAST('2024-01-31T10:00:00' AS datetime2(0)))) v(a) WHERE a BETWEEN '2024-01-01' AND '2024-01-31'",
        [(0,)],
    ),
    (
        "SELECT 1 WHERE CAST('2024-01-31T10:00:00' AS datetime) >= '20240131' AND CAST('2024-01-31T10:00:00' AS datetime) < '20240201'",
        [(1,)],
    ),
    (
        "SELECT SWITCHOFFSET(CAST('2024-01-01T00:00:00+00:00' AS datetimeoffset(0)), '+05:30'), TODATETIMEOFFSET(CAST('2024-01-01' AS datetime2(0)), -60)",
        [("2024-01-01 05:30:00 +05:30", "2024-01-01 00:00:00 -01:00")],
    ),
    (
        "SELECT DATEFROMPARTS(2024, 2, 29), DATETIME2FROMPARTS(2024, 1, 2, 3, 4, 5, 6, 3), TIMEFROMPARTS(1, 2, 3, 4, 1)",
        [("2024-02-29", "2024-01-02 03:04:05.006", "01:02:03.4")],
    ),
    ("SELECT DATEFROMPARTS(2023, 2, 29)", 289),
    ("SELECT ISDATE('2024-02-30'), ISDATE('20240229'), ISDATE('x')", [(0, 1, 0)]),
    ("SELECT DATEADD(day, 2147483647, CAST('2024-01-01' AS date))", 517),
    (
        "SELECT CAST(CAST('2024-01-02T03:04:05.1234567' AS datetime2) AS datetime2(3)), CAST(CAST('2024-01-02T03:04:05' AS datetime2(0)) AS date), CAST(CAST('2024-01-02T03:04:05' AS datetime2(0)) AS time(0))",
        [("2024-01-02 03:04:05.123", "2024-01-02", "03:04:05")],
    ),
]

# "CASE", "COALESCE", "ISNULL", "Data type precedence", "UNION", "Expressions", "TOP", "Subqueries"
TYPES: list[tuple[str, Any]] = [
    ("SELECT CASE WHEN 1 = 1 THEN 1 ELSE 'x' END", [(1,)]),
    ("SELECT CASE WHEN 1 = 0 THEN 1 ELSE 'x' END", 245),
    ("SELECT CASE WHEN 1 = 1 THEN 1 ELSE 2.50 END", [(D("1.00"),)]),
    (
        "SELECT ISNULL(CAST(NULL AS varchar(3)), 'abcdef'), COALESCE(CAST(NULL AS varchar(3)), 'abcdef')",
        [("abc", "abcdef")],
    ),
    ("SELECT ISNULL(CAST(NULL AS int), '7'), ISNULL(CAST(NULL AS int), 2.9)", [(7, 2)]),
    ("SELECT COALESCE(NULL, NULL)", 4127),
    ("SELECT 1e400", 168),
    ("SELECT ROUND(-1, 700), ROUND(1.5e0, 400)", [(-1, 1.5)]),
    ("SELECT a AS x, b AS x FROM (VALUES (1, 2)) v(a, b) ORDER BY x", 209),
    ("SELECT CONVERT(varbinary(4), 2, 'x')", 8116),
    ("SELECT CAST('/1/' AS hierarchyid).ToString(1)", 174),
    ("WITH c AS (SELECT 1 AS n UNION ALL SELECT n, 1 FROM c) SELECT COUNT(*) FROM c", 205),
    ("SELECT TOP ('a') 1", 8114),
    ("SELECT NULLIF(1, 1), NULLIF('a', 'A'), NULLIF(1, 2)", [(None, None, 1)]),
    ("SELECT 1 UNION ALL SELECT 2.5 UNION ALL SELECT '3'", [(D("1.0"),), (D("2.5"),), (D("3.0"),)]),
    ("SELECT 1 UNION ALL SELECT 'a'", 245),
    ("SELECT 1, 2 UNION SELECT 1", 205),
    ("SELECT 'b' AS x UNION SELECT 'a' ORDER BY x", [("a",), ("b",)]),
    ("SELECT (SELECT a FROM (VALUES (1), (2)) v(a))", 512),
    ("SELECT 1 WHERE 1 = (SELECT 1 WHERE 1 = 0)", []),
    ("SELECT TOP (2) a FROM (VALUES (3), (1), (2)) v(a) ORDER BY a", [(1,), (2,)]),
    ("SELECT TOP 0 1", []),
    ("SELECT TOP (-1) 1", 127),
    ("SELECT a FROM (VALUES (1), (2), (3)) v(a) ORDER BY a OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", [(2,)]),
    ("SELECT a FROM (VALUES (1)) v(a) OFFSET 1 ROWS", 102),
    ("SELECT a AS b FROM (VALUES (1)) v(a) WHERE b = 1", 207),
    ("SELECT a, COUNT(*) FROM (VALUES (1)) v(a)", 8120),
    ("SELECT a FROM (VALUES (1)) v(a) WHERE COUNT(*) > 1", 147),
    ("SELECT a + 1 FROM (VALUES (1)) v(a) GROUP BY a + 1", [(2,)]),
    ("SELECT DISTINCT a FROM (VALUES (1, 2)) v(a, b) ORDER BY b", 145),
    ("SELECT a FROM (VALUES (1, 2)) v(a, b) UNION SELECT 1 ORDER BY b", 104),
    ("SELECT v.a FROM (SELECT a FROM (VALUES (2), (1)) w(a) ORDER BY a) v", 1033),
    ("SELECT * FROM (SELECT 1 AS a, 2 AS a) v", 8156),
    ("SELECT x FROM (SELECT 1) v", 8155),
    (
        "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b), RANK() OVER (ORDER BY a), DENSE_RANK() OVER (ORDER BY a) FROM (VALUES (1, 1), (1, 2), (2, 1)) v(a, b) ORDER BY a, b",
        [(1, 1, 1), (2, 1, 1), (1, 3, 2)],
    ),
    (
        "SELECT SUM(a) OVER (ORDER BY a), LAG(a) OVER (ORDER BY a), LEAD(a, 1, 0) OVER (ORDER BY a) FROM (VALUES (1), (2), (2)) v(a) ORDER BY 1, 2",
        [(1, None, 2), (5, 1, 2), (5, 2, 0)],
    ),
    ("SELECT ROW_NUMBER() OVER (ORDER BY 1)", 5308),
    ("WITH c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT SUM(n) FROM c", [(15,)]),
    ("WITH c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c", 530),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a CROSS JOIN b", [(1, 2)]),
    ("SELECT a, b.c FROM (VALUES (1), (2)) v(a) CROSS APPLY (SELECT a * 10 AS c WHERE a > 1) b", [(2, 20)]),
    (
        "SELECT a, b.c FROM (VALUES (1), (2)) v(a) OUTER APPLY (SELECT a * 10 AS c WHERE a > 1) b ORDER BY a",
        [(1, None), (2, 20)],
    ),
    (
        "SELECT x.a, y.a FROM (VALUES (1), (2)) x(a) FULL JOIN (VALUES (2), (3)) y(a) ON x.a = y.a ORDER BY COALESCE(x.a, y.a)",
        [(1, None), (2, 2), (None, 3)],
    ),
    ("SELECT a FROM (VALUES (1)) x(a) JOIN (VALUES (1)) y(a) ON x.a = y.a", 209),
    (
        "SELECT SQL_VARIANT_PROPERTY(CAST(1.50 AS sql_variant), 'BaseType'), SQL_VARIANT_PROPERTY(CAST(1.50 AS sql_variant), 'Scale')",
        [("numeric", 2)],
    ),
    ("SELECT IIF(NULL = NULL, 1, 0), CHOOSE(0, 'a'), CHOOSE(1, 'a', 'b')", [(0, None, "a")]),
    (
        "SELECT CAST(NULL AS int) + 1, CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)",
        [(None, "6f9619ff-8b86-d011-b42d-00c04fc964ff")],
    ),
    ("SELECT CAST('nonsense' AS uniqueidentifier)", 8169),
    ("SELECT CAST(1 AS date)", 529),
    ("SELECT CAST('<a>' AS xml)", 9400),
    ("SELECT nosuch(1)", 195),
    ("SELECT dbo.nosuch(1)", 4121),
    ("SELECT LEN('a', 'b')", 174),
    ("SELECT * FROM nosuch", 208),
    ("SELECT nosuch FROM sys.tables", 207),
    ("SELECT t.nosuch FROM sys.tables t", 207),
    ("SELECT z.name FROM sys.tables t", 4104),
    ("EXEC nosuch", 2812),
    ("SELECT @nosuch", 137),
    ("DECLARE @a int; DECLARE @a int", 134),
    ("DECLARE @a int = 1; SELECT @a += 2; SELECT @a", [(3,)]),
    ("DECLARE @a int = 0; SELECT @a = @a + v.x FROM (VALUES (1), (2), (3)) v(x); SELECT @a", [(6,)]),
]

# "@@ROWCOUNT", "@@ERROR", "@@TRANCOUNT", "XACT_STATE", "SAVE TRANSACTION", "TRY...CATCH", "IDENTITY", "SET XACT_ABORT"
RUNNING: list[tuple[str, Any]] = [
    ("SELECT 1 UNION ALL SELECT 2; SELECT @@ROWCOUNT", [(2,)]),
    ("SELECT 1; SELECT @@ROWCOUNT; SELECT @@ROWCOUNT", [(1,)]),
    ("DECLARE @a int; SELECT 1 UNION ALL SELECT 2; SET @a = 5; SELECT @@ROWCOUNT", [(1,)]),
    ("SELECT 1 UNION ALL SELECT 2; DECLARE @a int; SELECT @@ROWCOUNT", [(2,)]),
    ("SELECT 1 UNION ALL SELECT 2; IF 1 = 1 SELECT @@ROWCOUNT", [(0,)]),
    ("SELECT 1 UNION ALL SELECT 2; PRINT 'x'; SELECT @@ROWCOUNT", [(0,)]),
    ("SELECT 1 UNION ALL SELECT 2; SET NOCOUNT ON; SELECT @@ROWCOUNT", [(0,)]),
    ("SELECT 1 UNION ALL SELECT 2; BEGIN TRAN; SELECT @@ROWCOUNT; ROLLBACK", [(0,)]),
    (
        "CREATE TABLE t (a int); INSERT t VALUES (1), (2), (3); UPDATE t SET a = 9 WHERE a = 7; SELECT @@ROWCOUNT",
        [(0,)],
    ),
    ("CREATE TABLE t (a int); INSERT t VALUES (1), (2), (3); DELETE t WHERE a < 3; SELECT @@ROWCOUNT", [(2,)]),
    ("CREATE TABLE t (a int); INSERT t VALUES (1); again: SELECT 1", 102),
    ("SET NOCOUNT ON; SELECT 1 / 0; SELECT @@ERROR", 8134),
    (
        "BEGIN TRY SELECT 1 / 0 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_SEVERITY(), ERROR_STATE(), ERROR_LINE(), ERROR_MESSAGE(), ERROR_PROCEDURE() END CATCH",
        [(8134, 16, 1, 1, "Divide by zero error encountered.", None)],
    ),
    ("BEGIN TRY SELECT * FROM nosuch END TRY BEGIN CATCH SELECT 'caught' END CATCH", 208),
    ("BEGIN TRY EXEC('SELECT * FROM nosuch') END TRY BEGIN CATCH SELECT 'caught' END CATCH", [("caught",)]),
    ("BEGIN TRY RAISERROR('x', 10, 1); SELECT 'on' END TRY BEGIN CATCH SELECT 'caught' END CATCH", [("on",)]),
    (
        "BEGIN TRY RAISERROR('x %d %s', 16, 1, 5, 'y') END TRY BEGIN CATCH SELECT ERROR_MESSAGE(), ERROR_NUMBER() END CATCH",
        [("x 5 y", 50000)],
    ),
    (
        "BEGIN TRY THROW 50005, 'mine', 3 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_STATE(), ERROR_MESSAGE() END CATCH",
        [(50005, 3, "mine")],
    ),
    ("THROW 49999, 'x', 1", 35100),
    ("THROW", 10704),
    (
        "CREATE TABLE t (a int PRIMARY KEY); BEGIN TRAN; BEGIN TRY INSERT t VALUES (1); INSERT t VALUES (1) END TRY BEGIN CATCH SELECT XACT_STATE(), @@TRANCOUNT, ERROR_NUMBER() END CATCH; COMMIT",
        [(1, 1, 2627)],
    ),
    (
        "SET XACT_ABORT ON; CREATE TABLE t (a int PRIMARY KEY); BEGIN TRAN; BEGIN TRY INSERT t VALUES (1); INSERT t VALUES (1) END TRY BEGIN CATCH SELECT XACT_STATE(), @@TRANCOUNT; ROLLBACK END CATCH; SET XACT_ABORT OFF",
        [(-1, 1)],
    ),
    (
        "BEGIN TRAN; BEGIN TRY DECLARE @a int = CAST('x' AS int) END TRY BEGIN CATCH SELECT XACT_STATE(); ROLLBACK END CATCH",
        [(-1,)],
    ),
    ("BEGIN TRAN; BEGIN TRAN; COMMIT; SELECT @@TRANCOUNT, XACT_STATE(); ROLLBACK", [(1, 1)]),
    ("BEGIN TRAN; BEGIN TRAN; ROLLBACK; SELECT @@TRANCOUNT", [(0,)]),
    ("BEGIN TRAN a; BEGIN TRAN b; ROLLBACK TRAN b", 6401),
    ("COMMIT", 3902),
    ("ROLLBACK", 3903),
    ("SAVE TRAN s", 628),
    (
        "CREATE TABLE t (a int); BEGIN TRAN; INSERT t VALUES (1); SAVE TRAN s; INSERT t VALUES (2); ROLLBACK TRAN s; INSERT t VALUES (3); COMMIT; SELECT a FROM t ORDER BY a",
        [(1,), (3,)],
    ),
    (
        "CREATE TABLE t (a int); BEGIN TRAN; SAVE TRAN s; INSERT t VALUES (1); SAVE TRAN s; INSERT t VALUES (2); ROLLBACK TRAN s; SELECT COUNT(*), @@TRANCOUNT FROM t; ROLLBACK",
        [(1, 1)],
    ),
    (
        "CREATE TABLE t (a int IDENTITY(5,2), b int); INSERT t VALUES (0); BEGIN TRAN; INSERT t VALUES (1); ROLLBACK; INSERT t VALUES (2); SELECT a, b FROM t ORDER BY a",
        [(5, 0), (9, 2)],
    ),
    (
        "CREATE TABLE t (a int IDENTITY, b int NOT NULL); INSERT t VALUES (1); INSERT t VALUES (NULL); INSERT t VALUES (2); SELECT MAX(a) FROM t",
        515,
    ),
    (
        "CREATE TABLE t (a int IDENTITY, b int); INSERT t VALUES (1), (2); SELECT SCOPE_IDENTITY(), @@IDENTITY, IDENT_CURRENT('t')",
        [(D(2), D(2), D(2))],
    ),
    ("CREATE TABLE t (a int IDENTITY, b int); INSERT t (a, b) VALUES (1, 2)", 544),
    ("CREATE TABLE t (a int IDENTITY, b int); UPDATE t SET a = 1", 8102),
    (
        "CREATE TABLE t (a int IDENTITY, b int); DELETE t; INSERT t VALUES (1); DELETE t; INSERT t VALUES (1); SELECT a FROM t",
        [(2,)],
    ),
    ("CREATE TABLE t (a int, b AS a * 2); INSERT t (a) VALUES (4); SELECT b FROM t", [(8,)]),
    ("CREATE TABLE t (a int, b AS a * 2); INSERT t (a, b) VALUES (4, 8)", 271),
    ("CREATE TABLE t (a int, b int); INSERT t VALUES (1, 2); UPDATE t SET a = b, b = a; SELECT a, b FROM t", [(2, 1)]),
    (
        "CREATE TABLE t (a int DEFAULT 5, b int); INSERT t (b) VALUES (1); INSERT t VALUES (DEFAULT, 2); INSERT t VALUES (NULL, 3); SELECT a FROM t ORDER BY b",
        [(5,), (5,), (None,)],
    ),
    ("CREATE TABLE t (a int); INSERT t VALUES (1), (2), (3); DELETE TOP (1) FROM t; SELECT COUNT(*) FROM t", [(2,)]),
    (
        "CREATE TABLE t (a int, b int); INSERT t VALUES (1, 1); UPDATE x SET b = 5 FROM t x JOIN (VALUES (1), (1)) s(a) ON s.a = x.a; SELECT @@ROWCOUNT, b FROM t",
        [(1, 5)],
    ),
    ("CREATE TABLE t (a int); INSERT t OUTPUT inserted.a VALUES (1), (2)", [(1,), (2,)]),
    ("DECLARE @i int = 0; WHILE 1 = 1 BEGIN SET @i += 1; IF @i = 3 CONTINUE; IF @i > 5 BREAK; END; SELECT @i", [(6,)]),
    ("DECLARE @t TABLE (a int); BEGIN TRAN; INSERT @t VALUES (1); ROLLBACK; SELECT COUNT(*) FROM @t", [(1,)]),
    ("CREATE TABLE #t (a int); BEGIN TRAN; INSERT #t VALUES (1); ROLLBACK; SELECT COUNT(*) FROM #t", [(0,)]),
    ("EXEC sp_executesql N'SELECT @a + @b', N'@a int, @b int', @a = 1, @b = 2", [(3,)]),
    ("SELECT 1 / 0; IF @@ERROR <> 0 SELECT @@ERROR", 8134),
    ("DECLARE @o int; EXEC sp_executesql N'SET @x = 7', N'@x int OUTPUT', @x = @o OUTPUT; SELECT @o", [(7,)]),
    ("DECLARE @s nvarchar(100) = N'SELECT ' + CAST(5 AS nvarchar(5)); EXEC (@s)", [(5,)]),
    ("IF OBJECT_ID('nosuch') IS NULL SELECT 'none' ELSE SELECT 'some'", [("none",)]),
    ("IF EXISTS (SELECT 1 FROM sys.databases WHERE name = DB_NAME()) SELECT 1", [(1,)]),
    ("DROP TABLE IF EXISTS nosuch; SELECT 1", [(1,)]),
    ("DROP TABLE nosuch", 3701),
    ("CREATE TABLE t (a int); CREATE TABLE t (a int)", 2714),
    ("CREATE TABLE t (a int, a int)", 2705),
    ("CREATE TABLE t (a nosuch)", 2715),
    ("CREATE TABLE t (a int); ALTER TABLE t ADD b int NOT NULL; SELECT COUNT(*) FROM t", [(0,)]),
    ("CREATE TABLE t (a int); INSERT t VALUES (1); ALTER TABLE t ADD b int NOT NULL", 4901),
    (
        "CREATE TABLE t (a int); INSERT t VALUES (1); ALTER TABLE t ADD b int NOT NULL DEFAULT 3; SELECT * FROM t",
        [(1, 3)],
    ),
    ("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p(a)); INSERT c VALUES (1)", 547),
    ("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p(a)); DROP TABLE p", 3726),
    ("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p(a)); TRUNCATE TABLE p", 4712),
    (
        "CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p(a) ON DELETE CASCADE); INSERT p VALUES (1); INSERT c VALUES (1); DELETE p; SELECT COUNT(*) FROM c",
        [(0,)],
    ),
    (
        "CREATE TABLE t (a int); MERGE t USING (VALUES (1), (1)) s(a) ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a); SELECT COUNT(*) FROM t",
        [(2,)],
    ),
    (
        "CREATE TABLE t (a int); INSERT t VALUES (1); MERGE t USING (VALUES (1), (1)) s(a) ON t.a = s.a WHEN MATCHED THEN UPDATE SET a = 2;",
        8672,
    ),
    (
        "CREATE TABLE t (a int); MERGE t USING (VALUES (1)) s(a) ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        10713,
    ),
    (
        "CREATE TABLE t (a rowversion, b int); INSERT t (b) VALUES (1); DECLARE @v binary(8) = (SELECT a FROM t); UPDATE t SET b = 1; SELECT CASE WHEN a > @v THEN 1 ELSE 0 END FROM t",
        [(1,)],
    ),
    ("CREATE TABLE t (a int); INSERT t SELECT 1 UNION ALL SELECT CAST('x' AS int)", 245),
    ("SET ROWCOUNT 2; SELECT a FROM (VALUES (1), (2), (3)) v(a); SET ROWCOUNT 0", [(1,), (2,)]),
    ("USE nosuch", 911),
    ("RAISERROR('deep', 16, 1)", 50000),
    ("SELECT 1 AS a INTO t; SELECT a FROM t", [(1,)]),
    ("SELECT OBJECT_ID('nosuch'), SCHEMA_NAME(1), DB_ID('nosuch')", [(None, "dbo", None)]),
    ("DECLARE @x xml = '<a b=\"1\"/>'; SELECT CAST(@x AS nvarchar(max))", [('<a b="1"/>',)]),
]


def _shown(value: Any, type_: SqlType) -> Any:
    """Dates as text, as SQL Server Management Studio shows them; everything else as it is."""
    if value is None or not type_.name.startswith(("date", "time", "smalldate")):
        return value.value if isinstance(value, Variant) else str(value) if isinstance(value, UUID) else value
    convert = converter(type_, varchar(40), 121)
    return value if convert is None else convert(value)


CASES = [*NULLS, *TEXTS, *NUMBERS, *DATES, *TYPES, *RUNNING]


@pytest.mark.parametrize(("batch", "expected"), CASES, ids=[case[0][:60] for case in CASES])
def test_as_documented(sql: Any, batch: str, expected: Any) -> None:
    if isinstance(expected, int):
        assert sql.error(batch).number == expected
        return
    (result,) = sql.results(batch)[-1:]
    types = [column.type for column in result.columns]
    assert [tuple(map(_shown, row, types)) for row in result.rows] == expected


def _mutated(chance: random.Random, batch: str, words: list[str]) -> str:
    """The batch with a word left out, doubled, exchanged for another batch's, or two words swapped."""
    own = [batch[token.start : token.stop] for token in scan(batch)[:-1]]
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, other = chance.randrange(len(own)), chance.randrange(len(own))
        change = chance.randrange(4)
        if change == 0 and len(own) > 1:
            del own[at]
        elif change == 1:
            own.insert(at, chance.choice(words))
        elif change == 2:
            own[at] = chance.choice(words)
        else:
            own[at], own[other] = own[other], own[at]
    return " ".join(own)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_asked_is_answered_or_refused(sql: Any, seed: int) -> None:
    """Nothing but SqlError comes of batches that are almost T-SQL; WHILE is left out, since it may have no end."""
    chance = random.Random(seed)
    batches = [batch for batch, _ in CASES if "WHILE" not in batch and "1e400" not in batch]
    words = [batch[t.start : t.stop] for batch in batches for t in scan(batch)[:-1]]
    for _ in range(1000):
        batch = _mutated(chance, chance.choice(batches), words)
        with contextlib.suppress(SqlError):
            sql.items(batch)
        if sql.session.trancount:
            sql.session.rollback()
