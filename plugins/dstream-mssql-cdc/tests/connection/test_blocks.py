"""How many rows come in one block when some are large."""

from __future__ import annotations

from typing import Any

import pytest

from dstream_mssql_cdc.connection.connection import BLOCK_BYTES, Connection


class Cursor:
    """As pymssql's: rows one by one or many at once."""

    description = (("a",),)

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.left = iter(rows)

    def execute(self, _: str) -> None:
        pass

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self.left, None)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        return [row for _, row in zip(range(size), self.left, strict=False)]

    def nextset(self) -> bool:
        return False


class Raw:
    """As pymssql's connection."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def cursor(self) -> Cursor:
        return Cursor(self.rows)


def blocks(rows: list[tuple[Any, ...]], **options: Any) -> list[int]:
    raw: Any = Raw(rows)
    return [len(block) for block in Connection(raw).rows("SELECT a", **options)]


def weigh(row: tuple[Any, ...]) -> int:
    return len(row[0])


HUGE = (b"x" * (BLOCK_BYTES // 2),)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([(b"x",)] * 7, [3, 3, 1]),
        ([(b"x",)] * 6, [3, 3]),
        ([HUGE] * 5, [2, 2, 1]),
        ([(b"x" * BLOCK_BYTES * 2,)] * 2 + [(b"x",)] * 2, [1, 1, 2]),
        ([(b"x",)] * 2 + [HUGE] * 3, [3, 2]),
    ],
)
def test_a_block_ends_with_the_row_that_makes_it_heavy(rows: list[tuple[Any, ...]], expected: list[int]) -> None:
    assert blocks(rows, size=3, weigh=weigh) == expected


def test_without_scales_only_the_number_counts() -> None:
    assert blocks([HUGE] * 5, size=3) == [3, 2]
