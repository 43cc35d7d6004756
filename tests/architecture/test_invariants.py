"""What must always hold is numbered; each number stands in the code where it is enforced, and in a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "delivery.md"
CITED = re.compile(r"invariants?\s+((?:\d+(?:\s*(?:,|and|to)\s*)?)+)", re.IGNORECASE)


def cited(*folders: str) -> set[int]:
    numbers: set[int] = set()
    for folder in folders:
        for path in ROOT.glob(f"{folder}/**/*.py"):
            if path.name == Path(__file__).name:
                continue
            for match in CITED.findall(path.read_text(encoding="utf-8")):
                numbers |= {int(number) for number in re.findall(r"\d+", match)}
    return numbers


def published() -> list[int]:
    section = PAGE.read_text(encoding="utf-8").partition("## What always holds")[2].partition("\n## ")[0]
    return [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]


def test_the_invariants_are_published_in_order() -> None:
    assert published() == list(range(1, 11))


@pytest.mark.parametrize("number", range(1, 11))
def test_each_invariant_is_cited_where_it_is_enforced(number: int) -> None:
    assert number in cited("src", "plugins/*/src")


@pytest.mark.parametrize("number", range(1, 11))
def test_each_invariant_is_cited_by_a_test(number: int) -> None:
    assert number in cited("tests", "plugins/*/tests")
