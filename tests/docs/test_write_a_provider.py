"""The provider that the guide builds is complete: at most 15 lines for an input or output, and it streams."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-a-provider.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ [^\n]*?file=(\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SOURCE = "dstream-dice/src/"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The guide's project, and a folder for PYTHONPATH in which its distribution counts as installed."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads(FILES["dstream-dice/pyproject.toml"])["project"]
    information = tmp_path / SOURCE / "dstream_dice-0.1.0.dist-info"
    information.mkdir()
    entries = project["entry-points"]["dstream.providers"] | {"tally": "dstream_dice.tally_plugin"}
    points = "".join(f"{name} = {module}\n" for name, module in entries.items())
    (information / "entry_points.txt").write_text(f"[dstream.providers]\n{points}")
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    # The guide's output needs a plugin module too; it is the input's with other names.
    plugin = FILES[SOURCE + "dstream_dice/plugin.py"]
    plugin = plugin.replace("provider:Dice", "tally:Tally", 1).replace(
        ', options="dstream_dice.provider:DiceOptions"', ""
    )
    plugin = plugin.replace('"dice"', '"tally"').replace("input=role", "output=role")
    (tmp_path / SOURCE / "dstream_dice/tally_plugin.py").write_text(plugin, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder / SOURCE), "NO_COLOR": "1"}
    command = [str(Path(sys.executable).with_name("dstream")), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["provider.py", "tally.py"])
def test_a_complete_provider_is_at_most_fifteen_lines(name: str) -> None:
    text = FILES[f"{SOURCE}dstream_dice/{name}"]
    statements = [line for line in text.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    ast.parse(text)
    assert len(statements) <= 15


def test_the_guides_input_streams_and_resumes(installed: Path) -> None:
    assert run(installed, "--config", "dice.hcl", "run", "dice").count("eyes") == 3
    assert run(installed, "--config", "dice.hcl", "run", "dice").count("eyes") == 0


def test_the_guides_output_takes_it(installed: Path) -> None:
    configuration = FILES["dice.hcl"].replace('"console"', '"tally"')
    (installed / "tally.hcl").write_text(configuration, encoding="utf-8")
    assert "eyes in all" in run(installed, "--config", "tally.hcl", "run", "dice")
