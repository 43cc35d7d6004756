"""What the repository keeps: no lock file with addresses, no host of a package index, no path of one machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not hold what it looks for.
HOSTS = [
    "pypi." + "org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
]
HOSTS += ["crates" + ".io", "repo.maven." + "apache.org", "deb.debian" + ".org"]
MACHINE_PATHS = [re.compile(rf"(?<![\w.])/{name}/") for name in ("work", "root", "home/[a-z]+")]


@pytest.fixture
def kept(require: Callable[[str], str], lacking: Callable[[str], NoReturn]) -> list[Path]:
    """The files under version control, or those that would be."""
    command = [require("git"), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        lacking("git clone of this project")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def test_no_lock_file_is_kept(kept: list[Path]) -> None:
    assert "uv.lock" not in {path.name for path in kept}


def test_no_package_index_is_named(kept: list[Path]) -> None:
    found = {str(path.relative_to(ROOT)): host for path in kept for host in HOSTS if host in text_of(path)}
    assert not found


def test_no_path_of_one_machine_is_kept(kept: list[Path]) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in kept
        for pattern in MACHINE_PATHS
        if (match := pattern.search(text_of(path)))
    }
    assert not found


def test_direct_dependencies_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = {re.split("[=; ]", entry)[0] for entry in project["tool"]["uv"]["constraint-dependencies"]}
    wanted = set(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted |= {entry for entry in group if isinstance(entry, str)}
    for plugin in ROOT.glob("plugins/*/pyproject.toml"):
        wanted |= set(tomllib.loads(plugin.read_text(encoding="utf-8"))["project"]["dependencies"])
    names = {re.split(r"[<>=!~;\[ ]", entry)[0] for entry in wanted}
    ours = {name for name in names if name.startswith("dstream-")}
    assert names - ours <= pinned, "run `uv run scripts/update_constraints.py`"
