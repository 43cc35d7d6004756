"""Meaning: what HCL does where one would guess wrong, and what evaluation keeps track of."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from dstream_core.config import Task
from dstream_core.config.evaluate import EmptyScope, Evaluator
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse_value
from dstream_core.config.values import type_name, type_of
from dstream_core.errors import DiagnosticsError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # numbers are decimals of high precision, integers exact whatever their size
        ("0.1 + 0.2 == 0.3", True),
        ("18446744073709551616 + 1", Decimal(18446744073709551617)),
        ("9" * 200 + " + 1", Decimal("1" + "0" * 200)),
        ("9" * 200 + " * 10 / 10", Decimal("9" * 200)),
        ("1 / 3 * 3 == 1", True),
        ("2 / 3 * 3", Decimal(2)),
        ("1.10", Decimal("1.1")),
        ('"x${1.10}"', "x1.1"),
        # logic forgives an error that does not decide, and still checks the type
        ("null != null && null.y == 1", False),
        ("true || null.y", True),
        ("null.y || true", True),
        # a conditional unifies both results
        ('true ? 1 : "a"', "1"),
        ('false ? 1 : "a"', "a"),
        ("true ? 1 : null.x", Decimal(1)),
        ('true ? 1 : "a${null.x}"', "1"),
        ('true ? { a = 1 } : { b = "x" }', {"a": "1"}),
        # equality is typed, arithmetic converts, only numbers are ordered
        ('"1" == 1', False),
        ('"5" + 1', Decimal(6)),
        ('"5" < "10"', True),
        ("[1] == tolist([1])", False),
        # splats
        ("[{ name = [1, 2] }, { name = [3] }].*.name[0]", [Decimal(1), Decimal(2)]),
        ("[{ name = [1, 2] }, { name = [3] }][*].name[0]", [Decimal(1), Decimal(3)]),
        ("null[*]", []),
        ('"a"[*]', ["a"]),
        ("{ a = 1 }.*", [{"a": Decimal(1)}]),
        ("tomap({ a = 1 })[*]", [{"a": Decimal(1)}]),
        # strings, keys and identifiers are normalised; the last of equal keys counts; dashes belong to names
        ('"e\u0301" == "\u00e9"', True),
        ('{ e\u0301 = 1 }["\u00e9"]', Decimal(1)),
        ("{ a = 1, a = 2 }", {"a": Decimal(2)}),
        ("{ n-1 = 5 }.n-1", Decimal(5)),
        # templates
        ('"${true}"', True),
        ('"${[1]}"', [Decimal(1)]),
        ('"a ${~ 1 ~} b"', "a1b"),
        ("<<E\na\n  ${~ 1 ~}\n b\nE", "a\n1 b\n"),
        ("<<-E\n    a\n\n   \n  b\n  E", "  a\n\n   \nb\n"),
        ('"%{ for i, x in ["a", "b"] }${i}${x}%{ endfor }"', "0a1b"),
        ('"%{ if false }a%{ else }b%{ endif }"', "b"),
        # functions
        ("length(range(4, 1))", Decimal(3)),
        ("max([1, 5, 2]...)", Decimal(5)),
        ('try(null.x, "a")', "a"),
        ("can(null.x)", False),
        ('env("GONE", "d")', "d"),
        ('env("GONE", null)', None),
        ('env("SET")', "value"),
        ("issensitive(sensitive(1))", True),
        ("issensitive(nonsensitive(sensitive(1)))", False),
        ("sensitive([1, 2])[1]", Decimal(2)),
    ],
)
def test_value(evaluate: Callable[..., Any], text: str, value: Any) -> None:
    assert evaluate(text, {"SET": "value"}) == value


def test_types_of_results(evaluate: Callable[..., Any]) -> None:
    assert type_name(type_of(evaluate('true ? [1] : ["a", "b"]'))) == "list of string"
    assert type_name(type_of(evaluate("[1, 2]"))) == "tuple"
    assert type_name(type_of(evaluate('toset(["b", "a"])[*]'))) == "list of string"


@pytest.mark.parametrize(
    ("text", "code", "columns", "fragments"),
    [
        ("1 / 0", "expression/division-by-zero", (9, 10), ["zero"]),
        ('"a" < "b"', "expression/operand", (5, 8), ["number", "Only numbers are ordered"]),
        ('1 + "a"', "expression/operand", (9, 12), ["right operand", "a number is required"]),
        ("[] + 1", "expression/operand", (5, 7), ["number required, but have tuple"]),
        ("null + 1", "expression/null", (5, 9), ["null"]),
        ('true && "x"', "expression/operand", (13, 16), ["a bool is required"]),
        ('false && "x"', "expression/operand", (14, 17), ["a bool is required"]),
        ("null || false", "expression/null", (5, 9), ["null"]),
        ("!1", "expression/operand", (6, 7), ["bool required, but have number"]),
        ("null ? 1 : 2", "expression/condition", (5, 9), ["null"]),
        ("1 ? 1 : 2", "expression/condition", (5, 6), ["bool required"]),
        ("true ? 1 : true", "expression/inconsistent-types", (12, 20), ["the value for true is number", "bool"]),
        ("true ? [] : {}", "expression/inconsistent-types", (12, 19), ["tuple", "object"]),
        ("true ? { a = 1 } : { a = [] }", "expression/inconsistent-types", (12, 34), ['"a"']),
        ("null.x", "expression/attribute", (10, 11), ["null"]),
        ("{ name = 1 }.nam", "expression/attribute", (18, 21), ['Did you mean "name"?']),
        ('tomap({ name = "a" }).nam', "expression/attribute", (27, 30), ["map", 'Did you mean "name"?']),
        ("[{ a = 1 }].a", "expression/attribute", (17, 18), ["[*].a"]),
        ("1 .a", "expression/attribute", (8, 9), ["number has no attributes"]),
        ("[1, 2][2]", "expression/index", (11, 14), ["only 2 elements"]),
        ("[][0]", "expression/index", (7, 10), ["no elements"]),
        ("[1][-1]", "expression/index", (8, 12), ["negative"]),
        ("[1][0.5]", "expression/index", (8, 13), ["whole number"]),
        ('[1]["a"]', "expression/index", (8, 13), ["a number is required"]),
        ('{ key = 1 }["kay"]', "expression/index", (16, 23), ['"key"']),
        ("null[0]", "expression/index", (9, 12), ["null"]),
        ("[1][null]", "expression/index", (8, 14), ["Null"]),
        ("toset([1])[0]", "expression/index", (15, 18), ["tolist"]),
        ('"a${null}"', "expression/template-value", (9, 13), ["null"]),
        ('"a${[]}"', "expression/template-value", (9, 11), ["string required, but have tuple"]),
        ("[for x in null : x]", "expression/iteration", (15, 19), ["null"]),
        ('[for x in "a" : x]', "expression/iteration", (15, 18), ["string"]),
        ("[for x in [1] : x if null]", "expression/condition", (26, 30), ["null"]),
        ("[for x in [1] : x if []]", "expression/condition", (26, 28), ["bool"]),
        ("{for x in [1, 1] : x => x}", "expression/duplicate-key", (24, 25), ["..."]),
        ("{for x in [1] : null => x}", "expression/key", (21, 25), ["null"]),
        ("{ (null) = 1 }", "expression/key", (7, 13), ["null"]),
        ("{ ([]) = 1 }", "expression/key", (7, 11), ["string required"]),
        ("{ a.b = 1 }", "expression/ambiguous-key", (7, 10), ["parentheses", "quotes"]),
        ("uper(1)", "expression/unknown-function", (5, 9), ['Did you mean "upper"?']),
        ('file("x")', "expression/function-left-out", (5, 9), ["files"]),
        ("timestamp()", "expression/function-left-out", (5, 14), []),
        ("upper()", "expression/arguments", (11, 12), ["1 argument", "upper("]),
        ('upper("a", "b")', "expression/arguments", (16, 19), ["only 1 argument"]),
        ("upper([])", "expression/function", (11, 13), ["string required, but have tuple"]),
        ("upper(null)", "expression/function", (11, 15), ["null"]),
        ("max(1...)", "expression/arguments", (9, 10), ["list, tuple or set", "number"]),
        ('max(["a"]...)', "expression/function", (9, 14), ["number"]),
        ("try(null.x, null.y)", "expression/try", (5, 24), ["first"]),
        ("try()", "expression/arguments", (5, 10), []),
        ("can()", "expression/arguments", (5, 10), []),
        ('env("GONE")', "expression/unset-variable", (5, 16), ["GONE"]),
        ("env(null)", "expression/function", (9, 13), ["null"]),
        ("env()", "expression/arguments", (5, 10), ["default"]),
        ('[[1], [2, "a"]][*][0].x', "expression/attribute", (27, 28), []),
        ("9" * 3000 + " * " + "9" * 3000, "expression/number-range", (5, 6008), ["4,000"]),
        ("local.x", "expression/no-references", (5, 10), []),
    ],
)
def test_error(
    evaluate: Callable[..., Any], text: str, code: str, columns: tuple[int, int], fragments: list[str]
) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        evaluate(text)
    [found] = caught.value.diagnostics
    assert found.code == code, found
    assert found.where is not None
    assert (found.where.column, found.where.end_column) == columns, found
    for fragment in fragments:
        assert fragment in f"{found.message} {found.hint}"


def test_unknown_names_have_suggestions(load: Callable[..., Task]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        load(config="a = tables\nb = foo", extra="locals {\n tables = []\n}\n")
    first, second = caught.value.diagnostics
    assert first.hint is not None
    assert 'Did you mean "local.tables"?' in first.hint
    assert second.hint is not None
    assert '"foo"' in second.hint


def test_long_chains_and_deep_nesting_end_in_order(evaluate: Callable[..., Any]) -> None:
    assert evaluate(" + ".join(["1"] * 5000)) == 5000
    for text in (
        "(" * 5000,
        "!" * 5000 + "true",
        "[" * 5000,
        "{a=" * 5000,
        '"${' * 5000,
        "f(" * 5000,
        "a ? b : " * 3000,
    ):
        with pytest.raises(DiagnosticsError):
            evaluate(text)
    assert evaluate("(" * 90 + "1" + ")" * 90) == 1


def test_deep_directives_end_in_order(evaluate: Callable[..., Any]) -> None:
    with pytest.raises(DiagnosticsError) as caught:
        evaluate('"' + "%{ if true }" * 3000 + '"')
    assert caught.value.code == "syntax/too-deep"


@pytest.mark.parametrize(
    ("text", "environment", "private", "marked"),
    [
        ('"{{ env "A" }}"', {"A"}, {"A"}, False),
        ('env("A")', {"A"}, {"A"}, False),
        ('env("GONE", env("A"))', {"A", "GONE"}, {"A"}, False),
        ('true ? "x" : env("A")', {"A"}, set(), False),
        ('try(env("GONE"), env("A"))', {"A", "GONE"}, {"A"}, False),
        ('can(env("A"))', {"A"}, set(), False),
        ('nonsensitive(env("A"))', {"A"}, set(), False),
        ('sensitive("abc")', set(), set(), True),
        ('[for x in ["A"] : env(x)]', {"A"}, {"A"}, False),
        ('upper("{{ env "A" | b64enc }}")', {"A"}, {"A"}, False),
        ("1", set(), set(), False),
    ],
)
def test_what_a_value_came_from(text: str, environment: set[str], private: set[str], marked: bool) -> None:
    source = Source("test.hcl", text)
    evaluator = Evaluator(source, EmptyScope("a test"), {"A": "the-value"})
    evaluator.evaluate(parse_value(source, actions=True))
    assert evaluator.trace.environment == environment
    assert evaluator.trace.private.keys() == private
    assert evaluator.trace.marked is marked
