"""Collations on the wire: five bytes that tell a client in which code page a varchar is."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

from dstream_sandbox.sqlserver.types import DEFAULT_COLLATION

_IGNORE_CASE, _IGNORE_ACCENT, _IGNORE_KANA, _IGNORE_WIDTH = 1 << 20, 1 << 21, 1 << 22, 1 << 23
_BINARY, _BINARY2, _UTF8 = 1 << 24, 1 << 25, 1 << 26
_VERSIONS = {"90": 1 << 28, "100": 2 << 28, "140": 3 << 28, "160": 4 << 28}

_LOCALES = {
    "latin1_general": (0x0409, "cp1252"),
    "albanian": (0x041C, "cp1250"),
    "arabic": (0x0401, "cp1256"),
    "chinese_prc": (0x0804, "cp936"),
    "chinese_simplified_pinyin": (0x0804, "cp936"),
    "chinese_taiwan_stroke": (0x0404, "cp950"),
    "croatian": (0x041A, "cp1250"),
    "cyrillic_general": (0x0419, "cp1251"),
    "czech": (0x0405, "cp1250"),
    "danish_norwegian": (0x0406, "cp1252"),
    "danish_greenlandic": (0x0406, "cp1252"),
    "estonian": (0x0425, "cp1257"),
    "finnish_swedish": (0x040B, "cp1252"),
    "french": (0x040C, "cp1252"),
    "german_phonebook": (0x10407, "cp1252"),
    "greek": (0x0408, "cp1253"),
    "hebrew": (0x040D, "cp1255"),
    "hungarian": (0x040E, "cp1250"),
    "icelandic": (0x040F, "cp1252"),
    "japanese": (0x0411, "cp932"),
    "japanese_xjis": (0x0411, "cp932"),
    "korean": (0x0412, "cp949"),
    "korean_wansung": (0x0412, "cp949"),
    "latvian": (0x0426, "cp1257"),
    "lithuanian": (0x0427, "cp1257"),
    "modern_spanish": (0x0C0A, "cp1252"),
    "norwegian": (0x0414, "cp1252"),
    "polish": (0x0415, "cp1250"),
    "romanian": (0x0418, "cp1250"),
    "slovak": (0x041B, "cp1250"),
    "slovenian": (0x0424, "cp1250"),
    "thai": (0x041E, "cp874"),
    "traditional_spanish": (0x040A, "cp1252"),
    "turkish": (0x041F, "cp1254"),
    "ukrainian": (0x0422, "cp1251"),
    "vietnamese": (0x042A, "cp1258"),
}
"""Windows collations: locale number and code page by the name in front of the suffixes."""

_SORT_IDS = {"sql_latin1_general_cp1_ci_as": 52, "sql_latin1_general_cp1_cs_as": 51, "sql_latin1_general_cp1_ci_ai": 54}
"""SQL collations carry a number of their own."""


@dataclass(frozen=True, slots=True)
class WireCollation:
    """A collation as clients see it: its five bytes, and the codec of its varchars."""

    raw: bytes
    codec: str


@cache
def wire_collation(name: str | None) -> WireCollation:
    """By the name (None: the default). One that is not known is announced as Latin1_General, which every client can read."""
    words = (name or DEFAULT_COLLATION).lower().split("_")
    locale, codec = _locale("_".join(words))
    bits = locale | _comparison(words)
    if "utf8" in words:
        bits |= _UTF8
        codec = "utf-8"
    sort_id = _SORT_IDS.get("_".join(words), 0)
    return WireCollation(struct.pack("<IB", bits, sort_id), codec)


def codec_of(raw: bytes) -> str:
    """The codec of a parameter's five bytes."""
    bits, sort_id = struct.unpack("<IB", raw)
    if bits & _UTF8:
        return "utf-8"
    if sort_id:
        return "cp1252"
    locale = bits & 0xFFFFF
    return next((codec for number, codec in _LOCALES.values() if number == locale), "cp1252")


def _locale(name: str) -> tuple[int, str]:
    if name.startswith("sql_latin1_general"):
        return _LOCALES["latin1_general"]
    matches = [prefix for prefix in _LOCALES if name.startswith(prefix + "_")]
    return _LOCALES[max(matches, key=len)] if matches else _LOCALES["latin1_general"]


def _comparison(words: list[str]) -> int:
    if "bin2" in words:
        return _BINARY2
    if "bin" in words:
        return _BINARY
    bits = next((_VERSIONS[word] for word in words if word in _VERSIONS), 0)
    bits |= _IGNORE_CASE if "ci" in words else 0
    bits |= _IGNORE_ACCENT if "ai" in words else 0
    bits |= 0 if "ks" in words else _IGNORE_KANA
    return bits | (0 if "ws" in words else _IGNORE_WIDTH)
