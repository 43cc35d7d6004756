"""The named character classes of RE2, and its case folding, as ranges of code points."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

Ranges = tuple[tuple[int, int], ...]

_LETTERS = ((65, 90), (97, 122))
_DIGITS = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
POSIX: dict[str, Ranges] = {
    "alnum": _DIGITS + _LETTERS,
    "alpha": _LETTERS,
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGITS,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
PERL: dict[str, Ranges] = {"d": _DIGITS, "s": ((9, 10), (12, 13), (32, 32)), "w": _WORD}


def group(ranges: Ranges, *, negative: bool, fold: bool) -> Ranges:
    r"""A class as it counts inside a pattern: folded first and turned round then, so that `(?i)\W` is no `k`."""
    result = folded(ranges) if fold else ranges
    return complement(result) if negative else result


def bracket(ranges: Iterable[tuple[int, int]], *, negative: bool = False) -> str:
    """The class in the syntax of Python's regular expressions."""
    parts = [f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges]
    if not parts:
        return r"[\s\S]" if negative else "(?!)"
    return f"[{'^' if negative else ''}{''.join(parts)}]"


def complement(ranges: Ranges) -> Ranges:
    """All that the ranges leave out."""
    result, following = [], 0
    for first, last in sorted(ranges):
        if first > following:
            result.append((following, first - 1))
        following = max(following, last + 1)
    if following <= sys.maxunicode:
        result.append((following, sys.maxunicode))
    return tuple(result)


def folded(ranges: Ranges) -> Ranges:
    """The ranges with all that differs from them in case alone, by Unicode's simple folding (Python's own knows `ı`)."""
    extra = [
        (other, other)
        for first, last in ranges
        for code, orbit in (_orbits().items() if last - first > 9 else _orbits_of(range(first, last + 1)))
        if first <= code <= last
        for other in orbit
    ]
    return (*ranges, *sorted(set(extra)))


def _orbits_of(codes: Iterable[int]) -> Iterable[tuple[int, tuple[int, ...]]]:
    return ((code, _orbits().get(code, ())) for code in codes)


@cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """For each letter that has others of another case, these with itself."""
    groups: dict[str, list[int]] = {}
    for code in (*range(0x30000), *range(0xE0000, 0xE1000)):  # no letter with case lies elsewhere
        letter = chr(code)
        if letter.lower() != letter or letter.upper() != letter:
            groups.setdefault(_folding(letter), []).append(code)
    return {code: tuple(codes) for codes in groups.values() if len(codes) > 1 for code in codes}


def _folding(letter: str) -> str:
    for form in (letter.casefold(), letter.lower()):
        if len(form) == 1:
            return form
    return letter


@lru_cache(maxsize=32)
def unicode_class(name: str) -> Ranges | None:
    """The ranges of a general category (`L`, `Lu`), a script (`Greek`) or `Any`; None for others."""
    if name == "Any":
        return ((0, sys.maxunicode),)
    return _category(name) if len(name) <= 2 else _script(name)


def _category(name: str) -> Ranges | None:
    result: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(name):
            if result and result[-1][1] == code - 1:
                result[-1] = (result[-1][0], code)
            else:
                result.append((code, code))
    return tuple(result) if name and result and name != "Cn" else None


def _script(name: str) -> Ranges | None:
    from dstream_core.config.functions.script_table import SCRIPTS  # noqa: PLC0415  patterns hardly ever name a script

    if name not in SCRIPTS:
        return None
    words = [word.partition("-") for word in SCRIPTS[name].split()]
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in words)
