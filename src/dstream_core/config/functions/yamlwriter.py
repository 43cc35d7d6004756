"""`yamlencode`: YAML as Terraform writes it, letter for letter.

The layout is that of libyaml, which the reference writes with: strings in double quotes, folded at 80 columns, or as
block literals where they have several lines; sequences within mappings are not indented.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from dstream_core.config.functions.model import Function, Parameter
from dstream_core.config.values import Value, number_text

AREA = "Encoding"
_ROOT = -1  # the indentation that the first collection, at 0, is deeper than
_STEP = 2
_WIDTH = 80
_LONGEST_SIMPLE_KEY = 128  # bytes; a longer one is written behind a question mark
_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_NO_LITERAL = re.compile("[^\n -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]| [\n\u2028\u2029]| \\Z")
_ESCAPED = re.compile('["\\\\\n\u2028\u2029]|[^ -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]')
_LETTERS = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\u2028": "L", "\u2029": "P",
}  # fmt: skip


def yaml_text(value: Value) -> str:
    """The value as one YAML document: keys in order, strings never plain, numbers exact."""
    writer = _Writer()
    writer.node(value, _ROOT, in_mapping=False)
    writer.start_line(0)
    if not isinstance(value, (str, list, dict)):
        writer.indicator("...")  # says that the plain scalar before it does not go on
        writer.start_line(0)
    return writer.text()


class _Writer:
    """The text so far, and where in its line it stands.

    `_blank` says that the last thing written separates what follows; `_fresh` that the line holds nothing yet but
    indentation and the marks `-`, `?` and `:`, so that a collection may begin in it.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._column = 0
        self._blank = True
        self._fresh = True

    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)

    def node(self, value: Any, indent: int, *, in_mapping: bool) -> None:
        """Writes a value that belongs to a collection whose entries stand at `indent`."""
        match value:
            case str():
                self._string(value, _deeper(indent))
            case dict() if value:
                self._mapping(value, _inside(indent))
            case list() if value:
                self._sequence(value, indent if in_mapping and not self._fresh else _inside(indent))
            case _:
                self.indicator(_bare_text(value))

    def start_line(self, indent: int) -> None:
        """Goes on at the column `indent`: in this line if nothing stands in the way, else in a new one."""
        if not self._fresh or self._column > indent or (self._column == indent and not self._blank):
            self._break("\n")
        self._put(" " * (indent - self._column))
        self._blank = self._fresh = True

    def indicator(self, mark: str, *, spaced: bool = True, leads: bool = False) -> None:
        """Writes a mark, with a space before it if it must be `spaced`; a collection may follow one that `leads`."""
        self._put(f" {mark}" if spaced and not self._blank else mark)
        self._blank = False
        self._fresh = self._fresh and leads

    def _sequence(self, items: Iterable[Any], indent: int) -> None:
        for item in items:
            self.start_line(indent)
            self.indicator("-", leads=True)
            self.node(item, indent, in_mapping=False)

    def _mapping(self, items: Mapping[str, Any], indent: int) -> None:
        for key, value in items.items():
            self.start_line(indent)
            if _BREAK.search(key) or len(key.encode()) > _LONGEST_SIMPLE_KEY:
                self.indicator("?", leads=True)
                self._string(key, _deeper(indent))
                self.start_line(indent)
                self.indicator(":", leads=True)
            else:
                self._quoted(key, None)
                self.indicator(":", spaced=False)
            self.node(value, indent, in_mapping=True)

    def _string(self, text: str, indent: int) -> None:
        if "\n" in text and not _NO_LITERAL.search(text):
            self._literal(text, indent)
        else:
            self._quoted(text, indent)

    def _literal(self, text: str, indent: int) -> None:
        """A block with the text as it is; the marks tell its indentation and its last line breaks."""
        indentation = str(_STEP) if text[0] == " " or _BREAK.match(text) else ""
        self.indicator(f"|{indentation}{_chomping(text)}")
        self._break("\n")
        self._blank = self._fresh = True
        for line in re.split("([\n\u2028\u2029])", text):
            if _BREAK.match(line):
                self._break(line)
                self._fresh = True
            elif line:
                self.start_line(indent)
                self._put(line)
                self._fresh = False

    def _quoted(self, text: str, indent: int | None) -> None:
        """The text in double quotes, folded at spaces to lines that begin at `indent`, if it is given."""
        self.indicator('"')
        previous = ""
        for match in re.finditer(f"(?s) |{_ESCAPED.pattern}|.", text):
            character, end = match[0], match.end()
            if character != " ":
                self._put(_escape(character) if _ESCAPED.match(character) else character)
            elif indent is None or previous == " " or self._column <= _WIDTH or end in (1, len(text)):
                self._put(" ")
            else:
                self.start_line(indent)
                self._put("\\" if text[end] == " " else "")
                self._fresh = False
            previous = character
        self.indicator('"', spaced=False)

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._column += len(text)

    def _break(self, text: str) -> None:
        self._parts.append(text)
        self._column = 0


def _inside(indent: int) -> int:
    """Where the entries of a collection within one at `indent` stand."""
    return 0 if indent < 0 else indent + _STEP


def _deeper(indent: int) -> int:
    """Where the further lines of a scalar stand; never at the margin, not even those of a whole document."""
    return max(indent, 0) + _STEP


def _chomping(text: str) -> str:
    """The mark for what comes after the last line: `-` no line break, `+` more than one, and nothing for one."""
    if not _BREAK.match(text[-1]):
        return "-"
    return "+" if len(text) == 1 or _BREAK.match(text[-2]) else ""


def _escape(character: str) -> str:
    if character in _LETTERS:
        return "\\" + _LETTERS[character]
    code = ord(character)
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _bare_text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return number_text(value)
        case _:
            return "{}" if isinstance(value, dict) else "[]"


FUNCTIONS = (
    Function(
        "yamlencode",
        (Parameter("value", allow_null=True),),
        None,
        yaml_text,
        "The value as a YAML document in block style: strings and keys in double quotes, strings of several lines as "
        "blocks, and numbers exact.",
        (
            (r'yamlencode({ b = ["x", 1], a = null })', r'"\"a\": null\n\"b\":\n- \"x\"\n- 1\n"'),
            (r'yamlencode({ a = "one\ntwo\n" })', r'"\"a\": |\n  one\n  two\n"'),
        ),
        AREA,
    ),
)
