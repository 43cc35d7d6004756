"""The reference page of the options and errors is fresh, and names every error code that the source has."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import dstream_mssql_cdc
from dstream_mssql_cdc.shared_tables import checkpoint_tables

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "generate_mssql_options_reference.py"
SOURCE = Path(dstream_mssql_cdc.__file__).parent


@cache
def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def codes_in_source() -> Iterator[str]:
    """Texts that are a code; an f-string with a name in it stands for what the reference says begins so."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(first := node.values[0], ast.Constant):
                if re.fullmatch(r"mssql/[a-z-]+", str(first.value)):
                    yield f"{first.value}*"
            elif isinstance(node, ast.Constant) and re.fullmatch(r"mssql/[a-z][a-z-]*[a-z]", str(node.value)):
                yield str(node.value)


def test_the_page_is_fresh() -> None:
    module = generator()
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), f"run: uv run scripts/{SCRIPT.name}"


def test_every_option_is_in_a_group() -> None:
    page = generator().PAGE.read_text(encoding="utf-8")
    options = generator().MssqlCdcOptions.model_fields
    assert [name for name in options if f"| `{name}`" not in page] == []


def test_every_error_code_of_the_source_is_explained_and_no_other() -> None:
    found = set(codes_in_source())
    beginnings = tuple(code.rstrip("*") for code in found if code.endswith("*"))
    known = set(generator().CODES)
    assert {code for code in found if not code.endswith("*")} - known == set()
    assert {code for code in known - found if not code.startswith(beginnings)} == set()
    assert len(found) > 50


def test_the_tables_that_a_person_may_make_by_hand_are_those_that_the_input_makes() -> None:
    page = (ROOT / "docs" / "how-to" / "sql-server-permissions.md").read_text(encoding="utf-8")
    tables = checkpoint_tables("dbo.cdc_offsets")
    for table in (tables.offsets, tables.positions, tables.copies):
        assert tables.definition(table) in page
