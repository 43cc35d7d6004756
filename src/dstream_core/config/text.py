"""White space and letter case as Go has them, which differ from Python's in a few characters."""

from __future__ import annotations

GO_SPACE = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def lower(text: str) -> str:
    """The text in small letters, character by character: none becomes two, and a final sigma is like any other."""
    return text.lower() if text.isascii() else "".join(char.lower()[0] for char in text)


def upper(text: str) -> str:
    """The text in capitals, character by character: none becomes two (`ß` stays)."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def _upper(char: str) -> str:
    for candidate in (char.upper(), char.title()):
        if len(candidate) == 1:
            return candidate
    return char
