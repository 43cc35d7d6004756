"""The content of a file at an offset, whether it is compressed or not."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import zstandard

from dstream_core.api import ProviderError
from dstream_file.naming import Compression

_GZIP_WINDOW = 31
_CHUNKS = {"gzip": 256 * 1024, "zstd": 16 * 1024}
"""Compressed bytes taken at a time; few of zstd, whose blocks may grow four orders of magnitude."""


class Content(Protocol):
    """Bytes by offset."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` (of the content after decompression); empty at the end.

        Raises:
            OSError: the file cannot be read.
            ProviderError: `file/compressed`, the file is damaged or ends too early.
        """
        ...


class PlainContent:
    """A file as it is."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """See `Content`."""
        return os.pread(self._descriptor, size, offset)


class CompressedContent:
    """A gzip or zstd file of one or more members; going back starts over at its beginning."""

    def __init__(self, descriptor: int, compression: Compression, path: str):
        self._descriptor = descriptor
        self._path = path
        self._chunk = _CHUNKS[compression]
        self._new_member: Callable[[], Any] = (
            (lambda: zlib.decompressobj(_GZIP_WINDOW))
            if compression == "gzip"
            else (lambda: zstandard.ZstdDecompressor().decompressobj())
        )
        self._rewind()

    def read_at(self, offset: int, size: int) -> bytes:
        """See `Content`."""
        if offset < self._start:
            self._rewind()
        while self._start + len(self._ready) < offset + size:
            overtaken = min(len(self._ready), max(0, offset - self._start))
            del self._ready[:overtaken]
            self._start += overtaken
            if not self._decompress_more():
                break
        begin = offset - self._start
        return bytes(self._ready[begin : begin + size])

    def _rewind(self) -> None:
        self._member: Any = None
        self._taken = 0
        self._start = 0
        self._ready = bytearray()

    def _decompress_more(self) -> bool:
        """Append to what is ready; False at the end of the file."""
        chunk = os.pread(self._descriptor, self._chunk, self._taken)
        if not chunk:
            if self._member is not None:
                raise self._damaged("it ends in the middle of compressed data")
            return False
        self._taken += len(chunk)
        while chunk:
            chunk = self._feed(chunk)
        return True

    def _feed(self, chunk: bytes) -> bytes:
        """Decompress a chunk; what is left of it belongs to the next member."""
        if self._member is None:
            chunk = chunk.lstrip(b"\0")  # padding between or behind members
            if not chunk:
                return b""
            self._member = self._new_member()
        try:
            self._ready += self._member.decompress(chunk)
        except (zlib.error, zstandard.ZstdError) as error:
            raise self._damaged(str(error)) from None
        if not self._member.eof:
            return b""
        rest: bytes = self._member.unused_data
        self._member = None
        return rest

    def _damaged(self, reason: str) -> ProviderError:
        return ProviderError(
            f"{self._path}: cannot be decompressed at byte {self._taken}: {reason}",
            code="file/compressed",
            hint="if it is still being written, let the pattern match it only when it is complete",
        )


def open_content(descriptor: int, compression: Compression, path: str) -> Content:
    """The content behind an open descriptor, which stays the caller's."""
    if compression == "none":
        return PlainContent(descriptor)
    return CompressedContent(descriptor, compression, path)
