"""A client that says what no library says: single packets, flags, rubbish."""

from __future__ import annotations

import socket
import struct
from typing import Self

from dstream_sandbox.sqlserver.tds.packets import header, packets_of

HEADERS = struct.pack("<IIHQI", 22, 18, 2, 0, 1)
PRELOGIN = b"\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + b"\x00" * 6 + b"\x02"


def login7(user: str = "sa", password: str = "secret", database: str = "db1") -> bytes:
    texts = ["host", user, password, "raw", "server", "", "lib", "", database]
    offset, places, data = 94, b"", b""
    for number, text in enumerate(texts):
        raw = text.encode("utf-16-le")
        if number == 2:
            raw = bytes((((byte << 4) | (byte >> 4)) & 0xFF) ^ 0xA5 for byte in raw)
        places += struct.pack("<HH", offset + len(data), len(text))
        data += raw
    end = offset + len(data)
    tail = b"\x00" * 6 + struct.pack("<HHHHHHI", end, 0, end, 0, end, 0, 0)
    fixed = struct.pack("<IIIIIBBBBiI", 0x74000004, 4096, 0, 1, 0, 0xE0, 0x03, 0, 0, 0, 0)
    body = fixed + places + tail + data
    return struct.pack("<I", len(body) + 4) + body


class RawClient:
    """Logs in, then does as it is told."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.settimeout(10)

    def __enter__(self) -> Self:
        self.send(packets_of(0x12, PRELOGIN))
        self.answer()
        self.send(packets_of(0x10, login7()))
        assert b"\xad" in self.answer()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def packet(self, kind: int, body: bytes, status: int = 1) -> None:
        self.send(header(kind, status, len(body), 0, 1) + body)

    def batch(self, text: str, status: int = 1) -> None:
        self.packet(1, HEADERS + text.encode("utf-16-le"), status)

    def answer(self) -> bytes:
        """The bodies of one message; b"" when the server has hung up."""
        body = b""
        while True:
            head = self._take(8)
            if len(head) < 8:
                return b""
            body += self._take(int.from_bytes(head[2:4], "big") - 8)
            if head[1] & 1:
                return body

    def _take(self, count: int) -> bytes:
        got = b""
        try:
            while len(got) < count and (piece := self.socket.recv(count - len(got))):
                got += piece
        except ConnectionError:
            return b""
        return got
