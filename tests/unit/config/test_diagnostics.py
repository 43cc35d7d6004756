"""Excerpts with carets, suggestions, and diagnostics as data."""

from __future__ import annotations

import pytest

from dstream_core.config.diagnostics import Collector, excerpt, in_order, nearest, suggestion, to_json
from dstream_core.errors import Diagnostic, DiagnosticsError, Place


@pytest.mark.parametrize(
    ("text", "place", "drawn"),
    [
        ("a = b\n", Place("f", 1, 5, 1, 6), "1 | a = b\n  |     ^"),
        ("a = b\n", Place("f", 1, 5), "1 | a = b\n  |     ^"),
        ("x\n\ta = bcd", Place("f", 2, 6, 2, 9), "2 |     a = bcd\n  |         ^^^"),
        ('k = "日本" + x', Place("f", 1, 12, 1, 13), '1 | k = "日本" + x\n  |              ^'),
        ("k = 日本", Place("f", 1, 5, 1, 7), "1 | k = 日本\n  |     ^^^^"),
        ("e\u0301 = x", Place("f", 1, 6, 1, 7), "1 | e\u0301 = x\n  |     ^"),
        ("a = [\n1\n]", Place("f", 1, 5, 3, 2), "1 | a = [\n  |     ^"),
        ("a =", Place("f", 1, 4, 1, 5), "1 | a =\n  |    ^"),
        ("a = 1\r\n", Place("f", 1, 1, 1, 2), "1 | a = 1\n  | ^"),
        ("\ufeffa", Place("f", 1, 1, 1, 2), "1 | a\n  | ^"),
        ("a\x00\x1b[31mb", Place("f", 1, 1, 1, 2), "1 | a\ufffd\ufffd[31mb\n  | ^"),
        ("\n" * 99 + "abc", Place("f", 100, 2, 100, 3), "100 | abc\n    |  ^"),
        ("a", Place("f", 7, 1), ""),
    ],
)
def test_excerpt(text: str, place: Place, drawn: str) -> None:
    assert excerpt(text, place) == drawn


def test_a_long_line_is_cut_around_the_place() -> None:
    drawn = excerpt("x" * 10_000 + "HERE" + "y" * 10_000, Place("f", 1, 10_001, 1, 10_005))
    line, carets = drawn.split("\n")
    assert len(line) < 200
    assert line[carets.index("^") :].startswith("HERE")
    assert carets.count("^") == 4


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("intervall", ["interval", "max_count"], "interval"),
        ("maxCount", ["interval", "max_count"], "max_count"),
        ("xyz", ["interval"], None),
        ("x", [], None),
    ],
)
def test_nearest(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == found


def test_suggestion() -> None:
    assert suggestion("nam", ["name", "age"]) == 'Did you mean "name"?'
    assert suggestion("nam", ["name"], prefix="local.", listed="locals that exist") == (
        'Did you mean "local.name"? The locals that exist: local.name.'
    )
    assert suggestion("zzz", ["name"]) is None
    assert suggestion("zzz", [], listed="locals") is None
    many = suggestion("zzz", [f"n{number:03}" for number in range(40)], listed="names")
    assert many is not None
    assert "n029, …" in many


def test_as_data() -> None:
    full = Diagnostic("a/b", "message", Place("f", 1, 2, 3, 4), "hint", "excerpt")
    assert to_json(full) == {
        "code": "a/b", "severity": "error", "message": "message", "file": "f", "line": 1, "column": 2, "end_line": 3,
        "end_column": 4, "hint": "hint", "excerpt": "excerpt",
    }  # fmt: skip
    assert to_json(Diagnostic("a/b", "message", severity="warning")) == {
        "code": "a/b", "severity": "warning", "message": "message",
    }  # fmt: skip


def test_collector_gathers_and_raises_in_the_order_of_the_file() -> None:
    collector = Collector()
    later, earlier = Diagnostic("a/b", "later", Place("f", 9, 1)), Diagnostic("a/b", "earlier", Place("f", 2, 1))
    for item in (later, earlier, later):
        with collector:
            raise DiagnosticsError([item])
    with pytest.raises(DiagnosticsError) as caught:
        collector.raise_errors()
    assert caught.value.diagnostics == (earlier, later)
    with pytest.raises(ZeroDivisionError), collector:
        _ = 1 / 0


def test_warnings_alone_are_not_raised() -> None:
    collector = Collector()
    collector.add(Diagnostic("a/b", "careful", severity="warning"))
    collector.raise_errors()
    assert in_order(collector.items)
