"""`regex`, `regexall` and `replace`: the functions that take regular expressions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dstream_core.config.functions.model import Function, FunctionError, strings
from dstream_core.config.values import STRING, ListValue, ObjectType, ObjectValue, TupleType, TupleValue, Type, Value

if TYPE_CHECKING:
    from dstream_core.config.functions.re2 import Pattern

AREA = "Strings"


def _compiled(pattern: str, index: int, prefix: str) -> Pattern:
    from dstream_core.config.functions.re2 import (  # noqa: PLC0415  `replace` rarely needs it
        PatternError,
        compile_pattern,
    )

    try:
        return compile_pattern(pattern)
    except PatternError as error:
        raise FunctionError(f"{prefix}{error}", index) from None


def _checked(pattern: str) -> Pattern:
    compiled = _compiled(pattern, 0, "invalid regexp pattern: ")
    if any(compiled.names) and not all(compiled.names):
        raise FunctionError("invalid regexp pattern: cannot mix both named and unnamed capture groups", 0)
    return compiled


def regex(pattern: str, text: str) -> Value:
    compiled = _checked(pattern)
    match = next(compiled.matches(text), None)
    if match is None:
        raise FunctionError("pattern did not match any part of the given string")
    result: Value = _groups(compiled, match)
    return result


def regexall(pattern: str, text: str) -> ListValue:
    compiled = _checked(pattern)
    return ListValue([_groups(compiled, match) for match in compiled.matches(text)], _group_type(compiled))


def replace(text: str, part: str, replacement: str) -> str:
    """A part in slashes is a regular expression; any other is looked for as it is."""
    if len(part) > 1 and part[0] == part[-1] == "/":
        return _compiled(part[1:-1], 1, "error parsing regexp: ").replace(text, replacement)
    return text.replace(part, replacement)


def _groups(compiled: Pattern, match: re.Match[str]) -> Any:
    if not compiled.names:
        return match[0]
    if not any(compiled.names):
        return TupleValue(match.groups())
    return ObjectValue(zip(compiled.names, match.groups(), strict=True))


def _group_type(compiled: Pattern) -> Type:
    if not compiled.names:
        return STRING
    if not any(compiled.names):
        return TupleType((STRING,) * len(compiled.names))
    return ObjectType(dict.fromkeys(sorted(set(compiled.names)), STRING))


FUNCTIONS = (
    Function(
        "regex",
        strings("pattern", "string"),
        None,
        regex,
        "The first match of a regular expression (RE2 syntax): the text, or a list or object of its groups. "
        "No match is an error.",
        (
            (r'regex("[0-9]+", "table42")', '"42"'),
            (r'regex("(?P<y>\\d+)-(?P<m>\\d+)", "2024-05")', '{ y = "2024", m = "05" }'),
        ),
        AREA,
    ),
    Function(
        "regexall",
        strings("pattern", "string"),
        None,
        regexall,
        "All matches of a regular expression, as `regex` gives each.",
        (('regexall("[a-z]+", "1a22bc")', '["a", "bc"]'),),
        AREA,
    ),
    Function(
        "replace",
        strings("str", "substr", "replace"),
        None,
        replace,
        "The string with every occurrence of a part replaced. A part in slashes is a regular expression; `$1` and "
        "`$${name}` then stand for its groups.",
        (('replace("1 + 2", "+", "-")', '"1 - 2"'), (r'replace("ab12", "/([a-z]+)(\\d+)/", "$2$1")', '"12ab"')),
        AREA,
    ),
)
