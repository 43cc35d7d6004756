"""What the output writes: formats, tables, rotation, repairs, and what it refuses."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api import ConfigurationError, DStreamError, ProviderError, TemporaryError
from dstream_core.testing import Delivered, run_output
from dstream_file import appending
from dstream_file.appending import OutputFile
from dstream_file.config import FileOutputOptions
from dstream_file.file_set import FileSet
from dstream_file.made import MadeRecord
from dstream_file.output import FileOutput
from dstream_file.rows import JsonRows, length_of_whole_rows


def deliver(*envelopes: Any, **options: Any) -> Delivered:
    (Path(options["path"]).parent).mkdir(exist_ok=True)
    return run_output(FileOutput(), envelopes, FileOutputOptions(**options))


def record(data: Any, table: Any = None) -> dict[str, Any]:
    return {"data": data, "metadata": {} if table is None else {"TableName": table}}


def lines_of(path: Path | str) -> list[str]:
    return Path(path).read_text().splitlines()


def test_json_lines_are_the_bytes_of_data(here: Path) -> None:
    line = b'{"metadata":{"x":1}, "data": {"n": 123456789012345678901234567890,\t"x": 1.50, "u":"\\u00e9"} }'
    assert deliver(line, path="out/a.jsonl").acknowledged == 1
    assert Path("out/a.jsonl").read_bytes() == b'{"n": 123456789012345678901234567890,\t"x": 1.50, "u":"\\u00e9"}\n'


def test_the_whole_envelope(here: Path) -> None:
    line = b'{"metadata":{"x":1}, "data": 1.0 }'
    deliver(line, path="out/a.jsonl", envelope=True)
    assert Path("out/a.jsonl").read_bytes() == line + b"\n"


def test_runs_append(here: Path) -> None:
    deliver(record(1), path="out/a.jsonl")
    deliver(record(2), path="out/a.jsonl")
    assert lines_of("out/a.jsonl") == ["1", "2"]


def test_lines(here: Path) -> None:
    result = deliver(
        record({"line": "Größe\r"}), record({"line": "a\nb"}), record({"x": 1}), record(3), path="out/a.log"
    )
    assert Path("out/a.log").read_bytes() == "Größe\r\n".encode()
    assert [number for number, _ in result.rejected] == [2, 3, 4]
    assert "holds a newline" in result.rejected[0][1]
    assert "no text field `line`" in result.rejected[1][1]


def test_csv(here: Path) -> None:
    first = {"id": 12345678901234567890123, "x": None, "text": 'a "quoted"\nline', "list": [1.50, "ü"], "ok": True}
    result = deliver(
        record(first),
        record({"text": "b", "id": 2}),
        record({"id": 3, "other": 1, "more": 1}),
        record(4),
        path="out/a.csv",
    )
    deliver(record({"id": 5}), path="out/a.csv")
    with open("out/a.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["id", "x", "text", "list", "ok"],
        ["12345678901234567890123", "", 'a "quoted"\nline', '[1.5,"ü"]', "true"],
        ["2", "", "b", "", ""],
        ["5", "", "", "", ""],
    ]
    assert result.rejected == [
        (3, "it has fields that the file has no columns for: more, other"),
        (4, "its data is no object, of which CSV could take columns"),
    ]


def test_csv_with_given_columns(here: Path) -> None:
    options = {"path": "out/a.tsv", "columns": ["b", "a"]}
    assert deliver(record({"a": 1, "b": "x"}), **options).acknowledged == 1
    assert lines_of("out/a.tsv") == ["b\ta", "x\t1"]
    with pytest.raises(ConfigurationError, match="has other columns than `columns` says: b, a") as caught:
        deliver(record({"a": 1}), path="out/a.tsv", columns=["a"])
    assert caught.value.code == "file/csv-columns"


def test_a_file_per_table(here: Path) -> None:
    result = deliver(
        record(1, "Orders"), record(2, "Items"), record(3, "Orders"), record(4, "../../x"), record(5), record(6, 7),
        path="out/{table}.jsonl", max_open_files=1,
    )  # fmt: skip
    assert {path.name: lines_of(path) for path in here.glob("out/*")} == {
        "Orders.jsonl": ["1", "3"],
        "Items.jsonl": ["2"],
        "%2E.%2F..%2Fx.jsonl": ["4"],
    }
    assert result.rejected == [
        (5, "its metadata has no `TableName`, which names the table for the file"),
        (6, "`TableName` in its metadata is no text, so it names no file"),
    ]
    assert result.acknowledged == 6


def test_another_member_names_the_table(here: Path) -> None:
    deliver({"data": 1, "metadata": {"topic": "t"}}, path="out/x-{table}.jsonl", table_from="topic")
    assert lines_of("out/x-t.jsonl") == ["1"]


def test_rotation_keeps_everything_and_never_splits_a_line(here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "a.jsonl.7").write_text("somebody else's\n")
    deliver(
        *[record("x" * 30) for _ in range(10)], record("y" * 500), record(1), path="out/a.jsonl", rotate_size="100B"
    )
    files = {path.name: path.read_text() for path in here.glob("out/*")}
    assert [len(files[f"a.jsonl.{number}"]) for number in (8, 9, 10, 11, 12)] == [99, 99, 99, 33, 503]
    assert files["a.jsonl"] == "1\n"
    assert files["a.jsonl.7"] == "somebody else's\n"


def test_rotated_csv_files_have_a_header_each(here: Path) -> None:
    deliver(*[record({"n": number}) for number in range(1000, 1015)], path="out/a.csv", rotate_size=32)
    parts = [lines_of(path) for path in ("out/a.csv.1", "out/a.csv.2", "out/a.csv")]
    assert all(part[0] == "n" for part in parts)
    assert [int(line) for part in parts for line in part[1:]] == list(range(1000, 1015))


def opened(path: str = "out/a.jsonl", **options: Any) -> tuple[OutputFile, list[str]]:
    Path(path).parent.mkdir(exist_ok=True)
    said: list[str] = []
    return OutputFile(
        os.path.abspath(path),
        JsonRows(envelope=False),
        MadeRecord(Path("state")),
        said.append,
        **{"rotate_size": None, **options},
    ), said


def test_an_incomplete_last_line_of_our_own_is_cut(here: Path) -> None:
    file, _ = opened()
    file.append([b"1\n"])
    file.close()
    with open("out/a.jsonl", "a") as crashed:
        crashed.write('{"half')
    file, said = opened()
    file.append([b"2\n"])
    file.close()
    assert lines_of("out/a.jsonl") == ["1", "2"]
    assert "an incomplete last line of 6 bytes, left by a crash, was cut off" in said[0]


def test_an_incomplete_last_line_of_the_users_is_completed(here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "a.jsonl").write_text("1\n2")
    file, said = opened()
    file.append([b"3\n"])
    file.close()
    assert lines_of("out/a.jsonl") == ["1", "2", "3"]
    assert "its last line had no newline, which was added" in said[0]


def test_an_incomplete_csv_record_is_cut_at_its_beginning(here: Path) -> None:
    deliver(record({"a": "1", "b": "x\ny"}), path="out/a.csv")
    state = Path("state")
    for cut in range(5):
        Path("out/a.csv").unlink()
        options = FileOutputOptions(path="out/a.csv")
        deliver_with(state, options, record({"a": "1", "b": "x\ny"}))
        whole = Path("out/a.csv").read_bytes()
        with open("out/a.csv", "ab") as crashed:
            crashed.write(b'2,"p\nq"'[: 3 + cut])
        deliver_with(state, options, record({"a": "3", "b": "z"}))
        assert Path("out/a.csv").read_bytes() == whole + b"3,z\n"


def deliver_with(state: Path, options: FileOutputOptions, *envelopes: Any) -> None:
    files = FileSet(options, MadeRecord(state), print)
    batch = [Fake(json.dumps(envelope["data"]).encode()) for envelope in envelopes]
    files.write(Batch(batch))  # type: ignore[arg-type]  has what the file set asks for
    files.close()


def test_more_tables_in_a_batch_than_files_are_kept_open(here: Path) -> None:
    result = deliver(*[record({"n": n}, f"t{n % 5}") for n in range(50)], path="out/{table}.csv", max_open_files=2)
    assert result.acknowledged == 50
    for table in range(5):
        assert lines_of(f"out/t{table}.csv") == ["n", *(str(n) for n in range(table, 50, 5))]


class Fake:
    def __init__(self, raw_data: bytes):
        self.raw_data = raw_data
        self.metadata: dict[str, Any] = {}


class Batch(list[Fake]):
    def reject(self, envelope: Fake, reason: str) -> None:
        raise AssertionError(reason)


@given(
    st.lists(st.lists(st.text(st.sampled_from('a",\n'), max_size=4), min_size=2, max_size=2), max_size=5),
    st.integers(0, 60),
    st.integers(1, 9),
)
def test_whole_csv_rows_are_found_wherever_a_crash_cut(rows: list[list[str]], cut: int, piece: int) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    ends = [0]
    for row in rows:
        writer.writerow(row)
        ends.append(len(buffer.getvalue()))
    content = buffer.getvalue().encode()[:cut]
    pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
    assert length_of_whole_rows(pieces) == max(end for end in ends if end <= len(content))


def test_a_file_renamed_or_deleted_by_others_is_begun_anew(here: Path) -> None:
    said: list[str] = []
    (here / "out").mkdir()
    files = FileSet(FileOutputOptions(path="out/a.log"), MadeRecord(Path("state")), said.append)
    for number in range(3):
        files.write(Batch([Fake(b'{"line":"%d"}' % number)]))  # type: ignore[arg-type]  has what the file set asks for
        if number < 2:
            os.rename("out/a.log", f"out/old{number}")
    files.close()
    assert [lines_of(f"out/{name}") for name in ("old0", "old1", "a.log")] == [["0"], ["1"], ["2"]]
    assert "was renamed or deleted: a new file is begun" in said[0]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, TemporaryError, "file/no-space"),
        (errno.EDQUOT, TemporaryError, "file/no-space"),
        (errno.EFBIG, ProviderError, "file/too-large"),
        (errno.EIO, ProviderError, "file/storage"),
    ],
)
def test_a_failed_write_leaves_no_part_of_a_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[DStreamError], code: str
) -> None:
    file, _ = opened()
    file.append([b'"first"\n'])
    real = os.write

    def write(descriptor: int, content: bytes) -> int:
        if len(content) > 5:
            return real(descriptor, bytes(content[:5]))
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(appending.os, "write", write)
    with pytest.raises(kind) as caught:
        file.append([b'"second"\n'])
    assert caught.value.code == code
    assert Path("out/a.jsonl").read_bytes() == b'"first"\n'


@pytest.mark.needs("linux")
def test_a_failed_sync_is_never_acknowledged(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        if "a.jsonl" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(appending.os, "fsync", fail)
    with pytest.raises(ProviderError, match="Input/output error"):
        deliver(record(1), path="out/a.jsonl")
