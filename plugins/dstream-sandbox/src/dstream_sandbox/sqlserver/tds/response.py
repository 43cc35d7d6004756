"""An answer on its way to the client: packed into packets, streamed, and cut where a fault wants it cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from dstream_sandbox.sqlserver.errors import CancelledError, SqlError
from dstream_sandbox.sqlserver.tds.channel import Channel
from dstream_sandbox.sqlserver.tds.encode import Encoder
from dstream_sandbox.sqlserver.tds.faults import Fault, FaultBoard
from dstream_sandbox.sqlserver.tds.packets import END_OF_MESSAGE, HEADER_SIZE, DisconnectedError, PacketType, header
from dstream_sandbox.sqlserver.tds.tokens import ROW

_BLOCK = 65536
"""Bytes that are gathered before the kernel is asked to send them."""

_TICK = 0.02
"""Seconds between two looks at whether the client is gone, while a fault waits."""


class CutError(Exception):
    """A fault has ended the connection."""


class Response:
    """One answer.

    Args:
        channel: Where to.
        packet_size: As agreed at the login.
        spid: For the headers.
        board: The faults, to be asked when it comes to one.
        armed: Those of them that this answer may meet.
        interrupted: Set when the client wants no more of it.
    """

    def __init__(
        self,
        channel: Channel,
        packet_size: int,
        spid: int,
        board: FaultBoard,
        armed: Sequence[Fault],
        interrupted: threading.Event,
    ) -> None:
        self._channel = channel
        self._room = packet_size - HEADER_SIZE
        self._spid = spid
        self._board = board
        self._waiting = {
            place: [fault for fault in armed if fault.place == place and fault.action != "throttle"]
            for place in ("start", "byte", "packet", "row", "end")
        }
        self._throttles = [fault for fault in armed if fault.action == "throttle"]
        self._interrupted = interrupted
        self._buffer = bytearray()
        self._number = 0
        self._sent = 0
        self._rows = 0
        self._rate = 0
        self._plain = not armed

    @property
    def bytes_sent(self) -> int:
        """Bytes that went out so far, headers included."""
        return self._sent

    def begin(self) -> None:
        """What is to go wrong before anything is run.

        Raises:
            SqlError: An error on command.
            CutError: The connection has ended.
        """
        self._trip("start", 0)
        for fault in self._throttles:
            if self._board.take(fault):
                self._rate = fault.bytes_per_second

    def write(self, data: bytes) -> None:
        """Adds tokens."""
        self._buffer += data
        if len(self._buffer) >= _BLOCK:
            self._emit()

    def write_rows(self, rows: Iterable[Sequence[Any]], encoders: Sequence[Encoder]) -> int:
        """Adds rows as they come; gives their number.

        Raises:
            CancelledError: The client wants no more.
            SqlError: The rows ended with it.
        """
        if self._waiting["row"]:
            return self._write_rows_watched(rows, encoders)
        buffer, join, count = self._buffer, b"".join, 0
        for row in rows:
            data = join([encode(value) for encode, value in zip(encoders, row, strict=True)])
            buffer += ROW
            buffer += data
            count += 1
            if len(buffer) >= _BLOCK:
                self._emit()
        return count

    def _write_rows_watched(self, rows: Iterable[Sequence[Any]], encoders: Sequence[Encoder]) -> int:
        count = 0
        self._trip("row", self._rows)
        for row in rows:
            self._buffer += ROW + b"".join([encode(value) for encode, value in zip(encoders, row, strict=True)])
            count += 1
            self._rows += 1
            if len(self._buffer) >= _BLOCK:
                self._emit()
            self._trip("row", self._rows)
        return count

    def finish(self) -> None:
        """Sends what is left and ends the message."""
        self._emit()
        self._packet(bytes(self._buffer), END_OF_MESSAGE)
        self._buffer.clear()
        self._trip("end", 0)

    # -- packets

    def _emit(self) -> None:
        """Sends full packets; at least a byte stays for the last one."""
        if self._interrupted.is_set():
            raise CancelledError
        whole = max(len(self._buffer) - 1, 0) // self._room
        if not whole:
            return
        pieces = [bytes(self._buffer[at : at + self._room]) for at in range(0, whole * self._room, self._room)]
        del self._buffer[: whole * self._room]
        if not self._plain:
            for piece in pieces:
                self._packet(piece, 0)
            return
        parts = []
        for piece in pieces:
            self._number += 1
            parts += [header(PacketType.RESPONSE, 0, len(piece), self._spid, self._number), piece]
        self._sent += whole * (self._room + HEADER_SIZE)
        self._channel.send(b"".join(parts))

    def _packet(self, body: bytes, status: int) -> None:
        self._trip("packet", self._number)
        self._number += 1
        self._send(header(PacketType.RESPONSE, status, len(body), self._spid, self._number) + body)

    def _send(self, data: bytes) -> None:
        while fault := self._byte_fault(len(data)):
            ahead = fault.position - self._sent
            self._transmit(data[:ahead])
            data = data[ahead:]
            self._waiting["byte"].remove(fault)
            self._happen(fault)
        self._transmit(data)

    def _byte_fault(self, coming: int) -> Fault | None:
        faults = [fault for fault in self._waiting["byte"] if self._sent <= fault.position < self._sent + coming]
        return min(faults, key=lambda fault: fault.position, default=None)

    def _transmit(self, data: bytes) -> None:
        if not data:
            return
        if not self._rate:
            self._channel.send(data)
        else:
            step = max(self._rate // 20, 1)
            for at in range(0, len(data), step):
                self._channel.send(data[at : at + step])
                self._wait(step / self._rate)
        self._sent += len(data)

    # -- faults

    def _trip(self, place: str, position: int) -> None:
        for fault in [
            fault for fault in self._waiting[place] if place in ("start", "end") or fault.position == position
        ]:
            self._waiting[place].remove(fault)
            if place == "row" and fault.action != "error":
                self._send_short()
            self._happen(fault)

    def _send_short(self) -> None:
        """A packet that ends exactly where the row does, though the message goes on."""
        self._emit()
        if self._buffer:
            self._packet(bytes(self._buffer), 0)
            self._buffer.clear()

    def _happen(self, fault: Fault) -> None:
        if not self._board.take(fault):
            return
        if fault.action == "error":
            raise SqlError(fault.number, fault.message, fault.severity, fault.state)
        if fault.action == "delay":
            self._wait(fault.milliseconds / 1000)
        elif fault.action == "hang":
            while not fault.released.is_set():
                self._wait(_TICK)
        elif fault.action == "fin":
            self._channel.finish()
            raise CutError
        else:
            self._channel.reset()
            raise CutError

    def _wait(self, seconds: float) -> None:
        """Waits, unless the client is gone or the server ends."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._channel.closed.wait(left):
                raise DisconnectedError("gone while a fault waited")
