"""What a format makes of a piece of a file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """Records of a file as envelope lines.

    Attributes:
        lines: whole lines with their newlines, ready for the pipe.
        count: how many they are.
        consumed: bytes of the file's content that are done with, blank lines included; 0 means: more is needed.
        end_of: the bytes consumed once the first N of the lines are delivered, for N from 0 to `count`.
        open_line: where the record begins, in the content given, that ends without a newline; None if none does.
    """

    lines: bytes
    count: int
    consumed: int
    end_of: Callable[[int], int]
    open_line: int | None = None


class InvalidRecordError(Exception):
    """The first record of what was given is not in the format.

    Attributes:
        reason: what is wrong with it; says nothing of its content.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class RecordFormat(Protocol):
    """Cuts content into records and writes them as envelopes."""

    def encode(self, content: bytes, offset: int, *, final: bool) -> EncodedBlock:
        """The records in a piece of content.

        Args:
            content: bytes that begin where a record begins.
            offset: where they stand in the file.
            final: nothing follows, so that a last line without a newline is a record.

        Raises:
            InvalidRecordError: the first record is invalid and invalid ones are not to be wrapped.
        """
        ...


NOTHING = EncodedBlock(b"", 0, 0, lambda _: 0)
"""More content is needed."""


class EnvelopeWriter:
    """Writes envelopes whose metadata is the same for all records of a file, except the offset if that is wanted.

    Args:
        metadata: of every record.
        offsets: add `offset`, the byte where the record begins.
        wrap: write invalid records as text instead of refusing them.
    """

    def __init__(self, metadata: Mapping[str, Any], *, offsets: bool = False, wrap: bool = False):
        self.offsets = offsets
        self.wrap = wrap
        self._metadata = dict(metadata)
        self._encode = msgspec.json.Encoder().encode
        encoded = self._encode(self._metadata)
        self._tail = b',"metadata":' + encoded + b"}\n"
        self._tail_before_offset = b',"metadata":' + encoded[:-1] + b"," * (len(encoded) > 2) + b'"offset":'
        self.separator = self._tail + b'{"data":'

    def line(self, data: bytes, offset: int) -> bytes:
        """One envelope line around `data`, which is JSON text."""
        if self.offsets:
            return b'{"data":%b%b%d}}\n' % (data, self._tail_before_offset, offset)
        return b'{"data":%b%b' % (data, self._tail)

    def lines(self, data: Sequence[msgspec.Raw] | Sequence[bytes]) -> bytes:
        """Envelope lines around JSON texts, when no offsets are wanted."""
        return b'{"data":' + self.separator.join(data) + self._tail

    def invalid(self, record: bytes, reason: str, offset: int) -> bytes:
        """The envelope line of a record that is not in its format: its text, or base64 if that is no UTF-8."""
        try:
            data = {"line": record.decode()}
        except UnicodeDecodeError:
            data = {"line_base64": b64encode(record).decode()}
        metadata = {**self._metadata, "Invalid": True, "reason": reason, "offset": offset}
        return bytes(self._encode({"data": data, "metadata": metadata})) + b"\n"
