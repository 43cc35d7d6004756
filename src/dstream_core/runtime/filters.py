"""What is done to the data of *older* providers on its way; version-1 data is never touched (invariant 3). Pure."""

from __future__ import annotations

from dstream_core.protocol.handshake import HANDSHAKE_LIMIT, Ready, Refusal, decode_handshake

WHOLE_LINE_LIMIT = 1024 * 1024
"""Bytes of a line that are held back for an older output until the line is whole; longer ones pass as they come."""


class HandshakeFinder:
    """Takes the one handshake line, if there is one, out of the first 64 KiB of an older provider's stdout."""

    def __init__(self) -> None:
        self.found: Ready | Refusal | None = None
        self._examined = 0
        self._line = bytearray()

    @property
    def searching(self) -> bool:
        """Whether the next chunk is still examined."""
        return self.found is None and self._examined < HANDSHAKE_LIMIT

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to pass on: all but the handshake, and but a line that may still become one."""
        passed = bytearray()
        while chunk and self.searching:
            line, newline, chunk = chunk.partition(b"\n")
            self._line += line + newline
            self._examined += len(line) + len(newline)
            if newline:
                self.found = decode_handshake(bytes(self._line))
                if self.found is None:
                    passed += self._line
                self._line.clear()
        if not self.searching:
            passed += self._line
            self._line.clear()
        return bytes(passed) + chunk

    def finish(self) -> bytes:
        """What is held at end of file."""
        held = bytes(self._line)
        self._line.clear()
        return held


class WholeLines:
    """Passes whole lines only, so that an older output never acts on half a line (PROTOCOL "Data")."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._passing = False

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to pass on now."""
        end = chunk.rfind(b"\n") + 1
        if end:
            passed = bytes(self._held) + chunk[:end]
            self._held = bytearray(chunk[end:])
            self._passing = False
        elif self._passing:
            return chunk
        else:
            passed = b""
            self._held += chunk
        if len(self._held) > WHOLE_LINE_LIMIT:
            passed += self._held
            self._held.clear()
            self._passing = True
        return passed

    def finish(self, *, complete: bool) -> bytes:
        """What is held at end of file: the last line if it is to count (`complete`), with its newline; else nothing."""
        held = bytes(self._held)
        self._held.clear()
        return held + b"\n" if complete and (held or self._passing) else b""
