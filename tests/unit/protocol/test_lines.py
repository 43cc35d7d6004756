from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dstream_core.protocol.lines import CutLine, LineCutter


@given(st.lists(st.binary(max_size=30)), st.integers(1, 10))
def test_lines_are_cut_at_the_limit_and_what_is_gone_is_counted(chunks, limit):
    cutter = LineCutter(limit)
    cut = [line for chunk in chunks for line in cutter.feed(chunk)]
    last = cutter.finish()
    *whole, rest = b"".join(chunks).split(b"\n")
    assert cut == [CutLine(line[:limit], max(0, len(line) - limit)) for line in whole]
    assert last == (CutLine(rest[:limit], max(0, len(rest) - limit)) if rest else None)


def test_memory_is_bounded_by_the_limit():
    cutter = LineCutter(100)
    for _ in range(1000):
        assert list(cutter.feed(b"x" * 10_000)) == []
    assert cutter.finish() == CutLine(b"x" * 100, 10_000_000 - 100)
