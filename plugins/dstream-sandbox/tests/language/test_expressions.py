"""Values, types and errors of expressions, as Microsoft's documentation has them (the page is named beside each table)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

D = Decimal

# "Precision, scale, and length", "Data type precedence", "/ (Division)", "% (Modulus)"
ARITHMETIC: list[tuple[str, Any, str]] = [
    ("1 + 2", 3, "int"),
    ("7 / 2", 3, "int"),
    ("-7 / 2", -3, "int"),
    ("-7 % 3", -1, "int"),
    ("7 % -3", 1, "int"),
    ("1.0 / 3", D("0.333333"), "numeric(7,6)"),
    ("CAST(1 AS decimal(10,2)) + CAST(1 AS decimal(5,3))", D("2.000"), "numeric(12,3)"),
    ("CAST(2 AS decimal(10,2)) * CAST(3 AS decimal(5,3))", D("6.00000"), "numeric(16,5)"),
    ("CAST(1 AS decimal(38,10)) / CAST(3 AS decimal(38,10))", D("0.333333"), "numeric(38,6)"),
    ("CAST(5 AS decimal(5,2)) % CAST(3 AS decimal(5,2))", D("2.00"), "numeric(5,2)"),
    ("CAST(1 AS bigint) + 1", 2, "bigint"),
    ("CAST(1 AS tinyint) + CAST(1 AS smallint)", 2, "smallint"),
    ("1 + 1.5e0", 2.5, "float"),
    ("$1.5 * 2", D("3.0000"), "money"),
    ("CAST(1 AS bit) & 1", 1, "int"),
    ("5 & 3", 1, "int"),
    ("5 | 3", 7, "int"),
    ("5 ^ 3", 6, "int"),
    ("~5", -6, "int"),
    ("~CAST(5 AS tinyint)", 250, "tinyint"),
    ("2147483648", D(2147483648), "numeric(10,0)"),
    ("0x0102 & 3", 2, "int"),
    ("'5' + 1", 6, "int"),
    ("'a' + 'b'", "ab", "varchar(2)"),
    ("N'a' + 'b'", "ab", "nvarchar(2)"),
    ("0x01 + 0x02", b"\x01\x02", "varbinary(2)"),
    ("NULL + 1", None, "int"),
    ("'a' + NULL", None, "varchar(2)"),
    ("-(-5)", 5, "int"),
    ("2 + 3 * 4 - (1 - 1)", 14, "int"),
]


@pytest.mark.parametrize(("text", "value", "kind"), ARITHMETIC, ids=[case[0] for case in ARITHMETIC])
def test_arithmetic(sql: Any, text: str, value: Any, kind: str) -> None:
    assert sql.value(text) == value
    if value is not None:
        assert sql.type(text) == kind


# "CASE", "COALESCE", "ISNULL", "IIF", "CHOOSE", "NULLIF"
CHOICES: list[tuple[str, Any, str]] = [
    ("CASE WHEN 1 = 2 THEN 1 ELSE 2.5 END", D("2.5"), "numeric(11,1)"),
    ("CASE 3 WHEN 1 THEN 'one' WHEN 3 THEN 'three' END", "three", "varchar(5)"),
    ("CASE WHEN NULL = NULL THEN 1 END", None, "int"),
    ("COALESCE(NULL, 'x', N'yz')", "x", "nvarchar(2)"),
    ("ISNULL(CAST(NULL AS varchar(2)), 'abcdef')", "ab", "varchar(2)"),
    ("ISNULL(NULL, 'abc')", "abc", "varchar(3)"),
    ("IIF(1 < 2, 'yes', 'no')", "yes", "varchar(3)"),
    ("CHOOSE(2, 'a', 'b')", "b", "varchar(1)"),
    ("CHOOSE(9, 'a', 'b')", None, "varchar(1)"),
    ("NULLIF(1, 1)", None, "int"),
    ("NULLIF(1, 2)", 1, "int"),
]


@pytest.mark.parametrize(("text", "value", "kind"), CHOICES, ids=[case[0] for case in CHOICES])
def test_choices(sql: Any, text: str, value: Any, kind: str) -> None:
    assert sql.value(text) == value
    assert sql.type(text) == kind


# "LIKE", "= (Equals)" (trailing blanks), "Collation", "IN", "BETWEEN", "IS DISTINCT FROM", "NULL and UNKNOWN"
CONDITIONS: list[tuple[str, bool | None]] = [
    ("'abc' = 'ABC'", True),
    ("'abc' = 'abc   '", True),
    ("'abc' COLLATE Latin1_General_CS_AS = 'ABC'", False),
    ("'abc' COLLATE Latin1_General_BIN2 = 'abc'", True),
    ("N'e' = N'é'", False),
    ("N'e' COLLATE Latin1_General_CI_AI = N'é'", True),
    ("0x01 = 0x0100", True),
    ("0x01 < 0x0001", False),
    ("1 = '1'", True),
    ("1.50 = 1.5", True),
    ("'2023-01-01' < CAST('2023-01-02' AS date)", True),
    ("CAST('2023-01-01T10:00:00+02:00' AS datetimeoffset) = CAST('2023-01-01T08:00:00+00:00' AS datetimeoffset)", True),
    ("NULL = NULL", None),
    ("NOT (NULL = 1)", None),
    ("1 = 1 OR NULL = 1", True),
    ("1 = 2 AND NULL = 1", False),
    ("1 IN (2, NULL)", None),
    ("1 IN (1, NULL)", True),
    ("1 NOT IN (2, 3)", True),
    ("1 NOT IN (2, NULL)", None),
    ("5 BETWEEN 1 AND 5", True),
    ("5 NOT BETWEEN 1 AND 4", True),
    ("NULL IS NULL", True),
    ("NULL IS DISTINCT FROM 1", True),
    ("NULL IS NOT DISTINCT FROM NULL", True),
    ("'abc' LIKE 'A%'", True),
    ("'abc' LIKE 'a_c'", True),
    ("'abc' LIKE '[a-c]b[^d]'", True),
    ("'50%' LIKE '50!%' ESCAPE '!'", True),
    ("'50x' LIKE '50!%' ESCAPE '!'", False),
    ("'a[b' LIKE 'a[[]b'", True),
    ("'abc ' LIKE 'abc'", True),
    ("'x' NOT LIKE 'y%'", True),
    ("3 > ALL (SELECT 1 UNION SELECT 2)", True),
    ("2 = ANY (SELECT 1 UNION SELECT 2)", True),
    ("2 > ALL (SELECT 1 WHERE 1 = 2)", True),
    ("EXISTS (SELECT 1 WHERE 1 = 2)", False),
    ("2 IN (SELECT 1 UNION SELECT 2)", True),
    ("2 NOT IN (SELECT 1 UNION ALL SELECT NULL)", None),
    # "uniqueidentifier": the last six bytes count first
    (
        "CAST('00000000-0000-0000-0000-010000000000' AS uniqueidentifier) > CAST('FFFFFFFF-0000-0000-0000-000000000000' AS uniqueidentifier)",
        True,
    ),
]


@pytest.mark.parametrize(("text", "truth"), CONDITIONS, ids=[case[0] for case in CONDITIONS])
def test_conditions(sql: Any, text: str, truth: bool | None) -> None:
    both = f"CASE WHEN {text} THEN 1 WHEN NOT ({text}) THEN 0 END"
    assert sql.value(both) == (None if truth is None else int(truth))


# "String functions"
TEXTS: list[tuple[str, Any]] = [
    ("LEN('abc  ')", 3),
    ("LEN(N'😀')", 2),
    ("DATALENGTH(N'abc ')", 8),
    ("DATALENGTH(CAST('ab' AS char(5)))", 5),
    ("DATALENGTH(CAST(5 AS decimal(18,2)))", 9),
    ("LEFT('abcdef', 2)", "ab"),
    ("RIGHT('abcdef', 2)", "ef"),
    ("RIGHT('abc', 0)", ""),
    ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("SUBSTRING('abcdef', 0, 3)", "ab"),
    ("SUBSTRING(0x010203, 2, 1)", b"\x02"),
    ("CHARINDEX('C', 'abcabc')", 3),
    ("CHARINDEX('c', 'abcabc', 4)", 6),
    ("CHARINDEX('x', 'abc')", 0),
    ("PATINDEX('%b_a%', 'abcabc')", 2),
    ("REPLACE('aXbxc', 'x', '-')", "a-b-c"),
    ("STUFF('abcdef', 2, 3, 'ijklmn')", "aijklmnef"),
    ("REPLICATE('ab', 3)", "ababab"),
    ("REVERSE('abc')", "cba"),
    ("UPPER('ab') + LOWER('CD')", "ABcd"),
    ("LTRIM('  a ') + RTRIM('b  ') + TRIM(' c ')", "a bc"),
    ("TRIM('.,' FROM '..a.b,')", "a.b"),
    ("CONCAT('a', NULL, 1, 2.5)", "a12.5"),
    ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
    ("QUOTENAME('a]b')", "[a]]b]"),
    ("QUOTENAME('it''s', '''')", "'it''s'"),
    ("PARSENAME('srv.db.[my schema].tab', 2)", "my schema"),
    ("PARSENAME('a.b', 3)", None),
    ("ASCII('A') + UNICODE(N'A')", 130),
    ("CHAR(65) + NCHAR(8364)", "A€"),
    ("SPACE(2) + 'x'", "  x"),
    ("STR(123.45, 6, 1)", " 123.5"),
    ("TRANSLATE('2*[3+4]', '[]', '()')", "2*(3+4)"),
]


@pytest.mark.parametrize(("text", "value"), TEXTS, ids=[case[0] for case in TEXTS])
def test_texts(sql: Any, text: str, value: Any) -> None:
    if text == "QUOTENAME('it''s', '''')":
        value = "'it''''s'".replace("''''", "''")
    assert sql.value(text) == value


# "Date and time data types and functions"
DATES: list[tuple[str, Any]] = [
    ("DATEADD(month, 1, CAST('2024-01-31' AS date))", dt.date(2024, 2, 29)),
    ("DATEADD(year, -1, CAST('2024-02-29' AS date))", dt.date(2023, 2, 28)),
    (
        "CONVERT(varchar(30), DATEADD(ms, 1, CAST('2023-01-01T00:00:00.0000001' AS datetime2)), 121)",
        "2023-01-01 00:00:00.0010001",
    ),
    ("CONVERT(varchar(30), DATEADD(ns, 150, CAST('2023-01-01' AS datetime2)), 121)", "2023-01-01 00:00:00.0000002"),
    ("DATEDIFF(year, '2005-12-31 23:59:59.9999999', '2006-01-01 00:00:00.0000000')", 1),
    ("DATEDIFF(week, '2005-12-31 23:59:59.9999999', '2006-01-01 00:00:00.0000000')", 1),
    ("DATEDIFF(microsecond, '2005-12-31 23:59:59.9999999', '2006-01-01 00:00:00.0000000')", 1),
    ("DATEDIFF(day, '2023-01-01 23:00', '2023-01-02 01:00')", 1),
    ("DATEDIFF(hour, '2023-01-01 00:59', '2023-01-01 01:00')", 1),
    ("DATEDIFF_BIG(ns, '2023-01-01', '2023-01-02')", 86_400_000_000_000),
    ("DATEPART(week, '2007-04-21')", 16),
    ("DATEPART(iso_week, CAST('2007-01-01' AS date))", 1),
    ("DATEPART(weekday, '2007-10-30')", 3),
    ("DATEPART(dayofyear, '2007-10-30 12:15:32.1234567 +05:10')", 303),
    ("DATEPART(ns, '2007-10-30 12:15:32.1234567 +05:10')", 123456700),
    ("DATEPART(tz, '2007-10-30 12:15:32.1234567 +05:10')", 310),
    ("DATENAME(month, '2007-10-30')", "October"),
    ("DATENAME(weekday, '2007-10-30')", "Tuesday"),
    ("YEAR('2007-10-30') * 10000 + MONTH('2007-10-30') * 100 + DAY('2007-10-30')", 20071030),
    ("EOMONTH('2024-02-01')", dt.date(2024, 2, 29)),
    ("EOMONTH('2024-01-31', 1)", dt.date(2024, 2, 29)),
    ("DATEFROMPARTS(2020, 2, 29)", dt.date(2020, 2, 29)),
    (
        "CONVERT(varchar(40), SWITCHOFFSET(CAST('1998-09-20 7:45:50.71345 -5:00' AS datetimeoffset(5)), '-08:00'), 121)",
        "1998-09-20 04:45:50.71345 -08:00",
    ),
    (
        "CONVERT(varchar(40), TODATETIMEOFFSET(CAST('2023-01-01 10:00' AS datetime2(0)), '+02:00'), 126)",
        "2023-01-01T10:00:00+02:00",
    ),
    (
        "CONVERT(varchar(40), CAST('2023-01-01 10:00' AS datetime2(0)) AT TIME ZONE 'UTC', 126)",
        "2023-01-01T10:00:00+00:00",
    ),
    ("ISDATE('2023-02-30')", 0),
    ("CONVERT(varchar(23), CAST('2023-01-01' AS datetime) + 1.5, 121)", "2023-01-02 12:00:00.000"),
]


@pytest.mark.parametrize(("text", "value"), DATES, ids=[case[0] for case in DATES])
def test_dates(sql: Any, text: str, value: Any) -> None:
    assert sql.value(text) == value


# "Mathematical functions", "HASHBYTES", "SQL_VARIANT_PROPERTY"
OTHERS: list[tuple[str, Any]] = [
    ("ABS(-5)", 5),
    ("SIGN(-2.5)", D("-1.0")),
    ("CEILING(123.45)", D(124)),
    ("FLOOR(-123.45)", D(-124)),
    ("ROUND(123.4545, 2)", D("123.4500")),
    ("ROUND(123.9994, 3)", D("123.9990")),
    ("ROUND(150.75, 0, 1)", D("150.00")),
    ("ROUND(748, -1)", 750),
    ("POWER(2, 10)", 1024),
    ("POWER(2.0, 3)", D("8.0")),
    ("SQRT(9)", 3.0),
    ("CONVERT(varchar(32), HASHBYTES('MD5', 'abc'), 2)", "900150983CD24FB0D6963F7D28E17F72"),
    ("DATALENGTH(HASHBYTES('SHA2_256', N'abc'))", 32),
    ("CAST(SQL_VARIANT_PROPERTY(CAST(5 AS bigint), 'BaseType') AS varchar(20))", "bigint"),
    ("CAST(SQL_VARIANT_PROPERTY(CAST(CAST(1.5 AS decimal(9,3)) AS sql_variant), 'Scale') AS int)", 3),
    ("IIF(CHECKSUM('abc') = CHECKSUM('ABC'), 1, 0)", 1),
    ("IIF(NEWID() = NEWID(), 1, 0)", 0),
]


@pytest.mark.parametrize(("text", "value"), OTHERS, ids=[case[0] for case in OTHERS])
def test_other_functions(sql: Any, text: str, value: Any) -> None:
    assert sql.value(text) == value


ERRORS: list[tuple[str, int]] = [
    ("1 / 0", 8134),
    ("1.0 % 0", 8134),
    ("2147483647 + 1", 8115),
    ("CAST(255 AS tinyint) + CAST(1 AS tinyint)", 8115),
    ("'a' - 'b'", 402),
    ("CAST('2023-01-01' AS date) + 1", 206),
    ("NEWID() + 1", 206),
    ("LEFT('a', -1)", 537),
    ("SUBSTRING('a', 1, -1)", 537),
    ("DATEDIFF(ns, '1900-01-01', '2000-01-01')", 535),
    ("DATEADD(year, 9000, GETDATE())", 517),
    ("DATEPART(fortnight, GETDATE())", 155),
    ("DATEPART(hour, CAST('2023-01-01' AS date))", 9810),
    ("nosuch", 207),
    ("t.nosuch", 4104),
    ("@nosuch", 137),
    ("nosuch(1)", 195),
    ("dbo.nosuch(1)", 4121),
    ("LEN('a', 'b')", 174),
    ("(SELECT 1 UNION SELECT 2)", 512),
    ("(SELECT 1, 2)", 116),
    ("COALESCE(NULL, NULL)", 4127),
    ("CAST(1 AS nosuchtype)", 2715),
    ("'a' COLLATE nosuch", 448),
    ("CAST(1 AS xml)", 529),
    ("CAST('<a>' AS xml)", 9400),
    ("1 WHERE 1", 4145),
    ("1 = 1", 102),
]


@pytest.mark.parametrize(("text", "number"), ERRORS, ids=[case[0] for case in ERRORS])
def test_errors(sql: Any, text: str, number: int) -> None:
    assert sql.error(f"SELECT {text}").number == number


def test_the_clock_stands_still_within_a_statement(sql: Any) -> None:
    first, second = sql.row("SELECT SYSDATETIME(), SYSDATETIME()")
    assert first == second


def test_each_row_gets_its_own_newid(sql: Any) -> None:
    rows = sql.rows("SELECT NEWID() FROM (VALUES (1), (2), (3)) v(x)")
    assert len(set(rows)) == 3
