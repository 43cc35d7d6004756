"""An output's stdout: handshake, then acknowledgements for the run and text for the user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dstream_core.errors import DStreamError
from dstream_core.protocol.control import ack_of, decode_control
from dstream_core.protocol.exact_json import decode_json
from dstream_core.protocol.handshake import Ready, Refusal
from dstream_core.runtime.demux import OutputDemux
from dstream_core.runtime.filters import HandshakeFinder
from dstream_core.runtime.running import HandshakeError, Running
from dstream_core.runtime.streams import Reader
from dstream_core.runtime.values import Observer, refusal_error


class OutputStdout:
    """Reads it from the first byte behind a version-1 handshake, or from the start for an older output.

    Args:
        running: the output.
        observer: gets the text.
        on_ack: called with every count that the output announces, if it acknowledges.
        given_lines: how many data lines it was given so far.
        on_violation: called with the error when an older output turns out to be an input, or refuses late.
    """

    def __init__(
        self,
        running: Running,
        observer: Observer,
        on_ack: Callable[[int], None],
        given_lines: Callable[[], int],
        on_violation: Callable[[DStreamError], None],
    ):
        self._running = running
        self._observer = observer
        self._on_ack = on_ack
        self._given_lines = given_lines
        self._on_violation = on_violation
        self._finder = HandshakeFinder() if running.launch.older else None
        self._demux = OutputDemux(self._control, self._text)
        self.first_line: asyncio.Future[Ready | Refusal | None] = asyncio.get_running_loop().create_future()
        self.reader = Reader(running.child.stdout, self._feed, observer.text_backlog)
        self.reader.done.add_done_callback(lambda _: self._finish())

    def start(self, first: bytes = b"") -> None:
        """Begin; `first` was read together with the handshake."""
        self._running.read_by(self.reader)
        if first:
            self._feed(first)
        self.reader.start()

    def _feed(self, chunk: bytes) -> None:
        if self._finder is not None and self._finder.searching:
            chunk = self._finder.feed(chunk)
            if (self._finder.found or chunk) and not self.first_line.done():
                self.first_line.set_result(self._finder.found)
            elif isinstance(self._finder.found, Refusal):
                self._on_violation(refusal_error(self._running.launch, self._finder.found, None))
        if chunk:
            self._demux.feed(chunk)

    def _finish(self) -> None:
        if self._finder is not None and (held := self._finder.finish()):
            self._demux.feed(held)
        self._demux.finish()

    def _control(self, line: bytes) -> None:
        ready = self._running.ready
        if self._running.launch.older or ready is None or "ack" not in ready.capabilities:
            self._text(line + b"\n")  # acknowledgements count only from an output that announced them
        elif (members := decode_control(line)) is None:
            self._text(line + b"\n")
        elif (count := ack_of(members)) is not None:
            self._on_ack(count)

    def _text(self, data: bytes) -> None:
        if self._running.launch.older and self._given_lines() == 0 and any(map(_is_envelope, data.splitlines())):
            self._on_violation(
                HandshakeError(
                    f"{self._running.launch} printed an envelope before it was given one: "
                    "this looks like an input provider",
                    code="provider/role",
                    hint="put it in the task's `input` block",
                )
            )
        self._observer.text(data)


def _is_envelope(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        document = decode_json(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "data" in document
