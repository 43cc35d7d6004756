"""The language against HCL's reference implementation: what it makes of each case is recorded in cases.jsonl.

To record again, after cases were added with their `kind` and `source` only, where Go is installed:
`cd tests/unit/config/conformance && go mod tidy && go run . < cases.jsonl > new && mv new cases.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dstream_core.config.evaluate import Evaluator, Trace
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse, parse_value
from dstream_core.config.syntax.nodes import Body
from dstream_core.config.values import (
    NUMBER,
    STRING,
    ListType,
    ListValue,
    MapValue,
    ObjectType,
    ObjectValue,
    SetValue,
    TupleValue,
    number_text,
    type_name,
    type_of,
)
from dstream_core.errors import Diagnostic, DiagnosticsError

CASES = [
    json.loads(line) for line in (Path(__file__).parent / "conformance" / "cases.jsonl").read_text("utf-8").splitlines()
]


def item(name: str, *values: int) -> ObjectValue:
    return ObjectValue({"id": name, "v": ListValue(map(Decimal, values), NUMBER)})


LOCALS: dict[str, Any] = {
    "s": "str",
    "n": Decimal(5),
    "b": True,
    "nul": None,
    "num": "42",
    "e": "",
    "a-b": Decimal(7),
    "t": TupleValue([Decimal(1), "two", True]),
    "l": ListValue(["a", "b", "c"], STRING),
    "le": ListValue([], STRING),
    "st": SetValue(["z", "y"], STRING),
    "m": MapValue({"k2": Decimal(2), "k1": Decimal(1)}, NUMBER),
    "o": ObjectValue({"name": "x", "age": Decimal(3), "in": ObjectValue({"q": Decimal(9)})}),
    "lo": ListValue([item("i1", 1, 2), item("i2", 3)], ObjectType({"id": STRING, "v": ListType(NUMBER)})),
}


class Locals:
    """A scope with the same values as the reference is given."""

    def members(self, root: str) -> Iterable[str] | None:
        return LOCALS if root == "local" else None

    def value(self, root: str, name: str, source: Source, start: int, end: int) -> tuple[Any, Trace]:
        if name not in LOCALS:
            raise DiagnosticsError([Diagnostic("config/unknown-local", name)])
        return LOCALS[name], Trace()


def written(value: Any) -> str:
    """A value as JSON, every number exact."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{written(key)}:{written(of)}" for key, of in value.items()) + "}"
    return "[" + ",".join(map(written, value)) + "]"


def rewritten(text: str) -> str:
    return written(json.loads(text, parse_int=Decimal, parse_float=Decimal))


def outcome(source: Source, expression: Any) -> tuple[str, str]:
    value = Evaluator(source, Locals(), {}).evaluate(expression)
    return written(value), "null" if value is None else type_name(type_of(value))


def recorded(value: str, type_: str) -> tuple[str, str]:
    text = rewritten(value)
    return text, "null" if text == "null" else type_


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["kind"] == "expression"], ids=lambda case: case["source"]
)
def test_expression(case: dict[str, Any]) -> None:
    source = Source("case", case["source"])
    try:
        parsed = parse_value(source)
    except DiagnosticsError:
        assert case.get("error") == "syntax"
        return
    try:
        found = outcome(source, parsed)
    except DiagnosticsError:
        assert case.get("error") == "value"
        return
    assert "error" not in case, found
    assert found == recorded(case["value"], case["type"])


def evaluated(source: Source, body: Body) -> dict[str, Any]:
    return {
        "arguments": {name: outcome(source, argument.value) for name, argument in body.arguments.items()},
        "blocks": [
            (block.type, [label.text for label in block.labels], evaluated(source, block.body)) for block in body.blocks
        ],
    }


def recorded_body(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "arguments": {name: recorded(*pair) for name, pair in body["arguments"].items()},
        "blocks": [(block["type"], block["labels"], recorded_body(block["body"])) for block in body["blocks"]],
    }


@pytest.mark.parametrize("case", [case for case in CASES if case["kind"] == "body"], ids=lambda case: case["source"])
def test_body(case: dict[str, Any]) -> None:
    source = Source("case", case["source"])
    try:
        parsed, problems = parse(source)
        assert not problems or case.get("error") == "syntax"
    except DiagnosticsError:
        assert case.get("error") == "syntax"
        return
    if problems:
        return
    try:
        found = evaluated(source, parsed)
    except DiagnosticsError:
        assert case.get("error") == "value"
        return
    assert "error" not in case, found
    assert found == recorded_body(case["body"])
