"""Where reading stands in a file, and how to know the file again (invariant 8).

A path says little: logs are renamed, truncated, copied and replaced. So a position carries the file's identity (device
and inode) and two fingerprints of what was read: its first bytes and its last ones before the offset. An inode that
was reused, or a file that was written anew in place, does not pass for the old one.

Fingerprints are hashes, because a state file must not hold what the records hold (invariant 5).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from dstream_file.naming import text_of

HEAD_BYTES = 1024
TAIL_BYTES = 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A hash over `length` bytes; length 0 fits everything."""

    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, content: bytes) -> Fingerprint:
        """The fingerprint of these bytes."""
        return cls(len(content), blake2b(content, digest_size=8).hexdigest()) if content else cls()

    def fits(self, content: bytes) -> bool:
        """Whether these are the bytes it was made of."""
        return Fingerprint.of(content) == self

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """The fingerprint in `LENGTH:DIGEST`."""
        length, _, digest = text.partition(":")
        return cls(int(length), digest) if digest else cls()

    def __str__(self) -> str:
        return f"{self.length}:{self.digest}" if self.length else ""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Device and inode: one file, whatever its name."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """The identity that `stat` tells."""
        return cls(status.st_dev, status.st_ino)

    @classmethod
    def parse(cls, key: str) -> FileIdentity:
        """The identity in `DEVICE-INODE`, hexadecimal."""
        device, _, inode = key.partition("-")
        return cls(int(device, 16), int(inode, 16))

    def __str__(self) -> str:
        return f"{self.device:x}-{self.inode:x}"


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands in one file.

    Attributes:
        path: the file's name when it was last seen; for people, and to look for it after a rename.
        offset: bytes that are read, of the content (after decompression).
        head: fingerprint of the first bytes.
        tail: fingerprint of the last bytes before `offset`.
        open_line: where a last line without a newline begins that was delivered at the end of the file; None if the
            content before `offset` ends with a whole line.
        size, changed: of a compressed file that was read to its end: bytes on disk and time of change (ns), so that
            it is not decompressed again to learn that nothing is new.
        done: the file was renamed away and read to its end: nobody will miss anything when it goes.
    """

    path: str
    offset: int = 0
    head: Fingerprint = Fingerprint()
    tail: Fingerprint = Fingerprint()
    open_line: int | None = None
    size: int | None = None
    changed: int | None = None
    done: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        document: dict[str, Any] = {"path": text_of(self.path), "offset": self.offset}
        if document["path"] != self.path:
            document["path_bytes"] = os.fsencode(self.path).hex()  # no UTF-8, which JSON cannot hold
        optional = {
            "head": str(self.head) or None,
            "tail": str(self.tail) or None,
            "open_line": self.open_line,
            "size": self.size,
            "changed": self.changed,
            "done": self.done or None,
        }
        document.update({name: value for name, value in optional.items() if value is not None})
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Position:
        """As `to_json` wrote it."""
        path_bytes = document.get("path_bytes")
        return cls(
            path=document["path"] if path_bytes is None else os.fsdecode(bytes.fromhex(path_bytes)),
            offset=document["offset"],
            head=Fingerprint.parse(document.get("head", "")),
            tail=Fingerprint.parse(document.get("tail", "")),
            open_line=document.get("open_line"),
            size=document.get("size"),
            changed=document.get("changed"),
            done=document.get("done", False),
        )
