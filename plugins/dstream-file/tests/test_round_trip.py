"""File to file: what is read and written again is the same, byte for byte."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dstream_core.api import EncodedLines
from dstream_core.testing import run_input, run_output
from dstream_file.config import FileInputOptions, FileOutputOptions
from dstream_file.input import FileInput
from dstream_file.output import FileOutput

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
spacing = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")])
json_texts = st.builds(
    lambda value, ascii_only, separators: json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode(),
    values,
    st.booleans(),
    spacing,
)
texts = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))


def copied(name: str, content: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / name, Path(folder) / f"copy-{name}"
        source.write_bytes(content)
        items: list[Any] = run_input(FileInput(), FileInputOptions(path=[str(source)]), provider_id="file")
        lines = [line for item in items if isinstance(item, EncodedLines) for line in item.lines.split(b"\n")[:-1]]
        result = run_output(FileOutput(), lines, FileOutputOptions(path=str(target)))
        assert (result.acknowledged, result.rejected) == (len(lines), [])
        return target.read_bytes() if target.exists() else b""


@given(st.lists(json_texts, max_size=10))
@settings(max_examples=60, deadline=None)
def test_json_lines(lines: list[bytes]) -> None:
    content = b"".join(line + b"\n" for line in lines)
    assert copied("a.jsonl", content) == content


@given(st.lists(texts, max_size=10))
@settings(max_examples=60, deadline=None)
def test_plain_lines(lines: list[str]) -> None:
    content = b"".join(line.encode() + b"\n" for line in lines)
    assert copied("a.log", content) == content


def test_large_lines() -> None:
    content = b"".join(b'{"n":%d,"x":"%b"}\n' % (size, b"x" * size) for size in (0, 10**5, 10**6, 5 * 10**6, 3))
    assert copied("a.jsonl", content) == content
