from __future__ import annotations

import os
from pathlib import Path

import pytest

from dstream_core.engine.project_folder import project_folder, task_name
from dstream_core.errors import ConfigurationError


def test_directories_are_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = project_folder(tmp_path, None)
        paths = [folder.state("t", "input"), folder.dead_letters("t"), folder.lock("t", "run").parent]
    finally:
        os.umask(old)
    assert all(path.is_dir() for path in paths)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / ".dstream").rglob("*")} == {0o700}
    assert (tmp_path / ".dstream").stat().st_mode & 0o777 == 0o700


def test_the_state_dir_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder(tmp_path / "project", Path("there")).path == tmp_path / "there"


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("mssql-to-asb", "mssql-to-asb"),
        ("a b", "a b"),
        ("../up", "..%2Fup"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("a%2Fb", "a%252Fb"),
    ],
)
def test_a_task_may_have_any_name(task: str, name: str) -> None:
    assert task_name(task) == name
    assert "/" not in name


def test_a_folder_that_cannot_be_made_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        project_folder(tmp_path, tmp_path / "file").state("t", "input")
    assert caught.value.code == "state/directory"
    assert "--state-dir" in str(caught.value.hint)
