"""`sql_variant`: each value has a type of its own, which decides its form in JSON."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from dstream_core.api import ProviderError
from dstream_mssql_cdc.sql import literal
from dstream_mssql_cdc.values.texts import (
    datetime_text,
    datetimeoffset_text,
    float_of_hex,
    single_number,
    time_text,
)

_PLACES = {
    ("binary", "varbinary"): "CONVERT(nvarchar(max), CONVERT(varbinary(8000), {0}), 2)",
    ("float", "real"): "CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float, {0})), 2)",
    ("money", "smallmoney"): "CONVERT(nvarchar(max), CONVERT(decimal(19, 4), {0}))",
    ("date",): "CONVERT(nvarchar(max), CONVERT(date, {0}), 23)",
    ("time",): "CONVERT(nvarchar(max), CONVERT(time(7), {0}), 121)",
    ("datetime",): "CONVERT(nvarchar(max), CONVERT(datetime, {0}), 121)",
    ("smalldatetime",): "CONVERT(nvarchar(max), CONVERT(smalldatetime, {0}), 121)",
    ("datetime2",): "CONVERT(nvarchar(max), CONVERT(datetime2(7), {0}), 121)",
    ("datetimeoffset",): "CONVERT(nvarchar(max), CONVERT(datetimeoffset(7), {0}), 121)",
    ("uniqueidentifier",): "CONVERT(nvarchar(max), CONVERT(uniqueidentifier, {0}))",
}
"""How the value of a base type becomes a text that loses nothing; all others by plain `CONVERT`."""


def variant_expression(value: str) -> str:
    """The base type and the value in one text, `decimal 1.50`; NULL for NULL.

    Two things are needed of each value, and one column carries both: `SQL_VARIANT_PROPERTY(…, 'BaseType')` tells the
    type, and the value is converted to its type first, since the default text of several types is not exact.
    """
    base = f"CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY({value}, 'BaseType'))"
    cases = " ".join(
        f"WHEN {base} IN ({', '.join(map(literal, names))}) THEN {text.format(value)}"
        for names, text in _PLACES.items()
    )
    return (
        f"CASE WHEN {value} IS NULL THEN NULL "
        f"ELSE {base} + N' ' + CASE {cases} ELSE CONVERT(nvarchar(max), {value}) END END"
    )


def _single(text: str) -> float:
    return single_number(float_of_hex(text))


def _same(text: str) -> str:
    return text


_VALUES: dict[str, Callable[[str], Any]] = {
    "bit": lambda text: text == "1",
    "tinyint": int,
    "smallint": int,
    "int": int,
    "bigint": int,
    "float": float_of_hex,
    "real": _single,
    "binary": bytes.fromhex,
    "varbinary": bytes.fromhex,
    "time": time_text(7),
    "datetime": datetime_text(3),
    "smalldatetime": datetime_text(0),
    "datetime2": datetime_text(7),
    "datetimeoffset": datetimeoffset_text(7),
    "uniqueidentifier": lambda text: str(uuid.UUID(text)),
    **dict.fromkeys(
        ("decimal", "numeric", "money", "smallmoney", "date", "char", "varchar", "nchar", "nvarchar", "sysname"), _same
    ),
}


def variant_value(bigint_as_text: bool) -> Callable[[str], Any]:
    """What makes the JSON value of the text that `variant_expression` gave.

    Args:
        bigint_as_text: whole numbers of type bigint become strings.
    """
    values = _VALUES | ({"bigint": _same} if bigint_as_text else {})

    def convert(text: str) -> Any:
        base, _, value = text.partition(" ")
        if base not in values:
            raise ProviderError(f"a sql_variant holds a value of the unknown type {base}", code="mssql/value")
        return values[base](value)

    return convert
