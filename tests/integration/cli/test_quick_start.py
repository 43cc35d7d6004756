"""`dstream providers list` is quick: it imports nothing heavy, with and without the parser."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "pydantic", "rich", "socket", "ssl", "http", "urllib.request", "jsonschema"}

CODE = """
import sys
from dstream_core.cli.app import run_command_line
code = run_command_line(sys.argv[1:])
sys.stderr.write("LOADED " + " ".join(sys.modules))
sys.exit(code)
"""


def loaded_by(folder, *arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["providers", "list"], HEAVY | {"typer", "dstream_core.config", "dstream_core.engine.run"}),
        (["--json", "providers", "list"], HEAVY | {"dstream_core.config"}),
        (["tasks"], HEAVY | {"dstream_core.providers.discovery", "dstream_core.runtime.pipeline"}),
        (["--help"], HEAVY | {"dstream_core.config", "dstream_core.runtime.pipeline"}),
        (["fmt", "--check"], HEAVY),
    ],
    ids=["list", "list-parsed", "tasks", "help", "fmt"],
)
def test_nothing_heavy_is_imported(dstream, arguments: list[str], forbidden: set[str]) -> None:
    dstream.write(
        'task "t" {\n  input {\n    provider = "counter"\n  }\n  output {\n    provider = "console"\n  }\n}\n'
    )
    heavy = loaded_by(dstream.folder, *arguments) & forbidden
    assert not heavy


def test_no_options_model_is_imported_by_a_list(dstream) -> None:
    loaded = loaded_by(dstream.folder, "providers", "list")
    assert "dstream_counter.plugin" in loaded
    assert not {"dstream_counter.config", "dstream_counter.provider", "dstream_file.provider"} & loaded
