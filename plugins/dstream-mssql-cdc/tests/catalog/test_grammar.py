"""The statements of the catalog, read by a second T-SQL grammar."""

from __future__ import annotations

import pytest
from sqlfluff.core import Linter

from dstream_mssql_cdc.catalog import queries, remedies
from dstream_mssql_cdc.connection.connect import SESSION
from dstream_mssql_cdc.connection.diagnosis import DATABASE_STATE
from dstream_mssql_cdc.connection.opening import BASE

STATEMENTS = {
    **{
        name: text
        for name, text in vars(queries).items()
        if name.isupper() and name[0] != "_" and isinstance(text, str)
    },
    "SESSION": "; ".join(SESSION),
    "BASE": BASE,
    "DATABASE_STATE": DATABASE_STATE,
    "enable_database": remedies.enable_database("Shop"),
    "enable_table": remedies.enable_table("dbo", "O'Neil"),
    "add_job": remedies.add_job("capture"),
    "start_job": remedies.start_job(),
    "allow_snapshot": remedies.allow_snapshot("Shop"),
    "grant_change_tables": remedies.grant_change_tables("anna"),
    "grant_view_state": remedies.grant_view_state("anna"),
    "grant_create_table": remedies.grant_create_table("dbo", "anna"),
    "make_schema": remedies.make_schema("keep", "anna"),
    "add_to_role": remedies.add_to_role("gate", "anna"),
}


@pytest.fixture(scope="module")
def linter() -> Linter:
    return Linter(dialect="tsql")


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_part_is_unknown(linter: Linter, name: str) -> None:
    text = STATEMENTS[name].replace("%s", "N'x'").replace("%%", "%").strip() + "\n"
    tree = linter.parse_string(text).tree
    assert tree is not None
    unknown = [segment.raw for segment in tree.recursive_crawl("unparsable")]
    assert unknown == []
