"""Template actions: every position, every function, every refusal; and that no value changes the structure."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dstream_core.config import Task
from dstream_core.config.evaluate import EmptyScope, Evaluator
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse
from dstream_core.errors import DiagnosticsError

HOSTILE = 'a"b\\c${x}%{if}{{ env "Y" }}\n}\r\n]\t\'`$${é\u0301 \u2028'
ENVIRONMENT = {"X": HOSTILE, "N": "42", "EMPTY": "", "S": " Mixed Case ", "B": "aMOp", "L": '["a", 1, { b = null }]'}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"{{ env "X" }}"', HOSTILE),
        ('"{{ env `X` }}"', HOSTILE),
        (r'"{{ env \"X\" }}"', HOSTILE),
        ('"{{env "X"}}"', HOSTILE),
        ('"{{- env "X" -}}"', HOSTILE),
        ('"a {{ env "X" }} b"', f"a {HOSTILE} b"),
        ('"a {{- env "X" -}} b"', f"a{HOSTILE}b"),
        ('"a {{- env "X" }} b"', f"a{HOSTILE} b"),
        ('"a\\n {{- env "N" }}"', "a\n42"),
        ('"{{ env "N" }}{{ env "N" }}"', "4242"),
        ('"{{ env "N" -}} \t {{- env "N" }}"', "4242"),
        ('"${"{{ env "X" }}"}"', HOSTILE),
        ('"$${{ env "N" }}"', "$$42"),
        ('"${{ env "N" }}"', "$42"),
        ('"{{ env "N" }}"', "42"),
        ('{{ env "N" }}', Decimal(42)),
        ("{{ env `N` }}", Decimal(42)),
        ('{{- env "N" -}}', Decimal(42)),
        ('{{ env "X" | quote }}', HOSTILE),
        ('["{{ env "X" }}", {{ env "N" }}]', [HOSTILE, Decimal(42)]),
        ('{ "{{ env "N" }}" = 1 }', {"42": Decimal(1)}),
        ('{ ({{ env "N" }}) = 1 }', {"42": Decimal(1)}),
        ('{ {{ env "N" }} = 1 }', {"42": Decimal(1)}),
        ('{{ env "L" }}', ["a", Decimal(1), {"b": None}]),
        ('{{ env "L" }}[0]', "a"),
        ('{{ env "N" }} + 1', Decimal(43)),
        ('"${ {{ env "N" }} + 1 }"', Decimal(43)),
        ('<<E\n{{ env "X" }}\nE', f"{HOSTILE}\n"),
        ('<<-E\n    a {{ env "X" }}\n  b\n  E', f"  a {HOSTILE}\nb\n"),
        ('<<E\na\n  {{- env "N" -}}\n\n  b\nE', "a42b\n"),
        ('<<E\n{{ "{{" }} x\nE', "{{ x\n"),
        ('"{{ "{{" }}"', "{{"),
        ('"{{ `}}` }}"', "}}"),
        ('"{{ "}}" }}"', "}}"),
        ('"{{/* a comment }} */}}x"', "x"),
        ('"a {{- /* a comment */ -}} x"', "ax"),
        ("{{/* a comment */}} 1", Decimal(1)),
        ("1 # {{ nonsense", Decimal(1)),
        ("1 /* {{ nonsense */", Decimal(1)),
        ('"{{ env "GONE" | default "y" }}"', "y"),
        ('"{{ env "EMPTY" | default "y" }}"', "y"),
        ('"{{ env "N" | default "y" }}"', "42"),
        ('"{{ default "y" (env "GONE") }}"', "y"),
        ('"{{ default (env "N") (env "GONE") }}"', "42"),
        (r'"{{ env \"GONE\" | default \"a\\\"b\" }}"', 'a"b'),
        ('"{{ env "GONE" | default "a\\"b\\n\\u00e9\\x41\\101" }}"', 'a"b\néAA'),
        ('{{ env "GONE" | default "5" }}', Decimal(5)),
        ('{{ env "GONE" | default 5 }}', Decimal(5)),
        ('{{ env "GONE" | default true }}', True),
        ('{{ env "GONE" | default "null" }}', None),
        ('{{ "-1.5" }}', Decimal("-1.5")),
        ('"{{ env "GONE" | default "" }}"', ""),
        ('"{{ env "EMPTY" }}"', ""),
        ('"{{ env "N" | required "set N" }}"', "42"),
        ('"{{ required "set N" (env "N") }}"', "42"),
        ('"{{ env "S" | trim }}"', "Mixed Case"),
        ('"{{ env "S" | lower | trim }}"', "mixed case"),
        ('"{{ upper (env "S" | trim) }}"', "MIXED CASE"),
        ('"{{ env "N" | b64enc }}"', "NDI="),
        ('"{{ env "B" | b64dec }}"', base64.b64decode("aMOp").decode()),
        ('"{{ env "N" | quote }}"', '"42"'),
        ('"{{ env "X" | quote }}"', '"a\\"b\\\\c${x}%{if}{{ env \\"Y\\" }}\\n}\\r\\n]\\t\'`$${é\u0301 \\u2028"'),
        ('"{{ env "GONE" | trim | default "y" }}"', "y"),
        ('"{{ env (env "GONE" | default "N") }}"', "42"),
        ('"{{ 5 }}"', "5"),
        ('"{{ env\n"N" }}"', "42"),
    ],
)
def test_value(evaluate: Callable[..., Any], text: str, value: Any) -> None:
    assert evaluate(text, ENVIRONMENT) == value


@pytest.mark.parametrize(
    ("text", "code", "column", "fragments"),
    [
        ('"{{ env "GONE" }}"', "template/unset-variable", 9, ["GONE", "default"]),
        ('"{{ env "GONE" | trim }}"', "template/unset-variable", 9, ["GONE"]),
        ('"{{ env (env "GONE") }}"', "template/unset-variable", 14, ["GONE"]),
        ('"{{ env "GONE" | required "set GONE to x" }}"', "template/required", 22, ["set GONE to x", "GONE"]),
        ('"{{ required "give it" (env "EMPTY") }}"', "template/required", 9, ["give it"]),
        ('"{{ env "N" | b64dec }}"', "template/base64", 19, ["base64"]),
        ('"{{ env "X" | sha256sum }}"', "template/unsupported", 19, ["env, default, required", "sha256()"]),
        ('"{{ env "X" | trunc 5 }}"', "template/unsupported", 19, ["substr()"]),
        ('"{{ env "X" | toJson }}"', "template/unsupported", 19, ["jsonencode()"]),
        ('"{{ envv "X" }}"', "template/unsupported", 9, ['Did you mean "env"?']),
        ('"{{ if true }}x{{ end }}"', "template/unsupported", 9, ["structure", "condition ? a : b"]),
        ('"{{ range .x }}"', "template/unsupported", 9, ["[for x in list : x]"]),
        ('"{{ .Values.x }}"', "template/unsupported", 9, ["local.x and var.x"]),
        ('"{{ $x := env "X" }}"', "template/unsupported", 9, ["variables"]),
        ('"{{}}"', "template/empty", 6, ['{{ "{{" }}']),
        ('"{{ "a": 1 }}"', "template/invalid-character", 12, ['{{ "{{" }}']),
        ('"{{ 5 5 }}"', "template/syntax", 11, []),
        ('"{{ "a" | "b" }}"', "template/syntax", 15, ["function"]),
        ('"{{ env }}"', "template/arguments", 9, ["1 operand"]),
        ('"{{ env "X" "Y" }}"', "template/arguments", 9, []),
        ('"{{ default "X" }}"', "template/arguments", 9, ["default"]),
        ('"{{ default "y" env "X" }}"', "template/syntax", 21, ["parentheses"]),
        ('"{{ (env "X" }}"', "template/syntax", 9, ["not closed"]),
        ("\"{{ env 'X' }}\"", "template/syntax", 13, ["…"]),
        ('"{{ 0x1F }}"', "template/syntax", 9, ["number"]),
        ('"{{ "\\q" }}"', "template/syntax", 9, ["escape"]),
        ('"{{ env "X" "', "template/unclosed-string", 17, []),
        ('"{{ env "X"', "template/unclosed", 6, ["}}"]),
        ('"{{ env "X } }', "template/unclosed-string", 13, []),
        ('"{{/* x', "template/invalid-character", 8, []),
        ('{{ env \\"N\\" }}', "template/invalid-character", 12, ["plainly"]),
        ('<<E\n{{ env \\"N\\" }}\nE', "template/invalid-character", 8, ["plainly"]),
        ('{{ env "X" }}', "template/not-a-literal", 5, ["whole literal", "quotes"]),
        ('{{ env "EMPTY" }}', "template/not-a-literal", 5, []),
        ('{{ "local.x" }}', "template/not-a-literal", 5, []),
        ('{{ "upper(\\"a\\")" }}', "template/not-a-literal", 5, []),
        ('{{ "1 + 1" }}', "template/not-a-literal", 5, []),
        ('{{ "\\"a${1}\\"" }}', "template/not-a-literal", 5, []),
        ('{{ "1\\nb = 2" }}', "template/not-a-literal", 5, []),
        ('{{ "[for x in [] : x]" }}', "template/not-a-literal", 5, []),
        ('{{ "{ (a) = 1 }" }}', "template/not-a-literal", 5, []),
        ('{{ env "N" }}s', "template/not-alone", 18, ["quotes"]),
        ('{{ env "N" }}{{ env "N" }}', "template/not-alone", 18, ["quotes"]),
    ],
)
def test_error(evaluate: Callable[..., Any], text: str, code: str, column: int, fragments: list[str]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        evaluate(text, ENVIRONMENT)
    found = caught.value.diagnostics[0]
    assert (found.code, found.where and found.where.column) == (code, column)
    for fragment in fragments:
        assert fragment in f"{found.message} {found.hint}"
    assert HOSTILE not in f"{found.message} {found.hint} {found.excerpt}"


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ('task "{{ env "T" }}" {\n}\n', "template/in-label", 1, 7),
        ("task {{ env `T` }} {\n}\n", "template/in-label", 1, 6),
        ("{{ env `NAME` }} = 1\n", "template/not-a-value", 1, 1),
        ("locals {\n  {{ env `LINES` }}\n}\n", "template/not-a-value", 2, 3),
        ("{{ if true }}\na = 1\n{{ end }}\n", "template/not-a-value", 1, 1),
    ],
)
def test_no_place_for_an_action(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        parse(Source("test.hcl", text))
    [found] = caught.value.diagnostics
    assert found.where is not None
    assert (found.code, found.where.line, found.where.column) == (code, line, column)


def test_a_literal_put_in_holds_no_actions(evaluate: Callable[..., Any]) -> None:
    assert evaluate('{{ env "V" }}', {"V": '"{{ env \\"N\\" }}"'}) == '{{ env "N" }}'


def test_a_value_that_is_no_literal_is_not_shown(evaluate: Callable[..., Any]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        evaluate('{{ env "V" }}', {"V": "hunter2-secret ="})
    assert "hunter2" not in str(caught.value.diagnostics)


def test_a_value_that_is_not_utf8(evaluate: Callable[..., Any]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        evaluate('"{{ env "V" }}"', {"V": b"\xff".decode("utf-8", "surrogateescape")})
    assert caught.value.code == "template/not-utf8"


def test_all_refused_actions_are_reported_at_once() -> None:
    _, problems = parse(Source("test.hcl", 'a = "{{ nope }}"\nb = {{ neither }}\n'))
    assert [item.where and item.where.line for item in problems] == [1, 2]


# Environments hold any text but NUL, and reach us without lone surrogates or as an error of their own.
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
POSITIONS = [
    '"{{ env "V" }}"',
    '"{{ env `V` }}"',
    r'"{{ env \"V\" }}"',
    '"{{- env "V" -}}"',
    '{{ env "V" | quote }}',
    '"${"{{ env "V" }}"}"',
    '{ k = "{{ env "V" }}" }.k',
    '["{{ env "V" }}"][0]',
    'true ? "{{ env "V" }}" : ""',
    'try("{{ env "V" }}")',
    'env("V")',
]


@given(value=VALUES, position=st.sampled_from(POSITIONS))
def test_any_value_arrives_as_it_is(value: str, position: str) -> None:
    source = Source("test.hcl", f"x = {position}\ny = 1\n")
    body, problems = parse(source)
    assert not problems
    evaluator = Evaluator(source, EmptyScope("a test"), {"V": value})
    assert evaluator.evaluate(body.arguments["x"].value) == value
    assert evaluator.evaluate(body.arguments["y"].value) == 1


@given(value=VALUES, before=st.text("ab é", max_size=5), after=st.text("ab é", max_size=5))
def test_any_value_arrives_among_text(value: str, before: str, after: str) -> None:
    source = Source(
        "test.hcl", f'x = "{before}{{{{ env "V" }}}}{after}"\ny = <<E\n{before}{{{{ env "V" }}}}{after}\nE\n'
    )
    body, _ = parse(source)
    evaluator = Evaluator(source, EmptyScope("a test"), {"V": value})
    assert evaluator.evaluate(body.arguments["x"].value) == f"{before}{value}{after}"
    assert evaluator.evaluate(body.arguments["y"].value) == f"{before}{value}{after}\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(value=VALUES)
def test_any_value_arrives_through_locals_and_variables(load: Callable[..., Task], value: str) -> None:
    task = load(
        config='a = local.a\n b = "x${var.b}"\n c = var.c',
        extra='locals {\n a = "{{ env "V" }}"\n}\nvariable "b" {\n default = "{{ env "V" }}"\n}\nvariable "c" {\n type = string\n}\n',
        environment={"V": value, "DSTREAM_VAR_c": value},
    )
    assert task.input.config == {"a": value, "b": f"x{value}", "c": value}
