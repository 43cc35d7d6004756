"""Which records a run reads, and where the next one goes on."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard

from dstream_core.api import ConfigurationError, Log, ProviderError, State
from dstream_file import progress
from dstream_file.config import FileInputOptions
from dstream_file.finding import check_patterns
from dstream_file.tracking import Tracker


def write(path: Path | str, *lines: str, end: str = "\n") -> None:
    Path(path).write_text("\n".join(lines) + end)


def append(path: Path | str, *lines: str, end: str = "\n") -> None:
    with open(path, "a") as file:
        file.write("\n".join(lines) + end)


def text(*lines: str) -> list[dict[str, str]]:
    return [{"line": line} for line in lines]


def test_formats_by_extension(runs: Any, here: Path) -> None:
    write("a.jsonl", '{"n": 12345678901234567890123, "x": 1.50}')
    write("b.csv", "id,name", "1,Ada")
    write("c.log", "hello")
    write("d.tsv", "id\tname", "2\tBob")
    lines = runs.run(path="*")
    assert [line["data"] for line in lines][1:] == [
        {"id": "1", "name": "Ada"},
        {"line": "hello"},
        {"id": "2", "name": "Bob"},
    ]
    assert lines[0]["data"]["n"] == 12345678901234567890123
    assert [line["metadata"] for line in lines[:2]] == [
        {"TableName": "a", "path": "a.jsonl"},
        {"TableName": "b", "path": "b.csv"},
    ]


def test_a_second_run_reads_what_is_new(runs: Any, here: Path) -> None:
    write("a.log", "1", "2")
    assert runs.values(path="a.log") == text("1", "2")
    assert runs.values(path="a.log") == []
    append("a.log", "3")
    write("b.log", "4")
    assert runs.values(path="*.log") == text("3", "4")
    assert not runs.log.messages


def test_what_was_not_acknowledged_comes_again(runs: Any, here: Path) -> None:
    write("a.log", "1", "2")
    assert runs.values(path="a.log", acknowledge=0) == text("1", "2")
    assert runs.values(path="a.log") == text("1", "2")


def test_files_in_the_order_of_their_names_each_once(runs: Any, here: Path) -> None:
    for name in ("b", "a", "c"):
        write(f"{name}.log", name)
    os.link("a.log", "z.log")
    os.symlink("b.log", "y.log")
    (here / "deep" / "er").mkdir(parents=True)
    write("deep/er/d.log", "d")
    assert runs.values(path=["c.log", "*.log", "**/*.log"]) == text("a", "b", "c", "d")


def test_a_line_without_newline_at_the_end_is_a_record(runs: Any, here: Path) -> None:
    write("a.log", "1", "2", end="")
    assert runs.values(path="a.log") == text("1", "2")
    assert runs.values(path="a.log") == []
    append("a.log", "", "3")
    assert runs.values(path="a.log") == text("3")
    assert not runs.log.messages


def test_a_delivered_line_that_goes_on_is_delivered_whole(runs: Any, here: Path) -> None:
    write("a.log", "1", "2", end="")
    assert runs.values(path="a.log") == text("1", "2")
    append("a.log", "2", "3")
    assert runs.values(path="a.log") == text("22", "3")
    assert "it went on, and is delivered whole, from byte 2" in runs.log.warnings


def test_many_blocks_and_lines_longer_than_one(runs: Any, here: Path) -> None:
    lines = [str(number) * (number % 700) for number in range(3000)] + ["x" * 1_000_000, "end"]
    write("a.log", *lines)
    assert runs.values(path="a.log") == text(*lines)
    assert runs.values(path="a.log") == []


def test_a_file_renamed_within_the_pattern_goes_on(runs: Any, here: Path) -> None:
    write("a.log", "1")
    runs.run(path="*.log")
    os.rename("a.log", "b.log")
    append("b.log", "2")
    assert runs.values(path="*.log") == text("2")
    assert "a.log was renamed to b.log: reading goes on" in runs.log.text


def test_rotation_by_renaming_loses_nothing(runs: Any, here: Path) -> None:
    write("app.log", "1", "2")
    runs.run(path="app.log")
    append("app.log", "3")
    os.rename("app.log", "app.log.1")
    write("app.log", "4")
    assert runs.values(path="app.log") == text("3", "4")
    assert "app.log.1: its rest is read first" in runs.log.text
    assert runs.values(path="app.log") == []
    assert not runs.log.messages


def test_several_rotations_while_nobody_looked_lose_nothing(runs: Any, here: Path) -> None:
    write("app.log", "1")
    runs.run(path="app.log")
    append("app.log", "2")
    for name, number in (("app.log.4", -40), ("app.logger.1", 40), ("app.log", 10)):
        Path(name).touch()
        os.utime(name, (number + 2e9, number + 2e9))
    os.rename("app.log", "app.log.3")
    write("app.log.2", "3")
    os.utime("app.log.2", (2e9 + 20, 2e9 + 20))
    Path("app.log.1.gz").write_bytes(gzip.compress(b"4\n"))
    os.utime("app.log.1.gz", (2e9 + 30, 2e9 + 30))
    Path("app.log.2.gz").write_bytes(b"app.log.2 is being compressed")
    write("app.log", "5")
    assert runs.values(path="app.log") == text("2", "3", "4", "5")
    assert "app.log was rotated to " in runs.log.text
    for name in ("app.log.3", "app.log.2", "app.log.2.gz", "app.log.1.gz"):
        os.remove(name)
    assert runs.values(path="app.log") == []
    assert not runs.log.warnings
    assert len(runs.positions()) == 1


def test_a_file_that_was_compressed_after_its_rotation_is_finished(runs: Any, here: Path) -> None:
    write("app.log", "1", "2")
    runs.run(path="app.log")
    append("app.log", "3")
    Path("app.log.1.gz").write_bytes(gzip.compress(Path("app.log").read_bytes()))
    Path("app.log.broken.gz").write_bytes(gzip.compress(b"other content, and longer")[:-4])
    write("new", "4")
    os.replace("new", "app.log")  # now the inode is another one for certain
    assert runs.values(path="app.log") == text("3", "4")
    assert "app.log.1.gz is a copy of what " in runs.log.text
    assert not runs.log.warnings


def test_truncation_is_said_and_begins_anew(runs: Any, here: Path) -> None:
    write("a.log", "first", "second")
    runs.run(path="a.log")
    write("a.log", "new")
    assert runs.values(path="a.log") == text("new")
    assert "a.log was truncated: it is shorter than the 13 bytes that were read" in runs.log.warnings
    assert runs.values(path="a.log") == []


def test_a_file_rewritten_in_place_and_grown_is_recognized(runs: Any, here: Path) -> None:
    write("a.log", "first")
    runs.run(path="a.log")
    write("a.log", "other", "lines", "than before")
    assert runs.values(path="a.log") == text("other", "lines", "than before")
    assert "a.log was replaced: it holds other content" in runs.log.warnings


def test_a_rewrite_behind_the_same_beginning_is_recognized(runs: Any, here: Path) -> None:
    head = ["head"] * 1000
    write("a.log", *head, "tail of the first")
    runs.run(path="a.log")
    write("a.log", *head, "tail of the other")
    assert len(runs.values(path="a.log")) == 1001
    assert "was replaced" in runs.log.warnings


def test_a_replaced_file_is_read_from_its_beginning(runs: Any, here: Path) -> None:
    write("a.log", "1", "2")
    runs.run(path="a.log")
    write("new", "1", "2", "3")
    os.replace("new", "a.log")
    assert runs.values(path="a.log") == text("1", "2", "3")
    assert "a.log was replaced by another file" in runs.log.warnings
    assert len(runs.positions()) == 1


def test_copytruncate_finishes_the_copy(runs: Any, here: Path) -> None:
    write("app.log", "1", "2")
    runs.run(path="app.log")
    append("app.log", "3")
    shutil.copy("app.log", "app.log.1")
    write("app.log.10", "another file")
    write("app.log", "4")
    assert runs.values(path="app.log") == text("3", "4")
    assert "truncated" in runs.log.warnings
    assert "app.log.1 is a copy of what app.log was" in runs.log.text
    assert runs.values(path="app.log*") == text("another file")


def test_a_file_that_has_gone_is_forgotten(runs: Any, here: Path) -> None:
    write("a.log", "1")
    write("b.log", "2")
    runs.run(path="*.log")
    os.remove("a.log")
    assert runs.values(path="*.log") == []
    assert "a.log has gone" in runs.log.warnings
    assert [position["path"] for position in runs.positions().values()] == [str(here / "b.log")]


def test_files_that_are_no_longer_wanted_keep_their_position(runs: Any, here: Path) -> None:
    write("a.log", "1")
    write("b.log", "2")
    runs.run(path=["a.log", "b.log"])
    assert runs.values(path="b.log") == []
    append("a.log", "3")
    assert runs.values(path=["a.log", "b.log"]) == text("3")
    assert not runs.log.messages


def test_another_device_number_is_no_other_file(runs: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.log", "1")
    runs.run(path="a.log")
    append("a.log", "2")
    real = os.fstat, os.stat
    for name, function in zip(("fstat", "stat"), real, strict=True):
        monkeypatch.setattr(os, name, lambda *a, function=function, **k: moved(function(*a, **k)))
    assert runs.values(path="a.log") == text("2")
    assert len(runs.positions()) == 1


def moved(status: os.stat_result) -> os.stat_result:
    """The same file on a device with another number."""
    values = list(status)
    values[2] = 4711
    return os.stat_result(values, {"st_mtime_ns": status.st_mtime_ns})


def test_start_at_the_end_skips_only_what_was_there_first(runs: Any, here: Path) -> None:
    write("a.log", "1", "2", "begun", end="")
    assert runs.values(path="*.log", start="end") == []
    append("a.log", " line", "3")
    write("b.log", "4")
    assert runs.values(path="*.log", start="end") == text("begun line", "3", "4")


def test_start_at_the_end_of_nothing(runs: Any, here: Path) -> None:
    assert runs.values(path="*.log", start="end") == []
    assert "no file matches *.log" in runs.log.warnings
    write("a.log", "1")
    assert runs.values(path="*.log", start="end") == text("1")


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.jsonl", b'{"n":1}\n{"n":2}\n[3]\n"four"\n5\n', {}),
        ("a.jsonl", b'\n{"n":1}\n\n\n {"n":2} \r\n[3]\n\n5', {}),
        ("a.jsonl", b'{"n":1}\n{"n":2}\n[3]\n', {"offsets": True}),
        ("a.csv", b'id,text\n1,"a\nb"\n\n2,c\n3,"d ""e"""\n4,f', {}),
        ("a.log", b"\xef\xbb\xbfone\r\ntwo\n\nthree\n", {}),
        ("a.log", b"".join(b"%d %s\n" % (number, b"x" * number * 40) for number in range(60)), {}),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_the_next_run_begins_exactly_behind_the_last_acknowledged_record(
    runs: Any, tmp_path: Path, here: Path, name: str, content: bytes, options: dict[str, Any], compressed: bool
) -> None:
    """Invariant 8: a block of which only a part is acknowledged is divided there."""
    path = here / (f"{name}.gz" if compressed else name)
    path.write_bytes(gzip.compress(content) if compressed else content)
    options = {"path": "a.*", **options}
    expected = type(runs)(tmp_path / "all").values(**options)
    for acknowledged in range(len(expected) + 1):
        runs = type(runs)(tmp_path / str(acknowledged))
        assert runs.values(acknowledge=acknowledged, **options) == expected
        assert runs.values(**options) == expected[acknowledged:]
        assert not runs.log.warnings, "the file is known again"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files(runs: Any, here: Path, suffix: str) -> None:
    compress = gzip.compress if suffix == ".gz" else zstandard.compress
    lines = [str(number) for number in range(50_000)]
    path = here / f"a.log{suffix}"
    path.write_bytes(compress("\n".join(lines[:30_000]).encode() + b"\n"))
    first = runs.run(path="*", acknowledge=25_000)
    assert [line["data"]["line"] for line in first] == lines[:30_000]
    again = runs.run(path="*")
    assert [line["data"]["line"] for line in again] == lines[25_000:30_000]
    assert again[0]["metadata"] == {"TableName": "a", "path": f"a.log{suffix}"}
    assert runs.values(path="*") == []
    with path.open("ab") as file:
        file.write(compress("\n".join(lines[30_000:]).encode()))
    assert runs.values(path="*") == text(*lines[30_000:])


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_damaged_compressed_file_is_an_error(runs: Any, here: Path, suffix: str) -> None:
    compress = gzip.compress if suffix == ".gz" else zstandard.compress
    whole = compress(os.urandom(100_000))
    (here / f"a.log{suffix}").write_bytes(whole[:-10])
    with pytest.raises(ProviderError, match="it ends in the middle of compressed data") as caught:
        runs.run(path="*", on_invalid="wrap", encoding="latin1")
    assert caught.value.code == "file/compressed"
    (here / f"a.log{suffix}").write_bytes(b"no such format")
    with pytest.raises(ProviderError, match="cannot be decompressed"):
        runs.run(path="*")


def test_an_invalid_record_ends_the_run_behind_the_valid_ones(runs: Any, here: Path) -> None:
    write("a.jsonl", *['{"n":1}'] * 10_000, '{"n":', '{"n":2}')
    lines: list[Any] = []
    with pytest.raises(
        ProviderError, match=r"a\.jsonl:10001: the record at byte 80000 is invalid: it is not JSON"
    ) as caught:
        lines.extend(generator(here / "state", path="a.jsonl"))
    assert sum(item.count for item in lines if hasattr(item, "count")) == 10_000
    assert caught.value.code == "file/invalid-record"
    assert 'on_invalid = "wrap"' in str(caught.value.hint)


def generator(state_dir: Path, **options: Any) -> Any:
    tracker = Tracker(FileInputOptions(**options), State(state_dir, "file", "t"), Log(structured=False))
    return tracker.read_once(lambda: False)


def test_invalid_records_can_be_wrapped(runs: Any, here: Path) -> None:
    (here / "a.jsonl").write_bytes(b'{"n":1}\n{"n":\n\xff\n1 2\n\n{"n":2}\n')
    lines = runs.run(path="a.jsonl", on_invalid="wrap")
    assert [line["data"] for line in lines] == [
        {"n": 1},
        {"line": '{"n":'},
        {"line_base64": "/w=="},
        {"line": "1 2"},
        {"n": 2},
    ]
    assert [line["metadata"].get("Invalid", False) for line in lines] == [False, True, True, True, False]
    assert lines[2]["metadata"]["reason"] == "it is not valid utf-8"
    assert lines[2]["metadata"]["offset"] == 14


def test_csv_rows_across_lines_and_runs(runs: Any, here: Path) -> None:
    write("a.csv", "id,text", '1,"two', 'lines"', "2,plain", '3,"unfinished', end="\n")
    with pytest.raises(ProviderError, match=r"a\.csv:5: .* a quote is not closed"):
        runs.run(path="a.csv")
    append("a.csv", 'ends here"')
    assert runs.values(path="a.csv") == [
        {"id": "1", "text": "two\nlines"},
        {"id": "2", "text": "plain"},
        {"id": "3", "text": "unfinished\nends here"},
    ]
    append("a.csv", "4,more")
    assert runs.values(path="a.csv") == [{"id": "4", "text": "more"}]


def test_csv_types_only_when_asked(runs: Any, here: Path) -> None:
    write("a.csv", "a,b,c,d,e", "1,1.50,true,,007")
    assert runs.values(path="a.csv") == [{"a": "1", "b": "1.50", "c": "true", "d": "", "e": "007"}]
    write("b.csv", "a,b,c,d,e", "1,1.50,true,,007")
    (line,) = runs.values(path="b.csv", infer_types=True)
    assert line["a"] == 1
    assert str(line["b"]) == "1.50"
    assert (line["c"], line["d"], line["e"]) == (True, None, "007")


def test_csv_with_the_wrong_number_of_fields(runs: Any, here: Path) -> None:
    write("a.csv", "a,b", "1,2", "3", "4,5,6", "7,8")
    with pytest.raises(ProviderError, match=r"a\.csv:3: .* it has 1 fields for 2 columns"):
        runs.run(path="a.csv")
    lines = runs.run(path="a.csv", on_invalid="wrap")
    assert [line["data"] for line in lines] == [
        {"a": "1", "b": "2"},
        {"line": "3"},
        {"line": "4,5,6"},
        {"a": "7", "b": "8"},
    ]


def test_csv_without_header_and_with_other_names(runs: Any, here: Path) -> None:
    write("a.csv", "1;2")
    assert runs.values(path="a.csv", header=False, columns=["x", "y"], delimiter=";") == [{"x": "1", "y": "2"}]
    write("b.csv", "a,b", "1,2")
    assert runs.values(path="b.csv", columns=["x", "y"]) == [{"x": "1", "y": "2"}]


def test_csv_header_alone_or_with_a_column_twice(runs: Any, here: Path) -> None:
    write("empty.csv", end="")
    write("head.csv", "a,b", end="")
    assert runs.values(path="*.csv") == []
    write("twice.csv", "a,a", "1,2")
    with pytest.raises(ProviderError, match="names the column 'a' twice"):
        runs.run(path="twice.csv")


def test_other_encodings(runs: Any, here: Path) -> None:
    (here / "a.log").write_bytes("Größe\n".encode("latin1"))
    (here / "a.jsonl").write_bytes('{"größe":"ß"}\n'.encode("latin1"))
    (here / "a.csv").write_bytes("größe\nß\n".encode("latin1"))
    assert runs.values(path="a.*", encoding="latin-1") == [{"größe": "ß"}, {"größe": "ß"}, {"line": "Größe"}]


def test_offsets_in_the_metadata(runs: Any, here: Path) -> None:
    write("a.jsonl", '{"n":1}', "", '{"n":2}')
    write("b.log", "ü", "2")
    write("c.csv", "a", '"1\n2"', "3")
    lines = runs.run(path=["*.jsonl", "*.log", "*.csv"], offsets=True)
    assert [line["metadata"]["offset"] for line in lines] == [0, 9, 0, 3, 2, 8]


def test_marks_and_carriage_returns(runs: Any, here: Path) -> None:
    (here / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"n":1}\r\n \r\n{"n":2}\r\n')
    (here / "b.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    (here / "c.log").write_bytes(b"1\r\n")
    assert runs.values(path=["a.jsonl", "b.csv", "c.log"]) == [
        {"n": 1},
        {"n": 2},
        {"a": "1", "b": "2"},
        {"line": "1\r"},
    ]


def test_paths_that_cannot_be_read(here: Path) -> None:
    (here / "folder").mkdir()
    os.mkfifo("pipe")
    cases = [
        ("missing.log", "file/not-found", "follow"),
        ("folder", "file/not-a-file", "folder/*"),
        ("pipe", "file/not-a-file", "file"),
    ]
    for path, code, hint in cases:
        with pytest.raises(ConfigurationError) as caught:
            check_patterns([path], may_come_later=False)
        assert caught.value.code == code
        assert hint in str(caught.value.hint)
    check_patterns(["missing.log", "*.log"], may_come_later=True)


def test_names_that_look_like_patterns(runs: Any, here: Path) -> None:
    write("a[1].log", "1")
    assert runs.values(path="a[1].log") == text("1")


def test_progress_counts_what_is_still_to_be_read(runs: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    (here / "a.log").write_text("1\n2\n")
    (here / "b.log").write_text("3\n")
    runs.run(path="*.log")
    assert runs.log.numbers == [{"lines": 2, "bytes_behind": 2}, {"lines": 3, "bytes_behind": 0}]


def test_a_name_that_is_no_utf8_is_shown_as_bytes_and_known_again(runs: Any, here: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jsonl")
    (here / name).write_text("1\n")
    (line,) = runs.run(path="*.jsonl")
    assert line["metadata"] == {"TableName": "caf\\xe9", "path": "caf\\xe9.jsonl"}
    with (here / name).open("a") as file:
        file.write("2\n")
    os.rename(here / name, here / (name + ".1"))
    (here / name).write_text("3\n")
    assert runs.values(path="*.jsonl") == [2, 3]
    assert "was renamed to" in runs.log.text
