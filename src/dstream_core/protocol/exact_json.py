"""JSON that keeps numbers exact, for command lines and results.

The standard encoder writes a `Decimal` not at all and a float inexactly; configuration numbers are decimals as the user
wrote them (facts of HCL: integers beyond 2^64 reach the provider exactly).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def encode_json(value: Any) -> bytes:
    """One line of JSON (no newline inside, none at the end) for plain values and `Decimal`s.

    Raises:
        TypeError: a value that is no JSON type, or a number that is not finite.
    """
    try:
        return _text(value).encode()
    except UnicodeEncodeError:
        raise TypeError("a text that is not Unicode (an unpaired surrogate) cannot be written as JSON") from None


def as_unicode(value: Any) -> Any:
    """A JSON value in which every text is Unicode: names of files, and what a command line says, need not be.

    Bytes that are no UTF-8 (`os.fsdecode`'s surrogates) become a backslash, an x and two hexadecimal digits.
    """
    if isinstance(value, str):
        try:
            raw = value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raw = value.encode("utf-8", "backslashreplace")
        return raw.decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {as_unicode(key): as_unicode(item) for key, item in value.items()}
    return [as_unicode(item) for item in value] if isinstance(value, (list, tuple)) else value


def decode_json(line: bytes | str) -> Any:
    """The value of one JSON document; numbers with a fraction or exponent become `Decimal`.

    Raises:
        ValueError: the text is not JSON, or holds NaN or Infinity.
    """
    return json.loads(line, parse_float=Decimal, parse_constant=_refuse_constant)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"an object key must be a string, not {type(key).__name__}")
    return json.dumps(key, ensure_ascii=False)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise TypeError("a number that is not finite cannot be written as JSON")
    return str(int(value)) if value == value.to_integral_value() else format(value, "f")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
