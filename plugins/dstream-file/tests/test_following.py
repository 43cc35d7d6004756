"""Files that grow, are renamed, truncated and replaced while they are followed: each pause is a step of the test."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from dstream_file import following, progress


def write(path: Path | str, *lines: str, end: str = "\n") -> None:
    Path(path).write_text("\n".join(lines) + end)


def append(path: Path | str, *lines: str, end: str = "\n") -> None:
    with open(path, "a") as file:
        file.write("\n".join(lines) + end)


def text(*lines: str) -> list[dict[str, str]]:
    return [{"line": line} for line in lines]


@pytest.fixture
def follow(runs: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that follows, looks at the directories in every pause, and waits for nothing."""
    monkeypatch.setattr(following, "SCAN_SHARE", 0)

    def run(*steps: Any, **options: Any) -> list[Any]:
        values: list[Any] = runs.values(*steps, **{"follow": True, "rotate_wait": 0, **options})
        return values

    return run


def test_growth(follow: Any, here: Path) -> None:
    write("a.log", "1")
    steps = [lambda: append("a.log", "2"), lambda: None, lambda: append("a.log", "3", "4")]
    assert follow(*steps, path="a.log") == text("1", "2", "3", "4")


def test_a_partial_last_line_waits(follow: Any, here: Path) -> None:
    write("a.log", "1", "be", end="")
    assert follow(lambda: append("a.log", "gun", end=""), path="a.log") == text("1")
    assert follow(lambda: append("a.log", " line"), path="a.log") == text("begun line")


def test_a_partial_csv_record_waits(follow: Any, here: Path) -> None:
    write("a.csv", "id,t", end="")
    steps = [lambda: append("a.csv", "ext", '1,"two'), lambda: append("a.csv", 'lines"')]
    assert follow(*steps, path="a.csv") == [{"id": "1", "text": "two\nlines"}]


def test_a_file_that_comes_later(follow: Any, here: Path) -> None:
    assert follow(lambda: write("a.log", "1"), path="a.log") == text("1")


def test_new_files_of_a_pattern(follow: Any, here: Path) -> None:
    write("b.log", "1")
    steps = [lambda: (write("c.log", "2"), write("a.log", "3")), lambda: append("b.log", "4")]
    assert follow(*steps, path="*.log") == text("1", "3", "2", "4")


def test_rotation_by_renaming(runs: Any, follow: Any, here: Path) -> None:
    write("app.log", "1")

    def rotate() -> None:
        append("app.log", "2")
        os.rename("app.log", "app.log.1")
        write("app.log", "4")
        append("app.log.1", "3")  # a writer that has not opened the new file yet

    assert follow(rotate, lambda: append("app.log", "5"), path="app.log") == text("1", "2", "3", "4", "5")
    assert "app.log was renamed or deleted: it is read to its end first" in runs.log.text
    assert follow(path="app.log") == []
    assert not runs.log.messages


def test_several_rotations_between_two_looks(follow: Any, here: Path) -> None:
    write("app.log", "1")

    def rotate_twice() -> None:
        append("app.log", "2")
        os.rename("app.log", "app.log.2")
        os.utime("app.log.2", (2e9, 2e9))
        write("app.log.1", "3")
        os.utime("app.log.1", (2e9 + 10, 2e9 + 10))
        write("app.log", "4")

    assert follow(rotate_twice, lambda: append("app.log", "5"), path="app.log") == text("1", "2", "3", "4", "5")


def test_a_renamed_file_is_watched_for_a_while(follow: Any, here: Path) -> None:
    write("app.log", "1")
    steps = [
        lambda: (os.rename("app.log", "app.log.1"), write("app.log", "2")),
        lambda: append("app.log.1", "late"),
        lambda: None,
    ]
    assert follow(*steps, path="app.log", rotate_wait=60) == text("1", "2", "late")


def test_the_partial_last_line_of_a_renamed_file_is_delivered_in_the_end(follow: Any, here: Path) -> None:
    write("app.log", "1", "no end", end="")
    steps = [lambda: (os.rename("app.log", "app.log.1"), write("app.log", "2")), lambda: None]
    assert follow(*steps, path="app.log") == text("1", "no end", "2")


def test_a_deleted_file_is_read_to_its_end(runs: Any, follow: Any, here: Path) -> None:
    write("a.log", "1")
    steps = [lambda: (append("a.log", "2"), os.remove("a.log")), lambda: None]
    assert follow(*steps, path="*.log") == text("1", "2")
    assert not runs.log.warnings
    assert runs.positions() == {}


def test_truncation(runs: Any, follow: Any, here: Path) -> None:
    write("a.log", "first", "second")
    assert follow(lambda: write("a.log", "new"), path="a.log") == text("first", "second", "new")
    assert "a.log was truncated" in runs.log.warnings


def test_truncation_and_growth_between_two_looks(runs: Any, follow: Any, here: Path) -> None:
    write("a.log", "first")
    assert follow(lambda: write("a.log", "other", "longer"), path="a.log") == text("first", "other", "longer")
    assert "a.log was replaced: it holds other content" in runs.log.warnings


def test_copytruncate(runs: Any, follow: Any, here: Path) -> None:
    write("app.log", "1")

    def rotate() -> None:
        append("app.log", "2")
        shutil.copy("app.log", "app.log.1")
        write("app.log", "3")

    # The copy's name comes behind the truncated file's, and it is not read twice although the pattern matches it.
    assert follow(rotate, lambda: append("app.log", "4"), path="app.log*") == text("1", "2", "3", "4")


def test_a_rotation_while_nobody_looked(runs: Any, follow: Any, here: Path) -> None:
    write("app.log", "1")
    follow(path="app.log")
    append("app.log", "2")
    os.rename("app.log", "app.log.1")
    write("app.log", "4")
    assert follow(lambda: append("app.log.1", "3"), lambda: None, path="app.log", rotate_wait=60) == text("2", "4", "3")


def test_compressed_files_are_read_once_when_they_are_complete(follow: Any, here: Path) -> None:
    Path("old.log.gz").write_bytes(gzip.compress(b"1\n2\n"))
    incomplete = gzip.compress(b"3\n")

    def finish() -> None:
        Path("new.log.gz").write_bytes(incomplete)
        os.utime("new.log.gz", (time.time() - 100, time.time() - 100))

    steps = [lambda: Path("new.log.gz").write_bytes(incomplete[:-4]), lambda: None, finish, lambda: None]
    os.utime("old.log.gz", (time.time() - 100, time.time() - 100))
    assert follow(*steps, path="*.gz", rotate_wait=50) == text("1", "2", "3")


def test_more_files_than_are_kept_open(follow: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_OPEN", 3)
    names = [f"{number:03}.log" for number in range(30)]
    for name in names:
        write(name, name)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    opened: list[int] = []

    def grow() -> None:
        opened.append(len(os.listdir("/proc/self/fd")) if before else 0)
        for name in names:
            append(name, "more")

    assert follow(grow, lambda: None, path="*.log") == text(*names, *["more"] * 30)
    assert opened[0] <= before + 4


def test_a_file_at_rest_that_is_renamed_away(follow: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_OPEN", 1)
    write("a.log", "1")
    write("b.log", "2")

    def rotate() -> None:
        append("a.log", "3")
        os.rename("a.log", "a.old")

    assert follow(rotate, lambda: None, lambda: None, path="*.log") == text("1", "2", "3")


def test_a_large_file_does_not_keep_others_waiting(follow: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "TURN_BYTES", 64 * 1024)
    write("a.log", *["a" * 99] * 3000)
    write("b.log", "b")
    lines = follow(path="*.log")
    assert len(lines) == 3001
    assert 0 < lines.index({"line": "b"}) < 2000


def test_progress_says_how_far_behind_it_is(
    follow: Any, runs: Any, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    write("a.log", "1", "be", end="")
    assert follow(lambda: append("a.log", "gun"), lambda: None, path="a.log") == text("1", "begun")
    assert runs.log.numbers == [{"lines": 1, "bytes_behind": 2}, {"lines": 2, "bytes_behind": 0}]
