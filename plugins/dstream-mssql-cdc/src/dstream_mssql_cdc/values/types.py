"""Every SQL Server type: the expression that brings its value over exactly, and what makes JSON of it.

What a Python client gets for some types is not the value: 100-ns times are cut to microseconds, `datetime` has its
thirds of a millisecond, `real` arrives as a 64-bit float. Those come as texts that the server makes. The types with an
example each are in `examples.py`; the page docs/reference/mssql-cdc-types.md is made of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.values import Column
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.sql import quoted
from dstream_mssql_cdc.values.texts import datetime_text, datetimeoffset_text, single_number, time_text
from dstream_mssql_cdc.values.variants import variant_expression, variant_value

Convert = Callable[[Any], Any]
"""Makes the JSON value of one value from the server, which is not None."""

TEXT_TYPES = frozenset({"char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml", "sysname", "json"})
BINARY_TYPES = frozenset({"binary", "varbinary", "image", "rowversion", "timestamp"})
OLD_LOB_TYPES = frozenset({"text", "ntext", "image"})
"""Change tables never carry their value in deletes and in the images before an update."""


@dataclass(frozen=True)
class TypeRule:
    """What is done with the values of a type.

    Attributes:
        select: the expression, `{0}` being the column.
        convert: gives what makes the JSON value, None for values that are one already.
    """

    select: str = "{0}"
    convert: Callable[[Column], Convert] | None = None


_PLAIN = TypeRule()
# The text of time, datetime2 and datetimeoffset is that of style 121 unless another one is asked for; datetime's is not.
_DECIMAL = TypeRule("CONVERT(varchar(41), {0})")

_RULES: dict[str, TypeRule] = {
    **dict.fromkeys(("bit", "tinyint", "smallint", "int", "bigint", "float", "date", "smalldatetime"), _PLAIN),
    **dict.fromkeys(TEXT_TYPES | BINARY_TYPES, _PLAIN),
    "decimal": _DECIMAL,
    "numeric": _DECIMAL,
    "money": TypeRule("CONVERT(varchar(41), CONVERT(decimal(19, 4), {0}))"),
    "smallmoney": TypeRule("CONVERT(varchar(41), CONVERT(decimal(10, 4), {0}))"),
    "real": TypeRule(convert=lambda _: single_number),
    "time": TypeRule("CONVERT(varchar(16), {0})", lambda column: time_text(column.scale)),
    "datetime": TypeRule("CONVERT(varchar(23), {0}, 121)", lambda _: datetime_text(3)),
    "datetime2": TypeRule("CONVERT(varchar(27), {0})", lambda column: datetime_text(column.scale)),
    "datetimeoffset": TypeRule("CONVERT(varchar(34), {0})", lambda column: datetimeoffset_text(column.scale)),
    "uniqueidentifier": TypeRule("LOWER(CONVERT(varchar(36), {0}))", lambda _: str.lower),
    "xml": TypeRule("CONVERT(nvarchar(max), {0})"),
    "json": TypeRule("CONVERT(nvarchar(max), {0})"),
    "hierarchyid": TypeRule("{0}.ToString()"),
    # With Z and M, which STAsBinary leaves out without a word.
    "geography": TypeRule("{0}.AsBinaryZM()"),
    "geometry": TypeRule("{0}.AsBinaryZM()"),
}

KNOWN_TYPES = frozenset(_RULES) | {"sql_variant"}


def column_expression(alias: str, column: Column, options: MssqlCdcOptions) -> str:
    """The SQL expression that brings the column's value over exactly; a `%` in it is not doubled.

    Raises:
        ConfigurationError: `mssql/type`, values of this type cannot be delivered.
    """
    value = f"{alias}.{quoted(column.name)}"
    if column.type == "sql_variant":
        return variant_expression(value)
    if column.type == "bigint" and options.bigint == "string":
        return f"CONVERT(varchar(20), {value})"
    return _rule(column).select.format(value)


def encoder(column: Column, options: MssqlCdcOptions) -> Convert | None:
    """What makes the JSON value of what `column_expression` selects; None: it is one as it comes.

    Numbers, texts and booleans are JSON values; `bytes` become base64 and dates ISO 8601 where lines are written.

    Raises:
        ConfigurationError: `mssql/type`, values of this type cannot be delivered.
    """
    if column.type == "sql_variant":
        return variant_value(options.bigint == "string")
    rule = _rule(column)
    return None if rule.convert is None else rule.convert(column)


def refuse_unknown(table: str, columns: Iterable[Column]) -> None:
    """See that all columns are of types that can be delivered.

    Raises:
        ConfigurationError: `mssql/type`, some are not; all of them are named.
    """
    unknown = [column for column in columns if column.type not in KNOWN_TYPES]
    if unknown:
        named = ", ".join(f"{column.name} ({column.declaration or column.type})" for column in unknown)
        left_out = ", ".join(f'"{table}.{column.name}"' for column in unknown)
        raise ConfigurationError(
            f"{table} has columns of types that cannot be delivered: {named}",
            code="mssql/type",
            hint=f"leave them out: columns = {{ exclude = [{left_out}] }}",
        )


def _rule(column: Column) -> TypeRule:
    refuse_unknown("the table", [column] if column.type not in _RULES else [])
    return _RULES[column.type]
