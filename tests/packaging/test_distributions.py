"""Every distribution builds as wheel and sdist and installs alone into an empty environment, without the others."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(["dstream-core", *(folder.parent.name for folder in ROOT.glob("plugins/*/pyproject.toml"))])
pytestmark = pytest.mark.timeout(300)


def run(*command: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, capture_output=True, text=True, env=kept | environment, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def uv(request: pytest.FixtureRequest) -> str:
    # The function-scoped `require` cannot serve a session; what it stands for can.
    parts = request.config.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    return str(parts.require_part("uv"))


@pytest.fixture(scope="session")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels and sdists of the whole workspace."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--all-packages", "--quiet", "--out-dir", str(folder), "--directory", str(ROOT))
    return folder


@pytest.fixture(scope="session")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tested versions, so that what is installed here is what was tested."""
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    path.write_text("\n".join(project["tool"]["uv"]["constraint-dependencies"]) + "\n")
    return path


@pytest.fixture
def environment_with(uv: str, built: Path, constraints: Path, tmp_path: Path) -> Callable[..., Path]:
    """`environment_with("dstream-core", kind="whl")`: the bin folder of a new environment that has only these."""

    def make(*names: str, kind: str = "whl") -> Path:
        folder = tmp_path / "environment"
        run(uv, "venv", "--quiet", str(folder))
        files = [str(file(built, name, kind)) for name in names]
        places = ["--find-links", str(built), "--constraints", str(constraints)]
        run(uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *places, *files)
        return folder / "bin"

    return make


def file(built: Path, name: str, kind: str) -> Path:
    found = list(built.glob(f"{name.replace('-', '_')}-*.{kind}"))
    assert len(found) == 1, found
    return found[0]


def listed(bin_folder: Path, folder: Path) -> dict[str, str]:
    """IDs and status of what `dstream providers list` shows in this environment."""
    rows = json.loads(run(str(bin_folder / "dstream"), "--config", str(folder), "providers", "list", "--json"))
    return {row["id"]: row["status"] for row in rows}


@pytest.mark.parametrize("name", NAMES)
def test_wheel_and_sdist_hold_what_they_should(built: Path, name: str) -> None:
    package = name.replace("-", "_")
    with zipfile.ZipFile(file(built, name, "whl")) as wheel:
        names = wheel.namelist()
    assert {entry.split("/")[0].split("-")[0] for entry in names} == {package}
    with tarfile.open(file(built, name, "tar.gz")) as sdist:
        inside = {member.name.partition("/")[2] for member in sdist.getmembers()}
    assert {"README.md", "pyproject.toml", f"src/{package}/__init__.py"} <= inside
    assert not any(
        entry.startswith(("plugins/", "tests/", "benchmarks/")) for entry in inside if name == "dstream-core"
    )


def test_the_core_says_that_it_is_typed(built: Path) -> None:
    with zipfile.ZipFile(file(built, "dstream-core", "whl")) as wheel:
        assert "dstream_core/py.typed" in wheel.namelist()


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        pytest.param(["dstream-core"], set(), id="core"),
        pytest.param(["dstream-counter"], {"counter"}, id="counter"),
        pytest.param(["dstream-file", "dstream-console"], {"file", "console"}, id="file-and-console"),
    ],
)
def test_wheels_install_alone_and_list_what_is_there(
    environment_with: Callable[..., Path], tmp_path: Path, names: list[str], ids: set[str]
) -> None:
    rows = listed(environment_with(*names), tmp_path)
    assert set(rows) == ids
    assert set(rows.values()) <= {"ok"}


def test_sdists_install_too(environment_with: Callable[..., Path], tmp_path: Path) -> None:
    bin_folder = environment_with("dstream-core", "dstream-counter", "dstream-console", "dstream-file", kind="tar.gz")
    assert set(listed(bin_folder, tmp_path)) == {"counter", "console", "file"}
    for program in ("dstream-counter", "dstream-console", "dstream-file-input", "dstream-file-output"):
        assert (bin_folder / program).is_file()


def test_a_stream_runs_from_wheels(environment_with: Callable[..., Path], tmp_path: Path) -> None:
    bin_folder = environment_with("dstream-counter", "dstream-console")
    (tmp_path / "dstream.hcl").write_text(
        'task "t" {\n  input {\n    provider = "counter"\n    config {\n      interval  = 0\n      max_count = 3\n    }\n  }\n'
        '  output {\n    provider = "console"\n  }\n}\n'
    )
    # Its own folder is not on PATH: the shim must be found through the interpreter, not by name.
    output = run(str(bin_folder / "dstream"), "--config", str(tmp_path), "run", "t")
    assert output.count("Message #") == 3
