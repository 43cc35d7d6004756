from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dstream_core.protocol.handshake import Ready, Refusal
from dstream_core.runtime.filters import WHOLE_LINE_LIMIT, HandshakeFinder, WholeLines


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in chunks, cut at the given places."""
    ends = sorted({min(place, len(data)) for place in cuts} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


lines = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)
cuts = st.lists(st.integers(0, 200))


@given(lines, st.integers(0, 8), cuts)
def test_exactly_the_handshake_is_taken_out(others, place, places):
    place = min(place, len(others))
    data = [*others[:place], b'{"status":"ready"}', *others[place:]]
    finder = HandshakeFinder()
    stream = b"".join(line + b"\n" for line in data)
    passed = b"".join(map(finder.feed, cut(stream, places))) + finder.finish()
    assert passed == b"".join(line + b"\n" for line in others)
    assert finder.found == Ready()


@given(lines, cuts)
def test_without_a_handshake_nothing_is_changed(others, places):
    finder = HandshakeFinder()
    stream = b"".join(line + b"\n" for line in others) + b"rest"
    assert b"".join(map(finder.feed, cut(stream, places))) + finder.finish() == stream
    assert finder.found is None


def test_only_the_first_64_kib_are_examined():
    finder = HandshakeFinder()
    stream = b"x" * 70_000 + b'\n{"status":"error","message":"data"}\n'
    assert finder.feed(stream) == stream
    assert not finder.searching
    assert finder.found is None


def test_a_long_first_line_without_end_is_not_held_for_ever():
    finder = HandshakeFinder()
    assert finder.feed(b"x" * 70_000) == b"x" * 70_000


def test_a_refusal_is_found():
    finder = HandshakeFinder()
    assert finder.feed(b'log line\n{"status":"error","message":"no"}\n{}\n') == b"log line\n{}\n"
    assert finder.found == Refusal("no")


@given(st.lists(st.binary(max_size=20)), st.booleans())
def test_only_whole_lines_pass(chunks, complete):
    whole = WholeLines()
    stream = b"".join(chunks)
    passed = b""
    for chunk in chunks:
        passed += whole.feed(chunk)
        assert passed == b"" or passed.endswith(b"\n")
    head, newline, tail = stream.rpartition(b"\n")
    assert passed == head + newline
    assert whole.finish(complete=complete) == (tail + b"\n" if complete and tail else b"")


def test_a_line_beyond_the_limit_passes_as_it_comes():
    whole = WholeLines()
    part = b"x" * (WHOLE_LINE_LIMIT // 2 + 1)
    assert whole.feed(part) == b""
    assert whole.feed(part) == part + part
    assert whole.feed(part) == part
    assert whole.feed(b"end\nnext") == b"end\n"
    assert whole.finish(complete=True) == b"next\n"
