"""Sets of line numbers as disjoint runs: what came back out of order, in as little memory as possible."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Intervals:
    """A set of integers kept as sorted, disjoint, non-adjacent closed runs."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        """The number of runs, not of integers."""
        return len(self._firsts)

    def add(self, first: int, last: int) -> int:
        """Adds `first` to `last`, both included.

        Returns:
            How many of them were new.
        """
        start = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        overlap = 0
        if start < end:
            for index in range(start, end):
                shared = min(last, self._lasts[index]) - max(first, self._firsts[index]) + 1
                overlap += max(shared, 0)
        new = last - first + 1 - overlap
        if start < end:
            first = min(first, self._firsts[start])
            last = max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]
        return new

    def run_of(self, number: int) -> tuple[int, int] | None:
        """The run that holds a number, None if it is not in the set."""
        index = bisect_left(self._lasts, number)
        if index < len(self._firsts) and self._firsts[index] <= number:
            return self._firsts[index], self._lasts[index]
        return None

    def drop_before(self, number: int) -> None:
        """Forgets the runs that end before a number."""
        keep = bisect_left(self._lasts, number)
        del self._firsts[:keep]
        del self._lasts[:keep]
