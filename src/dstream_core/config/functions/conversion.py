"""Functions that convert a value to a type."""

from __future__ import annotations

from collections.abc import Callable

from dstream_core.config.functions.model import Function, FunctionError, Parameter
from dstream_core.config.values import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    ListType,
    MapType,
    SetType,
    Type,
    Value,
    constraint_name,
    convert,
    type_name,
    type_of,
)

AREA = "Types"
_RULES: dict[
    Type, str
] = {  # what a string must look like; the string itself stays out of the message, for it may be secret
    NUMBER: "; given string must be a decimal representation of a number",
    BOOL: '; only the strings "true" or "false" are allowed',
}


def _converter(want: Type) -> Callable[[Value], Value]:
    def to_type(value: Value) -> Value:
        try:
            return convert(value, want)
        except ConversionError as error:
            got = type_of(value)
            rule = _RULES.get(want, "") if got == STRING else ""
            where = f" ({error})" if error.path else ""
            raise FunctionError(f"cannot convert {type_name(got)} to {constraint_name(want)}{rule}{where}", 0) from None

    return to_type


def _function(name: str, want: Type, summary: str, *examples: tuple[str, str]) -> Function:
    return Function(name, (Parameter("v", allow_null=True),), None, _converter(want), summary, examples, AREA)


FUNCTIONS = (
    _function("tobool", BOOL, 'The bool that `"true"` or `"false"` says.', ('tobool("true")', "true")),
    _function("tolist", ListType(DYNAMIC), "The elements as a list of one type.", ('tolist(["a", 1])', '["a", "1"]')),
    _function(
        "tomap",
        MapType(DYNAMIC),
        "The attributes as a map whose values have one type.",
        ('tomap({ a = "x", b = 1 })', '{ a = "x", b = "1" }'),
    ),
    _function("tonumber", NUMBER, "The number that a string holds.", ('tonumber("1.50")', "1.5")),
    _function(
        "toset",
        SetType(DYNAMIC),
        "The elements as a set: of one type, sorted, without repetitions.",
        ('toset(["b", "a", "b"])', '["a", "b"]'),
    ),
    _function("tostring", STRING, "The text of a number or bool.", ("tostring(1.50)", '"1.5"')),
)
