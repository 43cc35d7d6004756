"""Functions for strings, row by row as Terraform answers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS

GIVES = [
    (r'chomp("a\r\n\n\r")', '"a"'),
    (r'chomp("a\n\n b \n")', r'"a\n\n b "'),
    ('endswith("abc", "bc")', "true"),
    ('endswith("abc", "ab")', "false"),
    (r'indent(2, "a\nb\n\nc")', r'"a\n  b\n  \n  c"'),
    ('join(",", ["a"], ["b", "c"])', '"a,b,c"'),
    ('join(",", [1, true])', '"1,true"'),
    ('join(",", toset(["b", "a"]))', '"a,b"'),
    ('join(",", [])', '""'),
    ('lower("İΣΑΣ")', '"iσασ"'),
    ('split(",", "a,b,")', 'tolist(["a", "b", ""])'),
    ('split(",", "")', 'tolist([""])'),
    ('split("", "")', "tolist([])"),
    ('split("", "hé👨‍👩")', r'tolist(["h", "é", "👨", "\u200d", "👩"])'),
    ('startswith("abc", "")', "true"),
    ('startswith("abc", "b")', "false"),
    ('strcontains("abc", "bc")', "true"),
    ('strcontains("abc", "bd")', "false"),
    ('strrev("hello ☃")', '"☃ olleh"'),
    ('strrev("🇩🇪🇫🇷é")', '"é🇫🇷🇩🇪"'),
    (r'strrev("ae\u0301")', r'"e\u0301a"'),
    ('substr("hello", 1, 3)', '"ell"'),
    ('substr("hello", -3, 2)', '"ll"'),
    ('substr("hello", -10, 2)', '"he"'),
    ('substr("hello", 1, -5)', '"ello"'),
    ('substr("hello", -2, 0)', '"lo"'),
    ('substr("hello", 2, 0)', '""'),
    ('substr("", -1, 2)', '""'),
    ('substr("hello", 10, 1)', '""'),
    ('substr("hello", 0, 100)', '"hello"'),
    ('substr("🇩🇪👨‍👩‍👧x", 1, 1)', '"👨‍👩‍👧"'),
    ('title("hello world_foo bar-baz o\'neil 3com HELLO ßs ǆx")', '"Hello World_foo Bar-Baz O\'Neil 3com HELLO ßs ǅx"'),
    ('title("über größe»x")', '"Über Größe»x"'),
    ('trim("?!hello?!", "!?")', '"hello"'),
    ('trim("aaa", "")', '"aaa"'),
    ('trim("äöä", "ä")', '"ö"'),
    ('trimprefix("helloworld", "hello")', '"world"'),
    ('trimprefix("aab", "a")', '"ab"'),
    (r'trimspace("\u00a0\u2003 a\u200b\u0085 ")', r'"a\u200b"'),
    (r'trimspace("\u001fa")', r'"\u001fa"'),
    ('trimsuffix("helloworld", "world")', '"hello"'),
    ('upper("ßﬁéǆ")', '"ßﬁÉǄ"'),
    ('basename("a/b/c.txt")', '"c.txt"'),
    ('basename("a/b/")', '"b"'),
    ('basename("")', '"."'),
    ('basename("/")', '"/"'),
    ('dirname("a/b/c.txt")', '"a/b"'),
    ('dirname("a")', '"."'),
    ('dirname("/")', '"/"'),
    ('dirname("a/b/")', '"a/b"'),
    ('dirname("a//b/../c")', '"a"'),
    ('dirname("//a/b")', '"/a"'),
    ('length("🇩🇪🇫🇷🇮")', "3"),
    ('length("👨‍👩‍👧")', "1"),
    ('length("한국어")', "3"),
    (r'length("\r\n")', "1"),
    (r'length("e\u0301")', "1"),
    ('length("")', "0"),
]

FAILS = [
    ('indent(-1, "a")', "must not be negative"),
    ('indent(1.5, "a")', "value must be a whole number, between -9223372036854775808 and 9223372036854775807"),
    (r'indent(99999999999, "a\nb")', "too large"),
    ('join(",")', "at least one list is required"),
    ('join(",", ["a", null])', "element 1 is null; cannot concatenate null values"),
    ('join(",", ["a"], [null])', "element 0 of list 2 is null; cannot concatenate null values"),
    ('join(",", "a")', "list of string required"),
    ('join(",", [["a"]])', "element 0: string required"),
    ('substr("hello", 1.5, 1)', "value must be a whole number"),
    ("length(12)", "argument must be a string, a collection type, or a structural type"),
    ("upper(null)", "argument must not be null"),
    ("upper([])", "string required"),
    ("upper()", '"str" is missing'),
    ('upper("a", "b")', "takes only 1 argument"),
]


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


@given(st.text(), st.text(min_size=1))
def test_split_and_join_are_inverse(text: str, separator: str) -> None:
    parts = FUNCTIONS["split"].call(separator, text)
    assert FUNCTIONS["join"].call(separator, parts) == text


@given(st.text())
def test_reversing_keeps_the_characters(text: str) -> None:
    reverse = FUNCTIONS["strrev"].call
    assert sorted(reverse(text)) == sorted(text)


@given(st.text(), st.integers(-5, 5), st.integers(-5, 5))
def test_a_part_is_inside_the_string(text: str, offset: int, length: int) -> None:
    assert FUNCTIONS["substr"].call(text, Decimal(offset), Decimal(length)) in text
