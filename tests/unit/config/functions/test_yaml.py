"""YAML, row by row as go-cty-yaml 1.2 answers, the library of Terraform, and what it must withstand."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS, FunctionError
from dstream_core.config.values import STRING, ListValue, MapValue, ObjectValue, SetValue, TupleValue, Value

WRITTEN: list[tuple[Any, str]] = [
    (True, "true\n...\n"),
    (None, "null\n...\n"),
    (Decimal(0), "0\n...\n"),
    (Decimal("1.50"), "1.5\n...\n"),
    (Decimal("1e30"), "1000000000000000000000000000000\n...\n"),
    (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789\n...\n"),
    ("", '""\n'),
    ("yes", '"yes"\n'),
    ("a\n", "|\n  a\n"),
    ("a\nb", "|-\n  a\n  b\n"),
    ("a\n\n", "|+\n  a\n\n"),
    ("a\n\nb\n", "|\n  a\n\n  b\n"),
    ("\n", "|2+\n\n"),
    (" a\nb", "|2-\n   a\n  b\n"),
    ("a\u2028b\n", "|\n  a\u2028  b\n"),
    ("a \nb", '"a \\nb"\n'),
    ("a\nb ", '"a\\nb "\n'),
    ("tab\t\n", '"tab\\t\\n"\n'),
    ('"\\\0\a\b\x1b\x7f\x85\xa0\u2028é\U0001f600', '"\\"\\\\\\0\\a\\b\\e\\x7F\\N\xa0\\Lé\\U0001F600"\n'),
    (TupleValue(), "[]\n"),
    (ObjectValue(), "{}\n"),
    (ListValue(["b"], STRING), '- "b"\n'),
    (SetValue(["b", "a"], STRING), '- "a"\n- "b"\n'),
    (MapValue({"b": "x", "a": "y"}, STRING), '"a": "y"\n"b": "x"\n'),
    (ObjectValue({"a": TupleValue(), "b": ObjectValue()}), '"a": []\n"b": {}\n'),
    (
        ObjectValue({"a": TupleValue([None, TupleValue([True, "x"]), ObjectValue({"b": "y", "c": TupleValue(["z"])})])}),
        '"a":\n- null\n- - true\n  - "x"\n- "b": "y"\n  "c":\n  - "z"\n',
    ),
    (ObjectValue({"a": ObjectValue({"b": "x\ny\n"})}), '"a":\n  "b": |\n    x\n    y\n'),
    (TupleValue(["x\n"]), "- |\n  x\n"),
    (ObjectValue({"a\nb": TupleValue(["x"])}), '? |-\n  a\n  b\n: - "x"\n'),
    (ObjectValue({"a\u2028": "x"}), '? "a\\L"\n: "x"\n'),
    (ObjectValue({"k" * 128: "x"}), f'"{"k" * 128}": "x"\n'),
    (ObjectValue({"k" * 129: ObjectValue({"a": "x"})}), f'? "{"k" * 129}"\n: "a": "x"\n'),
    ("word " * 17 + "end", '"' + "word " * 16 + 'word\n  end"\n'),
    ("a  b " * 17, '"' + "a  b " * 16 + 'a\n  \\ b "\n'),
    (ObjectValue({"k": "w " * 50}), '"k": "' + "w " * 37 + "w\n  " + "w " * 12 + '"\n'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), WRITTEN, ids=[row[1] for row in WRITTEN])
def test_is_written_as_the_reference_does(value: Value, text: str) -> None:
    assert FUNCTIONS["yamlencode"].invoke([value]) == text


READ = [
    ("---", "null"),
    ("~", "null"),
    ("--- 1\n...\n", "1"),
    ("\ufeffa: 1", "{ a = 1 }"),
    ("%YAML 1.2\n---\n1", "1"),
    ("[y, Yes, TRUE, on, n, No, false, OFF]", "[true, true, true, true, false, false, false, false]"),
    ("['yes', \"no\", yEs, !!str on]", '["yes", "no", "yEs", "on"]'),
    ("[~, null, NULL, nuLL, '']", '[null, null, null, "nuLL", ""]'),
    ("[0, -5, +5, 017, 0x1F, 0o17, 1., .5, -1.5e3, +.5]", "[0, -5, 5, 17, 31, 15, 1, 0.5, -1500, 0.5]"),
    ("[1_000, 0b11, -0x1F, 0x, 1e, ., -, +Inf, nan, 1:30]",
     '["1_000", "0b11", "-0x1F", "0x", "1e", ".", "-", "+Inf", "nan", "1:30"]'),
    ("[12345678901234567890.10, 0xFFFFFFFFFFFFFFFFFF]", "[12345678901234567890.1, 4722366482869645213695]"),
    ("[!!int 1_000, !!int -0x1F, !!int 0b11, !!float 1, !!int 1.5, !!int '5']", '[1000, -31, 3, 1, 1.5, "5"]'),
    ("[!!bool yes, !!bool 5, !!null x, !!str , !!str ~]", '[true, 5, null, "", "~"]'),
    ("!<tag:yaml.org,2002:str> 5", '"5"'),
    ("[2006-1-2, !!timestamp 2006-01-02, '2006-01-02']",
     '["2006-01-02T00:00:00Z", "2006-01-02T00:00:00Z", "2006-01-02"]'),
    ("[2001-12-14 21:59:43.10, 2001-12-14t21:59:43.1-05:00, 2001-1-1T1:2:3+00:00]",
     '["2001-12-14T21:59:43Z", "2001-12-14T21:59:43-05:00", "2001-01-01T01:02:03Z"]'),
    ("[2001-02-29, 2001-12-14 21:59:43Z, 2001-12-14T21:59:43]",
     '["2001-02-29", "2001-12-14 21:59:43Z", "2001-12-14T21:59:43"]'),
    ("!!binary |\n aGVs\n bG8=", r'"aGVs\nbG8="'),
    ("a: 1\nb:\n- x\n- [w, {z: 1}]\n", '{ a = 1, b = ["x", ["w", { z = 1 }]] }'),
    ("{1: a, 1.0: b, yes: c, 2006-1-2: d}", '{ "1" = "b", true = "c", "2006-01-02T00:00:00Z" = "d" }'),
    ("{a, b: 1}", "{ a = null, b = 1 }"),
    ("!!map {a: !!seq [1]}", "{ a = [1] }"),
    ("a: 1\na: 2", "{ a = 2 }"),
    ("a: one\n  two\n\n  three", r'{ a = "one two\nthree" }'),
    ("a: >\n  one\n  two\n\n  three\nb: |+\n  x\n\n", r'{ a = "one two\nthree\n", b = "x\n\n" }'),
    ("a:\t1\t\nb: x\ty\n \tz", r'{ a = 1, b = "x\ty z" }'),
    ('"\\u0065\\u0301\\x41\\_\\\n  x"', r'"éA\u00a0x"'),
    ("e\u0301", '"é"'),
    ("foo: &bar [x]\nbar: *bar", '{ foo = ["x"], bar = ["x"] }'),
    ("[&x 1, *x, &x 2, *x]", "[1, 1, 2, 2]"),
    ("- a\n- <<\n- '<<'", '["a", "<<", "<<"]'),
    ("a: aa\n<<:\n  b: bb\nd: dd", '{ a = "aa", b = "bb", d = "dd" }'),
    ("a: aa\n<<:\n  a: aaa\n<<:\n  b: bbb\nb: bb", '{ a = "aaa", b = "bb" }'),
    ("a: aa\n<<:\n  - b: bb\n  - b: c", '{ a = "aa", b = "c" }'),
    ("a: &foo\n  beep: boop\nb:\n  <<: *foo\n  x: z", '{ a = { beep = "boop" }, b = { beep = "boop", x = "z" } }'),
    ("a: aa\n!!merge whatever:\n  b: bb", '{ a = "aa", b = "bb" }'),
    # Where the reference is left: what is quoted or a block is its text.
    ("'<<': 1", '{ "<<" = 1 }'),
    ("[\"<<\": {a: 1}]", '[{ "<<" = { a = 1 } }]'),
    ("- |-\n  yes\n- >-\n  1.50\n- |\n", '["yes", "1.50", ""]'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ, ids=[row[0] for row in READ])
def test_is_read_as_the_reference_does(
    value: Callable[[str], Value], same: Callable[[Any, Any], bool], text: str, expected: str
) -> None:
    assert same(FUNCTIONS["yamldecode"].invoke([text]), value(expected))


REFUSED = [
    ("", "line 1, column 1: there is no document"),
    ("# nothing\n", "there is no document"),
    ("a: 1\n---\nb: 2", "line 2, column 1: only a single document is allowed"),
    ("a: 1\n...\nb: 2", "line 3, column 1: expected '<document start>'"),
    ("[1", "line 1, column 3: expected ',' or ']'"),
    ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
    ("a:\n\tb: 1", "line 2, column 1: found a character that cannot start a value"),
    ("a: %x", "line 1, column 4: found a character that cannot start a value"),
    ("a\n  b\nc: 1", "line 3, column 2: mapping values are not allowed here"),
    ("'x", "line 1, column 3: found unexpected end of stream"),
    (r'"\q"', "line 1, column 3: found unknown escape character"),
    (r'"\ud83d"', "line 1, column 1: found an escape that is no character"),
    (r'"\U00110000"', "line 1, column 4: found a number that is too large"),
    ("a: \x01", "line 1, column 4: found a control character"),
    ("a: 1\nb: \x00", "line 2, column 4: found a control character"),
    ("!x!y z", "line 1, column 1: found undefined tag handle"),
    ("%YAML 2.0\n---\n1", "found incompatible YAML document"),
    ("foo: &bar\n  - x\n  - *bar", "line 3, column 5: an anchor cannot be referred to from inside its own definition"),
    ("a: &a {b: *a}", "line 1, column 11: an anchor cannot be referred to from inside"),
    ("a: *b", "line 1, column 4: reference to an anchor that is not defined"),
    ("&k a: 1\nb: *k", "line 2, column 4: reference to an anchor that is not defined"),
    ("~: 1", "line 1, column 1: a mapping key cannot be null"),
    ("? [a]\n: 1", "line 1, column 3: only strings are allowed as mapping keys"),
    ("a: &x b\n*x : 1", "only strings are allowed as mapping keys"),
    ("<<: 1", "line 1, column 1: only mappings can be merged into a mapping"),
    ("<<: ~", "only mappings can be merged into a mapping"),
    ("a: aa\n<<:\n  - b: bb\n  - []", "line 2, column 1: only mappings can be merged into a mapping"),
    ("a: !!merge b", "line 1, column 4: this tag is not supported"),
    ("!!nope foo", "this tag is not supported"),
    ("! 5", "this tag is not supported"),
    ("!str 5", "this tag is not supported"),
    ("str: !<str> 5", "this tag is not supported"),
    ("!!set {a}", "a mapping cannot have this tag"),
    ("!!omap [a]", "a sequence cannot have this tag"),
    ("!!bool bananas", "this is no bool"),
    ("!!int x", "this is no number"),
    ("!!timestamp x", "this is no timestamp"),
    ("!!binary '>>>>'", "this is no Base64"),
    ("!!binary é", "this is no Base64"),
    (".NaN", "infinity and NaN are not supported"),
    ("-.inf", "infinity and NaN are not supported"),
    ("1e99999", "the number needs more than 4,000 digits"),
    ("1e9999999", "the number needs more than 4,000 digits"),
    ("0x1" + "0" * 5000, "the number needs more than 4,000 digits"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[row[0][:20] for row in REFUSED])
def test_is_refused(text: str, message: str) -> None:
    with pytest.raises(FunctionError) as caught:
        FUNCTIONS["yamldecode"].invoke([text])
    assert caught.value.message.startswith("invalid YAML at line ")
    assert message in caught.value.message
    assert caught.value.argument_index == 0


def test_null_is_no_yaml() -> None:
    with pytest.raises(FunctionError, match="must not be null"):
        FUNCTIONS["yamldecode"].invoke([None])


@pytest.mark.parametrize("around", ["", "{}: 1", "*{}", "&{0} *{0}", "!{} x", "!!{} x", "!{}!x y", "!!int {}", "!!bool {}",
    "!!binary {}", "!!timestamp {}", "[{}", "'{}", "{}: a: b", "%{}\n---\n@", "%TAG !{0}! a\n%TAG !{0}! a\n---\n1",
    '"\\x{}"', "!<{}\n", "a: |{}", "<<: {}", "!%{} x", "!%ff{} x", "\x01{}"])  # fmt: skip
def test_messages_do_not_show_what_may_be_secret(around: str) -> None:
    """Invariant 5: the text may have come from the environment."""
    text = f"{around.format('hunter2')}\n@"  # no YAML whatever comes before
    with pytest.raises(FunctionError) as caught:
        FUNCTIONS["yamldecode"].invoke([text])
    assert "hunter2" not in caught.value.message
    assert "'h'" not in caught.value.message


def test_few_aliases_cannot_become_billions_of_values() -> None:
    levels = ["a0: &a0 [lol, lol]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    with pytest.raises(FunctionError, match=r"line 7, .* aliases repeat more than 1,000,000 values and characters"):
        FUNCTIONS["yamldecode"].invoke(["\n".join(levels)])


def test_few_aliases_cannot_become_gigabytes_of_text() -> None:
    with pytest.raises(FunctionError, match="aliases repeat more than"):
        FUNCTIONS["yamldecode"].invoke([f"- &a {'x' * 10_000}\n" + "- *a\n" * 101])


def test_merging_again_and_again_is_counted_too() -> None:
    text = f"- &a {{k: {'x' * 10_000}}}\n" + "- {<<: *a}\n" * 101
    with pytest.raises(FunctionError, match="line 101, column 8: aliases repeat more than"):
        FUNCTIONS["yamldecode"].invoke([text])


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_deep_yaml_is_refused_without_a_traceback(opening: str) -> None:
    with pytest.raises(FunctionError):
        FUNCTIONS["yamldecode"].invoke([opening * 20_000])


def test_writing_loads_no_parser() -> None:
    code = (
        "import sys; from dstream_core.config.functions import FUNCTIONS as f; "
        "f['yamlencode'].invoke(['a']); print('yaml' in sys.modules); f['yamldecode']; print('yaml' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["False", "True"]


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


pieces = st.sampled_from(["\n", " ", "\t", "\r", "\x85", "\u2028", "\ufeff", "<<", "- ", ": ", "#", "---\n", "w " * 30])
texts = st.one_of(st.text(), st.lists(st.one_of(pieces, st.text(max_size=3))).map("".join)).map(_composed)
numbers = st.one_of(st.integers().map(Decimal), st.decimals(allow_nan=False, allow_infinity=False, places=20))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner).map(TupleValue), st.dictionaries(texts, inner).map(ObjectValue)),
)


@given(values)
def test_what_is_written_is_read_back(same: Callable[[Any, Any], bool], value: Any) -> None:
    text = FUNCTIONS["yamlencode"].invoke([value])
    assert text.endswith("\n")
    assert same(FUNCTIONS["yamldecode"].invoke([text]), value)


marks = st.sampled_from(
    [*"-?:,[]{}#&*!|>'\"%@` \n\t0a", "- ", ": ", "&a ", "*a", "!!int ", "<<: ", "\n  ", "---\n", "\\"]
)


@given(st.one_of(st.text(), st.lists(marks, max_size=12).map("".join)))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    try:
        FUNCTIONS["yamldecode"].invoke([text])
    except FunctionError as error:
        refused = error.argument_index
    else:
        refused = None
    assert refused in (None, 0)
