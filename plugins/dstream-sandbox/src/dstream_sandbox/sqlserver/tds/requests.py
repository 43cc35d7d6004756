"""Requests: batches, remote procedure calls, transactions."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dstream_sandbox.sqlserver.errors import not_supported
from dstream_sandbox.sqlserver.tds.decode import Cursor, read_typed
from dstream_sandbox.sqlserver.tds.packets import Message, PacketType, ProtocolError
from dstream_sandbox.sqlserver.types import SqlType

PROCEDURES = {
    1: "sp_cursor",
    2: "sp_cursoropen",
    3: "sp_cursorprepare",
    4: "sp_cursorexecute",
    5: "sp_cursorprepexec",
    6: "sp_cursorunprepare",
    7: "sp_cursorfetch",
    8: "sp_cursoroption",
    9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
"""Procedures that clients may call by number."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a remote procedure call.

    Attributes:
        name: With its `@`; "" for one by position.
        output: The client wants its last value.
        default: The procedure's default is asked for; `value` means nothing.
    """

    name: str
    type: SqlType
    value: Any
    output: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One remote procedure call; a message may carry several."""

    procedure: str
    arguments: tuple[Argument, ...]


def read_request(message: Message) -> str | list[Call]:
    """What a message asks for: T-SQL to run, or procedures to call.

    Raises:
        ProtocolError: It is no request.
        SqlError: A kind of request that is not supported (50001).
    """
    readers: dict[int, Callable[[bytes], str | list[Call]]] = {
        PacketType.SQL_BATCH: read_batch,
        PacketType.RPC: read_calls,
        PacketType.TRANSACTION: read_transaction,
    }
    if message.type not in readers:
        raise ProtocolError(f"a message of kind {message.type}")
    try:
        return readers[message.type](message.body)
    except (ValueError, LookupError, ArithmeticError, struct.error) as error:
        raise ProtocolError(f"a request that makes no sense: {error}") from error


def without_headers(body: bytes) -> bytes:
    """A request without its ALL_HEADERS (the transaction descriptor: the session knows its transaction).

    Raises:
        ProtocolError: There are none; every client from TDS 7.2 on sends them.
    """
    if len(body) < 4:
        raise ProtocolError("a request that ends early")
    (length,) = struct.unpack_from("<I", body)
    if not 4 <= length <= len(body):
        raise ProtocolError("a request without headers")
    return body[length:]


def read_batch(body: bytes) -> str:
    """The T-SQL of a SQL_BATCH."""
    return without_headers(body).decode("utf-16-le", "surrogatepass")


def read_calls(body: bytes) -> list[Call]:
    """The calls of an RPC message.

    Raises:
        ProtocolError: It is none.
        SqlError: A kind of parameter that is not supported.
    """
    cursor = Cursor(without_headers(body))
    calls = []
    while not cursor.ended:
        calls.append(_call(cursor))
    return calls


_SEPARATORS = (0x80, 0xFE, 0xFF)


def _call(cursor: Cursor) -> Call:
    length = cursor.number("<H")
    if length == 0xFFFF:
        number = cursor.number("<H")
        if number not in PROCEDURES:
            raise not_supported(f"the procedure number {number}")
        name = PROCEDURES[number]
    else:
        name = cursor.take(2 * length).decode("utf-16-le")
    cursor.take(2)  # options: recompile, no metadata
    arguments = []
    while not cursor.ended and cursor.peek(1)[0] not in _SEPARATORS:
        arguments.append(_argument(cursor))
    if not cursor.ended:
        cursor.byte()
    return Call(name, tuple(arguments))


def _argument(cursor: Cursor) -> Argument:
    name = cursor.short_text()
    status = cursor.byte()
    if status & 0x08:
        raise not_supported("encrypted parameters")
    sql_type, value = read_typed(cursor)
    return Argument(name, sql_type, value, output=bool(status & 0x01), default=bool(status & 0x02))


_ISOLATIONS = {1: "READ UNCOMMITTED", 2: "READ COMMITTED", 3: "REPEATABLE READ", 4: "SERIALIZABLE", 5: "SNAPSHOT"}


def read_transaction(body: bytes) -> str:
    """A transaction manager request, as the T-SQL that does the same.

    Raises:
        SqlError: Distributed transactions (50001).
    """
    cursor = Cursor(without_headers(body))
    kind = cursor.number("<H")
    if kind == 5:
        return _begin(cursor)
    if kind in (7, 8):
        name, flags = cursor.short_text(), cursor.byte()
        word = "COMMIT" if kind == 7 else "ROLLBACK"
        text = f"{word} TRANSACTION{_named(name)}"
        return f"{text}; {_begin(cursor)}" if flags & 0x01 else text
    if kind == 9:
        return f"SAVE TRANSACTION{_named(cursor.short_text())}"
    raise not_supported(f"the transaction manager request {kind} (distributed transactions)")


def _begin(cursor: Cursor) -> str:
    isolation, name = cursor.byte(), cursor.short_text()
    text = f"BEGIN TRANSACTION{_named(name)}"
    if isolation in _ISOLATIONS:
        return f"SET TRANSACTION ISOLATION LEVEL {_ISOLATIONS[isolation]}; {text}"
    return text


def _named(name: str) -> str:
    return f" [{name.replace(']', ']]')}]" if name else ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter as `sp_executesql` and `sp_prepare` declare it."""

    name: str
    type: SqlType | None
    output: bool


_DECLARATION = re.compile(
    r"\s*(@[\w@$#]+)\s+(?:AS\s+)?(.+?)(?:\s*=\s*[^,]*?)?(\s+OUT(?:PUT)?)?(?:\s+READONLY)?\s*$",
    re.IGNORECASE | re.DOTALL,
)


def read_declarations(text: str) -> list[Declaration]:
    """`@a int, @b decimal(18,2) OUTPUT` taken apart. A type that is not known (an alias type) is None: as it was sent.

    Raises:
        SqlError: 50001, it cannot be read.
    """
    found = []
    for piece in _outer_commas(text):
        match = _DECLARATION.match(piece)
        if match is None:
            raise not_supported(f"the parameter declaration {piece.strip()!r}")
        found.append(Declaration(match[1], _type(match[2]), match[3] is not None))
    return found


def _type(text: str) -> SqlType | None:
    try:
        return SqlType.parse(text)
    except ValueError:
        return None


def _outer_commas(text: str) -> list[str]:
    pieces, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            pieces.append(text[start:at])
            start = at + 1
    pieces.append(text[start:])
    return [piece for piece in pieces if piece.strip()]


def quoted_name(name: str) -> str:
    """A procedure's name of one to four parts, each in brackets: `dbo.p` and `[dbo].[p;x]` alike."""
    parts = re.findall(r"\[((?:[^\]]|\]\])*)\]|\"((?:[^\"]|\"\")*)\"|([^.\[\]\"]+)|(?<=\.)(?=\.)", name)
    texts = [a.replace("]]", "]") or b.replace('""', '"') or c.strip() for a, b, c in parts]
    return ".".join(f"[{text.replace(']', ']]')}]" if text else "" for text in texts)
