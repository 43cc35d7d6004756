"""What an output prints, as JSON lines."""

from __future__ import annotations

import json

import pytest

from dstream_core.cli import text_records
from dstream_core.cli.text_records import TextRecords


def records(*pieces: bytes) -> list[dict[str, object]]:
    made = TextRecords()
    shown = b"".join(map(made.feed, pieces)) + made.finish()
    return [json.loads(line) for line in shown.splitlines()]


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_each_line_is_an_object_however_it_comes(step):
    text = 'a "quoted" line\n\n{"json":1}\r\ngrüße\u2028x\nlast'.encode()
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    expected = ['a "quoted" line', "", '{"json":1}', "grüße\u2028x", "last"]
    assert records(*pieces) == [{"text": line} for line in expected]


def test_bytes_that_are_no_text_are_replaced():
    assert records(b"a\xff\x00b\n") == [{"text": "a\ufffd\x00b"}]


def test_a_line_without_end_is_not_held_for_ever(monkeypatch):
    monkeypatch.setattr(text_records, "LINE_LIMIT", 3)
    assert records(b"abcd", b"e\nf") == [{"text": "abcd", "more": True}, {"text": "e"}, {"text": "f"}]
    assert records() == []
