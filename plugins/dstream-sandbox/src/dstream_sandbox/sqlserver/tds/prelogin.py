"""PRELOGIN: versions, and whether the connection is encrypted."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

from dstream_sandbox.sqlserver.tds.packets import ProtocolError

SERVER_VERSION = (16, 0, 4135)
"""Major, minor and build: SQL Server 2022."""

TlsMode: TypeAlias = Literal["off", "available", "required"]
"""off: there is none; available: as the client wants it; required: whoever does without it is refused."""


class Option(IntEnum):
    """The options of a PRELOGIN message that matter here."""

    VERSION = 0
    ENCRYPTION = 1
    INSTANCE = 2
    THREAD = 3
    MARS = 4
    FEDERATED = 6


class Encryption(IntEnum):
    """What a side says about encryption."""

    OFF = 0
    ON = 1
    NOT_SUPPORTED = 2
    REQUIRED = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides together make of it.

    Attributes:
        answer: What the server says.
        login: The login is encrypted.
        session: Everything after the login is encrypted as well.
    """

    answer: Encryption
    login: bool
    session: bool


def read_prelogin(body: bytes) -> dict[int, bytes]:
    """The options by number.

    Raises:
        ProtocolError: It is no PRELOGIN message.
    """
    options: dict[int, bytes] = {}
    at = 0
    try:
        while body[at] != 0xFF:
            number, offset, length = struct.unpack_from(">BHH", body, at)
            options[number] = body[offset : offset + length]
            at += 5
    except (IndexError, struct.error) as error:
        raise ProtocolError("not a PRELOGIN message") from error
    return options


def encryption_wanted(options: dict[int, bytes]) -> Encryption:
    """What the client says about encryption; nothing means that it cannot."""
    value = options.get(Option.ENCRYPTION, b"")
    try:
        return Encryption(value[0] & 0x03) if value else Encryption.NOT_SUPPORTED
    except ValueError as error:
        raise ProtocolError(f"unknown encryption {value[0]}") from error


def agree(client: Encryption, server: TlsMode) -> Agreement:
    """The table of MS-TDS 2.2.6.5. A client that insists where there is no TLS, or will not where there must be, goes away."""
    if server == "off":
        return Agreement(Encryption.NOT_SUPPORTED, login=False, session=False)
    if client in (Encryption.ON, Encryption.REQUIRED):
        return Agreement(Encryption.ON, login=True, session=True)
    if server == "required":
        return Agreement(Encryption.REQUIRED, login=True, session=True)
    if client == Encryption.OFF:
        return Agreement(Encryption.OFF, login=True, session=False)
    return Agreement(Encryption.NOT_SUPPORTED, login=False, session=False)


def write_prelogin(client: dict[int, bytes], answer: Encryption) -> bytes:
    """The server's PRELOGIN message: no MARS, no instance check, no federated authentication."""
    major, minor, build = SERVER_VERSION
    options = [
        (Option.VERSION, struct.pack(">BBHH", major, minor, build, 0)),
        (Option.ENCRYPTION, bytes([answer])),
        (Option.INSTANCE, b"\x00"),
        (Option.THREAD, b""),
        (Option.MARS, b"\x00"),
    ]
    if Option.FEDERATED in client:
        options.append((Option.FEDERATED, b"\x00"))
    offset = 5 * len(options) + 1
    head, data = b"", b""
    for number, value in options:
        head += struct.pack(">BHH", number, offset + len(data), len(value))
        data += value
    return head + b"\xff" + data
