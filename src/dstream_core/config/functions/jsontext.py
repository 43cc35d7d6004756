"""`jsonencode` and `jsondecode`: exact numbers, and the escapes of the reference."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from dstream_core.config.functions.model import Function, FunctionError, Parameter, strings
from dstream_core.config.values import NumberRangeError, ObjectValue, TupleValue, Value, bounded, number_text
from dstream_core.config.values.conversion import normalised

AREA = "Encoding"
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED = re.compile("[<>&\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def json_text(value: Value) -> str:
    """The value as JSON: no spaces, keys in order, numbers exact, and `<`, `>`, `&` escaped for HTML as Go does."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return number_text(value)
        case str():
            return _ESCAPED.sub(_escape, json.dumps(value, ensure_ascii=False))
        case dict():
            return "{" + ",".join(f"{json_text(key)}:{json_text(of)}" for key, of in value.items()) + "}"
        case _:
            return "[" + ",".join(map(json_text, value)) + "]"


def json_value(text: str) -> Value:
    """The value that a JSON document describes: objects and tuples, never maps or lists, and exact numbers."""
    try:
        # Floats and integers alike come as Decimal; a constant such as NaN is no JSON.
        parsed = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise FunctionError(f"invalid JSON at {place}: {error.msg.lower()}", 0) from None
    result: Value = _value(parsed)
    return result


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES[match[0]]


def _number(text: str) -> Decimal:
    try:
        return bounded(Decimal(text))
    except (NumberRangeError, ArithmeticError):
        raise FunctionError("the JSON holds a number that needs more than 4,000 digits", 0) from None


def _refuse(text: str) -> Value:
    raise FunctionError(f"invalid JSON: {text} is no JSON value", 0)


def _value(parsed: Any) -> Any:
    if isinstance(parsed, str):
        return normalised(_SURROGATES.sub("\ufffd", parsed))
    if isinstance(parsed, list):
        return TupleValue(map(_value, parsed))
    if isinstance(parsed, dict):
        return ObjectValue({_value(key): _value(of) for key, of in parsed.items()})
    return parsed


FUNCTIONS = (
    Function(
        "jsondecode",
        strings("str"),
        None,
        json_value,
        "The value that a JSON document describes; numbers of any length stay exact.",
        ((r'jsondecode("{\"a\": [1, null]}")', "{ a = [1, null] }"),),
        AREA,
    ),
    Function(
        "jsonencode",
        (Parameter("val", allow_null=True),),
        None,
        json_text,
        r"The value as JSON without spaces; `<`, `>`, `&` and the line separators U+2028 and U+2029 become `\uXXXX`.",
        ((r'jsonencode({ b = true, a = "<x>" })', r'"{\"a\":\"\\u003cx\\u003e\",\"b\":true}"'),),
        AREA,
    ),
)
