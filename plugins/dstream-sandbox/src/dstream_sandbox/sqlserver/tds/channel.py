"""A client's socket: packets in, bytes out, in the clear or through TLS."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading

from dstream_sandbox.sqlserver.tds.packets import (
    HEADER,
    HEADER_SIZE,
    IGNORE,
    DisconnectedError,
    Message,
    Packet,
    PacketType,
    ProtocolError,
    packets_of,
)
from dstream_sandbox.sqlserver.tds.tls import TlsLayer

LARGEST_REQUEST = 1 << 30
"""Bytes of a request at most: more is a broken client."""

_KINDS = frozenset(PacketType)

_LOOK = 100
"""Milliseconds between two looks at whether the connection was closed while a client does not read."""


class Channel:
    """Reads packets and writes bytes; one thread may read while another one writes."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._tls: TlsLayer | None = None
        self.closed = threading.Event()

    # -- reading

    def read_packet(self) -> Packet:
        """The next packet.

        Raises:
            DisconnectedError: The client is gone.
            ProtocolError: These are no packets.
        """
        kind, status, length, _, _, _ = HEADER.unpack(self._take(HEADER_SIZE))
        if kind not in _KINDS:  # told at once: what follows is no length
            raise ProtocolError(f"a packet of the kind 0x{kind:02X}: this is not TDS 7")
        if length < HEADER_SIZE:
            raise ProtocolError(f"a packet of {length} bytes")
        return Packet(kind, status, self._take(length - HEADER_SIZE))

    def read_message(self) -> Message:
        """The next message of the login phase, where nothing comes in between."""
        assembler = Assembler()
        while True:
            if (message := assembler.add(self.read_packet())) is not None:
                return message

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += self._receive()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(65536)
            if not data:
                raise DisconnectedError("the client closed the connection")
            return data if self._tls is None else self._tls.decrypt(data)
        except OSError as error:  # ssl.SSLError is one as well
            raise DisconnectedError(str(error)) from error

    # -- writing

    def send(self, data: bytes) -> None:
        """Writes all bytes; returns when the kernel has them.

        Raises:
            DisconnectedError: The client is gone.
        """
        view = memoryview(data if self._tls is None else self._tls.encrypt(data))
        try:
            while view:
                view = view[self._send_some(view) :]
        except (OSError, ValueError) as error:
            raise DisconnectedError(str(error)) from error

    def _send_some(self, view: memoryview) -> int:
        """Never blocks in send(): one that waits for a client that does not read could not be woken by `reset`."""
        try:
            return self._socket.send(view, socket.MSG_DONTWAIT)
        except BlockingIOError:
            if self.closed.is_set():
                raise
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLOUT)
        poll.poll(_LOOK)
        return 0

    # -- TLS

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shakes hands inside PRELOGIN packets; from then on everything goes through TLS.

        Raises:
            DisconnectedError: It failed, or the client is gone.
            ProtocolError: The client goes on without TLS.
        """
        tls = TlsLayer(context)
        complete = False
        while not complete:
            packet = self.read_packet()
            if packet.type != PacketType.PRELOGIN:
                raise ProtocolError("the client was to start TLS and did not")
            try:
                answer, complete = tls.handshake(packet.body)
            except ssl.SSLError as error:
                raise DisconnectedError(str(error)) from error
            if answer:
                self.send(packets_of(PacketType.PRELOGIN, answer))
        if self._received:  # The first records may have come together with the end of the handshake.
            rest, self._received = bytes(self._received), bytearray()
            self._received += tls.decrypt(rest)
        self._tls = tls

    def end_tls(self) -> None:
        """Back to the clear: only the login was to be encrypted."""
        self._tls = None

    # -- ends

    def finish(self) -> None:
        """Closes in order: the client reads what was sent, then the end (FIN)."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Cuts the connection off (RST)."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Another thread may be in recv() on this socket, which keeps close() from having an effect: the kernel then sends
        # the reset when that thread has returned. Ending the reading side wakes it without sending anything.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self.close()

    def close(self) -> None:
        """Gives the socket back."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._socket.close()


class Assembler:
    """Puts messages together from packets."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._first: Packet | None = None

    def add(self, packet: Packet) -> Message | None:
        """The message that this packet completes, if it does.

        Raises:
            ProtocolError: A packet of another kind in the middle of a message, or too large a message.
        """
        first = self._first or packet
        if packet.type != first.type:
            raise ProtocolError(f"a packet of kind {packet.type} in a message of kind {first.type}")
        self._first = first
        self._parts.append(packet.body)
        self._size += len(packet.body)
        if self._size > LARGEST_REQUEST:
            raise ProtocolError("a request of more than 1 GiB")
        if not packet.last:
            return None
        body, self._parts, self._first, self._size = b"".join(self._parts), [], None, 0
        if packet.status & IGNORE:  # The client thought better of it while it was sending.
            return None
        return Message(first.type, first.status, body)
