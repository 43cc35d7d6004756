"""Every statement is T-SQL to a second grammar too."""

from __future__ import annotations

import re

import pytest
from sqlfluff.core import Linter

from dstream_mssql_cdc import shared_tables
from dstream_mssql_cdc.checkpoints import table
from dstream_mssql_cdc.leases import sqlserver
from dstream_mssql_cdc.shared_tables import checkpoint_tables, task_key

STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in (shared_tables, table, sqlserver)
    for name, text in vars(module).items()
    if isinstance(text, str) and re.match(r"(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|EXEC|DECLARE)\b", text)
}


@pytest.fixture(scope="module")
def linter() -> Linter:
    return Linter(dialect="tsql")


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_parses(linter: Linter, name: str) -> None:
    tables = checkpoint_tables("[my 50% schema].[cdc offsets]")
    text = STATEMENTS[name].replace("$follow", table.FOLLOW).replace("$epoch", table.AND_EPOCH)
    text = text.format(table="t", condition="a = 1")
    text = tables.sql(text).replace("%s", "N'x'").replace("%%", "%")
    parsed = linter.parse_string(text + "\n")
    assert parsed.tree is not None
    unparsable = [segment.raw for segment in parsed.tree.recursive_crawl("unparsable")]
    assert not unparsable, text


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 15


def test_keys_of_tasks() -> None:
    assert task_key("orders") == "orders"
    one, other = task_key("é" * 300), task_key("é" * 299)
    assert one != other
    assert len(one) == len(other) == 100
