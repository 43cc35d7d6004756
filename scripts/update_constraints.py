"""Pins the tested set of versions: resolves the workspace anew and writes `[tool.uv] constraint-dependencies`.

Run `uv run scripts/update_constraints.py` and look at the difference; `--check` says by its exit code whether the list names
every package that the workspace needs, without changing anything. Only names, versions and markers are
written: where packages are downloaded from is a matter of each machine.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = re.compile(r"^constraint-dependencies = \[.*?\]$", re.DOTALL | re.MULTILINE)
COPIED = ("pyproject.toml", "README.md", "LICENSE", "plugins/*/pyproject.toml", "plugins/*/README.md")


def written(requirements: list[str]) -> str:
    """The TOML text of the list; requirements with markers are kept as they are."""
    lines = [f"  {quoted(requirement)},\n" for requirement in requirements]
    return f"constraint-dependencies = [\n{''.join(lines)}]"


def quoted(requirement: str) -> str:
    """A TOML string; markers hold single quotes."""
    return f'"{requirement}"'


def resolve(project: Path) -> list[str]:
    """What `uv` resolves for all distributions and groups of the project, as `name==version ; marker`.

    Raises:
        subprocess.CalledProcessError: uv found no solution; its words are on stderr.
    """
    uv = os.environ.get("UV", "uv")
    command = [uv, "export", "--project", str(project), "--all-packages", "--all-groups", "--no-emit-workspace"]
    command += ["--no-hashes", "--no-header", "--no-annotate", "--quiet"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = (line.strip().replace('"', "'") for line in output.splitlines())
    return sorted((line for line in lines if re.match(r"[A-Za-z0-9]", line)), key=str.lower)


def fresh_resolution() -> list[str]:
    """The newest versions that fit, resolved in a copy of the workspace without its present pins."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for pattern in COPIED:
            for source in ROOT.glob(pattern):
                target = copy / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        project = copy / "pyproject.toml"
        project.write_text(LIST.sub("constraint-dependencies = []", project.read_text()))
        return resolve(copy)


def names(requirements: list[str]) -> set[str]:
    """The packages that requirements are about."""
    return {re.split(r"[=<>!~ ;]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def main() -> int:
    """Writes the list, or checks it; the exit code is 1 if `--check` misses a package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    arguments = parser.parse_args()
    project = ROOT / "pyproject.toml"
    text = project.read_text()
    requirements = fresh_resolution()
    if arguments.check:
        missing = names(requirements) - names(tomllib.loads(text)["tool"]["uv"]["constraint-dependencies"])
        print(f"not pinned: {', '.join(sorted(missing))}" if missing else "every package is pinned")
        return 1 if missing else 0
    if not LIST.search(text):
        raise SystemExit("pyproject.toml has no constraint-dependencies to write to")
    project.write_text(LIST.sub(lambda _: written(requirements), text, count=1))
    print(f"{len(requirements)} versions pinned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
