"""Tokens of a response: what the server says, in bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntFlag
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Column, EnvChange, Info
from dstream_sandbox.sqlserver.tds.encode import encoder
from dstream_sandbox.sqlserver.tds.login import FEATURE_UTF8
from dstream_sandbox.sqlserver.tds.prelogin import SERVER_VERSION
from dstream_sandbox.sqlserver.tds.typeinfo import LONGS, USER_TYPES, long_text, short_text, type_info, wire_type
from dstream_sandbox.sqlserver.types import SqlType

SERVER_NAME = "sandbox"
PROGRAM_NAME = "Microsoft SQL Server"

ROW = b"\xd1"
DONE, DONE_PROCEDURE, DONE_IN_PROCEDURE = 0xFD, 0xFE, 0xFF

COMMANDS = {
    "": 0,
    "select": 0xC1,
    "insert": 0xC3,
    "delete": 0xC4,
    "update": 0xC5,
    "merge": 0x117,
    "set": 0xF9,
    "exec": 0xE0,
    "ddl": 0,
}


class DoneStatus(IntFlag):
    """Status of a DONE token."""

    FINAL = 0
    MORE = 0x01
    ERROR = 0x02
    IN_TRANSACTION = 0x04
    COUNT = 0x10
    ATTENTION = 0x20
    SERVER_ERROR = 0x100


_DONE = struct.Struct("<BHHQ")


def done(token: int, status: int, command: str = "", count: int | None = None) -> bytes:
    """DONE, DONEPROC or DONEINPROC; a count of None is not told."""
    if count is not None:
        status |= DoneStatus.COUNT
    return _DONE.pack(token, status, COMMANDS[command], count or 0)


def error(problem: SqlError) -> bytes:
    """ERROR."""
    return _message(
        0xAA, problem.number, problem.state, problem.severity, problem.message, problem.procedure, problem.line
    )


def info(message: Info) -> bytes:
    """INFO."""
    return _message(
        0xAB, message.number, message.state, message.severity, message.message, message.procedure, message.line
    )


def _message(token: int, number: int, state: int, severity: int, text: str, procedure: str, line: int) -> bytes:
    body = struct.pack("<iBB", number, state & 0xFF, severity) + long_text(text[:8000])
    body += short_text(SERVER_NAME) + short_text(procedure) + struct.pack("<I", max(line, 0))
    return struct.pack("<BH", token, len(body)) + body


_TEXT_CHANGES = {"database": 1, "language": 2, "packet size": 4}
_TRANSACTION_CHANGES = {"begin": 8, "commit": 9, "rollback": 10}


def env_change(change: EnvChange) -> bytes:
    """ENVCHANGE of a database, a language or a transaction."""
    if change.kind in _TRANSACTION_CHANGES:
        values = _number(change.new) + _number(change.old)
        return _env(_TRANSACTION_CHANGES[change.kind], values)
    return _env(_TEXT_CHANGES[change.kind], short_text(str(change.new or "")) + short_text(str(change.old or "")))


def packet_size_change(new: int, old: int) -> bytes:
    """ENVCHANGE of the packet size."""
    return _env(4, short_text(str(new)) + short_text(str(old)))


def collation_change(new: bytes) -> bytes:
    """ENVCHANGE of the collation: its five bytes."""
    return _env(7, bytes([len(new)]) + new + b"\x00")


def reset_done() -> bytes:
    """ENVCHANGE that answers a request to reset the connection."""
    return _env(18, b"\x00\x00")


def _env(kind: int, values: bytes) -> bytes:
    return struct.pack("<BHB", 0xE3, len(values) + 1, kind) + values


def _number(value: str | int | None) -> bytes:
    return b"\x00" if value is None else b"\x08" + struct.pack("<Q", int(value))


def login_ack(tds_version: int) -> bytes:
    """LOGINACK."""
    major, minor, build = SERVER_VERSION
    body = (
        b"\x01" + struct.pack(">I", tds_version) + short_text(PROGRAM_NAME) + struct.pack(">BBH", major, minor, build)
    )
    return struct.pack("<BH", 0xAD, len(body)) + body


def feature_ack(asked: frozenset[int]) -> bytes:
    """FEATUREEXTACK: UTF-8 is the only extension there is."""
    supported = struct.pack("<BIB", FEATURE_UTF8, 1, 1) if FEATURE_UTF8 in asked else b""
    return b"\xae" + supported + b"\xff"


def column_metadata(columns: Sequence[Column], version: int, database: str) -> bytes:
    """COLMETADATA."""
    parts = [struct.pack("<BH", 0x81, len(columns))]
    for column in columns:
        sent = wire_type(column.type, version)
        parts.append(struct.pack("<IH", USER_TYPES.get(sent.name, 0), _flags(column)))
        parts.append(type_info(sent, database))
        if sent.name in LONGS:
            parts.append(b"\x01\x00\x00")  # the table's name in one part, which is not known
        parts.append(short_text(column.name))
    return b"".join(parts)


def _flags(column: Column) -> int:
    writable = 0 if column.computed or column.identity else 0x08
    return writable | column.nullable * 0x01 | column.identity * 0x10 | column.computed * 0x20


def order(ordinals: Sequence[int]) -> bytes:
    """ORDER."""
    return struct.pack(f"<BH{len(ordinals)}H", 0xA9, 2 * len(ordinals), *ordinals)


def return_status(status: int) -> bytes:
    """RETURNSTATUS."""
    return struct.pack("<Bi", 0x79, status)


def return_value(ordinal: int, name: str, sql_type: SqlType, value: Any, version: int, database: str) -> bytes:
    """RETURNVALUE of an output parameter."""
    sent = wire_type(sql_type, version)
    head = struct.pack("<BH", 0xAC, ordinal) + short_text(name) + struct.pack("<BIH", 1, 0, 1)
    return head + type_info(sent, database) + encoder(sql_type, version)(value)
