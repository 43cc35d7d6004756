"""`csvdecode`: CSV by RFC 4180, as strict about quotes as the reference."""

from __future__ import annotations

import re

from dstream_core.config.functions.model import Function, FunctionError, strings
from dstream_core.config.values import STRING, ListValue, ObjectType, ObjectValue

AREA = "Encoding"
_BARE = re.compile(r'[^,\n"]*')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_BARE_QUOTE = 'bare " in non-quoted-field'
_STRAY_QUOTE = 'extraneous or missing " in quoted-field'


def csvdecode(text: str) -> ListValue:
    """A list of objects, one for each row after the first, which names their attributes; all values are strings."""
    rows = _rows(text)
    if not rows:
        raise FunctionError("missing header line")
    names = rows[0][1]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise FunctionError(f'duplicate column name "{name}"')
    objects = []
    for line, fields in rows[1:]:
        if len(fields) != len(names):
            raise FunctionError(f"CSV parse error on line {line}: wrong number of fields")
        objects.append(ObjectValue(zip(names, fields, strict=True)))
    return ListValue(objects, ObjectType(dict.fromkeys(sorted(names), STRING)))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """The fields of each row that is not empty, with the number of the line it begins on."""
    text = text.replace("\r\n", "\n")
    text = text.removesuffix("\r")  # what is left of a CRLF at the end of the file
    rows: list[tuple[int, list[str]]] = []
    position, line = 0, 1
    while position < len(text):
        if text[position] == "\n":
            position, line = position + 1, line + 1
            continue
        end, fields = _row(text, position, line)
        rows.append((line, fields))
        line += text.count("\n", position, end)
        position = end
    return rows


def _row(text: str, position: int, line: int) -> tuple[int, list[str]]:
    fields = []
    while True:
        if text.startswith('"', position):
            match = _QUOTED.match(text, position)
            if match is None or text[match.end() : match.end() + 1] not in ("", ",", "\n"):
                raise FunctionError(f"CSV parse error on line {line}: {_STRAY_QUOTE}")
            fields.append(match[1].replace('""', '"'))
        else:
            match = _BARE.match(text, position)
            assert match is not None, "the pattern matches the empty string"
            if text.startswith('"', match.end()):
                raise FunctionError(f"CSV parse error on line {line}: {_BARE_QUOTE}")
            fields.append(match[0])
        position = match.end()
        if not text.startswith(",", position):
            return position + 1, fields
        position += 1


FUNCTIONS = (
    Function(
        "csvdecode",
        strings("str"),
        None,
        csvdecode,
        "A list of objects from CSV text whose first row names the columns; all values are strings.",
        ((r'csvdecode("a,b\n1,2\n")', '[{ a = "1", b = "2" }]'),),
        AREA,
    ),
)
