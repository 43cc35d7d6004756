"""A silenced rule says which one and why, beside it."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "plugins", "tests", "scripts", "benchmarks")
MARKS = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover|mypy:)", re.IGNORECASE)
REASONED = {
    "noqa": re.compile(r"#\s*noqa:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*\s+\S+\s+\S+"),
    "type": re.compile(r"#\s*type:\s*ignore\[[\w, -]+\]\s+#?\s*(?:noqa[^#]*)?\S+\s+\S+"),
    "pragma": re.compile(r"#\s*pragma:\s*no cover\s+\S+\s+\S+"),
    "mypy": re.compile(r"#\s*mypy:.*\S"),
}


def sources() -> list[Path]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if not set(path.parts) & {".build", ".venv", "__pycache__"})


def suppressions(path: Path) -> Iterator[tuple[int, str, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    for token in tokens:
        if token.type == tokenize.COMMENT and (mark := MARKS.search(token.string)):
            yield token.start[0], mark[1].split(":")[0].lower(), token.string


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_suppression_names_its_rule_and_its_reason(path: Path) -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{line}: {comment}"
        for line, kind, comment in suppressions(path)
        if not REASONED[kind].search(comment)
    ]
    assert not bare, "write the rule and, behind two spaces, the reason:\n" + "\n".join(bare)


def test_the_check_finds_what_it_looks_for(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(
        "import os  # noqa\nimport re  # noqa: F401  kept for doctests\nx: int = ''  # type: ignore[assignment]\n"
    )
    kinds = [(line, bool(REASONED[kind].search(text))) for line, kind, text in suppressions(sample)]
    assert kinds == [(1, False), (2, True), (3, False)]
