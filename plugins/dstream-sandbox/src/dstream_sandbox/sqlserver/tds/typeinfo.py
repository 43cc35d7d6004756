"""TYPE_INFO: how columns and parameters announce their type."""

from __future__ import annotations

import struct
from enum import IntEnum

from dstream_sandbox.sqlserver.errors import not_supported
from dstream_sandbox.sqlserver.tds.collations import wire_collation
from dstream_sandbox.sqlserver.tds.login import TDS_7_3A
from dstream_sandbox.sqlserver.types import MAX, SqlType, nvarchar


class Token(IntEnum):
    """Data type tokens (MS-TDS 2.2.5.4)."""

    NULL = 0x1F
    IMAGE = 0x22
    TEXT = 0x23
    GUID = 0x24
    LEGACY_VARBINARY = 0x25
    INTN = 0x26
    LEGACY_VARCHAR = 0x27
    DATEN = 0x28
    TIMEN = 0x29
    DATETIME2N = 0x2A
    DATETIMEOFFSETN = 0x2B
    LEGACY_BINARY = 0x2D
    LEGACY_CHAR = 0x2F
    INT1 = 0x30
    BIT = 0x32
    INT2 = 0x34
    LEGACY_DECIMAL = 0x37
    INT4 = 0x38
    DATETIM4 = 0x3A
    FLT4 = 0x3B
    MONEY = 0x3C
    DATETIME = 0x3D
    FLT8 = 0x3E
    LEGACY_NUMERIC = 0x3F
    SSVARIANT = 0x62
    NTEXT = 0x63
    BITN = 0x68
    DECIMALN = 0x6A
    NUMERICN = 0x6C
    FLTN = 0x6D
    MONEYN = 0x6E
    DATETIMN = 0x6F
    MONEY4 = 0x7A
    INT8 = 0x7F
    BIGVARBINARY = 0xA5
    BIGVARCHAR = 0xA7
    BIGBINARY = 0xAD
    BIGCHAR = 0xAF
    NVARCHAR = 0xE7
    NCHAR = 0xEF
    UDT = 0xF0
    XML = 0xF1
    TABLE = 0xF3


SIZED = {
    "bit": (Token.BITN, 1),
    "tinyint": (Token.INTN, 1),
    "smallint": (Token.INTN, 2),
    "int": (Token.INTN, 4),
    "bigint": (Token.INTN, 8),
    "real": (Token.FLTN, 4),
    "float": (Token.FLTN, 8),
    "smallmoney": (Token.MONEYN, 4),
    "money": (Token.MONEYN, 8),
    "smalldatetime": (Token.DATETIMN, 4),
    "datetime": (Token.DATETIMN, 8),
    "uniqueidentifier": (Token.GUID, 16),
}
"""Types whose TYPE_INFO is a token and one byte with the size."""

TEXTS = {"char": Token.BIGCHAR, "varchar": Token.BIGVARCHAR, "nchar": Token.NCHAR, "nvarchar": Token.NVARCHAR}
BINARIES = {"binary": Token.BIGBINARY, "varbinary": Token.BIGVARBINARY}
LONGS = {"text": Token.TEXT, "ntext": Token.NTEXT, "image": Token.IMAGE}
SCALED = {"time": Token.TIMEN, "datetime2": Token.DATETIME2N, "datetimeoffset": Token.DATETIMEOFFSETN}
DECIMALS = {"decimal": Token.DECIMALN, "numeric": Token.NUMERICN}
CLR = {
    "hierarchyid": ("SqlHierarchyId", 892),
    "geography": ("SqlGeography", 0xFFFF),
    "geometry": ("SqlGeometry", 0xFFFF),
}

USER_TYPES = {"timestamp": 80}
"""Types that travel as another one, told apart by the user type."""

_TEXT_LENGTHS = {"date": 10, "time": 16, "datetime2": 27, "datetimeoffset": 34}


def precision_bytes(precision: int) -> int:
    """Bytes of a decimal on the wire, its sign included."""
    return 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17


def wire_type(sql_type: SqlType, version: int) -> SqlType:
    """The type that a client of this TDS version is told: before 7.3 there were no types of 2008, their texts are sent."""
    if version < TDS_7_3A and sql_type.name in _TEXT_LENGTHS:
        return nvarchar(_TEXT_LENGTHS[sql_type.name])
    return sql_type


def type_info(sql_type: SqlType, database: str = "") -> bytes:
    """TYPE_INFO of a column, a return value or a parameter.

    Args:
        sql_type: The type; it has been through `wire_type`.
        database: The current database, which UDTs name.

    Raises:
        SqlError: The wire does not know the type (50001).
    """
    name = sql_type.name
    if name in SIZED:
        return bytes(SIZED[name])
    if name in DECIMALS:
        precision = sql_type.precision or 18
        return bytes([DECIMALS[name], precision_bytes(precision), precision, sql_type.scale or 0])
    if name == "date":
        return bytes([Token.DATEN])
    if name in SCALED:
        return bytes([SCALED[name], 7 if sql_type.scale is None else sql_type.scale])
    return _long_type_info(sql_type, name, database)


def _long_type_info(sql_type: SqlType, name: str, database: str) -> bytes:
    if name in TEXTS:
        size = _size(sql_type, 2 if name.startswith("n") else 1)
        return struct.pack("<BH", TEXTS[name], size) + wire_collation(sql_type.collation).raw
    if name in BINARIES:
        return struct.pack("<BH", BINARIES[name], _size(sql_type, 1))
    if name == "timestamp":
        return struct.pack("<BH", Token.BIGBINARY, 8)
    if name in LONGS:
        size = 0x7FFFFFFE if name == "ntext" else 0x7FFFFFFF
        collation = b"" if name == "image" else wire_collation(sql_type.collation).raw
        return struct.pack("<BI", LONGS[name], size) + collation
    if name == "xml":
        return bytes([Token.XML, 0])
    if name == "sql_variant":
        return struct.pack("<BI", Token.SSVARIANT, 8009)
    if name in CLR:
        return _clr_type_info(name, database)
    raise not_supported(f"the type {name} in a result")


def _size(sql_type: SqlType, width: int) -> int:
    if sql_type.length == MAX:
        return 0xFFFF
    return max(sql_type.length or 1, 1) * width


def _clr_type_info(name: str, database: str) -> bytes:
    class_name, size = CLR[name]
    assembly = (
        f"Microsoft.SqlServer.Types.{class_name}, Microsoft.SqlServer.Types, "
        "Version=11.0.0.0, Culture=neutral, PublicKeyToken=89845dcd8080cc91"
    )
    names = b"".join(short_text(text) for text in (database, "sys", name))
    return struct.pack("<BH", Token.UDT, size) + names + long_text(assembly)


def short_text(text: str) -> bytes:
    """B_VARCHAR: its length in characters in one byte, then UTF-16."""
    raw = text.encode("utf-16-le", "surrogatepass")[:510]
    return bytes([len(raw) // 2]) + raw


def long_text(text: str) -> bytes:
    """US_VARCHAR: its length in characters in two bytes, then UTF-16."""
    raw = text.encode("utf-16-le", "surrogatepass")[:131070]
    return struct.pack("<H", len(raw) // 2) + raw
