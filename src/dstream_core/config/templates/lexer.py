r"""Template actions to tokens, by the rules of Go's text/template.

Inside a quoted HCL string a Go string may also be written with its quotes escaped, `"{{ env \"X\" }}"`; then one layer
of HCL's escapes is taken off before Go's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dstream_core.config.diagnostics import failure
from dstream_core.config.source import Source

_OPEN = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_CLOSE = re.compile(r"(?:[ \t\r\n]-)?\}\}")
_TRIM_CLOSE = re.compile(r"[ \t\r\n]+-\}\}")
_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"[ \t\r\n]*/\*.*?\*/", re.DOTALL)
_PLAIN = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_RAW = re.compile(r"`[^`]*`")
_ESCAPED = re.compile(r'\\"(?:[^"\\\n]|\\\\\\"|\\\\[^"\n]|\\[^"\\\n])*?\\"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_NUMBER = re.compile(r"[+-]?[0-9][0-9a-zA-Z_.]*")
_WORD = re.compile(r"[.$]?[^\W\d]\w*(?:\.\w+)*|[.$]")
_SYMBOL = re.compile(r":=|[|()=,]")

HOW_TO_WRITE_BRACES = 'To write two braces as text, use {{ "{{" }}.'


class Part(NamedTuple):
    """A token of an action: `text`, `number`, `word`, a symbol, or `character`; `value` is without quotes and escapes."""

    kind: str
    value: str
    start: int
    end: int


def lex(source: Source, start: int, *, quoted: bool) -> tuple[list[Part], int]:
    r"""The tokens of the action at `start`, and where it ends.

    Args:
        source: the file.
        start: the offset of its `{{`.
        quoted: whether it stands in a quoted HCL string, so that `\"` begins a string.

    Raises:
        DiagnosticsError: the action or a string in it is not closed, or holds a character that no template knows.
    """
    text = source.text
    opening = _OPEN.match(text, start)
    position = opening.end() if opening else start + 2
    if comment := _COMMENT.match(text, position):
        return [], _close_comment(source, start, comment.end())
    parts: list[Part] = []
    while True:
        if (closing := _TRIM_CLOSE.match(text, position)) or (closing := _CLOSE.match(text, position)):
            return parts, closing.end()
        if space := _SPACE.match(text, position):
            position = space.end()
            continue
        part = _part(source, start, position, quoted=quoted)
        parts.append(part)
        position = part.end


def action_end(source: Source, start: int, *, quoted: bool) -> int:
    """Where the action at `start` ends; see `lex`."""
    return lex(source, start, quoted=quoted)[1]


def trims(text: str) -> tuple[bool, bool]:
    """Whether an action takes away the white space before it, and behind it."""
    return bool(re.match(r"\{\{-[ \t\r\n]", text)), bool(re.search(r"[ \t\r\n]-\}\}$", text))


def _close_comment(source: Source, start: int, position: int) -> int:
    closing = _TRIM_CLOSE.match(source.text, position) or re.compile(r"\}\}").match(source.text, position)
    if closing is None:
        raise failure(
            source,
            "template/unclosed",
            "This template comment is not closed.",
            start,
            start + 2,
            'A comment is the whole of its action: "{{/* … */}}".',
        )
    return closing.end()


def _part(source: Source, start: int, position: int, *, quoted: bool) -> Part:
    text = source.text
    if position >= len(text):
        raise failure(
            source,
            "template/unclosed",
            'This template action is not closed: "}}" is missing.',
            start,
            start + 2,
            HOW_TO_WRITE_BRACES,
        )
    if found := _string(text, position, quoted=quoted):
        return found
    for kind, pattern in (("number", _NUMBER), ("word", _WORD), ("symbol", _SYMBOL), ("character", _CHARACTER)):
        if match := pattern.match(text, position):
            value = match.group()
            return Part(value if kind == "symbol" else kind, value, position, match.end())
    here, behind = position, position + 1
    if text[position] == "\\" and not quoted:
        message = 'A template action cannot hold "\\".'
        hint = "Only inside a quoted string may the quotes of a template be escaped; here write them plainly."
        raise failure(source, "template/invalid-character", message, here, behind, hint)
    if text[position] in '"`\\':
        message = "A string in this template action is not closed."
        hint = 'Inside a template, "…", `…` and, in a quoted string, \\"…\\" are strings.'
        raise failure(source, "template/unclosed-string", message, here, behind, hint)
    message = f"A template action cannot hold {text[position]!r}."
    raise failure(source, "template/invalid-character", message, here, behind, HOW_TO_WRITE_BRACES)


def _string(text: str, position: int, *, quoted: bool) -> Part | None:
    if match := _RAW.match(text, position):
        return Part("text", match.group()[1:-1].replace("\r", ""), position, match.end())
    if match := _PLAIN.match(text, position):
        return Part("string", match.group()[1:-1], position, match.end())
    if quoted and (match := _ESCAPED.match(text, position)):
        inner = re.sub(r"\\([\\\"])", r"\1", match.group()[2:-2])
        return Part("string", inner, position, match.end())
    return None
