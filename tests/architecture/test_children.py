"""The hostile programs know nothing of the core, so that a mistake there cannot hide in its own counterpart."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

CHILDREN = Path(__file__).parents[1] / "children"
PROGRAMS = sorted(CHILDREN.glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_a_child_uses_the_standard_library_alone(program: Path) -> None:
    tree = ast.parse(program.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert ast.get_docstring(tree)
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names) | {"wire"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_every_child_is_in_the_table(program: Path) -> None:
    assert program.name == "wire.py" or f"`{program.name}`" in (CHILDREN / "README.md").read_text(encoding="utf-8")
