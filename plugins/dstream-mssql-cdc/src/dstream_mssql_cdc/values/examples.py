"""The types with an example each: the reference page is made of it, and tests run it row by row."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from dstream_mssql_cdc.catalog.values import Column


@dataclass(frozen=True)
class Example:
    """A value on its way from the table to the line.

    Attributes:
        declaration: the column's type.
        literal: the value in T-SQL.
        json: the value in the line.
        arrives: what the client gets for the column's expression.
        form: what the JSON value is, in words; empty if the row above says it.
        options: what of the options is not at its default.
    """

    declaration: str
    literal: str
    json: str
    arrives: Any
    form: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The type's name alone."""
        return self.declaration.partition("(")[0]

    @property
    def column(self) -> Column:
        """A column `v` of this type."""
        inside = self.declaration.partition("(")[2].rstrip(")")
        numbers = [int(text) for text in inside.split(",") if text.strip().isdigit()]
        scale = numbers[-1] if self.type in _SCALED and numbers else 0
        length = -1 if inside == "max" else numbers[0] if numbers else 8
        return Column("v", self.type, self.declaration, length, numbers[0] if numbers else 0, scale)


_SCALED = {"decimal", "numeric", "time", "datetime2", "datetimeoffset"}
_UUID = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
_POINT = bytes.fromhex("0101000000000000000000f03f0000000000000040")

EXAMPLES: tuple[Example, ...] = (
    Example("bit", "1", "true", True, "`true` or `false`"),
    Example("tinyint", "255", "255", 255, "number; it has no sign"),
    Example("smallint", "-32768", "-32768", -32768, "number"),
    Example("int", "2147483647", "2147483647", 2147483647, "number"),
    Example(
        "bigint",
        "9223372036854775807",
        "9223372036854775807",
        9223372036854775807,
        'number, exact; many readers round beyond 2^53, for whom there is `bigint = "string"`',
    ),
    Example(
        "bigint",
        "9223372036854775807",
        '"9223372036854775807"',
        "9223372036854775807",
        'with `bigint = "string"`: string',
        {"bigint": "string"},
    ),
    Example("decimal(38,10)", "1234567890123456789012345678.0123456789",
            '"1234567890123456789012345678.0123456789"', "1234567890123456789012345678.0123456789",
            "string with all digits of the scale"),
    Example("decimal(10,7)", "0.0000001", '"0.0000001"', "0.0000001"),
    Example("numeric(5,2)", "-0.5", '"-0.50"', "-0.50", "as decimal"),
    Example("money", "-922337203685477.5808", '"-922337203685477.5808"', "-922337203685477.5808",
            "string with 4 digits behind the point"),
    Example("smallmoney", "214748.3647", '"214748.3647"', "214748.3647", "as money"),
    Example("float", "0.1", "0.1", 0.1, "number, the shortest text that gives the same 64 bits"),
    Example("float", "1.7976931348623157E308", "1.7976931348623157e308", 1.7976931348623157e308),
    Example("real", "0.1", "0.1", 0.10000000149011612, "number, the shortest text that gives the same 32 bits"),
    Example("real", "3.4028235E38", "3.4028235e38", 3.4028234663852886e38),
    Example("date", "'0001-01-01'", '"0001-01-01"', date(1, 1, 1), "string `yyyy-mm-dd`"),
    Example("time(7)", "'04:34:46.1234567'", '"04:34:46.1234567"', "04:34:46.1234567",
            "string `hh:mm:ss` with the digits of its scale"),
    Example("time(0)", "'23:59:59'", '"23:59:59"', "23:59:59"),
    Example("datetime", "'2026-11-21T04:34:46.997'", '"2026-11-21T04:34:46.997"', "2026-11-21 04:34:46.997",
            "string with 3 digits of the second: the server's own rounding of its 1/300 s"),
    Example("smalldatetime", "'2026-11-21T04:34:00'", '"2026-11-21T04:34:00"', datetime.fromisoformat("2026-11-21T04:34"),
            "string with whole seconds"),
    Example("datetime2(7)", "'2026-11-21T04:34:46.1234567'", '"2026-11-21T04:34:46.1234567"',
            "2026-11-21 04:34:46.1234567", "string with the digits of its scale, no zone"),
    Example("datetime2(3)", "'9999-12-31T23:59:59.999'", '"9999-12-31T23:59:59.999"', "9999-12-31 23:59:59.999"),
    Example("datetime2(0)", "'2026-11-21T04:34:46'", '"2026-11-21T04:34:46"', "2026-11-21 04:34:46"),
    Example("datetimeoffset(7)", "'2026-11-21T04:34:46.1234567+02:00'", '"2026-11-21T04:34:46.1234567+02:00"',
            "2026-11-21 04:34:46.1234567 +02:00", "string: the local time and the offset as stored"),
    Example("datetimeoffset(0)", "'2026-11-21T04:34:46-11:30'", '"2026-11-21T04:34:46-11:30"',
            "2026-11-21 04:34:46 -11:30"),
    Example("char(5)", "'ab'", '"ab   "', "ab   ", "string, with the blanks that fill it up"),
    Example("varchar(20)", "'Zoe \"Z\"'", '"Zoe \\"Z\\""', 'Zoe "Z"', "string"),
    Example("varchar(max)", "'long'", '"long"', "long"),
    Example("nchar(4)", "N'äö'", '"äö  "', "äö  ", "as char"),
    Example("nvarchar(20)", "N'Größe 😀'", '"Größe 😀"', "Größe 😀", "string"),
    Example("nvarchar(max)", "N''", '""', "", "string; empty is not null"),
    Example("text", "'old'", '"old"', "old", "string"),
    Example("ntext", "N'old ü'", '"old ü"', "old ü", "string"),
    Example("binary(4)", "0x0102", '"AQIAAA=="', b"\x01\x02\0\0", "string, base64 with padding"),
    Example("varbinary(10)", "0xFFFE", '"//4="', b"\xff\xfe", "as binary"),
    Example("varbinary(max)", "0x", '""', b""),
    Example("image", "0x00FF", '"AP8="', b"\0\xff", "as binary"),
    Example("rowversion", "", '"AAAAAAAAB9E="', bytes.fromhex("00000000000007d1"),
            "as binary: 8 bytes, big-endian (`timestamp` is its other name)"),
    Example("uniqueidentifier", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", f'"{_UUID}"', str(_UUID),
            "string, lower case"),
    Example("xml", "N'<a b=\"1\">ü</a>'", '"<a b=\\"1\\">ü</a>"', '<a b="1">ü</a>', "string, as the server writes it"),
    Example("sql_variant", "CAST(1.50 AS decimal(9,2))", '"1.50"', "decimal 1.50",
            "each value in the form of its own type; times have 7 digits, datetime 3, smalldatetime none"),
    Example("sql_variant", "CAST(7 AS int)", "7", "int 7"),
    Example("sql_variant", "N'text'", '"text"', "nvarchar text"),
    Example("sql_variant", "0x0102", '"AQI="', "varbinary 0102"),
    Example("sql_variant", "CAST(0.1 AS float)", "0.1", "float 3FB999999999999A"),
    Example("hierarchyid", "'/1/2.1/'", '"/1/2.1/"', "/1/2.1/", "string, as `ToString()` writes it"),
    Example("geometry", "geometry::STGeomFromText('POINT (1 2)', 0)", '"AQEAAAAAAAAAAADwPwAAAAAAAABA"', _POINT,
            "string, base64 of the well-known binary with Z and M (`AsBinaryZM()`); the SRID is not part of it"),
    Example("geography", "geography::STGeomFromText('POINT (1 2)', 4326)", '"AQEAAAAAAAAAAADwPwAAAAAAAABA"', _POINT,
            "as geometry: longitude, then latitude"),
)  # fmt: skip
