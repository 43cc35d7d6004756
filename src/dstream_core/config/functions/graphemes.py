"""Grapheme clusters: what a reader calls one character (UAX #29, extended grapheme clusters, Unicode 15.0).

`length`, `substr`, `strrev` and the widths of `format` count these, as HCL's standard library does: a letter with its
accents, a flag, an emoji family, a Hangul syllable or CRLF are one each. Rule GB9c (Indic conjuncts, of Unicode 15.1)
is not applied, because it is not applied there: what `length` says must be the same.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

from dstream_core.config.functions.grapheme_table import GRAPHEMES

_BASE, _LAST = 0xAC00, 0xD7A3  # the precomposed Hangul syllables
_AFTER_L = {"L", "V", "LV", "LVT"}
_HANGUL_FOLLOWERS = {"L": _AFTER_L, "LV": {"V", "T"}, "V": {"V", "T"}, "LVT": {"T"}, "T": {"T"}}
_CONTROLS = {"Control", "CR", "LF"}
_ATTACHED = {"Extend", "ZWJ", "SpacingMark"}


def clusters(text: str) -> list[str]:
    """The grapheme clusters of a string, in order; joined they are the string again."""
    if text.isascii() and "\r" not in text:
        return list(text)
    result, start = [], 0
    before = ""  # the class of the previous code point
    pictographic = False  # the cluster so far is an emoji with extenders, as GB11 wants before a ZWJ
    joined = False  # … and that ZWJ is the previous code point
    flags = 0  # regional indicators in a row before this one
    for position, character in enumerate(text):
        kind = _kind(character)
        emoji = joined and kind == "Extended_Pictographic"
        pair = before == kind == "Regional_Indicator" and flags % 2 == 1
        if position and not (emoji or pair or _joins(before, kind)):
            result.append(text[start:position])
            start = position
        joined = pictographic and kind == "ZWJ"
        pictographic = kind == "Extended_Pictographic" or (pictographic and kind == "Extend")
        flags = flags + 1 if kind == "Regional_Indicator" else 0
        before = kind
    if text:
        result.append(text[start:])
    return result


def count(text: str) -> int:
    """How many grapheme clusters a string has."""
    return len(text) if text.isascii() and "\r" not in text else len(clusters(text))


def _joins(before: str, kind: str) -> bool:
    """Whether no boundary lies between two code points of these classes, emoji and flags aside."""
    if before == "CR" and kind == "LF":
        return True
    if before in _CONTROLS or kind in _CONTROLS:
        return False
    return kind in _ATTACHED or before == "Prepend" or kind in _HANGUL_FOLLOWERS.get(before, ())


@cache
def _kind(character: str) -> str:
    code = ord(character)
    if _BASE <= code <= _LAST:
        return "LV" if (code - _BASE) % 28 == 0 else "LVT"
    if 0x1100 <= code <= 0x11FF:
        return "L" if code < 0x1160 else "V" if code < 0x11A8 else "T"
    if 0xA960 <= code <= 0xA97C:
        return "L"
    if 0xD7B0 <= code <= 0xD7C6:
        return "V"
    if 0xD7CB <= code <= 0xD7FB:
        return "T"
    starts, ends, kinds = _ranges()
    index = bisect_right(starts, code) - 1
    return kinds[index] if index >= 0 and code <= ends[index] else "Other"


@cache
def _ranges() -> tuple[list[int], list[int], list[str]]:
    """The table, decoded at the first text that is not ASCII, for the import must cost nothing."""
    rows = []
    for kind, words in GRAPHEMES.items():
        for word in words.split():
            first, _, last = word.partition("-")
            rows.append((int(first, 16), int(last or first, 16), kind))
    rows.sort()
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
