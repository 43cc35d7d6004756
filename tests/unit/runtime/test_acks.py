from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.runtime.acks import AckCount, AckError, ReadCount


@given(st.lists(st.integers(min_value=0, max_value=100)))
def test_counts_that_grow_are_taken(steps):
    count, total = AckCount(), 0
    for step in steps:
        total += step
        assert count.advance(total, written=total) == (step > 0)
        assert count.value == total


@given(st.integers(min_value=1, max_value=10**6), st.integers(min_value=1, max_value=10**6))
def test_a_count_never_goes_back_nor_ahead(acknowledged, further):
    """Invariant 2."""
    count = AckCount()
    count.advance(acknowledged, written=acknowledged)
    with pytest.raises(AckError, match="never goes back"):
        count.advance(acknowledged - 1, written=acknowledged + further)
    with pytest.raises(AckError, match="were written"):
        count.advance(acknowledged + further + 1, written=acknowledged + further)
    assert count.value == acknowledged, "a refused count changes nothing"


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 5)), min_size=1), st.data())
def test_best_effort_counts_the_lines_of_what_was_read_and_never_more(writes, data):
    reads, written, lines = ReadCount(), 0, 0
    read_before = 0
    for size, newlines in writes:
        reads.wrote(size, newlines)
        written += size
        lines += newlines
        unread = data.draw(st.integers(0, written - read_before))
        read_before = written - unread
        counted = reads.lines_read(unread)
        assert counted <= lines
        if unread == 0:
            assert counted == lines
