"""Masks for personal data."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date
from typing import Any

import pytest

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.values.columns import plan_columns
from dstream_mssql_cdc.values.masks import Masks, hashed, text_of

ID = Column("Id", "int", "int", 4, nullable=False)
NAME = Column("Name", "nvarchar", "nvarchar(50)", 100)
PHOTO = Column("Photo", "varbinary", "varbinary(max)", -1)
AMOUNT = Column("Amount", "money", "money", 8)
TABLE = Table("dbo", "People", 1, (ID, NAME, PHOTO, AMOUNT), ("Id",), ())
SALT = "pepper and salt"


def options(**values: Any) -> MssqlCdcOptions:
    return MssqlCdcOptions.model_validate({"server": "s", "database": "d", "user": "u", "password": "p", **values})


def masked(column: Column, value: Any, **masks: Any) -> Any:
    mask = Masks(options(masks={"salt": SALT, **masks})).of(TABLE, column)
    return value if mask is None else mask(value)


def test_hash_is_an_hmac_of_the_text() -> None:
    expected = hmac.new(SALT.encode(), "Zoë".encode(), hashlib.sha256).hexdigest()
    assert masked(NAME, "Zoë", hash=["Name"]) == expected
    assert masked(NAME, "Zoë", hash=["people.name"]) == expected
    assert masked(NAME, "Zoë", hash=["other.Name"]) == "Zoë"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (True, "true"),
        (0.1, "0.1"),
        ('a"b\n', 'a"b\n'),
        (b"\xff\xfe", "//4="),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_the_text_that_is_hashed_is_what_would_stand_in_json(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert hashed(b"k")(value) == hashed(b"k")(text)


def test_redact_and_truncate() -> None:
    assert masked(NAME, "Zoë", redact=["*"]) == "***"
    assert masked(AMOUNT, "1.0000", redact=["Amount"], redact_with="") == ""
    assert masked(NAME, "😀oë", truncate={"Name": 1}) == "😀"
    assert masked(PHOTO, b"\1\2\3", truncate={"Photo": 2}) == b"\1\2"
    assert masked(NAME, "Zoë", truncate={"Name": 0}) == ""


def test_the_strictest_mask_wins() -> None:
    every = {"hash": ["Name"], "redact": ["Name"], "truncate": {"Name": 1, "People.Name": 2}}
    assert masked(NAME, "Zoë", **every) == "***"
    assert len(masked(NAME, "Zoë", **{**every, "redact": []})) == 64
    assert masked(NAME, "Zoë", truncate=every["truncate"]) == "Z"


def test_null_stays_null() -> None:
    plan = plan_columns(TABLE, TABLE.columns, options(masks={"redact": ["Name"]}), whole_key=False)
    assert plan.read[1].delivered(["a", None]) == ["***", None]


@pytest.mark.parametrize(
    ("column", "masks", "words"),
    [
        (ID, {"redact": ["Id"]}, "primary key"),
        (ID, {"truncate": {"Id": 2}}, "primary key"),
        (AMOUNT, {"truncate": {"Amount": 2}}, "cannot be truncated"),
    ],
)
def test_masks_that_make_no_sense_are_refused(column: Column, masks: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        masked(column, 1, **masks)
    assert caught.value.code == "mssql/mask"
    assert caught.value.hint
    assert SALT not in str(caught.value.message)
