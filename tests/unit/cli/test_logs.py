from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dstream_core.cli.logs import LogSettings, clean, format_line, format_record, known_level, parse_level
from dstream_core.errors import ConfigurationError

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)


@pytest.mark.parametrize(
    ("word", "level"),
    [("info", "info"), ("WARN", "warning"), ("trace", "debug"), ("Fatal", "error"), (" debug ", "debug"), ("x", None)],
)
def test_levels_have_other_names(word: str, level: str | None) -> None:
    assert known_level(word) == level


def test_an_unknown_level_is_an_error_with_the_right_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_level("loud", "--log-level")
    assert "debug, info, warning, error" in str(caught.value.hint)


@pytest.mark.parametrize(("least", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_shows(least: str, shown: int) -> None:
    settings = LogSettings(level=least)
    assert sum(settings.shows(level) for level in ("debug", "info", "warning", "error")) == shown
    assert settings.shows("a level that nobody knows")


def test_text() -> None:
    settings = LogSettings()
    assert format_record(settings, "counter", "info", "hello", {}, NOW) == "counter: hello"
    assert (
        format_record(settings, "", "warning", "careful", {"n": 1, "t": "a b"}, NOW) == 'warning: careful n=1 t="a b"'
    )
    timed = LogSettings(time=True)
    assert format_record(timed, "x", "info", "m", {}, NOW) == "2026-01-02T03:04:05.678Z x: m"


def test_json_keeps_its_own_members() -> None:
    line = format_record(LogSettings(format="json"), "x", "error", "m", {"n": 1, "source": "forged"}, NOW)
    assert json.loads(line) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "error",
        "source": "x",
        "message": "m",
        "n": 1,
    }


def test_a_plain_line_in_json_loses_its_colours_only() -> None:
    line = format_line(LogSettings(format="json"), "x", "\x1b[31mred\x1b[0m", NOW)
    assert json.loads(line)["message"] == "red"


@pytest.mark.parametrize(
    ("text", "color", "shown"),
    [
        ("a\x1b[31mb", False, "ab"),
        ("a\x1b[31mb", True, "a\x1b[31mb\x1b[0m"),
        ("\x1b]0;title\x07", True, "\\x1b]0;title\\x07\x1b[0m"),
        ("a\x00b\rc", False, "a\\x00b\\x0dc"),
        ("tab\tand\nline", False, "tab\tand\nline"),
    ],
)
def test_a_log_line_can_do_nothing_to_the_terminal_but_colour_it(text: str, color: bool, shown: str) -> None:
    assert clean(text, color=color) == shown
