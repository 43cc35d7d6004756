"""Every type with its boundary values, from the wire to two clients' Python values, and back as parameters."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pymssql
import pytest
from conftest import Wire
from python_tds import pytds

from dstream_sandbox.sqlserver.results import Column
from dstream_sandbox.sqlserver.types import DateTime2, DateTimeOffset, SqlType, Variant

UTC = dt.UTC
FIRST, LAST = 0, dt.date.max.toordinal() - 1
LAST_TICK = 864_000_000_000 - 1
EPOCH = dt.date(1900, 1, 1).toordinal() - 1
GUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
NINES = Decimal("9" * 38)


def local(*parts: int) -> dt.datetime:
    return dt.datetime(*parts)  # noqa: DTZ001  SQL Server's datetimes have no time zone


SAME = object()
VALUES: list[tuple[str, Any, Any]] = [
    ("bit", True, SAME),
    ("bit", False, SAME),
    ("tinyint", 0, SAME),
    ("tinyint", 255, SAME),
    ("smallint", -(2**15), SAME),
    ("smallint", 2**15 - 1, SAME),
    ("int", -(2**31), SAME),
    ("int", 2**31 - 1, SAME),
    ("bigint", -(2**63), SAME),
    ("bigint", 2**63 - 1, SAME),
    ("decimal(1,0)", Decimal(9), SAME),
    ("decimal(9,9)", Decimal("-0.999999999"), SAME),
    ("decimal(10,2)", Decimal("99999999.99"), SAME),
    ("decimal(19,4)", Decimal("-999999999999999.9999"), SAME),
    ("decimal(20,0)", Decimal(10**20 - 1), SAME),
    ("decimal(28,28)", Decimal("0." + "9" * 28), SAME),
    ("decimal(38,0)", NINES, SAME),
    ("decimal(38,0)", -NINES, SAME),
    ("decimal(38,38)", Decimal("0." + "9" * 38), SAME),
    ("numeric(18,5)", Decimal("0.00000"), SAME),
    ("money", Decimal("-922337203685477.5808"), SAME),
    ("money", Decimal("922337203685477.5807"), SAME),
    ("money", Decimal("-0.0001"), SAME),
    ("smallmoney", Decimal("-214748.3648"), SAME),
    ("smallmoney", Decimal("214748.3647"), SAME),
    ("float", -1.7976931348623157e308, SAME),
    ("float", 5e-324, SAME),
    ("float", 0.1, SAME),
    ("real", 0.5, SAME),
    ("real", -3.4028234663852886e38, SAME),
    ("char(5)", "ab", "ab   "),
    ("varchar(10)", "", SAME),
    ("varchar(8000)", "é€" * 4000, SAME),
    ("varchar(max)", "y" * 100_000, SAME),
    ("varchar(max)", "", SAME),
    ("text", "é" * 70_000, SAME),
    ("nchar(3)", "ж", "ж  "),
    ("nvarchar(4000)", "ж" * 4000, SAME),
    ("nvarchar(10)", "𝒳😀", SAME),
    ("nvarchar(max)", "😀" * 50_000, SAME),
    ("ntext", "ж" * 5_000, SAME),
    ("binary(4)", b"\x01\x02", b"\x01\x02\x00\x00"),
    ("varbinary(8000)", bytes(range(250)) * 32, SAME),
    ("varbinary(max)", b"\x00\xff" * 100_000, SAME),
    ("varbinary(max)", b"", SAME),
    ("image", b"\x00image", SAME),
    ("timestamp", b"\x00" * 7 + b"\x01", SAME),
    ("date", dt.date.min, SAME),
    ("date", dt.date.max, SAME),
    ("time(0)", 86_399 * 10_000_000, dt.time(23, 59, 59)),
    ("time(3)", 1_230_000, dt.time(0, 0, 0, 123_000)),
    ("time(7)", 0, dt.time()),
    ("time(7)", LAST_TICK, dt.time(23, 59, 59, 999_999)),
    ("datetime", DateTime2(dt.date(1753, 1, 1).toordinal() - 1, 0), local(1753, 1, 1)),
    ("datetime", DateTime2(LAST, 863_999_970_000), local(9999, 12, 31, 23, 59, 59, 997_000)),
    ("datetime", DateTime2(EPOCH, 33_333), local(1900, 1, 1, 0, 0, 0, 3_000)),
    ("datetime", DateTime2(EPOCH, 66_667), local(1900, 1, 1, 0, 0, 0, 7_000)),
    ("datetime", DateTime2(EPOCH, LAST_TICK), local(1900, 1, 2)),
    ("smalldatetime", DateTime2(EPOCH, 0), local(1900, 1, 1)),
    ("smalldatetime", DateTime2(EPOCH + 65_535, 1439 * 600_000_000), local(2079, 6, 6, 23, 59)),
    ("smalldatetime", DateTime2(EPOCH, 299_980_000), local(1900, 1, 1)),
    ("smalldatetime", DateTime2(EPOCH, 299_990_000), local(1900, 1, 1, 0, 1)),
    ("smalldatetime", DateTime2(EPOCH, LAST_TICK), local(1900, 1, 2)),
    ("datetime2(0)", DateTime2(FIRST, 0), local(1, 1, 1)),
    ("datetime2(3)", DateTime2(FIRST, 1_230_000), local(1, 1, 1, 0, 0, 0, 123_000)),
    ("datetime2(7)", DateTime2(LAST, LAST_TICK), local(9999, 12, 31, 23, 59, 59, 999_999)),
    ("datetimeoffset(0)", DateTimeOffset(738_000, 0, 0), dt.datetime(2021, 7, 30, tzinfo=UTC)),
    ("datetimeoffset(7)", DateTimeOffset(738_000, 10, -840), dt.datetime(2021, 7, 30, 0, 0, 0, 1, tzinfo=UTC)),
    ("datetimeoffset(3)", DateTimeOffset(738_000, 10_000, 840), dt.datetime(2021, 7, 30, 0, 0, 0, 1000, tzinfo=UTC)),
    ("uniqueidentifier", GUID, SAME),
    ("xml", "<a>é😀</a>", SAME),
    ("hierarchyid", b"\x58", SAME),
    ("geography", b"\xe6\x10\x00\x00\x01\x0c" + b"\x00" * 16, SAME),
    ("geometry", b"", SAME),
]

IDS = [f"{number}-{declaration}" for number, (declaration, _, _) in enumerate(VALUES)]


def put(wire: Wire, *values: tuple[str, Any]) -> None:
    columns = [Column(f"c{number}", SqlType.parse(declaration)) for number, (declaration, _) in enumerate(values)]
    wire.engine.rows("types", columns, [tuple(value for _, value in values), (None,) * len(values)])


@pytest.mark.parametrize("version", ["7.3", "7.4"])
def test_every_value_arrives_at_pymssql(wire: Wire, version: str) -> None:
    put(wire, *[(declaration, value) for declaration, value, _ in VALUES])
    cursor = wire.cursor(tds_version=version)
    cursor.execute("types")
    row, nulls = cursor.fetchall()
    for (declaration, value, expected), got in zip(VALUES, row, strict=True):
        wanted = value if expected is SAME else expected
        assert (declaration, got) == (declaration, wanted)
        assert type(got) is type(wanted)
    assert set(nulls) == {None}


def test_every_value_arrives_at_pytds(wire: Wire) -> None:
    put(wire, *[(declaration, value) for declaration, value, _ in VALUES])
    with pytds.connect(
        "127.0.0.1", "db1", "sa", "secret", port=wire.server.port, autocommit=True, login_timeout=10
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("types")
        row, nulls = cursor.fetchall()
    for (declaration, value, expected), got in zip(VALUES, row, strict=True):
        assert (declaration, got) == (declaration, value if expected is SAME else expected)
    assert set(nulls) == {None}


def test_an_older_client_is_told_dates_as_texts(wire: Wire) -> None:
    put(
        wire,
        ("date", dt.date(2024, 2, 29)),
        ("time(7)", LAST_TICK),
        ("time(0)", 0),
        ("datetime2(3)", DateTime2(FIRST, 1_230_000)),
        ("datetimeoffset(7)", DateTimeOffset(738_000, 1, -90)),
    )
    cursor = wire.cursor(tds_version="7.2")
    cursor.execute("types")
    assert cursor.fetchall()[0] == (
        "2024-02-29",
        "23:59:59.9999999",
        "00:00:00",
        "0001-01-01 00:00:00.123",
        "2021-07-29 22:30:00.0000001 -01:30",
    )


VARIANTS = [
    ("bit", True, True),
    ("tinyint", 7, 7),
    ("smallint", -7, -7),
    ("int", -(2**31), -(2**31)),
    ("bigint", 2**63 - 1, 2**63 - 1),
    (
        "decimal(38,10)",
        Decimal("-1234567890123456789012345678.0123456789"),
        Decimal("-1234567890123456789012345678.0123456789"),
    ),
    ("money", Decimal("-1.5000"), Decimal("-1.5")),
    ("smallmoney", Decimal("2.2500"), Decimal("2.25")),
    ("float", 1.5, 1.5),
    ("real", 0.5, 0.5),
    ("char(5)", "ab", "ab   "),
    ("varchar(20)", "é€", "é€"),
    ("nchar(2)", "ж", "ж "),
    ("nvarchar(20)", "ж😀", "ж😀"),
    ("binary(3)", b"\x01", b"\x01\x00\x00"),
    ("varbinary(3)", b"\x01", b"\x01"),
    ("date", dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
    ("time(3)", 1_230_000, dt.time(0, 0, 0, 123_000)),
    ("datetime", DateTime2(EPOCH, 0), local(1900, 1, 1)),
    ("smalldatetime", DateTime2(EPOCH, 0), local(1900, 1, 1)),
    ("datetime2(3)", DateTime2(FIRST, 1_230_000), local(1, 1, 1, 0, 0, 0, 123_000)),
    ("datetimeoffset(0)", DateTimeOffset(738_000, 0, 60), dt.datetime(2021, 7, 30, tzinfo=UTC)),
    ("uniqueidentifier", GUID, GUID),
]


def test_variants_carry_their_base_types(wire: Wire) -> None:
    put(wire, *[("sql_variant", Variant(SqlType.parse(base), value)) for base, value, _ in VARIANTS])
    with pytds.connect(
        "127.0.0.1", "db1", "sa", "secret", port=wire.server.port, autocommit=True, login_timeout=10
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("types")
        row, _ = cursor.fetchall()
    assert list(row) == [expected for _, _, expected in VARIANTS]


@pytest.mark.parametrize(
    ("collation", "text"),
    [
        ("Cyrillic_General_CI_AS", "Жук"),
        ("Polish_CI_AS", "żółw"),
        ("Japanese_CI_AS", "日本"),
        ("Latin1_General_100_CI_AS_SC_UTF8", "日本 żółw 😀"),
        ("SQL_Latin1_General_CP1_CS_AS", "é"),
        ("Greek_BIN2", "Ωmega"),
    ],
)
def test_a_varchar_is_in_its_collations_code_page(wire: Wire, collation: str, text: str) -> None:
    columns = [
        Column("v", SqlType("varchar", length=100, collation=collation)),
        Column("m", SqlType("varchar", length=-1, collation=collation)),
    ]
    wire.engine.rows("types", columns, [(text, text)])
    cursor = wire.cursor()
    cursor.execute("types")
    assert cursor.fetchall() == [(text, text)]


def test_what_cannot_be_encoded_is_told(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    cursor = wire.cursor()
    with pytest.raises(pymssql.Error, match="internal error"):
        cursor.execute("bug")
    assert "an internal error" in caplog.text
    cursor.execute("numbers(1)")
    assert cursor.fetchall() == [(0, "number 0")]
