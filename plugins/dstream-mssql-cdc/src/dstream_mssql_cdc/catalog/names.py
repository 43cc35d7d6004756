"""Names and patterns as users write them: `Orders`, `sales.*`, `[a.b].[c]`, `!x`. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

WILDCARDS = frozenset("*?")

_PART = re.compile(
    r"""\s*(?:
        \[(?P<bracketed>(?:[^\]]|\]\])*)\]
      | "(?P<quoted>(?:[^"]|"")*)"
      | (?P<plain>[^.\[\]"]+)
    )\s*(?P<end>\.|\Z)""",
    re.VERBOSE,
)


def folded(name: str) -> str:
    """The name without its case and in one Unicode form, for comparing."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@dataclass(frozen=True)
class Part:
    """One part of a pattern, such as a schema.

    Attributes:
        text: without brackets or quotes.
        wild: `*` and `?` in it are wildcards.
    """

    text: str
    wild: bool = False

    def matches(self, name: str) -> bool:
        """Whether it means that name; case does not count."""
        if not self.wild:
            return folded(self.text) == folded(name)
        expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in folded(self.text))
        return re.fullmatch(expression, folded(name), re.DOTALL) is not None


@dataclass(frozen=True)
class NamePattern:
    """A name or a pattern of one to three parts.

    Attributes:
        text: as the user wrote it.
        parts: from the left; the last is the object's own name.
        negated: it began with `!`.
    """

    text: str
    parts: tuple[Part, ...]
    negated: bool = False

    @property
    def wild(self) -> bool:
        """It may mean several names."""
        return any(part.wild for part in self.parts)

    def matches(self, names: Sequence[str]) -> bool:
        """Whether its parts mean the last of these names; parts that it lacks may be anything."""
        return all(part.matches(name) for part, name in zip(self.parts, names[-len(self.parts) :], strict=True))

    def is_exactly(self, names: Sequence[str]) -> bool:
        """As `matches`, in this very case; never for a pattern with wildcards."""
        return not self.wild and [part.text for part in self.parts] == list(names[-len(self.parts) :])


def parse_pattern(text: str, most: int = 2) -> NamePattern:
    """Reads a name or a pattern.

    Args:
        text: parts with dots between them. In `[…]` (a closing bracket in it doubled) and in `"…"` everything is
            itself; elsewhere `*` stands for any letters, `?` for one. A `!` in front negates.
        most: how many parts it may have.

    Raises:
        ValueError: it is none; the message says why.
    """
    negated = text.strip().startswith("!")
    rest = text.strip().removeprefix("!")
    parts: list[Part] = []
    position = 0
    while True:
        match = _PART.match(rest, position)
        if match is None:
            raise ValueError(f"{text!r} is no name: write names with dots or brackets in them as [a.b].[c]")
        parts.append(_part(match))
        position = match.end()
        if match["end"] == "":
            break
    if not all(part.text for part in parts):
        raise ValueError(f"{text!r} is no name: a part of it is empty")
    if len(parts) > most:
        shape = ".".join(("schema", "table", "column")[3 - most :] if most == 3 else ("schema", "table"))
        raise ValueError(f"{text!r} has more parts than {shape}; write a name with dots in it as [a.b]")
    return NamePattern(text, tuple(parts), negated)


def _part(match: re.Match[str]) -> Part:
    if match["bracketed"] is not None:
        return Part(match["bracketed"].replace("]]", "]"))
    if match["quoted"] is not None:
        return Part(match["quoted"].replace('""', '"'))
    text = match["plain"].strip()
    return Part(text, not WILDCARDS.isdisjoint(text))
