"""Plain lines: every line is a record with one field, `line`."""

from __future__ import annotations

import msgspec

from dstream_file.formats.block import NOTHING, EncodedBlock, EnvelopeWriter, InvalidRecordError
from dstream_file.formats.line_ends import ends_of_lines


class PlainLines:
    """Lines of text, whatever is in them; only the newline is taken off.

    Args:
        writer: makes the envelopes.
        encoding: of the file, a Python codec.
    """

    def __init__(self, writer: EnvelopeWriter, encoding: str = "utf-8"):
        self._writer = writer
        self._encoding = encoding
        self._encode = msgspec.json.Encoder().encode

    def encode(self, content: bytes, offset: int, *, final: bool) -> EncodedBlock:
        """See `RecordFormat`."""
        end = len(content) if final else content.rfind(b"\n") + 1
        if not end:
            return NOTHING
        block = content if end == len(content) else content[:end]
        try:
            texts = block.removesuffix(b"\n").decode(self._encoding).split("\n")
        except UnicodeError:
            return self._line_by_line(block, offset)
        starts = _starts(block, offset) if self._writer.offsets else None
        encode, line = self._encode, self._writer.line
        if starts is None:
            envelopes = self._writer.lines([encode({"line": text}) for text in texts])
        else:
            envelopes = b"".join(
                [line(encode({"line": text}), start) for text, start in zip(texts, starts, strict=True)]
            )
        return EncodedBlock(envelopes, len(texts), len(block), ends_of_lines(block), _open_line(block))

    def _line_by_line(self, block: bytes, offset: int) -> EncodedBlock:
        """A block that holds lines which are not in the encoding."""
        lines: list[bytes] = []
        position = 0
        while position < len(block):
            end = block.find(b"\n", position) + 1 or len(block)
            text = block[position:end].removesuffix(b"\n")
            try:
                data = self._encode({"line": text.decode(self._encoding)})
            except UnicodeError:
                reason = f"it is not valid {self._encoding}"
                if not self._writer.wrap:
                    if not lines:
                        raise InvalidRecordError(reason) from None
                    break  # what comes before it is delivered first
                lines.append(self._writer.invalid(text, reason, offset + position))
            else:
                lines.append(self._writer.line(data, offset + position))
            position = end
        done = block[:position]
        return EncodedBlock(b"".join(lines), len(lines), position, ends_of_lines(done), _open_line(done))


def _starts(block: bytes, offset: int) -> list[int]:
    starts = [offset]
    for line in block.removesuffix(b"\n").split(b"\n")[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _open_line(block: bytes) -> int | None:
    return None if block.endswith(b"\n") else block.rfind(b"\n") + 1
