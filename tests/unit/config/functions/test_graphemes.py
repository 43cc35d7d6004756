"""Grapheme clusters: one row at least for every rule of UAX #29."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions.graphemes import clusters, count

ROWS = [
    ("GB1, GB2: nothing", []),
    ("ASCII", ["a", "b"]),
    ("GB3: CRLF", ["a", "\r\n", "b"]),
    ("GB4: behind a control", ["\n", "\u0301"]),
    ("GB5: LF CR", ["\n", "\r", "a"]),
    ("GB6: L V", ["\u1100\u1161", "a"]),
    ("GB6: L LV", ["\u1100\uac00"]),
    ("GB6: L LVT", ["\u1100\uac01"]),
    ("GB7: LV T", ["\uac00\u11a8"]),
    ("GB7: V V T", ["\u1161\u1161\u11a8"]),
    ("GB8: LVT T", ["\uac01\u11a8", "\u1161"]),
    ("no LVT V", ["\uac01", "\u1161"]),
    ("jamo of the extended blocks", ["\ua960\ud7b0\ud7cb"]),
    ("GB9: combining marks", ["e\u0301\u0323", "f"]),
    ("GB9: ZWJ", ["a\u200d", "b"]),
    ("GB9: skin tone", ["👍🏽", "x"]),
    ("GB9: variation selector and keycap", ["1\ufe0f\u20e3"]),
    ("GB9: tags", ["🏴\U000e0067\U000e0062\U000e007f"]),
    ("GB9a: spacing mark", ["\u0915\u093e", "\u0916"]),
    ("GB9b: prepend", ["\u06001"]),
    ("GB9c is not applied", ["\u0915\u094d", "\u0937\u093f"]),
    ("GB11: family", ["👨‍👩‍👧", "👦"]),
    ("GB11: with a modifier", ["👩🏽‍🚒"]),
    ("GB11: not without an emoji before", ["a\u200d", "👧"]),
    ("GB12, GB13: flags in pairs", ["🇩🇪", "🇫🇷", "🇮"]),
    ("GB12: after text", ["x", "🇩🇪", "y", "🇫🇷"]),
    ("flag with mark", ["🇩🇪\u0301", "🇫🇷"]),
    ("flags parted by ZWJ", ["🇩\u200d", "🇪🇫"]),
]


@pytest.mark.parametrize("expected", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_clusters(expected: list[str]) -> None:
    text = "".join(expected)
    assert clusters(text) == expected
    assert count(text) == len(expected)


@given(st.text(alphabet="a\r\n\u0301\u200d👨👩🏽🇩🇪\uac00\uac01\u1100\u1161\u11a8\u0600\u093e"))
def test_nothing_is_lost_and_no_cluster_is_empty(text: str) -> None:
    parts = clusters(text)
    assert "".join(parts) == text
    assert all(parts)
    assert count(text) == len(parts)
