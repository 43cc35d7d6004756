"""Tables on terminals, narrow ones too."""

from __future__ import annotations

import pytest

from dstream_core.cli.drawing import draw_table

HEADERS = ("ID", "ROLES", "EMPTY", "SUMMARY")
ROWS = [
    ("counter", "input", "", "Counts: one record per interval"),
    ("größe-数据", "input, output", "", "Reads and\nwrites"),
    ("quiet", "input", "", ""),
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch):
    def draw(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        return draw_table(HEADERS, ROWS, color=False).split("\n")

    return draw


def test_a_wide_terminal_has_a_line_for_each_row(drawn):
    assert drawn(80) == [
        "ID          ROLES          SUMMARY",
        "counter     input          Counts: one record per interval",
        "größe-数据  input, output  Reads and writes",
        "quiet       input",
    ]


def test_a_narrower_one_breaks_the_last_column(drawn):
    assert drawn(52)[1:3] == [
        "counter     input          Counts: one record per",
        "                           interval",
    ]


@pytest.mark.parametrize("width", [50, 40, 20, 1])
def test_without_room_for_the_last_column_it_stands_below(drawn, width):
    lines = drawn(width)
    assert lines[:3:2] == ["ID          ROLES", lines[2]]
    assert lines[1] == "counter     input"
    assert lines[2].startswith("    Counts: one")
    assert lines[-1] == "quiet       input"


def test_one_column_alone_is_broken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "5")
    assert draw_table(("A",), [("bbb ccc",)], color=False).split("\n") == ["A", "bbb", "ccc"]
    assert draw_table(("A", "B"), [], color=False) == "A  B"
