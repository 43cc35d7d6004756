"""Tokens, places, and what the parser says about every slip."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dstream_core.config.diagnostics import excerpt
from dstream_core.config.source import Source
from dstream_core.config.syntax import Kind, parse, parse_value, scan
from dstream_core.config.syntax.nodes import Node, children
from dstream_core.errors import Diagnostic, DiagnosticsError


def test_tokens_keep_comments_newlines_and_actions() -> None:
    text = '# a\nb = "x ${~ c ~} {{ env "Y" }}" /* d */ // e\r\n{{/* f */}}\n'
    assert [(token.kind.name, token.text) for token in scan(text)] == [
        ("COMMENT", "# a"),
        ("NEWLINE", "\n"),
        ("IDENTIFIER", "b"),
        ("EQUAL", "="),
        ("OPEN_QUOTE", '"'),
        ("QUOTED_TEXT", "x "),
        ("INTERPOLATION", "${~"),
        ("IDENTIFIER", "c"),
        ("TEMPLATE_END", "~}"),
        ("QUOTED_TEXT", " "),
        ("ACTION", '{{ env "Y" }}'),
        ("CLOSE_QUOTE", '"'),
        ("COMMENT", "/* d */"),
        ("COMMENT", "// e"),
        ("NEWLINE", "\r\n"),
        ("COMMENT", "{{/* f */}}"),
        ("NEWLINE", "\n"),
        ("END", ""),
    ]


def test_heredoc_tokens() -> None:
    text = "a = <<-E\n  b ${c}\n  {{ env `D` }}\n  E\n"
    assert [(token.kind.name, token.text) for token in scan(text)][2:] == [
        ("OPEN_HEREDOC", "<<-E\n"),
        ("HEREDOC_TEXT", "  b "),
        ("INTERPOLATION", "${"),
        ("IDENTIFIER", "c"),
        ("TEMPLATE_END", "}"),
        ("HEREDOC_TEXT", "\n"),
        ("HEREDOC_TEXT", "  "),
        ("ACTION", "{{ env `D` }}"),
        ("HEREDOC_TEXT", "\n"),
        ("CLOSE_HEREDOC", "  E"),
        ("NEWLINE", "\n"),
        ("END", ""),
    ]


@given(st.text(alphabet=st.sampled_from('ab1 ={}[]()"$%~.,:\n\\#/<-E"*!|;é\r\t')))
@example('a = <<E\n${"x"}\nE\n')
def test_tokens_cover_the_text(text: str) -> None:
    """Between two tokens lie only spaces, and each token's text is what stands at its place."""
    try:
        tokens = scan(text)
    except DiagnosticsError:
        return
    position = 0
    for token in tokens:
        assert text[position : token.start].strip(" \t") == ""
        assert text[token.start : token.end] == token.text
        position = token.end
    assert position == len(text)
    assert tokens[-1].kind is Kind.END


SLIPS = [
    ("a = { b = 1; c = 2 }", "syntax/semicolon", 1, 12, "commas"),
    ("a = 1;", "syntax/semicolon", 1, 6, ""),
    ("a 1", "syntax/missing-equals", 1, 3, "a = …"),
    ('a "x"\n', "syntax/missing-equals", 1, 3, "a = …"),
    ("a true\n", "syntax/missing-equals", 1, 3, "a = …"),
    ("t {\n  a [1]\n}", "syntax/missing-equals", 2, 5, "a = …"),
    ("a {{ env `X` }}\n", "syntax/missing-equals", 1, 3, "a = …"),
    ("a: 1", "syntax/colon-for-equals", 1, 2, "a = …"),
    ("a == 1", "syntax/double-equals", 1, 3, "a = …"),
    ("a = = 1", "syntax/double-equals", 1, 5, ""),
    ("a = “x”", "syntax/smart-quotes", 1, 5, "plain double quote"),
    ("t “x” {}", "syntax/smart-quotes", 1, 3, ""),
    ("a = 'x'", "syntax/single-quotes", 1, 5, "double quotes"),
    ("a = `x`", "syntax/single-quotes", 1, 5, ""),
    ('t "x" {\n  a = 1\n', "syntax/unclosed-block", 1, 7, '"}"'),
    ("t {\n  u {\n    a = 1\n}\n", "syntax/unclosed-block", 2, 5, "line 1"),
    ("t {\n  u {\n    a = 1\n  v {\n  }\n}\n", "syntax/unclosed-block", 2, 5, "line 1"),
    ("t { a = 1", "syntax/unclosed-block", 1, 3, ""),
    ("t {\n}\n}", "syntax/extra-brace", 3, 1, ""),
    ('a = "x\nb = 1', "syntax/unclosed-string", 1, 5, "heredoc"),
    ('a = "x', "syntax/unclosed-string", 1, 5, ""),
    ('a = "${x', "syntax/unclosed-template", 1, 6, ""),
    ('a = "${x"', "syntax/unclosed-template", 1, 6, "}"),
    ('a = "${x y}"', "syntax/unexpected", 1, 10, '"$${"'),
    ("a = <<E\nx\n", "syntax/unclosed-heredoc", 1, 5, '"E"'),
    ("a = <<\nx", "syntax/invalid-heredoc", 1, 5, ""),
    ("a = 1 /* x", "syntax/unclosed-comment", 1, 7, ""),
    (r'a = "x\q"', "syntax/invalid-escape", 1, 7, r"\\"),
    (r'a = "\u12"', "syntax/invalid-escape", 1, 6, ""),
    (r'a = "\ud800"', "syntax/invalid-escape", 1, 6, ""),
    ("a = (1", "syntax/unclosed", 1, 5, '")"'),
    ("a = [1, 2", "syntax/unclosed", 1, 5, '"]"'),
    ("a = {\n  b = 1\n", "syntax/unclosed", 1, 5, '"}"'),
    ("a = f(1", "syntax/unclosed", 1, 6, '")"'),
    ("a = [1 2]", "syntax/unexpected", 1, 8, ""),
    ("a = { b 1 }", "syntax/unexpected", 1, 9, "name = value"),
    ("a = { b }", "syntax/unexpected", 1, 9, "name = value"),
    ("a = { b { c = 1 } }", "syntax/block-in-object", 1, 9, "name = {"),
    ("a = { b = 1 c = 2 }", "syntax/unexpected", 1, 13, ""),
    ("a = 1 b = 2", "syntax/unexpected", 1, 7, "line of its own"),
    ("a = 1, b = 2", "syntax/comma", 1, 6, "comma"),
    ("t {}, u {}", "syntax/comma", 1, 5, "comma"),
    ("t {} u {}", "syntax/unexpected", 1, 6, "line of its own"),
    ('"a" = 1', "syntax/quoted-name", 1, 1, "quotes"),
    ("t\n{\n}", "syntax/brace-on-next-line", 1, 2, "{"),
    ('t "x"\n{\n}', "syntax/brace-on-next-line", 1, 6, "{"),
    ('t "x" = 1', "syntax/block-with-equals", 1, 7, ""),
    ("t {\n  a = 1 }", "syntax/brace-on-line", 2, 9, "next line"),
    ("t { a = 1, b = 2 }", "syntax/one-line-block", 1, 10, "new line"),
    ("t { a = 1\n}", "syntax/one-line-block", 1, 10, "new line"),
    ("t { u { a = 1 } }", "syntax/one-line-block", 1, 7, "new line"),
    ("t { a = 1 b = 2 }", "syntax/one-line-block", 1, 11, "new line"),
    ('t "${x}" {}', "syntax/template-in-label", 1, 4, "$${"),
    ("a =\n1", "syntax/unexpected", 1, 4, "line of its"),
    ("a =", "syntax/unexpected", 1, 4, ""),
    ("a = 1.2.3", "syntax/invalid-number", 1, 5, "quotes"),
    ("a = 1e99999", "syntax/invalid-number", 1, 5, ""),
    ("a = b.0.1", "syntax/legacy-index", 1, 7, "[0][1]"),
    ("a = b.*.*", "syntax/nested-splat", 1, 9, "[*]"),
    ("a = b.", "syntax/unexpected", 1, 7, ""),
    ("a = b[*", "syntax/unexpected", 1, 8, ""),
    ("a = x & y", "syntax/operator", 1, 7, "&&"),
    ("a = x | y", "syntax/operator", 1, 7, "||"),
    ("a = @", "syntax/invalid-character", 1, 5, ""),
    ("a = \x00", "syntax/invalid-character", 1, 5, ""),
    ("a = ~}", "syntax/invalid-character", 1, 5, ""),
    ("a = true ? 1", "syntax/unexpected", 1, 13, "condition ?"),
    ("a = [for x of y : x]", "syntax/unexpected", 1, 12, "[for value in list"),
    ("a = [for x in y : x => x]", "syntax/for", 1, 21, "list"),
    ("a = [for x in y : x...]", "syntax/for", 1, 20, "list"),
    ("a = {for x in y : x}", "syntax/unexpected", 1, 20, "key => value"),
    ('a = "%{ iff x }"', "syntax/unknown-directive", 1, 9, 'Did you mean "if"?'),
    ('a = "%{ if x }"', "syntax/unbalanced-directive", 1, 6, "endif"),
    ('a = "%{ endif }"', "syntax/unbalanced-directive", 1, 6, ""),
    ('a = "%{ for x in y }%{ else }%{ endfor }"', "syntax/unbalanced-directive", 1, 6, "endfor"),
    ("a.b = 1", "syntax/unexpected", 1, 2, "dots"),
    ("= 1", "syntax/unexpected", 1, 1, ""),
    ("(" * 500, "syntax/unexpected", 1, 1, ""),
    ("a = " + "(" * 500, "syntax/too-deep", 1, 105, ""),
]


@pytest.mark.parametrize(("text", "code", "line", "column", "fragment"), SLIPS, ids=[slip[0][:40] for slip in SLIPS])
def test_slip(text: str, code: str, line: int, column: int, fragment: str) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        parse(Source("test.hcl", text))
    [found] = caught.value.diagnostics
    assert found.where is not None
    assert (found.code, found.where.line, found.where.column) == (code, line, column), found
    assert fragment in f"{found.message} {found.hint}", found
    assert found.excerpt


def test_what_comes_first_is_reported() -> None:
    """An error of the parser wins over one that the scanner finds further on."""
    with pytest.raises(DiagnosticsError) as caught:
        parse(Source("test.hcl", 'a: 1\nb = "x\n'))
    assert caught.value.code == "syntax/colon-for-equals"


def test_a_repeated_argument_does_not_end_the_parse() -> None:
    body, problems = parse(Source("test.hcl", "a = 1\na = 2\nb = 3\n"))
    assert [(item.code, item.where and item.where.line) for item in problems] == [("config/duplicate-argument", 2)]
    assert list(body.arguments) == ["a", "b"]


def test_places_with_tabs_carriage_returns_and_a_byte_order_mark() -> None:
    source = Source("test.hcl", "\ufeffa = 1\r\n\tb = ;\r\n")
    with pytest.raises(DiagnosticsError) as caught:
        parse(source)
    assert str(caught.value.where) == "test.hcl:2:6"


def spans(node: Node, start: int, end: int) -> None:
    assert start <= node.start <= node.end <= end, node
    for child in children(node):
        spans(child, 0 if node.start == node.end else node.start, node.end)


@pytest.mark.parametrize(
    "text",
    [
        'a.b[c].*.d ? [1, "x${y}z"] : {e = f(1, 2...), (g) = -h}',
        "{for k, v in x : k => v... if !w}",
        '"%{ if a }b%{ else }${c}%{ endif }%{ for d in e }f%{ endfor }"',
        "a[*].b[0].c + (d == e && f)",
    ],
)
def test_every_node_lies_inside_the_one_around_it(text: str) -> None:
    node = parse_value(Source("test.hcl", text))
    assert (node.start, node.end) == (0, len(text))
    spans(node, 0, len(text))


def problems(text: str) -> Sequence[Diagnostic]:
    try:
        return parse(Source("test.hcl", text))[1]
    except DiagnosticsError as error:
        return error.diagnostics


@given(st.text())
@example("\ufeff")
@example('"${"' * 50)
@example("a=<<A\n%{")
def test_any_text_parses_or_is_a_diagnostic(text: str) -> None:
    for item in problems(text):
        assert item.where is not None
        assert item.excerpt == excerpt(text, item.where)


PIECES = st.sampled_from(
    ["a", "b ", "=", "==", " = ", "1", '"', "${", "%{", "}", "{", "{{", "}}", " env ", "`", "\n", "[", "]", "(", ")", ",",
     "<<E\n", "E\n", "<<-", "for ", "in ", "if ", "%{ if x }", "%{ endif }", "=>", "...", "~", ".", "*", "[*]", "?", ":",
     "\\", "\\\"", "#", "/*", "*/", "$", "é", "\u0301", "\r", "\t", "“", ";", "null", "-", "!", "&&", "::", "f("]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_pieces_parse_or_are_a_diagnostic(text: str) -> None:
    found = problems(text)
    assert all(item.where is not None and item.code.count("/") == 1 for item in found)
