from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dstream_core.runtime.demux import TEXT_HOLD, OutputDemux


def split(chunks: list[bytes]) -> tuple[list[bytes], bytes, list[bytes]]:
    controls: list[bytes] = []
    texts: list[bytes] = []
    demux = OutputDemux(controls.append, texts.append)
    for chunk in chunks:
        demux.feed(chunk)
    demux.finish()
    return controls, b"".join(texts), texts


line = st.one_of(
    st.just(b'{"$dstream":{"ack":1}}'),
    st.sampled_from([b"", b"hello", b' {"$dstream":{"ack":1}}', b'x{"$dstream"', b'{"$dstrea', b'{"$dstream"']),
    st.binary(max_size=10).map(lambda text: text.replace(b"\n", b"")),
)


@given(st.lists(line), st.lists(st.integers(0, 100)))
def test_control_lines_and_text_are_told_apart_however_the_pipe_cuts(lines, places):
    data = b"".join(one + b"\n" for one in lines)
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    controls, text, texts = split(chunks)
    assert controls == [one for one in lines if one.startswith(b'{"$dstream"')]
    assert text == b"".join(one + b"\n" for one in lines if not one.startswith(b'{"$dstream"'))
    assert all(piece.endswith(b"\n") for piece in texts)


def test_a_very_long_line_of_text_passes_in_pieces_and_ends():
    controls, text, _ = split([b"x" * TEXT_HOLD, b"y" * 10, b'{"$dstream":{}}\n{"$dstream":{"ack":1}}\nz'])
    assert controls == [b'{"$dstream":{"ack":1}}']
    assert text == b"x" * TEXT_HOLD + b"y" * 10 + b'{"$dstream":{}}\nz'
