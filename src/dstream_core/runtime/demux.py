"""What an output's stdout holds: control lines for the orchestrator, every other line for the user's terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable

from dstream_core.protocol.control import CONTROL_LIMIT, CONTROL_PREFIX

TEXT_HOLD = 1024 * 1024
"""Bytes of an unfinished line of text that are held, so that text is shown in whole lines; longer ones pass as they come."""


class OutputDemux:
    """Splits an output's stdout.

    Args:
        control: called with each control line, without its newline.
        text: called with bytes of text: whole lines, unless a line is longer than `TEXT_HOLD`.
    """

    def __init__(self, control: Callable[[bytes], None], text: Callable[[bytes], None]):
        self._control = control
        self._text = text
        self._held = b""
        self._passing = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        data = self._pass_long_line(self._held + chunk)
        end = data.rfind(b"\n") + 1
        self._held = data[end:]
        self._lines(data[:end])
        limit = CONTROL_LIMIT if self._held.startswith(CONTROL_PREFIX) else TEXT_HOLD
        if len(self._held) > limit:
            self._text(self._held)
            self._held = b""
            self._passing = True

    def finish(self) -> None:
        """End of file: an unfinished line is text."""
        if self._held:
            self._text(self._held)
            self._held = b""

    def _pass_long_line(self, data: bytes) -> bytes:
        """Pass what belongs to a line that was too long to hold; the rest begins at the start of a line."""
        if not self._passing:
            return data
        end = data.find(b"\n") + 1
        self._passing = end == 0
        self._text(data[:end] if end else data)
        return data[end:] if end else b""

    def _lines(self, data: bytes) -> None:
        """Deliver whole lines, the text between control lines in one piece."""
        start = position = 0
        while (position := data.find(CONTROL_PREFIX, position)) >= 0:
            if position and data[position - 1] != 0x0A:
                position += 1
                continue
            end = data.index(b"\n", position)
            if start < position:
                self._text(data[start:position])
            self._control(data[position:end])
            start = position = end + 1
        if start < len(data):
            self._text(data[start:])
