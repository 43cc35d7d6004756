"""Statements with their parameters in them.

pymssql sends batches of text and puts parameters in by searching for `%s` and `%d`, also behind another `%` and inside
names (`[50%done]`). So the places are found here, and pymssql's own quoting writes the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_PLACES = re.compile(r"%(.?)", re.DOTALL)


def rendered(sql: str, parameters: Sequence[Any], quote: Callable[[Any], bytes]) -> str:
    """The statement as it is sent.

    Args:
        sql: with `%s` where parameters go, and `%%` for a percent sign; taken as it is if there are no parameters.
        parameters: None, bool, int, float, Decimal, str, bytes, UUID, date or time.
        quote: pymssql's `quote_simple_value`.

    Raises:
        ValueError: places and parameters do not fit.
    """
    if not parameters:
        return sql
    values = iter(parameters)
    text = _PLACES.sub(lambda match: _filled(match[1], values, quote), sql)
    if any(True for _ in values):
        raise ValueError("a statement has more parameters than places")
    return text


def _filled(kind: str, values: Iterator[Any], quote: Callable[[Any], bytes]) -> str:
    if kind == "%":
        return "%"
    if kind != "s":
        raise ValueError("a statement with parameters has a % that is neither %s nor %%")
    try:
        return _literal(next(values), quote)
    except StopIteration:
        raise ValueError("a statement has more places than parameters") from None


def _literal(value: Any, quote: Callable[[Any], bytes]) -> str:
    if isinstance(value, (bytes, memoryview)):
        value = bytearray(value)  # bytes that happen to be ASCII would go out as varchar
    if isinstance(value, str) and "\0" in value:
        # DB-Library takes a C string: a NUL would end the statement
        parts = [quote(part).decode("utf-8") for part in value.split("\0")]
        return "(" + " + NCHAR(0) + ".join(parts) + ")"
    return quote(value).decode("utf-8")
