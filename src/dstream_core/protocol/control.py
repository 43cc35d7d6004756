"""Control lines: acknowledgements, stop, progress and log records (PROTOCOL "Control").

A control line begins with the bytes `{"$dstream"`; unknown members are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dstream_core.protocol.exact_json import decode_json, encode_json

CONTROL_PREFIX = b'{"$dstream"'
CONTROL_LIMIT = 1024 * 1024
"""A control line longer than this is not one: a progress report is hundreds of bytes."""

STOP_LINE = b'{"$dstream":{"stop":true}}\n'


def encode_ack(count: int) -> bytes:
    """The line that says: the first `count` data lines are durable (invariant 2: cumulative, never back)."""
    return b'{"$dstream":{"ack":%d}}\n' % count


def encode_progress(numbers: Mapping[str, Any]) -> bytes:
    """The stderr line that reports numbers for live view, status and metrics."""
    return encode_json({"$dstream": {"progress": dict(numbers)}}) + b"\n"


def encode_log(level: str, message: str, fields: Mapping[str, Any] | None = None) -> bytes:
    """The stderr line of a log record with structure; `level` is debug, info, warning or error."""
    return encode_json({"$dstream": {"log": {**(fields or {}), "level": level, "message": message}}}) + b"\n"


def decode_control(line: bytes) -> Mapping[str, Any] | None:
    """The members of a control line, or None if the line is none."""
    if not line.startswith(CONTROL_PREFIX):
        return None
    try:
        document = decode_json(line)
    except (ValueError, RecursionError):
        return None
    members = document.get("$dstream") if isinstance(document, dict) else None
    return members if isinstance(members, dict) else None


def ack_of(members: Mapping[str, Any]) -> int | None:
    """The count of an acknowledgement, or None if the line is none (booleans are no counts)."""
    count = members.get("ack")
    return count if type(count) is int else None
