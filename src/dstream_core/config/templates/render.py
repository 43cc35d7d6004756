"""The value of a template action: Sprig's functions on environment variables and constants."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TypeAlias

from dstream_core.config.diagnostics import failure
from dstream_core.config.records import Record
from dstream_core.config.source import Source
from dstream_core.config.templates.pipeline import Call, Constant
from dstream_core.config.text import GO_SPACE, lower, upper

Lookup: TypeAlias = Callable[[str, int, int], str | None]


class Unset(Record):
    """The value of a variable that is not set: an error, unless `default` comes to cover it."""

    name: str
    start: int
    end: int


class Text(Record):
    """A value as text; `quoted` keeps what `quote` was given, which is the value where a whole literal is wanted."""

    text: str
    quoted: str | None = None
    empty: bool = False


def render(source: Source, action: Constant | Call, lookup: Lookup) -> Text:
    """What an action puts in.

    Args:
        source: the file, for diagnostics.
        action: the parsed action.
        lookup: the value of the environment variable named first, None if it is not set; the offsets say where the
            name stands.

    Raises:
        DiagnosticsError: a variable is not set and nothing covers it, `required` found nothing, or `b64dec` cannot
            decode; never with a value in it.
    """
    value = _evaluate(source, action, lookup)
    if isinstance(value, Unset):
        raise failure(
            source,
            "template/unset-variable",
            f"The environment variable {value.name} is not set.",
            value.start,
            value.end,
            f'Set it, or give a default: {{{{ env "{value.name}" | default "…" }}}}.',
        )
    return value


def _evaluate(source: Source, action: Constant | Call, lookup: Lookup) -> Text | Unset:
    if isinstance(action, Constant):
        empty = not action.text if action.is_string else action.text in ("false", "nil") or not _nonzero(action.text)
        return Text("" if action.text == "nil" and not action.is_string else action.text, None, empty)
    values = [_evaluate(source, argument, lookup) for argument in action.arguments]
    if action.name == "env":
        name = _certain(source, values[0])
        found = lookup(name, action.start, action.end)
        return Unset(name, action.start, action.end) if found is None else _text(found)
    *first, last = values
    if action.name == "default":
        return first[0] if isinstance(last, Unset) or last.empty else last
    if action.name == "required":
        if isinstance(last, Unset) or last.empty:
            message = _certain(source, first[0])
            raise failure(
                source,
                "template/required",
                message or "A required value is missing.",
                action.start,
                action.end,
                _missing(last),
            )
        return last
    if isinstance(last, Unset):
        return last
    if action.name == "quote":
        return Text(_quote(last.text), last.text)
    if action.name == "b64dec":
        return _text(_decode(source, action, last.text))
    return _text(_PLAIN[action.name](last.text))


def _nonzero(text: str) -> bool:
    return bool(text.strip("+-0."))


def _missing(value: Text | Unset) -> str | None:
    return f"Set the environment variable {value.name}." if isinstance(value, Unset) else "The value is empty."


def _certain(source: Source, value: Text | Unset) -> str:
    if isinstance(value, Unset):
        raise failure(
            source,
            "template/unset-variable",
            f"The environment variable {value.name} is not set.",
            value.start,
            value.end,
        )
    return value.text


def _text(text: str) -> Text:
    return Text(text, None, not text)


def _decode(source: Source, action: Call, text: str) -> str:
    try:
        return base64.b64decode(text.encode("utf-8"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError):
        raise failure(
            source,
            "template/base64",
            "The value given to b64dec is not base64 of UTF-8 text.",
            action.start,
            action.end,
        ) from None


def _quote(text: str) -> str:
    """The text in double quotes with Go's escapes."""
    simple = {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
    parts = []
    for char in text:
        code = ord(char)
        if char in simple:
            parts.append(simple[char])
        elif char == " " or (char.isprintable()):
            parts.append(char)
        elif code < 0x80:
            parts.append(f"\\x{code:02x}")
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(parts) + '"'


_PLAIN: dict[str, Callable[[str], str]] = {
    "trim": lambda text: text.strip(GO_SPACE),
    "lower": lower,
    "upper": upper,
    "b64enc": lambda text: base64.b64encode(text.encode("utf-8")).decode("ascii"),
}
