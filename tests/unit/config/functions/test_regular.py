"""Regular expressions mean what RE2 means; every row was asked of RE2's own implementation in Go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions.re2 import PatternError, compile_pattern

GIVES = [
    ('regex("[0-9]+", "table42")', '"42"'),
    ('regex("(a)|(b)", "b")', '[null, "b"]'),
    ('regex("(?P<x>a)|(?P<y>b)", "b")', '{ x = null, y = "b" }'),
    ('regex("(?<a>x)", "x")', '{ a = "x" }'),
    ('regex("(?P<1a>x)", "x")', '{ "1a" = "x" }'),
    ('regex("(?P<a>x)(?P<a>y)", "xy")', '{ a = "y" }'),
    ('regexall("[a-z]+", "1a22bc")', 'tolist(["a", "bc"])'),
    ('regexall("([a-z])([0-9])", "a1b2")', 'tolist([["a", "1"], ["b", "2"]])'),
    ('regexall("a", "b")', "tolist([])"),
    ('regexall("a*", "baaac")', 'tolist(["", "aaa", ""])'),
    ('regexall("", "añb")', 'tolist(["", "", "", ""])'),
    (r'regexall("\\b", "foo bar")', 'tolist(["", "", "", ""])'),
    ('regex("[[:alpha:]]+", "12ab")', '"ab"'),
    ('regex("[[:^alpha:]]+", "ab12")', '"12"'),
    (r'regex("\\pL+", "12éab")', '"éab"'),
    (r'regex("\\p{Lu}\\P{Lu}", "aBc")', '"Bc"'),
    (r'regex("[\\p{^Greek}]+", "αxyβ")', '"xy"'),
    (r'regex("\\p{Greek}+", "12αβab")', '"αβ"'),
    (r'regex("\\d\\D\\w\\W", "1a_-")', '"1a_-"'),
    (r'regex("\\w+", "é9")', '"9"'),
    (r'regex("\\bfoo\\b", "éfoo")', '"foo"'),
    (r'regex("[^\\d]", "1a")', '"a"'),
    (r'regex("[\\w-]+", "a-b")', '"a-b"'),
    ('regex("[]a]", "]")', '"]"'),
    ('regex("[a-]+", "a-")', '"a-"'),
    ('regex("[[a]+", "[a")', '"[a"'),
    ('regex("[a&&b]+", "a&b")', '"a&b"'),
    ('regex("(?i)straße", "STRASSE STRAßE")', '"STRAßE"'),
    (r'regex("(?i)[k]", "\u212a")', r'"\u212a"'),
    (r'regexall("(?i)\\W", "k\u212as-")', 'tolist(["-"])'),
    (r'regexall("(?i)[^\\W]", "k\u212as-")', r'tolist(["k", "\u212a", "s"])'),
    ('regexall("(?i)i", "iIıİ")', 'tolist(["i", "I"])'),
    ('regexall("(?i)[[:lower:]]+", "aBc")', 'tolist(["aBc"])'),
    (r'regexall("(?i)\\p{Lu}+", "aBé1")', 'tolist(["aBé"])'),
    (r'regexall("\\B", "")', 'tolist([""])'),
    ('regex("a(?i)b(?-i)c", "aBc")', '"aBc"'),
    ('regex("(?i:a)b", "Ab")', '"Ab"'),
    (r'regex("(?m)^b$", "a\nb\n")', '"b"'),
    (r'regex("(?s)a.c", "a\nc")', r'"a\nc"'),
    ('regex("(?U)a+", "aaa")', '"a"'),
    ('regex("(?U)a+?", "aaa")', '"aaa"'),
    ('regex("a+?", "aaa")', '"a"'),
    (r'regex("\\Qa.b\\E+", "a.bb")', '"a.bb"'),
    (r'regex("\\x{e9}\\x41\\101\\t", "éAA\t")', r'"éAA\t"'),
    (r'regex("\\z", "a")', '""'),
    ('regex("a{2,3}", "aaaa")', '"aaa"'),
    ('regex("a{,2}", "a{,2}")', '"a{,2}"'),
    ('regex("a{2", "a{2")', '"a{2"'),
    ('regex("x{0}", "x")', '""'),
    ('regex("(?:(a)|b)*", "ab")', '["a"]'),
    ('regex("(|a)+", "aa")', '[""]'),
    ('replace("a.b.c", ".", "-")', '"a-b-c"'),
    ('replace("abc", "", "-")', '"-a-b-c-"'),
    ('replace("abc", "/", "-")', '"abc"'),
    ('replace("a/b/c", "//", "-")', '"-a-/-b-/-c-"'),
    ('replace("hello world", "/w.*d/", "[$0]")', '"hello [world]"'),
    ('replace("abc", "/(b)/", "<$1x>")', '"a<>c"'),
    ('replace("abc", "/(b)/", "<$${1}x>")', '"a<bx>c"'),
    ('replace("abc", "/(?P<n>b)/", "<$n-$$-$9>")', '"a<b-$->c"'),
    ('replace("abc", "/b/", "$")', '"a$c"'),
    ('replace("abc", "/b/", "$-$$$")', '"a$-$$c"'),
    ('replace("abc", "/b/", "$${}")', '"a$${}c"'),
    ('replace("baaac", "/a*/", "x")', '"xbxcx"'),
]

FAILS = [
    ('regex("a", "b")', "pattern did not match any part of the given string"),
    (r'regex("a$", "a\n")', "pattern did not match"),
    (r'regex("a.c", "a\nc")', "pattern did not match"),
    (r'regex("\\s", "\u000b")', "pattern did not match"),
    ('regex("(?P<x>a)(b)", "ab")', "cannot mix both named and unnamed capture groups"),
    ('regex("a(?=b)", "ab")', "invalid or unsupported Perl syntax in (?="),
    ('regex("(?<=a)b", "ab")', "invalid or unsupported Perl syntax in (?<"),
    ('regex("(?>a)", "a")', "invalid or unsupported Perl syntax in (?>"),
    ('regex("(?z)a", "a")', "invalid or unsupported Perl syntax in (?z"),
    ('regex("(?P<a-b>x)", "x")', "invalid named capture in (?P<a-b>"),
    (r'regex("(a)\\1", "aa")', r"invalid escape sequence in \1"),
    (r'regex("\\q", "a")', r"invalid escape sequence in \q"),
    (r'regex("\\Z", "a")', r"invalid escape sequence in \Z"),
    (r'regex("\\C", "a")', r"invalid escape sequence in \C"),
    (r'regex("\\x{110000}", "a")', r"invalid escape sequence in \x"),
    (r'regex("\\", "a")', "trailing backslash at end of expression"),
    (r'regex("\\p{Foo}", "a")', r"invalid character class range in \p{Foo}"),
    ('regex("[[:foo:]]", "a")', "invalid character class range in [:foo:]"),
    ('regex("[z-a]", "a")', "invalid character class range in z-a"),
    (r'regex("[a-\\d]", "a")', r"invalid escape sequence in \d"),
    ('regex("a**", "a")', "invalid nested repetition operator in **"),
    ('regex("a++", "a")', "invalid nested repetition operator in ++"),
    ('regex("a{2}{3}", "a")', "invalid nested repetition operator in {2}{3}"),
    ('regex("*", "a")', "missing argument to repetition operator in *"),
    ('regex("a|*", "a")', "missing argument to repetition operator in *"),
    ('regex("(+)", "a")', "missing argument to repetition operator in +"),
    ('regex("a{2,1}", "a")', "invalid repeat count in {2,1}"),
    ('regex("a{1001}", "a")', "invalid repeat count in {1001}"),
    ('regex("(", "a")', "missing closing ) in ("),
    ('regex(")", "a")', "unexpected ) in )"),
    ('regex("[a", "a")', "missing closing ] in [a"),
    ('replace("abc", "/(/", "x")', "error parsing regexp: missing closing )"),
]


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


@given(st.text(alphabet="ab(|)*+?[]{}\\^$.1,:PQEdpzx-isU<>&~# \n"), st.text(alphabet="ab1-\n "))
def test_any_pattern_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return
    found = list(compiled.matches(text[:6]))
    assert [match.start() for match in found] == sorted({match.start() for match in found})


@given(st.text(), st.text(min_size=1))
def test_a_quoted_pattern_matches_itself(before: str, text: str) -> None:
    quoted = "".join(f"\\x{{{ord(letter):x}}}" for letter in text)
    match = next(compile_pattern(quoted).matches(before + text))
    assert match[0] == text
