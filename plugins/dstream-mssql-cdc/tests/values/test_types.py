"""Values on their way from the server into JSON."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api import ConfigurationError, ProviderError
from dstream_mssql_cdc.catalog.values import Column
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.values.examples import EXAMPLES, Example
from dstream_mssql_cdc.values.texts import datetime_text, datetimeoffset_text, single_number, time_text
from dstream_mssql_cdc.values.types import KNOWN_TYPES, column_expression, encoder, refuse_unknown
from dstream_mssql_cdc.values.variants import variant_value

OTHER_NAMES = {"sysname", "timestamp", "json"}
"""Types without an example: other names, and one that only the newest servers have."""


def options(**values: Any) -> MssqlCdcOptions:
    return MssqlCdcOptions.model_validate({"server": "s", "database": "d", "user": "u", "password": "p", **values})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.declaration} {example.literal}")
def test_every_example(example: Example) -> None:
    convert = encoder(example.column, options(**example.options))
    value = example.arrives if convert is None else convert(example.arrives)
    assert msgspec.json.encode(value).decode() == example.json


def test_every_type_has_an_example() -> None:
    assert {example.type for example in EXAMPLES} == KNOWN_TYPES - OTHER_NAMES


def test_types_that_nobody_knows_are_refused_all_at_once() -> None:
    columns = [Column("v", "vector", "vector(3)"), Column("Id", "int", "int"), Column("u", "", "dbo.Point")]
    with pytest.raises(ConfigurationError) as caught:
        refuse_unknown("dbo.T", columns)
    assert caught.value.code == "mssql/type"
    assert "v (vector(3)), u (dbo.Point)" in caught.value.message
    assert caught.value.hint == 'leave them out: columns = { exclude = ["dbo.T.v", "dbo.T.u"] }'
    with pytest.raises(ConfigurationError):
        column_expression("c", columns[0], options())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_singles_are_shortest_and_exact(value: float) -> None:
    shortest = single_number(value)
    assert struct.unpack("<f", struct.pack("<f", shortest))[0] == value
    assert len(repr(shortest)) <= len(repr(value))


def test_what_is_no_single_is_refused() -> None:
    with pytest.raises(ProviderError, match="no 32-bit float"):
        single_number(0.1)


moments = st.tuples(st.datetimes(max_value=datetime.fromisoformat("9999-12-31T23:59:59")), st.integers(0, 9))


def sent(moment: datetime, last: int, digits: int, separator: str = " ") -> str:
    """As the server's style 121 writes it."""
    fraction = f"{moment.microsecond:06}{last}"[:digits]
    text = f"{moment.year:04}-{moment.month:02}-{moment.day:02}{separator}{moment:%H:%M:%S}"
    return f"{text}.{fraction}" if digits else text


@given(moments, st.integers(0, 7))
def test_datetimes_keep_every_digit(moment: tuple[datetime, int], digits: int) -> None:
    text = sent(*moment, digits)
    assert datetime_text(digits)(text) == text.replace(" ", "T")
    assert datetime_text(digits)(text.replace(" ", "T")) == text.replace(" ", "T")
    assert time_text(digits)(text[11:]) == text[11:]


@given(moments, st.integers(0, 7), st.integers(-14 * 60, 14 * 60), st.sampled_from([" ", ""]))
def test_offsets_are_kept(moment: tuple[datetime, int], digits: int, offset: int, blank: str) -> None:
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    text = sent(*moment, digits)
    assert datetimeoffset_text(digits)(f"{text}{blank}{zone}") == text.replace(" ", "T") + zone


def test_servers_that_leave_out_zeros_or_send_python_values() -> None:
    assert datetime_text(7)("2026-11-21 04:34:46") == "2026-11-21T04:34:46.0000000"
    assert datetime_text(7)("2026-11-21 04:34:46.12") == "2026-11-21T04:34:46.1200000"
    assert datetime_text(3)("2026-11-21T04:34:46.1230000") == "2026-11-21T04:34:46.123"
    assert datetime_text(3)(datetime.fromisoformat("2026-11-21T04:34:46.123")) == "2026-11-21T04:34:46.123"
    assert time_text(2)("04:34:46") == "04:34:46.00"
    zone = timezone(timedelta(hours=-3))
    assert datetimeoffset_text(7)(datetime(2026, 11, 21, 4, tzinfo=zone)) == "2026-11-21T04:00:00.0000000-03:00"
    assert datetimeoffset_text(0)("2026-11-21T04:34:46Z") == "2026-11-21T04:34:46+00:00"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("bit 1", True),
        ("bit 0", False),
        ("bigint 9223372036854775807", 2**63 - 1),
        ("real 3FB99999A0000000", 0.1),
        ("money -1.5000", "-1.5000"),
        ("date 2026-11-21", "2026-11-21"),
        ("time 04:34:46.1234567", "04:34:46.1234567"),
        ("datetime 2026-11-21 04:34:46.997", "2026-11-21T04:34:46.997"),
        ("smalldatetime 2026-11-21 04:34:00", "2026-11-21T04:34:00"),
        ("datetime2 2026-11-21 04:34:46.1234567", "2026-11-21T04:34:46.1234567"),
        ("datetimeoffset 2026-11-21 04:34:46.1234567 +02:00", "2026-11-21T04:34:46.1234567+02:00"),
        ("uniqueidentifier 6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("char  a ", " a "),
        ("nvarchar ", ""),
        ("binary ", b""),
    ],
)
def test_variants_take_the_form_of_their_type(text: str, value: object) -> None:
    assert variant_value(bigint_as_text=False)(text) == value


def test_variants_follow_the_option_bigint() -> None:
    assert variant_value(bigint_as_text=True)("bigint 7") == "7"


def test_variants_of_types_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ProviderError, match="unknown type vector"):
        variant_value(bigint_as_text=False)("vector [1,2]")


@given(st.dates())
def test_dates(day: date) -> None:
    assert msgspec.json.encode(day).decode() == f'"{day.year:04}-{day.month:02}-{day.day:02}"'
