"""The reference page of the hooks is fresh and complete, and every hook has a test."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dstream_core.hookspecs import discovery, lifecycle

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "generate_hooks_reference.py"


def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate_hooks_reference", SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


HOOKS: dict[str, Callable[..., Any]] = {
    name: function for module in (discovery, lifecycle) for name, function in generator().hooks_of(module)
}


def test_the_page_is_fresh() -> None:
    module = generator()
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), f"run: uv run {SCRIPT.relative_to(ROOT)}"


def test_every_hook_bears_the_prefix() -> None:
    assert len(HOOKS) == 12
    assert all(name.startswith("dstream_") for name in HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_the_page_has_the_hook_with_its_arguments(name: str) -> None:
    page = generator().PAGE.read_text(encoding="utf-8")
    shown = re.search(rf"### `{name}`\n\n```python\ndef {name}\((.*?)\n?\)", page, re.DOTALL)
    assert shown, f"{name} is not on the page"
    arguments = re.findall(r"(\w+): ", shown[1])
    assert arguments == list(inspect.signature(HOOKS[name]).parameters)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented(name: str) -> None:
    assert len((HOOKS[name].__doc__ or "").split()) > 4


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name: str) -> None:
    functions = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert any(function.startswith(f"test_{name}") for function in functions), f"write a test_{name}… in {__package__}"
