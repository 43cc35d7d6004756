"""`dstream fmt`: the layout of `terraform fmt`, without a change of meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstream_core.config.format import format_text
from dstream_core.config.records import Record
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse
from dstream_core.config.syntax.nodes import Parentheses, Wrap
from dstream_core.errors import DiagnosticsError

LAYOUTS = {
    "nothing": ("", ""),
    "only blank lines": ("\n\n", "\n\n"),
    "spaces around =": ("a=1\n", "a = 1\n"),
    "the last newline is added": ("a = 1", "a = 1\n"),
    "spaces at the end go": ("a = 1   \n  ", "a = 1\n"),
    "tabs go": ("\ta\t=\t1\n", "a = 1\n"),
    "a byte-order mark goes": ("\ufeffa=1\n", "a = 1\n"),
    "CRLF stays": ("a=1\r\nbb=2 # c\r\n# d\r\n", "a  = 1\r\nbb = 2 # c\r\n# d\r\n"),
    "= in one column": ("a = 1\nbungle = 2\n", "a      = 1\nbungle = 2\n"),
    "a blank line ends the column": ("a = 1\n\nbungle = 2\n", "a = 1\n\nbungle = 2\n"),
    "a comment line ends the column": ("a = 1\n# x\nbungle = 2\n", "a = 1\n# x\nbungle = 2\n"),
    "a block ends the column": ("a = 1\nb {}\nbungle = 2\n", "a = 1\nb {}\nbungle = 2\n"),
    "a value of several lines ends the column": (
        "a = 1\nbungle = [\n1\n]\nccc = 2\n",
        "a = 1\nbungle = [\n  1\n]\nccc = 2\n",
    ),
    "comments in one column": (
        'a = 1 # foo\nbungle = "bonce" # baz\n',
        'a      = 1       # foo\nbungle = "bonce" # baz\n',
    ),
    "comments of blocks too": ("foo {} # x\na = 1 # y\n", "foo {} # x\na = 1  # y\n"),
    "comments behind a closing bracket": (
        'a="apple"# foo\nbungle=(# woo\n"bonce"\n)# baz\nzebra="striped"# baz\n',
        'a = "apple" # foo\nbungle = (  # woo\n  "bonce"\n)                 # baz\nzebra = "striped" # baz\n',
    ),
    "both kinds of comment": ("a=1 // c\nb=2 /* d */ # e\n", "a = 1         // c\nb = 2 /* d */ # e\n"),
    "a comment in front": ("/* a\n b */ a = 1\n", "/* a\n b */ a = 1\n"),
    "columns are characters as seen": (
        '𝒜 = 1 # foo\nbungle = "🇬🇧" # baz\n',
        '𝒜      = 1   # foo\nbungle = "🇬🇧" # baz\n',
    ),
    "blocks nest by two": ("foo {\nbar {\n# x\na=1\n}\n}\n", "foo {\n  bar {\n    # x\n    a = 1\n  }\n}\n"),
    "objects nest by two": ("a = {\nb = {\nc=1\n}\n}\n", "a = {\n  b = {\n    c = 1\n  }\n}\n"),
    "one level a line, however many it opens": ("a = [[\n[\nb\n]\n]]\n", "a = [[\n  [\n    b\n  ]\n]]\n"),
    "lopsided brackets": ("a = [[\n[\nb\n]]\n]\n", "a = [[\n  [\n    b\n  ]]\n]\n"),
    "blocks of one line": ("b{}\nc { }\nd {a=1}\n", "b {}\nc {}\nd { a = 1 }\n"),
    "blank lines stay": ("b {\n\n\na=1\n\n}\n", "b {\n\n\n  a = 1\n\n}\n"),
    "labels get quotes": ('foo bar   "b" {\n}\n', 'foo "bar" "b" {\n}\n'),
    "a comment between labels stays": ('b "a" /* c */ "d" {}\n', 'b "a" /* c */ "d" {}\n'),
    "arithmetic": ("a = (b+ -2*c/ d%e)\n", "a = (b + -2 * c / d % e)\n"),
    "signs": ("a = b ? -1 : - 2\nb = ! c\nc = -d - - e\n", "a = b ? -1 : -2\nb = !c\nc = -d - -e\n"),
    "logic": ("a = b==c&&d||e>=f\n", "a = b == c && d || e >= f\n"),
    "calls": ("a = foo ( 1, -2,b... )\n", "a = foo(1, -2, b...)\n"),
    "namespaces": ("a = f :: g ( )\n", "a = f::g()\n"),
    "indexes": ('a = b [0]\nc = d() ["x"]\ne = ["f"] [0]\n', 'a = b[0]\nc = d()["x"]\ne = ["f"][0]\n'),
    "attributes and splats": ("a = b. c\nd = e.*.f\ng = h[*].i\n", "a = b.c\nd = e.*.f\ng = h[*].i\n"),
    "lists": ("a = [ [ ],1,\n2, # two\n333, # three\n]\n", "a = [[], 1,\n  2,   # two\n  333, # three\n]\n"),
    "objects of one line": ("a = {b=1,c={}}\n", "a = { b = 1, c = {} }\n"),
    "object items": (
        "a = {\nb : 1\nccc: 2\nd = 3, e = 4\nfff = 5\n}\n",
        "a = {\n  b : 1\n  ccc : 2\n  d   = 3, e = 4\n  fff = 5\n}\n",
    ),
    "for, a list": ("a = [ for x in y:x ]\n", "a = [for x in y : x]\n"),
    "for, an object": ("a = {for k,v in b: k=>v... if k}\n", "a = { for k, v in b : k => v... if k }\n"),
    "for over a literal": ("a = [for x in [y] : x]\n", "a = [for x in [y] : x]\n"),
    "templates": ('a = "x ${ b }%{ if c }y%{ endif }"\n', 'a = "x ${b}%{if c}y%{endif}"\n'),
    "trim marks": ('a = "x ${~ b ~}"\n', 'a = "x ${~b~}"\n'),
    "neighbouring templates": ('a = "${b}${ c } ${d}"\n', 'a = "${b}${c} ${d}"\n'),
    "an object in a template": ('a = "x${ {b=1} }"\n', 'a = "x${ { b = 1 } }"\n'),
    "what a string holds stays": (
        'a = "  b  =  c \\" # ${ "  d  " } $${ e }"\n',
        'a = "  b  =  c \\" # ${"  d  "} $${ e }"\n',
    ),
    "a template alone is unwrapped": ('a = "${ b }"\n', "a = b\n"),
    "however deep": ('a = "${"${b}"}"\n', "a = b\n"),
    "over lines in parentheses": ('a = "${\nb\n+c\n}"\n', "a = (b\n+ c)\n"),
    "unless it has them": ('a = "${(b\n+c)}"\n', "a = (b\n+ c)\n"),
    "only in a body": ('a = { b = "${c}" }\n', 'a = { b = "${c}" }\n'),
    "a comment inside comes along": ('a = "${[b, # c\n]}"\n', "a = ([b, # c\n])\n"),
    "not with a comment at the end": ('a = "${b # c\n}"\n', 'a = "${b # c\n}"\n'),
    "an escape is none": ('a = "$${b}"\n', 'a = "$${b}"\n'),
    "heredocs stay": (
        "b {\na=<<EOT\n  x=1\n\ty\nEOT\ncc=<<-EOT\n   z\n     EOT\n}\n",
        "b {\n  a  = <<EOT\n  x=1\n\ty\nEOT\n  cc = <<-EOT\n   z\n     EOT\n}\n",
    ),
    "templates in heredocs": (
        "a = <<EOT\n  ${ b }${ c } ${\nd\n}\nEOT\n",
        "a = <<EOT\n  ${b}${c} ${\nd\n}\nEOT\n",
    ),
    "an empty heredoc": ("a=<<EOT\nEOT\n", "a = <<EOT\nEOT\n"),
    "a heredoc as argument": ("a = foo(<<EOT\nx\nEOT\n,  2)\n", "a = foo(<<EOT\nx\nEOT\n, 2)\n"),
    "actions are kept": (
        'a={{env  "A"}}\nbb = [{{ env "B" }},{{env "C"}}]\n',
        'a  = {{env  "A"}}\nbb = [{{ env "B" }}, {{env "C"}}]\n',
    ),
    "actions in strings": (
        'a = "{{env "A"}}{{ env "B" }} ${ c }{{env "D"}}"\n',
        'a = "{{env "A"}}{{ env "B" }} ${c}{{env "D"}}"\n',
    ),
    "actions in heredocs": (
        "a=<<EOT\n  {{ env `A` }}{{ env `B` }}\nEOT\n",
        "a = <<EOT\n  {{ env `A` }}{{ env `B` }}\nEOT\n",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout(text: str, wanted: str) -> None:
    assert format_text(text) == wanted
    assert format_text(wanted) == wanted


def test_a_syntax_error_is_reported_and_nothing_is_formatted() -> None:
    with pytest.raises(DiagnosticsError) as caught:
        format_text("a = 1\nb = [\n", "my.hcl")
    assert caught.value.where is not None
    assert caught.value.where.file == "my.hcl"


def test_an_error_of_meaning_does_not_stop_it() -> None:
    assert format_text("a=1\na=2\n") == "a = 1\na = 2\n"


# Random files: every token with any white space and comments that may stand before it.

names = st.sampled_from(["a", "bb", "größe", "in", "for-each", "x1"])
gaps = st.sampled_from(["", " ", "   ", "\t"])
inline = st.one_of(gaps, st.just(" /* c */ "))
ends = st.sampled_from(["\n", "  \n", " # c\n", "// c \n", "\r\n", "\n\n  \n", " /* c\n */\n"])
texts = st.sampled_from(["x", " x  = ", "$${y}", "%%{", "é👨‍👩‍👧", '\\"', "\\n", "#", "{", "{{ env `A` }}"])


@st.composite
def spaced(draw: st.DrawFn, *parts: Any) -> str:
    """The parts one after the other, with random gaps between them."""
    return "".join(draw(inline) + (part if isinstance(part, str) else draw(part)) for part in parts)


def templates(expressions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    holes = st.one_of(
        spaced(expressions, "").map(lambda text: "${" + text + "}"),
        spaced(expressions, "").map(lambda text: "${~" + text + "~}"),
        spaced(expressions, "").map(lambda text: "%{ if " + text + "}y%{ else}z%{endif }"),
    )
    pieces = st.lists(st.one_of(texts, holes), max_size=3)
    return pieces.map(lambda parts: '"' + "".join(parts) + '"')


def larger(expressions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(expressions, max_size=3)
    items = st.lists(spaced(names, st.sampled_from(["=", ":"]), expressions), min_size=1, max_size=3)
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"])
    return st.one_of(
        templates(expressions),
        spaced("(", expressions, ")"),
        spaced("(", expressions, operators, expressions, ")"),
        spaced("(\n", expressions, operators, "\n", expressions, ")"),
        spaced(expressions, "?", expressions, ":", expressions),
        spaced("-", expressions),
        spaced("!", expressions),
        lists.map(lambda parts: "[" + " , ".join(parts) + "]"),
        lists.map(lambda parts: "[\n" + "".join(part + ", # c\n" for part in parts) + "]"),
        lists.map(lambda parts: "f(" + ",".join(parts) + ")"),
        items.map(lambda parts: "{" + ",".join(parts) + "}"),
        items.map(lambda parts: "{\n" + "\n\t".join(parts) + "\n}"),
        spaced("[", "for ", names, " in ", expressions, ":", expressions, "]"),
        spaced("{", "for ", "k", ",", "v", " in ", expressions, ":", "k", "=>", expressions, "...", "}"),
        spaced(names, "[", expressions, "]", ".", names),
        spaced(names, "[*]", ".", names),
    )


leaves = st.one_of(names, st.sampled_from(["1", "2.5e3", "true", "null", '""', '{{ env "A" }}']))
expressions = st.recursive(leaves, larger, max_leaves=6)
heredocs = st.lists(
    st.sampled_from(["x = 1", "  # no", "", "${ a }", "\t{{ env `A` }}", "%{ if a }b%{ endif }", "${\n a\n}"])
).map(lambda lines: "<<-EOT\n" + "".join(line + "\n" for line in lines) + "  EOT")


@st.composite
def bodies(draw: st.DrawFn, depth: int = 2) -> str:
    lines = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["argument", "heredoc", "comment", "block"]))
        if kind == "argument":
            lines.append(draw(spaced(f"n{number}", "=", expressions)) + draw(ends))
        elif kind == "heredoc":
            lines.append(draw(spaced(f"n{number}", "=", heredocs)) + "\n")
        elif kind == "comment":
            lines.append(draw(gaps) + draw(st.sampled_from(["# c", "//", "/* c */"])) + "\n")
        elif depth:
            label = draw(st.sampled_from(["", '"x"', "y "]))
            lines.append(draw(spaced("b ", label, "{")) + draw(ends) + draw(bodies(depth=depth - 1)) + "}" + draw(ends))
    return "".join(lines)


def meaning(node: object) -> object:
    """A tree without its places; a string that is one template, and parentheses, are what they hold."""
    if isinstance(node, (Wrap, Parentheses)):
        return meaning(node.inner)
    if isinstance(node, Record):
        named = vars(node).items()
        return type(node).__name__, {
            name: meaning(value) for name, value in named if isinstance(value, bool) or not isinstance(value, int)
        }
    if isinstance(node, tuple):
        return [meaning(item) for item in node]
    return node


def comments(text: str) -> int:
    return text.count("/* c") + text.count("# c") + text.count("//")


@settings(deadline=None)
@given(bodies())
def test_formatting_is_stable_and_keeps_the_meaning(text: str) -> None:
    try:
        tree, _ = parse(Source("x.hcl", text))
    except DiagnosticsError:
        return  # a random gap that newlines or comments may not fill
    formatted = format_text(text)
    assert format_text(formatted) == formatted
    assert meaning(parse(Source("x.hcl", formatted))[0]) == meaning(tree)
    assert comments(formatted) == comments(text)


@settings(deadline=None)
@given(st.text(alphabet='ab=1{}[]()"$%~.,:?!-+*/<>&|#\n\r\t \\E{`é'))
def test_any_text_is_formatted_or_refused(text: str) -> None:
    try:
        formatted = format_text(text)
    except DiagnosticsError:
        return
    assert format_text(formatted) == formatted
