"""The formats, held against slow and obvious ways of doing the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_file.formats import InvalidRecordError, RecordFormat
from dstream_file.formats.block import EnvelopeWriter
from dstream_file.formats.csv_rows import CsvDialect, CsvRows
from dstream_file.formats.json_lines import JsonLines
from dstream_file.formats.plain_lines import PlainLines

WRITER = EnvelopeWriter({"TableName": "t"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_lines = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only).encode(), json_values, st.booleans()
)
odd_lines = st.sampled_from(
    [
        *[
            b"",
            b" ",
            b"{}{}",
            b"1 2",
            b"1,2",
            b"{",
            b'{"a":',
            b"1}",
            b"]",
            b'"',
            b'"a',
            b'b"',
            b"[",
            b"[1",
            b"\xff",
            b'"\xff"',
        ],
        *[
            b"1],[2",
            b'1,"x":2',
            b'1},{"data":2',
            b' {"a":1}',
            b'{"a":1}\r',
            b'"\\ud800"',
            b"nan",
            b"NaN",
            b"01",
            b"1e5",
            b"-",
        ],
    ]
)


def decoded(lines: bytes) -> list[Any]:
    return [json.loads(line) for line in lines.splitlines()]


def all_of(form: RecordFormat, content: bytes, piece: int) -> list[Any]:
    """The records of a file that is read in growing pieces, as a reader does."""
    records: list[Any] = []
    offset = 0
    size = piece
    while offset < len(content):
        given_content = content[offset : offset + size]
        encoded = form.encode(given_content, offset, final=offset + len(given_content) == len(content))
        ends = [encoded.end_of(count) for count in range(encoded.count + 1)]
        assert ends == sorted(ends)
        assert ends[-1] == encoded.consumed or not encoded.count
        assert encoded.lines.count(b"\n") == encoded.count
        records += decoded(encoded.lines)
        offset += encoded.consumed
        size = piece if encoded.consumed else size * 2
    return records


def expected_of_json(line: bytes) -> Any:
    """What the standard library makes of a line, or None if it is no JSON text in UTF-8."""
    try:
        value = json.loads(line.decode(), parse_constant=lambda name: 1 / 0)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, ZeroDivisionError):
        return None
    return [value]


@given(st.lists(json_lines | odd_lines, max_size=12), st.booleans(), st.integers(1, 40))
def test_json_lines_are_those_that_the_standard_library_reads(lines: list[bytes], end: bool, piece: int) -> None:
    content = b"\n".join(lines) + b"\n" * end
    form = JsonLines(EnvelopeWriter({"TableName": "t"}, wrap=True))
    records = [
        None if record["metadata"].get("Invalid") else [record["data"]] for record in all_of(form, content, piece)
    ]
    assert records == [expected_of_json(line) for line in content.split(b"\n") if line.strip(b" \t\r")]


@given(st.lists(json_lines, min_size=1, max_size=8))
def test_json_lines_keep_their_bytes(lines: list[bytes]) -> None:
    content = b"\n".join(lines) + b"\n"
    encoded = JsonLines(WRITER).encode(content, 5, final=False)
    assert encoded.lines == b"".join(b'{"data":%b,"metadata":{"TableName":"t"}}\n' % line for line in lines)
    assert [encoded.end_of(count) for count in range(encoded.count + 1)][-1] == len(content)


@given(st.lists(json_lines | odd_lines, max_size=8))
def test_offsets_change_nothing_else(lines: list[bytes]) -> None:
    content = b"\n".join(lines)
    with_offsets = JsonLines(EnvelopeWriter({"TableName": "t"}, offsets=True, wrap=True)).encode(content, 0, final=True)
    without = JsonLines(EnvelopeWriter({"TableName": "t"}, wrap=True)).encode(content, 0, final=True)
    found = decoded(with_offsets.lines)
    for record in found:
        assert content[record["metadata"]["offset"] :]
    assert [record["data"] for record in found] == [record["data"] for record in decoded(without.lines)]


def test_deep_nesting_is_an_invalid_line() -> None:
    line = b"[" * 100_000 + b"]" * 100_000 + b"\n"
    with pytest.raises(InvalidRecordError, match="nested too deeply"):
        JsonLines(WRITER).encode(line, 0, final=False)


def test_what_is_before_an_invalid_line_comes_first() -> None:
    content = b"1\n2\n{\n3\n"
    first = JsonLines(WRITER).encode(content, 0, final=False)
    assert (first.count, first.consumed, first.open_line) == (2, 4, None)
    with pytest.raises(InvalidRecordError):
        JsonLines(WRITER).encode(content[4:], 4, final=False)


@given(st.binary(max_size=60).map(lambda content: content.replace(b"\x00", b"\n")), st.integers(1, 20))
def test_plain_lines(content: bytes, piece: int) -> None:
    form = PlainLines(EnvelopeWriter({"TableName": "t"}, wrap=True))
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert [record["data"].get("line") for record in all_of(form, content, piece)] == [
        line.decode() if is_text(line) else None for line in lines
    ]


def is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\n", "\r\n", ",", '""', "a\nb"]
)


@given(
    st.lists(st.lists(cells, min_size=2, max_size=2), max_size=6), st.integers(1, 30), st.sampled_from(["\n", "\r\n"])
)
def test_csv_rows_are_those_that_were_written(rows: list[list[str]], piece: int, line_end: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    content = buffer.getvalue().encode()
    form = CsvRows(WRITER, CsvDialect())
    header = form.read_header(content, final=True)
    records = all_of_csv(form, content, header, piece)
    assert [list(record["data"].values()) for record in records] == rows


def all_of_csv(form: CsvRows, content: bytes, header: int, piece: int) -> list[Any]:
    offset, size = header, piece
    records: list[Any] = []
    while offset < len(content):
        part = content[offset : offset + size]
        final = offset + len(part) == len(content)
        encoded = form.encode(part, offset, final=final)
        records += decoded(encoded.lines)
        offset += encoded.consumed
        size = piece if encoded.consumed else size * 2
        if final and not encoded.consumed:
            assert part == b"\xef\xbb\xbf", "something is left at the end"
            break
    return records


csv_bytes = st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\xff", b"\xef\xbb\xbf"]), max_size=30).map(
    b"".join
)


@given(csv_bytes, st.integers(1, 30))
def test_csv_loses_no_bytes_whatever_they_are(content: bytes, piece: int) -> None:
    form = CsvRows(EnvelopeWriter({"TableName": "t"}, wrap=True), CsvDialect(header=False, columns=("a", "b")))
    for record in all_of_csv(form, content, 0, piece):
        assert record["metadata"].get("Invalid") or record["data"].keys() == {"a", "b"}


def test_an_endless_quote_costs_one_line_only() -> None:
    form = CsvRows(EnvelopeWriter({"TableName": "t"}, wrap=True), CsvDialect(header=False, columns=("a",)))
    encoded = form.encode(b'1\n"2\n3\n', 0, final=True)
    assert [record["data"] for record in decoded(encoded.lines)] == [{"a": "1"}, {"line": '"2'}, {"a": "3"}]
