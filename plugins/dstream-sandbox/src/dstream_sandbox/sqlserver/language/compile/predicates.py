"""Conditions in three-valued logic."""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.messages import incompatible
from dstream_sandbox.sqlserver.language.rules import common_type
from dstream_sandbox.sqlserver.types import SqlType, nvarchar, varchar

PYTHON: dict[str, Callable[[Any, Any], bool]] = {
    "=": op.eq,
    "<>": op.ne,
    "<": op.lt,
    "<=": op.le,
    ">": op.gt,
    ">=": op.ge,
}
_WORDS = {
    "=": "equal to",
    "<>": "not equal to",
    "<": "less than",
    "<=": "less than or equal to",
    ">": "greater than",
    ">=": "greater than or equal to",
}
_SAME = comparable(SqlType("int"))


def comparison_type(symbol: str, left: Compiled, right: Compiled) -> SqlType:
    """The type in which two values are compared.

    Raises:
        SqlError: 402, 206, 305: they cannot be; 468: two collations are at odds.
    """
    if left.null:
        return right.type
    if right.null:
        return left.type
    type_ = common_type(left.type, right.type)
    if type_.name in ("text", "ntext", "image", "xml", "geography", "geometry"):
        raise incompatible(left.type, right.type, _WORDS[symbol])
    if type_.is_character:
        return type_.with_collation(_collation(left, right))
    return type_


def _collation(left: Compiled, right: Compiled) -> str | None:
    """COLLATE wins over columns' collations; two different ones of a kind are an error ("Collation precedence")."""
    a, b = left.type.collation, right.type.collation
    if left.collated != right.collated:
        return a if left.collated else b
    alike = left.collated or (left.column is not None and right.column is not None)
    if alike and a and b and a.lower() != b.lower():
        raise SqlError(468, f'Cannot resolve the collation conflict between "{b}" and "{a}" in the equal to operation.')
    return a or b


def keyed(expression: Compiled, type_: SqlType) -> tuple[Any, Callable[[Any], Any] | None]:
    """The expression in a type's form for comparisons: how to get the value, and the key of it (None: the value itself)."""
    key = comparable(type_)
    return converted(expression, type_).evaluate, None if key is _SAME else key


def compare(symbol: str, left: Compiled, right: Compiled) -> Predicate:
    """`left symbol right`."""
    type_ = comparison_type(symbol, left, right)
    left, right = converted(left, type_), converted(right, type_)
    key = comparable(type_)
    python = PYTHON[symbol]
    if right.literal:
        return _with_constant(python, left, right.value, key)
    a, b = left.evaluate, right.evaluate
    if key is _SAME:

        def plain(row: Row, frame: Frame) -> bool | None:
            x, y = a(row, frame), b(row, frame)
            return None if x is None or y is None else python(x, y)

        return plain

    def by_key(row: Row, frame: Frame) -> bool | None:
        x, y = a(row, frame), b(row, frame)
        return None if x is None or y is None else python(key(x), key(y))

    return by_key


def _with_constant(
    python: Callable[[Any, Any], bool], left: Compiled, value: Any, key: Callable[[Any], Any]
) -> Predicate:
    if value is None:
        return lambda row, frame: None
    fixed = key(value)
    a, column = left.evaluate, left.column
    if key is _SAME:
        if column is not None:
            place = column
            return lambda row, frame: None if (x := row[place]) is None else python(x, fixed)
        return lambda row, frame: None if (x := a(row, frame)) is None else python(x, fixed)
    return lambda row, frame: None if (x := a(row, frame)) is None else python(key(x), fixed)


def both(parts: Sequence[Predicate]) -> Predicate:
    """AND."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts

        def two(row: Row, frame: Frame) -> bool | None:
            a = first(row, frame)
            if a is False:
                return False
            b = second(row, frame)
            return False if b is False else None if a is None or b is None else True

        return two

    def every(row: Row, frame: Frame) -> bool | None:
        result: bool | None = True
        for part in parts:
            value = part(row, frame)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return every


def either(parts: Sequence[Predicate]) -> Predicate:
    """OR."""

    def some(row: Row, frame: Frame) -> bool | None:
        result: bool | None = False
        for part in parts:
            value = part(row, frame)
            if value:
                return True
            if value is None:
                result = None
        return result

    return some


def negation(part: Predicate) -> Predicate:
    """NOT: unknown stays unknown."""
    return lambda row, frame: None if (value := part(row, frame)) is None else not value


def is_null(operand: Compiled, negated: bool) -> Predicate:
    """IS [NOT] NULL."""
    inner = operand.evaluate
    if negated:
        return lambda row, frame: inner(row, frame) is not None
    return lambda row, frame: inner(row, frame) is None


def is_distinct(left: Compiled, right: Compiled, negated: bool) -> Predicate:
    """IS [NOT] DISTINCT FROM."""
    type_ = comparison_type("=", left, right)
    key = comparable(type_)
    a, b = converted(left, type_).evaluate, converted(right, type_).evaluate

    def distinct(row: Row, frame: Frame) -> bool:
        x, y = a(row, frame), b(row, frame)
        same = x is y if x is None or y is None else key(x) == key(y)
        return same if negated else not same

    return distinct


def in_list(operand: Compiled, items: Sequence[Compiled]) -> Predicate:
    """IN (…): constants of one type are looked up in a set."""
    if all(item.literal and not item.null for item in items):
        types = {comparison_type("=", operand, item) for item in items}
        if len(types) == 1:
            return _in_set(operand, items, comparison_type("=", operand, items[0]))
    return either([compare("=", operand, item) for item in items])


def _in_set(operand: Compiled, items: Sequence[Compiled], type_: SqlType) -> Predicate:
    changed = [converted(item, type_) for item in items]
    if not all(item.literal for item in changed):
        return either([compare("=", operand, item) for item in items])
    key = comparable(type_)
    keys = {key(item.value) for item in changed}
    inner = converted(operand, type_).evaluate
    return lambda row, frame: None if (x := inner(row, frame)) is None else key(x) in keys


def like(operand: Compiled, pattern: Compiled, escape: Compiled | None) -> Predicate:
    """LIKE under the operand's collation."""
    collation = (operand.type.collation or pattern.type.collation or "").upper()
    if "_AI" in collation:
        raise not_supported("LIKE under a collation that ignores accents")
    insensitive = "_CS" not in collation and "_BIN" not in collation
    operand, pattern = _as_text(operand), _as_text(pattern)
    blanks = not (operand.type.is_unicode or pattern.type.is_unicode)
    a, b = operand.evaluate, pattern.evaluate
    mark = None if escape is None else _as_text(escape).evaluate

    def matches(row: Row, frame: Frame) -> bool | None:
        x, y = a(row, frame), b(row, frame)
        sign = "" if mark is None else mark(row, frame)
        if x is None or y is None or sign is None:
            return None
        return like_pattern(y, sign, insensitive, blanks).fullmatch(x) is not None

    return matches


def _as_text(operand: Compiled) -> Compiled:
    if operand.type.is_character:
        return operand
    return converted(operand, varchar(8000) if operand.type.name != "uniqueidentifier" else nvarchar(36))


@lru_cache(maxsize=1000)
def like_pattern(pattern: str, escape: str, insensitive: bool, blanks: bool = True) -> re.Pattern[str]:
    """A regular expression for a LIKE pattern: `%`, `_`, `[a-f]`, `[^…]`, and the escape character.

    Args:
        pattern: As written.
        escape: The character behind ESCAPE, "" without.
        insensitive: Letters of either case are the same.
        blanks: Blanks at the end of the value that the pattern does not ask for do not count: so it is for char and
            varchar, and not for Unicode.

    Raises:
        SqlError: 506, the escape is not one character.
    """
    if len(escape) > 1:
        raise SqlError(506, f'The invalid escape character "{escape}" was specified in a LIKE predicate.')
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if escape and char == escape and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        elif char == "%":
            parts.append(".*")
        elif char == "_":
            parts.append(".")
        elif char == "[":
            piece, at = _class(pattern, at, escape)
            parts.append(piece)
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts) + (" *" if blanks else ""), re.DOTALL | (re.IGNORECASE if insensitive else 0))


def _class(pattern: str, at: int, escape: str) -> tuple[str, int]:
    """`[a-f]` behind the bracket; without its end nothing matches."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    content: list[str] = []
    first = True
    while at < len(pattern) and (first or pattern[at] != "]"):
        char = pattern[at]
        if escape and char == escape and at + 1 < len(pattern):
            at += 1
            char = pattern[at]
            content.append("\\" + char if not char.isalnum() else char)
        elif char == "-" and content and at + 1 < len(pattern) and pattern[at + 1] != "]":
            content.append("-")
        else:
            content.append("\\" + char if not char.isalnum() and not char.isspace() else char)
        first = False
        at += 1
    if at >= len(pattern):
        return "(?!)", at
    return f"[{'^' if negated else ''}{''.join(content)}]", at + 1
