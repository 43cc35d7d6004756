"""What an output prints for the user as JSON lines, so that `run --json` is JSON from its first line to its last. Pure."""

from __future__ import annotations

from dstream_core.protocol.exact_json import encode_json

LINE_LIMIT = 4 * 1024 * 1024
"""Bytes of one line that are held; a longer line becomes several objects, all but the last with `"more":true`."""


class TextRecords:
    """Makes of each line of text one `{"text":"…"}`; bytes that are no UTF-8 are replaced by U+FFFD."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The objects of the lines that are complete now."""
        self._held += data
        *lines, rest = bytes(self._held).split(b"\n") if b"\n" in data else [bytes(self._held)]
        records = b"".join(map(_record, lines))
        if len(rest) > LINE_LIMIT:
            records += encode_json({"text": rest.decode("utf-8", "replace"), "more": True}) + b"\n"
            rest = b""
        self._held[:] = rest
        return records

    def finish(self) -> bytes:
        """The object of a last line without a newline."""
        rest = bytes(self._held)
        self._held.clear()
        return _record(rest) if rest else b""


def _record(line: bytes) -> bytes:
    return encode_json({"text": line.removesuffix(b"\r").decode("utf-8", "replace")}) + b"\n"
