"""What a file's name says: its table, its format and its compression; and which file names a table may have."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

Format = Literal["jsonl", "csv", "lines"]
Compression = Literal["none", "gzip", "zstd"]

FORMAT_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
}
COMPRESSION_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}

LONGEST_NAME = 240
"""Bytes of a table's file name: what file systems take (255), less room for `.NUMBER` of rotated files."""

_ROTATED = re.compile(r"\.\d[\d-]*")
_DATED = re.compile(r"-\d{6,}$")
_UNSAFE = re.compile(r"[^\w\-. ]|^[. ]|[. ]$")


@dataclass(frozen=True, slots=True)
class NameParts:
    """What a path's last part says.

    Attributes:
        table: the name without compression, rotation number and extension: `orders` of `orders.jsonl.2.gz`.
        format: by extension; `lines` when there is none that is known.
        compression: by extension.
        tabs: a `.tsv`, whose columns are separated by tabs.
    """

    table: str
    format: Format
    compression: Compression
    tabs: bool = False


def name_parts(path: str) -> NameParts:
    """Read a path's last part: extension, rotation mark (`.1`, `.2026-01-31`, `-20260131`) and compression, from the right."""
    name = PurePath(path)
    compression = COMPRESSION_SUFFIXES.get(name.suffix.lower(), "none")
    if compression != "none":
        name = name.with_suffix("")
    while _ROTATED.fullmatch(name.suffix):
        name = name.with_suffix("")
    name = PurePath(_DATED.sub("", name.name)) if _DATED.search(name.suffix) else PurePath(name.name)
    suffix = name.suffix.lower()
    return NameParts(text_of(name.stem), FORMAT_SUFFIXES.get(suffix, "lines"), compression, suffix == ".tsv")


def text_of(name: str) -> str:
    """A file's name as records can hold it: bytes that are no UTF-8 become a backslash, an x and their hexadecimal digits."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def safe_file_name(table: str) -> str | None:
    """A table's name as a part of a file name, or None if it can have none (empty, or too long).

    Letters, digits, `_`, `-`, `.` and spaces inside stay. Every other character, and a dot or space at the beginning
    or end, becomes `%` and its UTF-8 bytes in hexadecimal, as in a URL: `a/b` is `a%2Fb`, `..` is `%2E%2E`. Two tables
    never share a name, and no name leads out of the directory.
    """
    try:
        safe = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), table)
    except UnicodeEncodeError:
        return None
    return safe if safe and len(safe.encode()) <= LONGEST_NAME else None


def is_rotated_name(name: str, original: str) -> bool:
    """Whether a file name is what rotation makes of another: `app.log.1`, `app.log-20260131.gz`, `app-2026-01-31.log`."""
    whole, stem, suffix = re.escape(original), re.escape(PurePath(original).stem), re.escape(PurePath(original).suffix)
    pattern = rf"({whole}[.-]\d[\d.-]*|{stem}[.-]\d[\d.-]*{suffix})(\.gz|\.zst)?"
    return re.fullmatch(pattern, name) is not None
