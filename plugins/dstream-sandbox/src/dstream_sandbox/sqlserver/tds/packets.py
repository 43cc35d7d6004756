"""TDS packets: the eight bytes in front of each, and messages made of several."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct(">BBHHBB")
HEADER_SIZE = 8
DEFAULT_PACKET_SIZE = 4096
LARGEST_PACKET_SIZE = 32767
SMALLEST_PACKET_SIZE = 512

END_OF_MESSAGE = 0x01
IGNORE = 0x02
RESET_CONNECTION = 0x08
RESET_CONNECTION_KEEP_TRANSACTION = 0x10


class PacketType(IntEnum):
    """The kinds of messages."""

    SQL_BATCH = 0x01
    RPC = 0x03
    RESPONSE = 0x04
    ATTENTION = 0x06
    BULK_LOAD = 0x07
    TRANSACTION = 0x0E
    LOGIN7 = 0x10
    SSPI = 0x11
    PRELOGIN = 0x12


class ProtocolError(Exception):
    """The client sent something that is not TDS, or not in this place."""


class DisconnectedError(Exception):
    """The client has closed the connection, or the network did."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it came."""

    type: int
    status: int
    body: bytes

    @property
    def last(self) -> bool:
        """Whether the message ends with it."""
        return bool(self.status & END_OF_MESSAGE)


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: the bodies of its packets together."""

    type: int
    status: int
    body: bytes

    @property
    def reset(self) -> bool:
        """Whether the session is to be reset before it is run."""
        return bool(self.status & (RESET_CONNECTION | RESET_CONNECTION_KEEP_TRANSACTION))


def header(kind: int, status: int, body_length: int, spid: int, number: int) -> bytes:
    """The header of a packet with a body of so many bytes; `number` counts packets modulo 256."""
    return HEADER.pack(kind, status, HEADER_SIZE + body_length, spid & 0xFFFF, number & 0xFF, 0)


def packets_of(kind: int, body: bytes, size: int = DEFAULT_PACKET_SIZE, spid: int = 0) -> bytes:
    """A whole message in packets of `size` bytes, headers included."""
    room = size - HEADER_SIZE
    parts = []
    for number, start in enumerate(range(0, max(len(body), 1), room), 1):
        piece = body[start : start + room]
        status = END_OF_MESSAGE if start + room >= len(body) else 0
        parts += [header(kind, status, len(piece), spid, number), piece]
    return b"".join(parts)
