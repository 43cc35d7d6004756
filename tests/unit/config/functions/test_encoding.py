"""Encodings, hashes and conversions, row by row as Terraform answers."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS, FunctionError
from dstream_core.config.values import TupleValue

GIVES = [
    ('base64encode("héllo")', '"aMOpbGxv"'),
    ('base64decode("aGVsbG8=")', '"hello"'),
    (r'base64decode("aGVs\nbG8=")', '"hello"'),
    ('base64decode("")', '""'),
    ('base64gzip("hello")', '"H4sIAAAAAAAA/8pIzcnJBwAAAP//AQAA//+GphA2BQAAAA=="'),
    ('base64gzip("")', '"H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA=="'),
    ('urlencode("a b&c=ü/~-_.*!\'()")', '"a+b%26c%3D%C3%BC%2F~-_.%2A%21%27%28%29"'),
    ('textencodebase64("Hello", "UTF-16LE")', '"SABlAGwAbABvAA=="'),
    ('textencodebase64("é", "UTF-16")', '"/v8A6Q=="'),
    ('textencodebase64("é", "latin1")', '"6Q=="'),
    ('textencodebase64("é", "utf-8")', '"w6k="'),
    ('textencodebase64("日本", "Shift_JIS")', '"k/qWew=="'),
    ('textencodebase64("日本", "EUC-KR")', '"7O3c4g=="'),
    ('textdecodebase64("SABlAGwAbABvAA==", "UTF-16LE")', '"Hello"'),
    ('textdecodebase64("/v8A6Q==", "UTF-16")', '"é"'),
    ('textdecodebase64("AOk=", "UTF-16")', '"é"'),
    (r'jsonencode("a<b>&\u2028\u2029\u0008\u000c\n\u0001\u007fé")',
     r'"\"a\\u003cb\\u003e\\u0026\\u2028\\u2029\\b\\f\\n\\u0001\u007fé\""'),
    ('jsonencode({ a = null, b = [1, "x", true], "é" = 1.50 })', r'"{\"a\":null,\"b\":[1,\"x\",true],\"é\":1.5}"'),
    ("jsonencode(12345678901234567890123456789)", '"12345678901234567890123456789"'),
    ("jsonencode(1e30)", '"1000000000000000000000000000000"'),
    ("jsonencode(null)", '"null"'),
    ('jsonencode(toset(["b", "a"]))', r'"[\"a\",\"b\"]"'),
    (r'jsondecode("{\"b\": [1, null, true], \"a\": {\"x\": \"y\"}}")', '{ a = { x = "y" }, b = [1, null, true] }'),
    (r'jsondecode("{\"a\":1,\"a\":\"2\"}")', '{ a = "2" }'),
    ('jsondecode("12345678901234567890.10")', "12345678901234567890.1"),
    ('jsondecode(" -1e2 ")', "-100"),
    (r'jsondecode("\"\\ud800x\\u0065\\u0301\"")', r'"\ufffdxé"'),
    ("jsondecode(\"[]\")", "[]"),
    (r'csvdecode("a,b\n1,2\n3,4\n")', 'tolist([{ a = "1", b = "2" }, { a = "3", b = "4" }])'),
    ('csvdecode("a,b")', "tolist([])"),
    (r'csvdecode("a,b\r\n\"x\"\"y\",\"l1\r\nl2\"\r\n\r\n1,\n")',
     r'tolist([{ a = "x\"y", b = "l1\nl2" }, { a = "1", b = "" }])'),
    (r'csvdecode("a,b\n 1 , 2 \n,")', 'tolist([{ a = " 1 ", b = " 2 " }, { a = "", b = "" }])'),
    (r'csvdecode("\n\na\n1")', 'tolist([{ a = "1" }])'),
    (r'csvdecode("a\n1\r2\n")', r'tolist([{ a = "1\r2" }])'),
    (r'csvdecode("a\n\"1\n\n2\"\n")', r'tolist([{ a = "1\n\n2" }])'),
    (r'csvdecode("a\n \n\n")', 'tolist([{ a = " " }])'),
    ('md5("hello")', '"5d41402abc4b2a76b9719d911017c592"'),
    ('sha1("hello")', '"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"'),
    ('sha256("hello")', '"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"'),
    ('substr(sha512("hello"), 0, 32)', '"9b71d224bd62f3785d96d46ad3ea3d73"'),
    ('length(sha512("hello"))', "128"),
    ('base64sha256("hello")', '"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="'),
    ('base64sha512("hello")',
     '"m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw=="'),
    ('uuidv5("dns", "www.terraform.io")', '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),
    ('uuidv5("url", "https://x")', '"48d34be5-10a3-5c30-96ef-9cf9a60110f2"'),
    ('uuidv5("oid", "1.3")', '"7c3f19ce-da43-52bf-99db-9f3349f15d5e"'),
    ('uuidv5("x500", "CN=x")', '"955bb643-faf8-5f69-a3de-891b89fea215"'),
    ('uuidv5("6BA7B810-9dad-11d1-80b4-00c04fd430c8", "www.terraform.io")', '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),
    ('uuidv5("{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "www.terraform.io")',
     '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),
    ('uuidv5("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.terraform.io")',
     '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),
    ('uuidv5("6ba7b8109dad11d180b400c04fd430c8", "www.terraform.io")', '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),
    ("tostring(null)", "null"),
    ("tostring(1.0)", '"1"'),
    ("tostring(true)", '"true"'),
    ('tonumber("1e3")', "1000"),
    ('tobool("true")', "true"),
    ('tobool("1")', "true"),
    ('tolist(["a", 1])', 'tolist(["a", "1"])'),
    ('tolist(toset(["b"]))', 'tolist(["b"])'),
    ('toset(["b", "a", "a", 1])', 'toset(["1", "a", "b"])'),
    ('tomap({ a = 1, b = "x" })', 'tomap({ a = "1", b = "x" })'),
]  # fmt: skip

FAILS = [
    ('base64decode("aGVsbG8")', "failed to decode base64 data"),
    ('base64decode("aGV sbG8=")', "failed to decode base64 data"),
    ('base64decode("é")', "failed to decode base64 data"),
    ('base64decode("//4=")', "the result of decoding the provided string is not valid UTF-8"),
    ('textencodebase64("é☃", "ISO-8859-1")', "characters that cannot be represented in ISO-8859-1"),
    ('textencodebase64("é", "foo")', '"foo" is not a supported character set'),
    ('textencodebase64("é", "hex")', '"hex" is not a supported character set'),
    ('textencodebase64("é", "idna")', '"idna" is not a supported character set'),
    ('textdecodebase64("!!", "UTF-8")', "not valid base64"),
    ('textdecodebase64("gQ==", "windows-1252")', "symbols that are not defined for windows-1252"),
    ('textdecodebase64("6Q==", "UTF-8")', "symbols that are not defined for UTF-8"),
    ('jsondecode("[1,2,]")', "invalid JSON at line 1, column"),
    ('jsondecode("")', "invalid JSON at line 1, column 1"),
    ('jsondecode("1 2")', "invalid JSON at line 1, column 3"),
    ('jsondecode("NaN")', "NaN is no JSON value"),
    ('jsondecode("1e99999")', "more than 4,000 digits"),
    ('csvdecode("")', "missing header line"),
    (r'csvdecode("a,b\n1\n")', "CSV parse error on line 2: wrong number of fields"),
    (r'csvdecode("a,b\n\n1,2,3\n")', "CSV parse error on line 3: wrong number of fields"),
    (r'csvdecode("a,a\n1,2")', 'duplicate column name "a"'),
    (r'csvdecode("a,b\n\"x\"y,2\n")', 'CSV parse error on line 2: extraneous or missing " in quoted-field'),
    (r'csvdecode("a,b\nx\"y,2\n")', 'CSV parse error on line 2: bare " in non-quoted-field'),
    (r'csvdecode("a,b\n\"x,2\n")', 'CSV parse error on line 2: extraneous or missing " in quoted-field'),
    ('uuidv5("tv", "x")', "the namespace must be"),
    ("tostring([])", "cannot convert tuple to string"),
    ('tonumber("x")', "cannot convert string to number; given string must be a decimal representation of a number"),
    ('tonumber(" 1")', "cannot convert string to number"),
    ('tonumber("0x10")', "cannot convert string to number"),
    ("tonumber(true)", "cannot convert bool to number"),
    ('tobool("yes")', 'cannot convert string to bool; only the strings "true" or "false" are allowed'),
    ('tobool("TRUE")', "cannot convert string to bool"),
    ("tobool(1)", "cannot convert number to bool"),
    ('tolist(["a", []])', "cannot convert tuple to list of any single type"),
    ('tolist("a")', "cannot convert string to list of any single type"),
    ("tomap({ a = 1, b = [] })", "cannot convert object to map of any single type"),
    ('toset("a")', "cannot convert string to set of any single type"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


def _call(name: str, *values: Any) -> Any:
    return FUNCTIONS[name].invoke(values)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("base64decode", ("hunter2-hunter2!",)),
        ("textdecodebase64", ("hunter2-hunter2!", "UTF-8")),
        ("tonumber", ("hunter2-hunter2!",)),
        ("tobool", ("hunter2-hunter2!",)),
        ("parseint", ("hunter2-hunter2!", 10)),
        ("jsondecode", ("hunter2-hunter2!",)),
        ("timeadd", ("hunter2-hunter2!", "1s")),
        ("timeadd", ("2024-01-01T00:00:00Z", "hunter2-hunter2!")),
        ("timecmp", ("hunter2-hunter2!", "hunter2-hunter2!")),
        ("uuidv5", ("hunter2-hunter2!", "x")),
        ("cidrhost", ("hunter2-hunter2!", 1)),
        ("regex", ("[0-9]{9}", "hunter2-hunter2!")),
    ],
)
def test_messages_do_not_show_what_may_be_secret(name: str, arguments: tuple[Any, ...]) -> None:
    """Invariant 5: what a string holds may have come from the environment."""
    values = [Decimal(value) if isinstance(value, int) else value for value in arguments]
    with pytest.raises(FunctionError) as caught:
        _call(name, *values)
    assert "hunter2" not in caught.value.message


@given(st.text())
def test_base64_and_back(text: str) -> None:
    encoded = _call("base64encode", text)
    assert base64.b64decode(encoded).decode() == text
    assert FUNCTIONS["base64decode"].call(encoded) == text


@given(st.text())
def test_gzip_is_gzip(text: str) -> None:
    assert gzip.decompress(base64.b64decode(FUNCTIONS["base64gzip"].call(text))).decode() == text


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.text()), lambda inner: st.lists(inner).map(TupleValue)))
def test_json_is_json_that_html_may_hold(value: Any) -> None:
    text = FUNCTIONS["jsonencode"].call(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).translate(
        {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
    )


@given(st.text())
def test_any_text_is_json_or_refused(text: str) -> None:
    try:
        _call("jsondecode", text)
    except FunctionError as error:
        refused = error.argument_index
    else:
        refused = None
    assert refused in (None, 0)


def test_deep_json_is_refused_without_a_traceback() -> None:
    with pytest.raises(FunctionError):
        _call("jsondecode", "[" * 100_000)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(st.lists(st.tuples(cells, cells.filter(bool)), max_size=5))
def test_quoted_cells_arrive_as_they_are(rows: list[tuple[str, str]]) -> None:
    quoted = ["one,two", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)]
    result = FUNCTIONS["csvdecode"].call("\n".join(quoted))
    assert [(row["one"], row["two"]) for row in result] == rows
