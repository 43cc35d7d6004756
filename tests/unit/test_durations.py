"""Go durations: the grammar of `time.ParseDuration`, plain seconds, and the way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.durations import format_duration, go_nanoseconds, parse_duration, parse_nanoseconds
from dstream_core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("5s", 5),
        ("+5s", 5),
        ("-5s", -5),
        ("30m", 1800),
        ("1h5m3.5s", 3903.5),
        ("5.6s", 5.6),
        ("5.s", 5),
        (".5s", 0.5),
        ("100ms", 0.1),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("1ns", 1e-9),
        ("39h9m14.425s", 140954.425),
        ("1m1m", 120),
        ("0.3333333333333333333h", 1200),
        ("2562047h47m16.854775807s", 9223372036.854775807),
        (5, 5),
        (0, 0),
        (2.5, 2.5),
        (Decimal("0.25"), 0.25),
        ("5", 5),
        ("0.5", 0.5),
        ("-2", -2),
    ],
)
def test_durations_are_read(value: str | int | float | Decimal, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds, abs=2e-9)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        ("-", "empty"),
        ("s", "number is missing"),
        (".", "number is missing"),
        (".s", "number is missing"),
        ("1h5", "unit is missing"),
        ("3x", 'unknown unit "x"'),
        ("3 s", 'unknown unit " s"'),
        ("1d", 'unknown unit "d"'),
        ("--5s", "number is missing"),
        ("9223372037s", "too long"),
        ("9" * 100 + "s", "too long"),
        ("9" * 100, "too long"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (Decimal("NaN"), "finite"),
        (Decimal("1e999999"), "too long"),
        (True, "not a bool"),
    ],
)
def test_what_is_no_duration_is_refused_with_a_hint(value: str | float | Decimal, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        parse_duration(value)
    assert caught.value.code == "config/duration"
    assert caught.value.hint is not None
    assert "30s" in caught.value.hint


def test_the_strict_form_wants_a_unit() -> None:
    assert go_nanoseconds("0") == 0
    with pytest.raises(ConfigurationError, match="unit is missing"):
        go_nanoseconds("5")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1e-9, "1ns"),
        (1.1e-6, "1.1µs"),
        (2.2e-3, "2.2ms"),
        (3.3, "3.3s"),
        (245, "4m5s"),
        (245.001, "4m5.001s"),
        (18367.001, "5h6m7.001s"),
        (3600, "1h0m0s"),
        (-1.5, "-1.5s"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_writing_and_reading_agree(nanoseconds: int) -> None:
    exact = Decimal(nanoseconds) / 1_000_000_000
    assert parse_nanoseconds(format_duration(exact)) == nanoseconds


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ConfigurationError as error:
        refused: str | None = error.code
    else:
        refused = None if abs(seconds) < 1e10 else "too long"
    assert refused in (None, "config/duration")
