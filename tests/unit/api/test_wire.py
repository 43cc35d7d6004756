"""Data lines to values and back: exact, and nothing that is not valid passes."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dstream_core.api.delivery.wire import (
    InvalidLineError,
    UnwritableDataError,
    decode_any_line,
    decode_exactly,
    decode_value,
    encode_envelope_line,
    encode_position,
)
from dstream_core.api.envelope import Envelope
from dstream_core.protocol.exact_json import decode_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**18, 10**60)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=12,
)


@given(VALUES, st.dictionaries(TEXT, VALUES, max_size=3))
def test_what_goes_out_comes_in(data: Any, metadata: dict[str, Any]) -> None:
    line = encode_envelope_line(data, metadata)
    assert b"\n" not in line
    wire = decode_any_line(line)
    assert decode_value(wire.data) == data
    assert wire.metadata == metadata
    assert json.loads(line) == {"data": data, "metadata": metadata}


@given(VALUES)
def test_the_standard_librarys_text_keeps_its_bytes(data: Any) -> None:
    for text in (json.dumps(data), json.dumps(data, ensure_ascii=False, separators=(" ,", ": "))):
        wire = decode_any_line(b'{"data":' + text.encode() + b"}")
        assert bytes(wire.data) == text.encode()
        assert decode_value(wire.data) == data


@given(st.binary(max_size=40) | st.text('{}[]":,0123456789.eE+-\\u\ud7ff nulltrfas', max_size=40).map(str.encode))
@example(b"{}\x00")
def test_no_line_is_taken_whose_data_cannot_be_decoded_later(text: bytes) -> None:
    for line in (
        text,
        b'{"data":' + text + b"}",
        b'{"data":"' + text + b'"}',
        b'{"data":1,"metadata":{"a":' + text + b"}}",
    ):
        try:
            wire = decode_any_line(line)
        except InvalidLineError:
            continue
        decode_value(wire.data)
        decode_exactly(wire.data)
        json.loads(line)


def test_numbers_are_exact() -> None:
    wire = decode_any_line(b'{"data":[123456789012345678901234567890,1.10,1e400,-0.0]}')
    assert decode_value(wire.data) == [123456789012345678901234567890, 1.1, Decimal("1E+400"), 0.0]
    exact = decode_exactly(wire.data)
    assert [str(number) for number in exact] == ["123456789012345678901234567890", "1.10", "1E+400", "-0.0"]
    line = encode_envelope_line({"d": Decimal("1.10"), "e": Decimal("1E+5"), "i": 10**40}, None)
    assert decode_json(line)["data"] == {"d": Decimal("1.10"), "e": Decimal(100000), "i": 10**40}


def test_integers_of_thousands_of_digits() -> None:
    digits = "9" * 5000
    wire = decode_any_line(b'{"data":' + digits.encode() + b"}")
    assert str(decode_value(wire.data)) == digits
    assert bytes(wire.data) == digits.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("shape", [lambda n: n, lambda n: {"a": [n]}, lambda n: {"a": {"b": (1, n)}, "null": None}])
def test_a_number_that_is_not_finite_is_refused_rather_than_made_null(number: Any, shape: Any) -> None:
    with pytest.raises(UnwritableDataError, match="not finite"):
        encode_envelope_line(shape(number), None)
    with pytest.raises(UnwritableDataError, match="not finite"):
        encode_envelope_line({}, {"m": shape(number)})
    with pytest.raises(UnwritableDataError, match="not finite"):
        encode_position(shape(number))


def test_text_that_looks_suspicious_is_none() -> None:
    assert json.loads(encode_envelope_line({"a": "NaN null Infinity", "b": None, "c": 1.5}, None))["data"]["b"] is None


@pytest.mark.parametrize("value", [object(), "\ud800", {"\ud800": 1}, {(1, 2): 3}, {1, object()}])
def test_what_json_cannot_hold_is_refused_without_its_value(value: Any) -> None:
    with pytest.raises(UnwritableDataError) as caught:
        encode_envelope_line({"secret": "hunter22", "value": value}, None)
    assert "hunter22" not in str(caught.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(UnwritableDataError, match="nested too deeply"):
        encode_envelope_line(value, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"{}", "no member `data`"),
        (b"[]", "not a JSON object"),
        (b'{"data":1,"metadata":"x"}', "`metadata` is no object"),
        (b'{"data":"\xc3"}', "not UTF-8 (byte 9)"),
        (b'{"data":NaN}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"data":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_why_a_line_is_no_envelope(line: bytes, reason: str) -> None:
    with pytest.raises(InvalidLineError) as caught:
        decode_any_line(line)
    assert str(caught.value).startswith(reason)


def test_raw_envelopes_hold_the_text_itself() -> None:
    assert Envelope.raw('{"a": 1.10}', {"t": 1}, 7, "p") == Envelope(msgspec.Raw(b'{"a": 1.10}'), {"t": 1}, 7, "p")
    line = encode_envelope_line(Envelope.raw(b'{"a": 1.10}').data, None)
    assert line == b'{"data":{"a": 1.10},"metadata":{}}'
