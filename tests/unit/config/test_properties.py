"""Random expressions against an oracle in Python, and the language against python-hcl2 where that is right too."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.evaluate import EmptyScope, Evaluator
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse, parse_value
from dstream_core.config.syntax.nodes import Body
from dstream_core.errors import DiagnosticsError

# An expression as text and as what it must be: numbers as fractions, bools, strings.
Case = tuple[str, Any]

NUMERIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARING = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

NUMBERS: st.SearchStrategy[Case] = st.integers(0, 10**40).map(lambda number: (str(number), Fraction(number)))
DECIMALS: st.SearchStrategy[Case] = st.decimals(0, 1000, places=3).map(lambda number: (str(number), Fraction(number)))
BOOLS: st.SearchStrategy[Case] = st.booleans().map(lambda value: (str(value).lower(), value))


def numeric(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    pair = st.tuples(inner, st.sampled_from(list(NUMERIC)), inner)
    return st.one_of(
        pair.map(lambda it: (f"({it[0][0]} {it[1]} {it[2][0]})", NUMERIC[it[1]](it[0][1], it[2][1]))),
        inner.map(lambda it: (f"-({it[0]})", -it[1])),
        inner.map(lambda it: (f"[1, {it[0]}][1]", it[1])),
        inner.map(lambda it: (f"{{ k = {it[0]} }}.k", it[1])),
        st.tuples(BOOLS, inner, inner).map(
            lambda it: (f"({it[0][0]} ? {it[1][0]} : {it[2][0]})", it[1][1] if it[0][1] else it[2][1])
        ),
        st.tuples(inner, inner).map(lambda it: (f"[for x in [{it[0][0]}, {it[1][0]}] : x * 2][1]", it[1][1] * 2)),
    )


NUMBER_TREES = st.recursive(NUMBERS | DECIMALS, numeric, max_leaves=12)
COMPARISONS = st.tuples(NUMBER_TREES, st.sampled_from(list(COMPARING)), NUMBER_TREES).map(
    lambda it: (f"({it[0][0]} {it[1]} {it[2][0]})", COMPARING[it[1]](it[0][1], it[2][1]))
)


def logical(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda it: (f"({it[0][0]} && {it[1][0]})", it[0][1] and it[1][1])),
        st.tuples(inner, inner).map(lambda it: (f"({it[0][0]} || {it[1][0]})", it[0][1] or it[1][1])),
        inner.map(lambda it: (f"!{it[0]}", not it[1])),
    )


BOOL_TREES = st.recursive(BOOLS | COMPARISONS, logical, max_leaves=12)
PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Mn", "Lo"), exclude_characters="\0"), max_size=20
)


def value_of(text: str) -> Any:
    source = Source("test", text)
    return Evaluator(source, EmptyScope("a test"), {}).evaluate(parse_value(source))


@given(NUMBER_TREES)
def test_arithmetic_is_exact(case: Case) -> None:
    found = value_of(case[0])
    assert isinstance(found, Decimal)
    assert Fraction(found) == case[1]


@given(BOOL_TREES)
def test_logic(case: Case) -> None:
    assert value_of(case[0]) is case[1]


@given(st.lists(st.sampled_from(["1", "2", "3", "+", "-", "*"]), min_size=1, max_size=15))
def test_precedence_without_parentheses(pieces: list[str]) -> None:
    """Where Python and HCL both read a sequence, they group it alike."""
    text = " ".join(pieces)
    try:
        expected = eval(text, {}, {})  # only digits and operators
    except (SyntaxError, TypeError):
        return
    try:
        assert value_of(text) == expected
    except DiagnosticsError:
        assert "+" in text or "* *" in text  # HCL has no unary plus


def quoted(text: str) -> str:
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


@given(PLAIN)
def test_any_text_can_be_written(text: str) -> None:
    assert value_of(quoted(text)) == text


@given(PLAIN.filter(lambda text: "\r" not in text and "E" not in text))
def test_any_text_can_be_written_as_a_heredoc(text: str) -> None:
    escaped = text.replace("${", "$${").replace("%{", "%%{")
    assert value_of(f"<<E\n{escaped}\nE\n") == f"{text}\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | PLAIN,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
        max_leaves=20,
    )
)
def test_any_data_can_be_written(data: Any) -> None:
    def write(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, list):
            return "[" + ", ".join(map(write, value)) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{quoted(key)} = {write(of)}" for key, of in value.items()) + "}"
        return str(value)

    assert value_of(write(data)) == data


# What both must accept, and find the same in: structure, names, strings without escapes, numbers, lists, objects.
SAME = [
    'a = 1\nb = "x"\nc = true\nd = null\n',
    "a = [1, 2, 3]\nb = [\n  1,\n  2,\n]\n",
    "a = {\n  b = 1\n  c = [true]\n}\n",
    'task "x" {\n  input {\n    provider = "counter"\n    config {\n      n = 5\n    }\n  }\n}\n',
    'b "x" "y" {\n}\nb "z" {\n  k = "v"\n}\n',
    "# comment\na = 1 // more\n/* and\nmore */\nb = 2\n",
    'a = <<E\nline one\nline two\nE\nb = "x"\n',
    "locals {\n  a = 0.5\n  b = -3\n}\n",
    "a = {}\nb = []\nc {}\n",
]


def ours(body: Body, evaluator: Evaluator) -> dict[str, Any]:
    found: dict[str, Any] = {name: evaluator.evaluate(of.value) for name, of in body.arguments.items()}
    for block in body.blocks:
        inner: Any = ours(block.body, evaluator)
        for label in reversed(block.labels):
            inner = {label.text: inner}
        found.setdefault(block.type, []).append(inner)
    return found


def theirs(value: Any) -> Any:
    """What python-hcl2 found, without the quotes and marks that it leaves in."""
    if isinstance(value, dict):
        return {str(theirs(key)): theirs(of) for key, of in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [theirs(item) for item in value]
    if isinstance(value, str):
        if value.startswith('"<<'):
            return value.strip('"').split("\n", 1)[1].rsplit("\n", 1)[0] + "\n"
        if value.lstrip("-").replace(".", "").isdigit():
            return Decimal(value)
        return {"null": None}.get(value, value.strip('"'))
    return value


@pytest.mark.parametrize("text", SAME)
def test_the_same_as_python_hcl2(text: str, same: Callable[[Any, Any], bool]) -> None:
    source = Source("test", text)
    body, problems = parse(source)
    assert not problems
    assert same(ours(body, Evaluator(source, EmptyScope("a test"), {})), theirs(hcl2.loads(text)))


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    def run(left: Any, right: Any) -> bool:
        if isinstance(left, dict):
            return (
                isinstance(right, dict)
                and left.keys() == right.keys()
                and all(run(left[key], right[key]) for key in left)
            )
        if isinstance(left, list):
            return isinstance(right, list) and len(left) == len(right) and all(map(run, left, right))
        if isinstance(left, Decimal):
            return Fraction(left) == Fraction(str(right))
        return bool(left == right)

    return run
