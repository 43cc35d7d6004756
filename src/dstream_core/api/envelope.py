"""What an input yields: lines of data, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Envelope(msgspec.Struct, gc=False):
    """One data line.

    Attributes:
        data: any value that JSON can hold, usually an object. Integers of any size and `Decimal`s are written as exact
            numbers, dates and times as ISO 8601 text, `bytes` as Base64, UUIDs as text; NaN and infinities are
            refused. `msgspec.Raw` is passed on byte for byte (see `raw`).
        metadata: facts about the line (table, operation, sequence), an object; None writes `{}`.
        position: where the input stands once this line is acknowledged: any JSON value. It is stored in
            `context.state` after the acknowledgement, never before (invariant 1). None stores nothing.
        partition: what the position belongs to, for inputs that read several things (tables, files, topics).
    """

    data: Any
    metadata: Mapping[str, Any] | None = None
    position: Any = None
    partition: str = ""

    @classmethod
    def raw(
        cls, data: bytes | str, metadata: Mapping[str, Any] | None = None, position: Any = None, partition: str = ""
    ) -> Envelope:
        """An envelope whose data is JSON text already; it is passed on as it is, byte for byte.

        The text is not parsed: what is not valid JSON becomes a dead letter at the output. Newlines, which JSON allows
        only between its parts, become spaces.
        """
        return cls(msgspec.Raw(data), metadata, position, partition)


class Checkpoint(msgspec.Struct, gc=False):
    """Where the input stands without a line; it covers everything that was yielded before.

    Attributes:
        position: any JSON value, stored once every line yielded before is acknowledged (invariant 1).
        partition: what the position belongs to.
    """

    position: Any
    partition: str = ""


class EncodedLines(msgspec.Struct, gc=False):
    """Many data lines in one piece, written as envelopes by the input itself: for inputs that move bulk data.

    Attributes:
        lines: whole lines, each one envelope in UTF-8 that ends in a newline. They go out byte for byte; the author
            answers for their form.
        count: how many lines they are, at least 1; a number that is not theirs is refused.
        position: where the input stands once the last of them is acknowledged; as for `Envelope`.
        partition: what the position belongs to.
        position_of: where the input stands once the first N of them are acknowledged, 0 < N < `count`. It is called
            later, in another thread, when an acknowledgement ends inside the block; without it, the lines of such a
            block that were acknowledged already repeat after a restart.
    """

    lines: bytes
    count: int
    position: Any = None
    partition: str = ""
    position_of: Callable[[int], Any] | None = None
