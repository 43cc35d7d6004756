"""LOGIN7: who wants in, where to, and how it wants to be spoken to."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dstream_sandbox.sqlserver.tds.packets import (
    DEFAULT_PACKET_SIZE,
    LARGEST_PACKET_SIZE,
    SMALLEST_PACKET_SIZE,
    ProtocolError,
)

TDS_7_2 = 0x72090002
TDS_7_3A = 0x730A0003
TDS_7_3B = 0x730B0003
TDS_7_4 = 0x74000004

FEATURE_UTF8 = 0x0A
FEATURE_FEDERATED = 0x02

_FIXED_SIZE = 94


@dataclass(frozen=True, slots=True)
class Login:
    """What a LOGIN7 message says.

    Attributes:
        tds_version: As the client sends it (`TDS_7_4`); answered with the same or the newest that the server speaks.
        packet_size: Bytes, already within what is possible.
        read_only: `ApplicationIntent=ReadOnly`.
        integrated: It asks for Windows authentication.
        features: Numbers of the feature extensions that were asked for.
    """

    tds_version: int
    packet_size: int
    host: str
    user: str
    password: str
    application: str
    server: str
    library: str
    language: str
    database: str
    read_only: bool
    integrated: bool
    features: frozenset[int]
    has_features: bool
    process_id: int


def read_login(body: bytes) -> Login:
    """Takes a LOGIN7 message apart.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return _read(body)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ProtocolError("not a LOGIN7 message") from error


def _read(body: bytes) -> Login:
    if len(body) < _FIXED_SIZE - 4:
        raise ProtocolError("a LOGIN7 message that ends early")
    version, packet_size, _, process_id = struct.unpack_from("<IIII", body, 4)
    flags2, type_flags, flags3 = body[25], body[26], body[27]
    has_features = bool(flags3 & 0x10)
    return Login(
        tds_version=version,
        packet_size=_packet_size(packet_size),
        host=_text(body, 36),
        user=_text(body, 40),
        password=_plain(_raw(body, 44)).decode("utf-16-le"),
        application=_text(body, 48),
        server=_text(body, 52),
        library=_text(body, 60),
        language=_text(body, 64),
        database=_text(body, 68),
        read_only=bool(type_flags & 0x20),
        integrated=bool(flags2 & 0x80),
        features=_features(body) if has_features else frozenset(),
        has_features=has_features,
        process_id=process_id,
    )


def _packet_size(wanted: int) -> int:
    return min(max(wanted, SMALLEST_PACKET_SIZE), LARGEST_PACKET_SIZE) if wanted else DEFAULT_PACKET_SIZE


def _raw(body: bytes, at: int) -> bytes:
    offset, characters = struct.unpack_from("<HH", body, at)
    return body[offset : offset + 2 * characters]


def _text(body: bytes, at: int) -> str:
    return _raw(body, at).decode("utf-16-le")


def _plain(hidden: bytes) -> bytes:
    """The password: every byte was turned by four bits and its bits were flipped by 0xA5."""
    return bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in hidden)


def _features(body: bytes) -> frozenset[int]:
    (place,) = struct.unpack_from("<H", body, 56)
    (at,) = struct.unpack_from("<I", body, place)
    found = set()
    while body[at] != 0xFF:
        number, length = struct.unpack_from("<BI", body, at)
        found.add(number)
        at += 5 + length
    return frozenset(found)
