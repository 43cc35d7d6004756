"""The installed `dstream` as a user starts it, and distributions made for one test."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DSTREAM = str(Path(sys.executable).with_name("dstream"))


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Project:
    """A folder with a configuration, and the command to run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DSTREAM_LOG")}

    def write(self, text: str, name: str = "dstream.hcl") -> Path:
        """A file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Starts the command; the test ends it."""
        return subprocess.Popen(
            [DSTREAM, *arguments],
            cwd=options.pop("cwd", self.folder),
            env=self.environment | options.pop("env", {}),
            stdin=subprocess.DEVNULL,
            bufsize=0,  # a test reads the first line itself, and communicate() the rest
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def __call__(self, *arguments: str, timeout: float = 30, **options: Any) -> Done:
        """Runs the command to its end."""
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return Done(process.returncode, out.decode(), err.decode())


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which compiled modules are kept for the next of the many processes: each starts twice as fast."""
    return {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled")), "PYTHONDONTWRITEBYTECODE": ""}


@pytest.fixture
def dstream(tmp_path: Path, compiled: dict[str, str]) -> Project:
    """`dstream("run", "demo")` in a folder of its own."""
    project = Project(tmp_path)
    project.environment |= compiled
    return project


@pytest.fixture
def distribution(tmp_path: Path, dstream: Project) -> Callable[..., Path]:
    """`distribution("dstream-x", {"x": "x_plugin"}, x_plugin="…")`: an installed distribution with these modules."""
    site = tmp_path / "site"
    site.mkdir()
    dstream.environment["PYTHONPATH"] = str(site)

    def install(name: str, entry_points: dict[str, str], version: str = "1.2.3", **modules: str) -> Path:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[dstream.providers]", *lines, ""]))
        for module, text in modules.items():
            (site / f"{module}.py").write_text(textwrap.dedent(text))
        return site

    return install
