"""init, plan, status, destroy: made is what was missing, removed is what was made (invariant 9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dstream_core.api import ConfigurationError, Result
from dstream_file.appending import OutputFile
from dstream_file.config import FileOutputOptions
from dstream_file.infra import Infrastructure
from dstream_file.made import MadeRecord
from dstream_file.rows import JsonRows


@pytest.fixture
def infrastructure(here: Path) -> Any:
    return lambda path="out/deep/a.jsonl": Infrastructure(path, here / "state")


def actions(result: Result) -> list[tuple[str, str | None]]:
    return [(Path(resource.id).name, resource.action) for resource in result.resources]


def write(path: str, *lines: bytes) -> None:
    file = OutputFile(str(Path(path).absolute()), JsonRows(envelope=False), MadeRecord(Path("state")), print, None)
    file.append(lines)
    file.close()


def test_init_makes_what_plan_says_once(infrastructure: Any, here: Path) -> None:
    assert actions(infrastructure().plan()) == [("out", "create"), ("deep", "create")]
    assert not (here / "out").exists()
    assert actions(infrastructure().init()) == [("out", "create"), ("deep", "create")]
    assert (here / "out" / "deep").is_dir()
    assert actions(infrastructure().init()) == [("deep", "same")]
    assert actions(infrastructure().plan()) == [("deep", "same")]


def test_destroy_takes_away_what_was_made_and_can_be_repeated(infrastructure: Any, here: Path) -> None:
    infrastructure().init()
    assert actions(infrastructure().plan_destroy()) == [("deep", "delete"), ("out", "delete")]
    assert actions(infrastructure().destroy(consents=False)) == [("deep", "delete"), ("out", "delete")]
    assert not (here / "out").exists()
    assert actions(infrastructure().destroy(consents=False)) == []
    assert actions(infrastructure().init()) == [("out", "create"), ("deep", "create")]


def test_destroy_asks_before_records_are_lost(infrastructure: Any, here: Path) -> None:
    infrastructure().init()
    write("out/deep/a.jsonl", b"1\n")
    refused = infrastructure().destroy(consents=False)
    assert (refused.failed, refused.needs, refused.error) == (
        True,
        ("delete",),
        "1 file with 2 bytes of records would be deleted",
    )
    assert (here / "out" / "deep" / "a.jsonl").exists()
    assert actions(infrastructure().plan_destroy()) == [("a.jsonl", "delete"), ("deep", "delete"), ("out", "delete")]
    assert actions(infrastructure().destroy(consents=True)) == [
        ("a.jsonl", "delete"),
        ("deep", "delete"),
        ("out", "delete"),
    ]
    assert not (here / "out").exists()


def test_destroy_leaves_what_others_made(infrastructure: Any, here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "before.jsonl").write_text("1\n")
    infrastructure().init()
    write("out/deep/a.jsonl", b"1\n")
    write("out/before.jsonl", b"2\n")
    (here / "out" / "deep" / "foreign").write_text("x")
    assert actions(infrastructure().plan_destroy()) == [("a.jsonl", "delete")]
    result = infrastructure().destroy(consents=True)
    assert actions(result) == [("a.jsonl", "delete")]
    assert "stays: it holds what this task did not write" in str(result.message)
    assert (here / "out" / "deep" / "foreign").exists()
    assert (here / "out" / "before.jsonl").read_text() == "1\n2\n"
    (here / "out" / "deep" / "foreign").unlink()
    assert actions(infrastructure().destroy(consents=True)) == [("deep", "delete")]
    assert (here / "out").exists()


def test_a_file_that_replaced_ours_is_not_ours(infrastructure: Any, here: Path) -> None:
    infrastructure().init()
    write("out/deep/a.jsonl", b"1\n")
    (here / "new").write_text("the user's")
    (here / "new").rename("out/deep/a.jsonl")
    assert actions(infrastructure().destroy(consents=True)) == []
    assert (here / "out" / "deep" / "a.jsonl").read_text() == "the user's"


def test_status(infrastructure: Any, here: Path) -> None:
    missing = infrastructure().status()
    assert (missing.healthy, missing.resources[0].state) == (False, "missing")
    infrastructure().init()
    write("out/deep/a.jsonl", b"1\n")
    there = infrastructure().status()
    assert (there.healthy, there.resources[0].state) == (True, "exists")
    assert there.resources[0].detail == "1 file written, 2 bytes"
    assert there.extra == {"files": 1, "bytes": 2}


def test_something_else_in_the_directorys_place(infrastructure: Any, here: Path) -> None:
    (here / "out").write_text("a file")
    for verb in ("plan", "init"):
        with pytest.raises(ConfigurationError, match="is no directory"):
            getattr(infrastructure(), verb)()


@pytest.mark.parametrize("path", ["a/{table}/b.jsonl", "{other}.jsonl", "x{", "dir/", "a\0b"])
def test_paths_that_name_no_file(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        FileOutputOptions(path=path)


def test_a_record_that_a_crash_cut_is_read_as_far_as_it_goes(infrastructure: Any, here: Path) -> None:
    infrastructure().init()
    with (here / "state" / "made.jsonl").open("a") as file:
        file.write('{"kind": "fi')
    write("out/deep/a.jsonl", b"1\n")
    assert [Path(entry.path).name for entry in MadeRecord(here / "state").entries] == ["out", "deep", "a.jsonl"]
