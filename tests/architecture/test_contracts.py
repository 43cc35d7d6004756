"""The import contracts of pyproject.toml, and what they cannot see: what a fresh interpreter really loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NETWORK = {"asyncio", "http", "socket", "ssl", "urllib.request"}
TERMINAL = {"rich", "typer"}
PARSED = {"pydantic"}


def test_the_import_contracts_hold(require) -> None:
    done = subprocess.run([require("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def loaded_by(code: str, folder: Path) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after this code."""
    report = "\nimport sys\nsys.stderr.write('\\nLOADED ' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + report], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


def command(line: str) -> str:
    return f"""
import sys
sys.argv = {["dstream", *line.split()]!r}
from dstream_core.cli.app import main
try:
    main()
except SystemExit as end:
    if end.code not in (0, None):
        raise RuntimeError(end.code)
"""


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        pytest.param("import dstream_core.api", NETWORK | TERMINAL | PARSED, id="api"),
        pytest.param(
            "import dstream_core.protocol.command, dstream_core.errors", NETWORK | TERMINAL | PARSED, id="protocol"
        ),
        pytest.param(
            "import dstream_counter.plugin, dstream_console.plugin, dstream_file.plugin",
            NETWORK | TERMINAL | PARSED,
            id="plugins",
        ),
        pytest.param(command("providers list"), NETWORK | {"rich"} | PARSED, id="providers-list"),
    ],
)
def test_what_is_quick_loads_nothing_heavy(code: str, forbidden: set[str], tmp_path: Path) -> None:
    """Without a terminal, nothing that only a terminal, a network or a provider's options need is loaded."""
    assert not loaded_by(code, tmp_path) & forbidden


def test_providers_list_loads_no_provider_beyond_its_plugin_module(tmp_path: Path) -> None:
    loaded = loaded_by(command("providers list"), tmp_path)
    ours = {name for name in loaded if name.split(".")[0] in ("dstream_counter", "dstream_console", "dstream_file")}
    assert {name.partition(".")[2] for name in ours} <= {"", "plugin"}
