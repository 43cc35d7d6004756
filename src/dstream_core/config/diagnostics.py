"""Diagnostics of the configuration language: making them, drawing where they point, the nearest right spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Self

from dstream_core.config.source import Source
from dstream_core.errors import Diagnostic, DiagnosticsError, Place

_TAB = 4
_MAX_WIDTH = 160


def diagnostic(
    source: Source, code: str, message: str, start: int, end: int | None = None, hint: str | None = None
) -> Diagnostic:
    """A diagnostic about the characters from `start` up to `end`, with the excerpt drawn."""
    where = source.place(start, end)
    return Diagnostic(code, message, where, hint, excerpt(source.text, where))


def failure(
    source: Source, code: str, message: str, start: int, end: int | None = None, hint: str | None = None
) -> DiagnosticsError:
    """The error to raise for one diagnostic; see `diagnostic`."""
    return DiagnosticsError([diagnostic(source, code, message, start, end, hint)])


def excerpt(source: str, place: Place) -> str:
    """The line that a place is in, with its number, and under it carets below the place.

    Args:
        source: the whole text of the file.
        place: the place; of one that spans lines, only the first is drawn.

    Returns:
        Two lines without a newline at the end; tabs are drawn as spaces and wide characters count as two columns, so
        that the carets stand right on a terminal. A very long line is cut on both sides.
    """
    lines = source.removeprefix("\ufeff").split("\n")
    if not 1 <= place.line <= len(lines):
        return ""
    line = lines[place.line - 1].rstrip("\r")
    start = min(place.column - 1, len(line))
    end = len(line)
    if place.end_line == place.line and place.end_column is not None:
        end = place.end_column - 1
    elif place.end_line is None:
        end = start + 1
    before, marked, after = line[:start], line[start:end], line[end:]
    before, after, head, tail = _cut(before, marked, after)
    marked = marked[:_MAX_WIDTH]
    drawn = _drawn(head + before)
    carets = "^" * max(1, _width(_drawn(marked)))
    gutter = f"{place.line} | "
    return (
        f"{gutter}{drawn}{_drawn(marked)}{_drawn(after)}{tail}\n"
        f"{' ' * (len(gutter) - 2)}| {' ' * _width(drawn)}{carets}"
    )


def _cut(before: str, marked: str, after: str) -> tuple[str, str, str, str]:
    """Shorten what stands around the marked part; the last two are the marks that say so."""
    head = tail = ""
    if len(before) > _MAX_WIDTH // 2:
        before, head = before[-_MAX_WIDTH // 2 :], "…"
    room = max(_MAX_WIDTH - len(before) - len(marked), 0)
    if len(after) > room:
        after, tail = after[:room], "…"
    elif len(marked) > _MAX_WIDTH:
        tail = "…"
    return before, after, head, tail


def _drawn(text: str) -> str:
    """The text as it is safe and straight to print: tabs as spaces, control characters as a mark."""
    spaced = text.replace("\t", " " * _TAB)
    if spaced.isprintable():
        return spaced
    return "".join(char if char.isprintable() or unicodedata.combining(char) else "\ufffd" for char in spaced)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most likely meant by a misspelt name, or None."""
    known = list(candidates)
    folded = {_fold(candidate): candidate for candidate in reversed(known)}
    if _fold(name) in folded:
        return folded[_fold(name)]
    from difflib import get_close_matches  # noqa: PLC0415  costs 4 ms, and only an error needs it

    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return close[0] if close else None


def _fold(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def suggestion(name: str, candidates: Iterable[str], *, prefix: str = "", listed: str | None = None) -> str | None:
    """A hint for a name that is not known: the nearest one, and all that exist.

    Args:
        name: what was written.
        candidates: the names that would be right.
        prefix: put before each name, such as `local.`.
        listed: what the candidates are, such as `locals that exist`; without it only the nearest is named.
    """
    known = sorted(set(candidates))
    near = nearest(name, known)
    parts = [f'Did you mean "{prefix}{near}"?'] if near else []
    if listed and known:
        shown = ", ".join(f"{prefix}{each}" for each in known[:30]) + (", …" if len(known) > 30 else "")
        parts.append(f"The {listed}: {shown}.")
    return " ".join(parts) or None


def to_json(item: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain data, as `dstream lint --json` prints it; what is not known is left out."""
    data: dict[str, Any] = {"code": item.code, "severity": item.severity, "message": item.message}
    if item.where is not None:
        data |= {"file": item.where.file, "line": item.where.line, "column": item.where.column}
        if item.where.end_line is not None:
            data |= {"end_line": item.where.end_line, "end_column": item.where.end_column}
    if item.hint:
        data["hint"] = item.hint
    if item.excerpt:
        data["excerpt"] = item.excerpt
    return data


class Collector:
    """Gathers the diagnostics of several steps, each of which may fail, to report them all at once."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []

    def add(self, items: Diagnostic | Sequence[Diagnostic]) -> None:
        """Take one diagnostic or several; the same one twice counts once."""
        for item in [items] if isinstance(items, Diagnostic) else items:
            if item not in self.items:
                self.items.append(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, DiagnosticsError):
            self.add(error.diagnostics)
            return True
        return False

    def raise_errors(self) -> None:
        """Raise what was gathered, in the order of the file.

        Raises:
            DiagnosticsError: at least one diagnostic is an error.
        """
        if any(item.severity == "error" for item in self.items):
            raise DiagnosticsError(in_order(self.items))


def in_order(items: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics sorted by file, line and column; those without a place first."""
    return sorted(
        items, key=lambda item: (item.where.file, item.where.line, item.where.column) if item.where else ("", 0, 0)
    )
