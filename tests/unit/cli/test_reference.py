"""The generated reference pages are fresh."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "scripts/generate_cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("page", "function"), [("cli.md", "cli_page"), ("exit-codes.md", "exit_codes_page")])
def test_the_page_is_what_the_script_writes(script: ModuleType, page: str, function: str) -> None:
    written = (ROOT / "docs/reference" / page).read_text(encoding="utf-8")
    assert written == getattr(script, function)(), "run: python scripts/generate_cli_reference.py"


def test_every_exit_code_has_its_meaning(script: ModuleType) -> None:
    assert set(script.MEANINGS) == set(script.ExitCode)
