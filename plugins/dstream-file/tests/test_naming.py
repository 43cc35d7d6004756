"""What names say, and which names tables may have."""

from __future__ import annotations

import os
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_file.naming import is_rotated_name, name_parts, safe_file_name


@pytest.mark.parametrize(
    ("path", "table", "form", "compression"),
    [
        ("a/orders.jsonl", "orders", "jsonl", "none"),
        ("orders.JSONL.2.gz", "orders", "jsonl", "gzip"),
        ("orders.ndjson-20260131", "orders", "jsonl", "none"),
        ("x.2026-01-31.csv.zst", "x.2026-01-31", "csv", "zstd"),
        ("app.log.1", "app", "lines", "none"),
        ("noext", "noext", "lines", "none"),
        (".hidden", ".hidden", "lines", "none"),
    ],
)
def test_name_parts(path: str, table: str, form: str, compression: str) -> None:
    parts = name_parts(path)
    assert (parts.table, parts.format, parts.compression) == (table, form, compression)


@pytest.mark.parametrize(
    "name", ["app.log.1", "app.log-20260131", "app.log.2026-01-31.gz", "app-20260131.log", "app.log.12.zst"]
)
def test_names_that_rotation_makes(name: str) -> None:
    assert is_rotated_name(name, "app.log")


@pytest.mark.parametrize(
    "name", ["app.log", "app.log.bak", "app.logger.1", "app.log.1.tmp", "app2.log", "application.log", "xapp.log.1"]
)
def test_names_that_rotation_does_not_make(name: str) -> None:
    assert not is_rotated_name(name, "app.log")


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("Orders", "Orders"),
        ("dbo.Orders 2-x_y", "dbo.Orders 2-x_y"),
        ("größe", "größe"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a%2Fb", "a%252Fb"),
        ("a\0b\n", "a%00b%0A"),
        ("", None),
        ("x" * 241, None),
        ("\ud800", None),
    ],
)
def test_safe_file_names(table: str, name: str | None) -> None:
    assert safe_file_name(table) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_a_safe_name_stays_in_its_directory_and_names_one_table_only(table: str) -> None:
    name = safe_file_name(table)
    assert name is not None
    assert os.path.normpath(os.path.join("/out", name)) == f"/out/{name}"
    assert not name.startswith(".")
    assert unquote_to_bytes(name).decode() == table
