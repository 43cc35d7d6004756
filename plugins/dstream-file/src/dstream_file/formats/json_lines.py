"""JSON Lines: every line's bytes are kept; they are checked, never parsed and written anew.

A block of ordinary lines costs a handful of calls, whatever its number of lines: this is where file to file gets its
speed from. Only a block with something unusual (blank lines, spaces around values, an invalid line) is taken line by
line.
"""

from __future__ import annotations

import msgspec

from dstream_file.formats.block import NOTHING, EncodedBlock, EnvelopeWriter, InvalidRecordError
from dstream_file.formats.line_ends import ends_of_lines

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_JSON_SPACE = b" \t\r\n"

_values = msgspec.json.Decoder(msgspec.Raw)


class JsonLines:
    """Lines that are one JSON value each.

    Args:
        writer: makes the envelopes.
        encoding: of the file, a Python codec; the envelopes are UTF-8.
    """

    def __init__(self, writer: EnvelopeWriter, encoding: str = "utf-8"):
        self._writer = writer
        self._encoding = encoding

    def encode(self, content: bytes, offset: int, *, final: bool) -> EncodedBlock:
        """See `RecordFormat`."""
        end = len(content) if final else content.rfind(b"\n") + 1
        if not end:
            return NOTHING
        block = content if end == len(content) else content[:end]
        encoded = None if self._writer.offsets else self._all_at_once(block, offset)
        return encoded or self._line_by_line(block, offset)

    def _all_at_once(self, block: bytes, offset: int) -> EncodedBlock | None:
        """The whole block if each line is exactly one JSON value, else None."""
        body = block[:-1] if block.endswith(b"\n") else block
        if self._encoding != "utf-8" or (offset == 0 and body.startswith(_BYTE_ORDER_MARK)):
            return None
        try:
            if not body.isascii():
                body.decode()  # msgspec does not look at the bytes of a value that it passes on
            values = _values.decode_lines(body)
        except (ValueError, RecursionError):
            return None
        # The decoder lets a value span lines, and lines hold several. Values joined by newlines are the block again
        # only if every line is one value, with nothing around it.
        if len(values) != body.count(b"\n") + 1 or b"\n".join(values) != body:
            return None
        return EncodedBlock(
            self._writer.lines(values),
            len(values),
            len(block),
            ends_of_lines(block),
            None if body is not block else body.rfind(b"\n") + 1,
        )

    def _line_by_line(self, block: bytes, offset: int) -> EncodedBlock:
        lines: list[bytes] = []
        ends = [0]
        position = 0
        while position < len(block):
            end = block.find(b"\n", position) + 1 or len(block)
            line = block[position:end]
            try:
                envelope = self._envelope(line, offset + position)
            except InvalidRecordError:
                if not lines and not position:
                    raise
                break  # what comes before it is delivered first
            if envelope:
                lines.append(envelope)
                ends.append(end)
            else:
                ends[-1] = end  # a blank line goes with what is before it
            position = end
        unfinished = None if block.endswith(b"\n") or position < len(block) else block.rfind(b"\n") + 1
        return EncodedBlock(b"".join(lines), len(lines), position, ends.__getitem__, unfinished)

    def _envelope(self, line: bytes, offset: int) -> bytes | None:
        """The envelope of one line, or None if it is blank."""
        text = line.removesuffix(b"\n")
        if offset == 0:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        try:
            utf8 = text.decode(self._encoding).encode()
            value = utf8.strip(_JSON_SPACE)
            if not value:
                return None
            _values.decode(value)
        except UnicodeError:
            return self._invalid(text, offset, f"it is not valid {self._encoding}")
        except (ValueError, RecursionError) as error:
            return self._invalid(text, offset, f"it is not JSON: {_reason(error)}")
        return self._writer.line(value, offset)

    def _invalid(self, text: bytes, offset: int, reason: str) -> bytes:
        if not self._writer.wrap:
            raise InvalidRecordError(reason)
        return self._writer.invalid(text, reason, offset)


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).removeprefix("JSON is malformed: ")
