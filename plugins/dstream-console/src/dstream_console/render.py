"""Records as text: one renderer per output format, all pure.

A terminal obeys control characters, and records come from strangers: none is printed as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dstream_console.config import OutputFormat

WIDEST_CELL = 40
"""Characters of a table's cell; longer values end with an ellipsis."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Record(Protocol):
    """What a renderer needs to know of a record; the api's envelopes fit."""

    @property
    def number(self) -> int:
        """Counts the run's data lines from 1."""

    @property
    def line(self) -> bytes:
        """The envelope as it came."""

    @property
    def raw_data(self) -> bytes:
        """`data` as it came."""

    @property
    def exact_data(self) -> Any:
        """`data`, decoded; numbers keep their digits."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """`metadata`, decoded."""


Renderer = Callable[[Iterable[Record]], Iterator[str]]


class Paint:
    """Puts colours around text, or leaves it alone."""

    def __init__(self, *, colored: bool):
        self._colored = colored

    def faint(self, text: str) -> str:
        """What frames the records."""
        return f"\x1b[2m{text}\x1b[0m" if self._colored else text

    def name(self, text: str) -> str:
        """A field's name."""
        return f"\x1b[36m{text}\x1b[0m" if self._colored else text

    def head(self, text: str) -> str:
        """The head of a table or record."""
        return f"\x1b[1m{text}\x1b[0m" if self._colored else text


def renderer(output_format: OutputFormat, *, colored: bool) -> Renderer:
    """The function that turns records into lines of text (without newlines)."""
    paint = Paint(colored=colored)
    if output_format == "simple":
        return lambda records: _simple(records, paint)
    if output_format == "json":
        return _json
    if output_format == "structured":
        return lambda records: _structured(records, paint)
    return Table(paint).rows


def printable(text: str) -> str:
    """The text with each control character written as a JSON escape."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cell(value: Any) -> str:
    """A value as a reader wants it: text without quotes, nothing for null, the rest as JSON."""
    if isinstance(value, str):
        return printable(value)
    return "" if value is None else printable(_encode(value).decode())


def _simple(records: Iterable[Record], paint: Paint) -> Iterator[str]:
    for record in records:
        yield f"{paint.faint(f'Message #{record.number}:')} {printable(record.raw_data.decode())}"


def _json(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        yield printable(record.line.decode().removesuffix("\n"))


def _structured(records: Iterable[Record], paint: Paint) -> Iterator[str]:
    for record in records:
        yield paint.head(f"Message #{record.number}")
        fields = [
            *_fields(record.exact_data),
            *((f"metadata.{name}", value) for name, value in record.metadata.items()),
        ]
        width = max((len(printable(name)) for name, _ in fields), default=0)
        for name, value in fields:
            yield f"  {paint.name(printable(name).ljust(width))}  {cell(value)}"


def _fields(data: Any) -> Sequence[tuple[str, Any]]:
    return list(data.items()) if isinstance(data, Mapping) else [("data", data)]


class Table:
    """Rows under a head; a record with other columns, or of another table, begins a new head.

    Columns only grow wider, so that neighbouring rows line up without waiting for all of them.
    """

    def __init__(self, paint: Paint):
        self._paint = paint
        self._kind: tuple[str, tuple[str, ...]] | None = None
        self._widths: list[int] = []

    def rows(self, records: Iterable[Record]) -> Iterator[str]:
        """The records as lines, with head lines where a new kind of record begins."""
        for record in records:
            fields = _fields(record.exact_data)
            names = tuple(name for name, _ in fields)
            cells = [_cut(cell(value)) for _, value in fields]
            kind = (cell(record.metadata.get("TableName")), names)
            begins = kind != self._kind
            titles = [_cut(printable(name)) for name in names]
            self._fit(titles if begins else [], cells, begins=begins)
            if begins:
                yield from self._head(kind[0], titles, first=self._kind is None)
                self._kind = kind
            yield self._row(cells)

    def _fit(self, titles: Sequence[str], cells: Sequence[str], *, begins: bool) -> None:
        known = [len(title) for title in titles] if begins else self._widths
        self._widths = [max(width, len(text)) for width, text in zip(known, cells, strict=True)]

    def _head(self, table: str, titles: Sequence[str], *, first: bool) -> Iterator[str]:
        if not first:
            yield ""
        if table:
            yield self._paint.name(table)
        yield self._paint.head(self._row(titles))
        yield self._paint.faint("  ".join("-" * width for width in self._widths))

    def _row(self, cells: Sequence[str]) -> str:
        return "  ".join(text.ljust(width) for text, width in zip(cells, self._widths, strict=True)).rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"
