"""The log's numbers (LSNs): a virtual log file, a block in it, a slot in the block; ten bytes in all."""

from __future__ import annotations

import threading
from typing import Final

LSN_BYTES: Final = 10
_BLOCKS_OF_A_FILE: Final = 0x40000
_SLOTS_OF_A_BLOCK: Final = 0x01FF
_FIRST_FILE: Final = 0x25
_SHIFT_FILE: Final = 48
_SHIFT_BLOCK: Final = 16


def lsn_bytes(lsn: int) -> bytes:
    """The binary(10) of an LSN."""
    return lsn.to_bytes(LSN_BYTES, "big")


def lsn_text(lsn: int) -> str:
    """As DMVs write it: `00000025:00000060:0003`."""
    return f"{lsn >> _SHIFT_FILE:08x}:{lsn >> _SHIFT_BLOCK & 0xFFFFFFFF:08x}:{lsn & 0xFFFF:04x}"


class Log:
    """Gives out LSNs of one database in log order."""

    def __init__(self, last: int = 0) -> None:
        self._latch = threading.Lock()
        self._file = (last >> _SHIFT_FILE) or _FIRST_FILE
        self._block = (last >> _SHIFT_BLOCK & 0xFFFFFFFF) + 1 if last else 0x10
        self._slot = 0

    def next(self) -> int:
        """The LSN of the next record."""
        with self._latch:
            return self._next()

    def _next(self) -> int:
        if self._slot >= _SLOTS_OF_A_BLOCK:
            self._close_block()
        self._slot += 1
        return self._file << _SHIFT_FILE | self._block << _SHIFT_BLOCK | self._slot

    def commit(self) -> int:
        """The LSN of a commit record; the block is written out behind it, so the next record is in a new one."""
        with self._latch:
            lsn = self._next()
            self._close_block()
            return lsn

    def leap(self, blocks: int) -> int:
        """Leaves that many blocks free, for LSNs that are not given out one by one; gives the first block's LSN (slot 0)."""
        with self._latch:
            self._file += 1
            base = self._file << _SHIFT_FILE | 0x10 << _SHIFT_BLOCK
            self._file += 1 + (blocks + 0x10 >> 32)
            self._block, self._slot = 0x10, 0
            return base

    def _close_block(self) -> None:
        self._block += 1 + self._slot // 4
        self._slot = 0
        if self._block >= _BLOCKS_OF_A_FILE:
            self._file += 1
            self._block = 0x10

    @property
    def last(self) -> int:
        """The newest LSN given out."""
        with self._latch:
            return self._file << _SHIFT_FILE | self._block << _SHIFT_BLOCK | self._slot
