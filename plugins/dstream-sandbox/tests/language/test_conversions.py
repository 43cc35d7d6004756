"""CAST and CONVERT as "CAST and CONVERT (Transact-SQL)" has them: styles, truncation, rounding, errors."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.types import DateTime2, DateTimeOffset, SqlType, Variant

MOMENT = "CAST('2023-04-05 06:07:08.1234567' AS datetime2(7))"
OLD = "CAST('2023-04-05 16:07:08.123' AS datetime)"

STYLES: list[tuple[str, int | None, str]] = [
    (MOMENT, None, "2023-04-05 06:07:08.1234567"),
    (MOMENT, 0, "Apr  5 2023  6:07AM"),
    (MOMENT, 1, "04/05/23"),
    (MOMENT, 2, "23.04.05"),
    (MOMENT, 3, "05/04/23"),
    (MOMENT, 101, "04/05/2023"),
    (MOMENT, 102, "2023.04.05"),
    (MOMENT, 103, "05/04/2023"),
    (MOMENT, 104, "05.04.2023"),
    (MOMENT, 105, "05-04-2023"),
    (MOMENT, 106, "05 Apr 2023"),
    (MOMENT, 107, "Apr 05, 2023"),
    (MOMENT, 108, "06:07:08"),
    (MOMENT, 110, "04-05-2023"),
    (MOMENT, 111, "2023/04/05"),
    (MOMENT, 112, "20230405"),
    (MOMENT, 120, "2023-04-05 06:07:08"),
    (MOMENT, 121, "2023-04-05 06:07:08.1234567"),
    (MOMENT, 23, "2023-04-05"),
    (MOMENT, 126, "2023-04-05T06:07:08.1234567"),
    (MOMENT, 127, "2023-04-05T06:07:08.1234567"),
    ("CAST('2023-04-05' AS datetime2(3))", 126, "2023-04-05T00:00:00"),
    ("CAST('2023-04-05 06:07:08.123' AS datetime2(3))", 121, "2023-04-05 06:07:08.123"),
    (OLD, None, "Apr  5 2023  4:07PM"),
    (OLD, 9, "Apr  5 2023  4:07:08:123PM"),
    (OLD, 13, "05 Apr 2023 16:07:08:123"),
    (OLD, 14, "16:07:08:123"),
    (OLD, 120, "2023-04-05 16:07:08"),
    (OLD, 121, "2023-04-05 16:07:08.123"),
    (OLD, 126, "2023-04-05T16:07:08.123"),
    ("CAST('2023-04-05 16:07:08' AS datetime)", 126, "2023-04-05T16:07:08"),
    ("CAST('2023-04-05 16:07:29.999' AS smalldatetime)", 120, "2023-04-05 16:08:00"),
    ("CAST('2023-04-05' AS date)", None, "2023-04-05"),
    ("CAST('2023-04-05' AS date)", 112, "20230405"),
    ("CAST('16:07:08.12' AS time(2))", None, "16:07:08.12"),
    ("CAST('16:07:08.12' AS time(0))", 108, "16:07:08"),
    ("CAST('2023-04-05 06:07:08.123 +05:30' AS datetimeoffset(3))", None, "2023-04-05 06:07:08.123 +05:30"),
    ("CAST('2023-04-05 06:07:08.123 +05:30' AS datetimeoffset(3))", 126, "2023-04-05T06:07:08.123+05:30"),
    ("CAST('2023-04-05 06:07:08.123 +05:30' AS datetimeoffset(3))", 127, "2023-04-05T00:37:08.123Z"),
    ("0x00FF", 1, "0x00FF"),
    ("0x00FF", 2, "00FF"),
    ("0x4142", 0, "AB"),
    ("CAST(1234567.895 AS money)", 0, "1234567.90"),
    ("CAST(1234567.895 AS money)", 1, "1,234,567.90"),
    ("CAST(1234567.895 AS money)", 2, "1234567.8950"),
    ("CAST(1.5 AS float)", None, "1.5"),
    ("CAST(1234567 AS float)", 0, "1.23457e+006"),
    ("CAST(0.1 AS float)", 3, "1.0000000000000001e-001"),
    ("CAST(1.5 AS float)", 1, "1.5000000e+000"),
    ("CAST(12.50 AS decimal(9,2))", None, "12.50"),
    ("CAST(1 AS bit)", None, "1"),
    ("CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", None, "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
    ("hierarchyid::Parse('/1/2.1/')", None, "/1/2.1/"),
]


@pytest.mark.parametrize(("text", "style", "expected"), STYLES, ids=[f"{case[0]} {case[1]}" for case in STYLES])
def test_to_text(sql: Any, text: str, style: int | None, expected: str) -> None:
    more = "" if style is None else f", {style}"
    assert sql.value(f"CONVERT(varchar(60), {text}{more})") == expected
    assert sql.value(f"CONVERT(nvarchar(60), {text}{more})") == (expected if text != "0x4142" else "䉁")


P = SqlType.parse

VALUES: list[tuple[Any, str, str, Any]] = [
    ("12", "varchar(10)", "int", 12),
    (" -12 ", "varchar(10)", "int", -12),
    ("", "varchar(10)", "int", 0),
    ("12.5", "varchar(10)", "decimal(5,1)", Decimal("12.5")),
    ("12.55", "varchar(10)", "decimal(5,1)", Decimal("12.6")),
    ("1e3", "varchar(10)", "float", 1000.0),
    ("$1,234.5", "varchar(10)", "money", Decimal("1234.5000")),
    ("true", "varchar(10)", "bit", True),
    (Decimal("9.9"), "decimal(5,1)", "int", 9),  # decimals are cut
    (Decimal("-9.9"), "decimal(5,1)", "int", -9),
    (Decimal("9.9000"), "money", "int", 10),  # money is rounded
    (9.9, "float", "int", 9),
    (-0.5, "float", "decimal(5,0)", Decimal(-1)),
    (Decimal("10.6496"), "decimal(9,4)", "int", 10),
    (Decimal("10.3496847"), "decimal(9,7)", "money", Decimal("10.3497")),
    (5, "int", "bit", True),
    (1, "int", "binary(4)", b"\0\0\0\1"),
    (258, "int", "varbinary(1)", b"\2"),
    (-1, "int", "binary(4)", b"\xff\xff\xff\xff"),
    (b"\xff\xff\xff\xff", "binary(4)", "int", -1),
    (b"\x01\x00", "varbinary(4)", "int", 256),
    ("ab", "varchar(5)", "char(4)", "ab  "),
    ("abcdef", "varchar(10)", "varchar(3)", "abc"),
    ("ж", "nvarchar(3)", "varchar(3)", "?"),
    ("€", "nvarchar(3)", "varchar(3)", "€"),
    ("😀x", "nvarchar(5)", "nvarchar(2)", "😀"),
    (123456, "int", "varchar(3)", "*"),
    ("0x0102", "varchar(10)", "int", None),
    (
        uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF"),
        "uniqueidentifier",
        "binary(16)",
        bytes.fromhex("ff19966f868b11d0b42d00c04fc964ff"),
    ),
    (DateTime2(738614, 0), "datetime2(7)", "date", DateTime2(738614, 0).date),
    (DateTime2(738614, 5), "datetime2(7)", "datetime2(6)", DateTime2(738614, 10)),
    (DateTime2(738614, 863_999_999_999), "datetime2(7)", "datetime2(0)", DateTime2(738615, 0)),
    (DateTime2(3_652_058, 863_999_999_999), "datetime2(7)", "datetime2(0)", DateTime2(3_652_058, 863_990_000_000)),
    (DateTime2(738614, 0), "datetime2(0)", "datetimeoffset(0)", DateTimeOffset(738614, 0, 0)),
    (1, "int", "datetime", DateTime2(693_596, 0)),
    (5, "int", "sql_variant", Variant(P("int"), 5)),
    (Variant(P("int"), 5), "sql_variant", "varchar(5)", "5"),
    ("/1/", "varchar(5)", "hierarchyid", b"\x58"),
]


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"), VALUES, ids=[f"{c[0]!r} {c[1]} {c[2]}" for c in VALUES]
)
def test_values(value: Any, source: str, target: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(SqlError, match="245"):
            converter(P(source), P(target))(value)
    else:
        assert converter(P(source), P(target))(value) == expected


# "datetime": "rounded to increments of .000, .003, or .007 seconds"
@pytest.mark.parametrize(
    ("fraction", "rounded"),
    [
        ("999", "000"),
        ("995", "997"),
        ("996", "997"),
        ("998", "997"),
        ("992", "993"),
        ("994", "993"),
        ("990", "990"),
        ("991", "990"),
    ],
)
def test_datetime_rounds_to_three_hundredths(sql: Any, fraction: str, rounded: str) -> None:
    text = sql.value(f"CONVERT(varchar(30), CAST('1998-01-01 23:59:59.{fraction}' AS datetime), 121)")
    assert text == ("1998-01-02 00:00:00.000" if fraction == "999" else f"1998-01-01 23:59:59.{rounded}")


FAILING: list[tuple[str, int]] = [
    ("CAST('abc' AS int)", 245),
    ("CAST('1.5' AS int)", 245),
    ("CAST('abc' AS bigint)", 8114),
    ("CAST('abc' AS decimal(5,2))", 8114),
    ("CAST('abc' AS float)", 8114),
    ("CAST('abc' AS money)", 235),
    ("CAST('abc' AS uniqueidentifier)", 8169),
    ("CAST('abc' AS date)", 241),
    ("CAST('2023-02-30' AS datetime)", 242),
    ("CAST('2023-02-30' AS datetime2)", 241),
    ("CAST('1752-12-31' AS datetime)", 242),
    ("CAST('2023-01-01 00:00:00.1234' AS datetime)", 241),
    ("CAST('99999999999' AS int)", 248),
    ("CAST('300' AS tinyint)", 244),
    ("CAST(300 AS tinyint)", 220),
    ("CAST(3000000000 AS int)", 8115),
    ("CAST(1e10 AS int)", 232),
    ("CAST(12345 AS decimal(4,1))", 8115),
    ("CAST(123.45 AS varchar(3))", 8115),
    ("CAST(123456 AS nvarchar(3))", 8115),
    ("CAST(NEWID() AS varchar(10))", 8170),
    ("CAST(1 AS date)", 529),
    ("CAST(CAST(1.5 AS float) AS uniqueidentifier)", 529),
    ("CONVERT(varchar(30), GETDATE(), 999)", 281),
]


@pytest.mark.parametrize(("text", "number"), FAILING, ids=[case[0] for case in FAILING])
def test_failing(sql: Any, text: str, number: int) -> None:
    assert sql.error(f"SELECT {text}").number == number


def test_try_forms_give_null(sql: Any) -> None:
    assert sql.row("SELECT TRY_CAST('x' AS int), TRY_CONVERT(date, 'x'), TRY_CAST('5' AS int)") == (None, None, 5)


@given(st.integers(0, 863_999_999_999), st.integers(0, 3_652_058), st.integers(0, 7))
def test_datetime2_text_and_back(ticks: int, days: int, scale: int) -> None:
    unit = 10 ** (7 - scale)
    type_ = SqlType("datetime2", scale=scale)
    value = DateTime2(days, ticks // unit * unit)
    for style in (121, 126):
        text = converter(type_, P("varchar(40)"), style)(value)
        assert converter(P("varchar(40)"), type_, style)(text) == value


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-922337203685477, max_value=922337203685477)
)
def test_money_text_and_back(value: Decimal) -> None:
    text = converter(P("money"), P("varchar(40)"), 2)(value)
    assert converter(P("varchar(40)"), P("money"))(text) == value


@given(st.binary(max_size=40), st.sampled_from([1, 2]))
def test_binary_text_and_back(value: bytes, style: int) -> None:
    text = converter(P("varbinary(max)"), P("varchar(max)"), style)(value)
    assert converter(P("varchar(max)"), P("varbinary(max)"), style)(text) == value
