"""The reference page of the types is fresh."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[4] / "scripts" / "generate_mssql_types_reference.py"


def test_the_page_is_fresh() -> None:
    specification = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), f"run: uv run scripts/{SCRIPT.name}"
