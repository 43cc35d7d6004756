"""Text to tokens, as "Transact-SQL syntax conventions" and "Database identifiers" have them."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions.texts import to_code_page
from dstream_sandbox.sqlserver.language.messages import syntax_error
from dstream_sandbox.sqlserver.types import FLOAT, INT, MAX, MONEY, SqlType, nvarchar, varbinary, varchar


class Token(NamedTuple):
    """A piece of a batch.

    Attributes:
        kind: "word", "quoted" (identifier), "string" and the other literals' "literal", "variable", "op", "end".
        text: Upper case for words, the operator itself; as written for others.
        value: The identifier's name or the literal's value.
        start: Where it begins in the text.
        stop: Where it ends.
        type: Of a literal.
    """

    kind: str
    text: str
    value: Any
    start: int
    stop: int
    type: SqlType | None = None


_TOKEN = re.compile(
    r"""
    (?P<blank>[\s\ufeff\u200b]+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<string>[Nn]?'(?:[^']|'')*')
  | (?P<bracket>\[(?:[^\]]|\]\])*\])
  | (?P<double>"(?:[^"]|"")*")
  | (?P<hex>0[xX][0-9A-Fa-f]*)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?P<exponent>[eE][+-]?\d*)?)
  | (?P<money>[$£€¥]\s*(?:\d[\d,]*\.?\d*|\.\d+))
  | (?P<variable>@@?[\w@#$]+)
  | (?P<word>[^\W\d][\w@#$]*|\#\#?[\w@#$]*|\$(?i:action|identity|rowguid)\b)
  | (?P<op><=|>=|<>|!=|!<|!>|\+=|-=|\*=|/=|%=|&=|\^=|\|=|::|\|\||[-+*/%&|^~=<>(),.;:{}])
    """,
    re.VERBOSE,
)

_new = tuple.__new__

_COMMENT = re.compile(r"/\*|\*/")


def scan(text: str, quoted_identifier: bool = True) -> list[Token]:
    """All tokens of a batch, with one of kind "end" behind the last.

    Args:
        text: The batch.
        quoted_identifier: SET QUOTED_IDENTIFIER: "x" is an identifier; otherwise a string.

    Raises:
        SqlError: 105 an unclosed quotation mark, 113 an unclosed comment, 102 a character that begins nothing.
    """
    tokens: list[Token] = []
    position, end = 0, len(text)
    match_at = _TOKEN.match
    while position < end:
        match = match_at(text, position)
        if match is None:
            raise _no_token(text, position)
        kind = match.lastgroup if match.lastgroup != "exponent" else "number"
        start, position = position, match.end()
        if kind == "blank":
            continue
        if kind == "comment":
            position = _after_comment(text, position)
        elif kind == "op":  # most tokens of long batches: made without the call that a named tuple's constructor is
            tokens.append(_new(Token, ("op", match[0], None, start, position, None)))
        elif kind == "word":
            word = match[0]
            tokens.append(Token("word", word.upper(), word, start, position))
        else:
            tokens.append(_token(kind or "", match[0], start, position, quoted_identifier))
    tokens.append(Token("end", "", None, end, end))
    return tokens


def line_of(text: str, position: int) -> int:
    """The line of a place in a text, from 1."""
    return text.count("\n", 0, position) + 1


def _token(kind: str, text: str, start: int, stop: int, quoted_identifier: bool) -> Token:
    if kind == "string":
        unicode = text[0] in "Nn"
        value = text[2 if unicode else 1 : -1].replace("''", "'")
        if not unicode:
            value = to_code_page(value)  # 'ж' is a varchar, and is a question mark before anything looks at it
        return Token("string", text, value, start, stop, _string_type(len(value), unicode))
    if kind == "bracket":
        return Token("quoted", text, text[1:-1].replace("]]", "]"), start, stop)
    if kind == "double":
        value = text[1:-1].replace('""', '"')
        if quoted_identifier:
            return Token("quoted", text, value, start, stop)
        return Token("string", text, value, start, stop, _string_type(len(value), False))
    if kind == "variable":
        return Token("variable", text, text.lower(), start, stop)
    value, type_ = _literal(kind, text)
    return Token("literal", text, value, start, stop, type_)


def _literal(kind: str, text: str) -> tuple[Any, SqlType]:
    if kind == "hex":
        digits = text[2:]
        data = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
        return data, varbinary(max(len(data), 1) if len(data) <= 8000 else MAX)
    if kind == "money":
        return Decimal(text[1:].strip().replace(",", "")).quantize(Decimal("0.0001")), MONEY
    if "e" in text or "E" in text:
        mantissa, exponent = re.split("[eE]", text)
        value = float(f"{mantissa}e{exponent if exponent.strip('+-') else exponent + '0'}")
        if math.isinf(value):
            raise SqlError(
                168,
                f"The floating point value '{text}' is out of the range of computer representation (8 bytes).",
                15,
            )
        return value, FLOAT
    if "." not in text and int(text) <= 2**31 - 1:
        return int(text), INT
    return _decimal(text)


def _decimal(text: str) -> tuple[Decimal, SqlType]:
    """Integers beyond int are decimals too ("Constants")."""
    whole, _, fraction = text.partition(".")
    whole = whole.lstrip("0")
    precision = max(len(whole) + len(fraction), 1)
    if precision > 38:
        raise SqlError(
            1007, f"The number '{text}' is out of the range for numeric representation (maximum precision 38).", 15
        )
    return Decimal(text.rstrip(".") or "0"), _numeric(precision, len(fraction))


@lru_cache(maxsize=1024)
def _numeric(precision: int, scale: int) -> SqlType:
    return SqlType("numeric", precision=precision, scale=scale)


@lru_cache(maxsize=4096)
def _string_type(characters: int, unicode: bool) -> SqlType:
    length = max(characters, 1)
    if unicode:
        return nvarchar(length if length <= 4000 else MAX)
    return varchar(length if length <= 8000 else MAX)


def _after_comment(text: str, position: int) -> int:
    """Comments nest."""
    depth = 1
    while depth:
        match = _COMMENT.search(text, position)
        if match is None:
            raise SqlError(113, "Missing end comment mark '*/'.", 15)
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position


def _no_token(text: str, position: int) -> SqlError:
    line = line_of(text, position)
    char = text[position]
    if char in "'\"[":
        rest = text[position + 1 : position + 129]
        return SqlError(105, f"Unclosed quotation mark after the character string '{rest}'.", 15, line=line)
    error = syntax_error(char)
    error.line = line
    return error
