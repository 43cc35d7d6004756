"""The rights that the page on permissions gives are enough: its statements are run, and then the commands."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_project import PASSWORD, Project, connection_string

from dstream_sandbox.sqlserver.client import SqlServerSandbox

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "sql-server-permissions.md"
NUMBERS = itertools.count(1)
NARROW = ("## Some tables only", "## Some columns only")


@dataclass(frozen=True)
class Rights:
    """Which of the page's statements are run, by their headings, and what is configured with them."""

    headings: Sequence[str]
    options: str = ""
    columns: frozenset[str] = frozenset({"Id", "Name", "Ssn"})


WITHOUT_SSN = Rights(NARROW, 'columns { exclude = ["Customers.Ssn"] }', frozenset({"Id", "Name"}))
CASES = {
    "broad": Rights(["## The login"]),
    "broad, and the capture job watched": Rights(["## The login", "## Watching the capture job"]),
    "narrow": WITHOUT_SSN,
    "narrow, by names to include": Rights(NARROW, 'columns { include = ["Customers.Name"] }', frozenset({"Name"})),
    "narrow, with tables of its own": Rights(
        [*NARROW, "## Checkpoints in the database: its own schema"],
        f'{WITHOUT_SSN.options}\n      checkpoint = "table"\n      checkpoint_table = "dstream.cdc_offsets"',
        WITHOUT_SSN.columns,
    ),
    "narrow, with tables made by hand": Rights(
        [*NARROW, "## Checkpoints in the database: by hand"],
        f'{WITHOUT_SSN.options}\n      checkpoint = "table"\n      lock_config {{\n type = "sqlserver"\n }}',
        WITHOUT_SSN.columns,
    ),
}


def statements(heading: str) -> list[str]:
    """The T-SQL below a heading of the page, block by block."""
    title, _, part = heading.partition(": ")
    section = PAGE.read_text(encoding="utf-8").split(f"{title}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sql[^\n]*\n(.*?)```", section, re.DOTALL)
    assert blocks, heading
    chosen = {"": blocks, "its own schema": blocks[:2], "by hand": blocks[2:]}
    return list(chosen[part])


def prepared(sandbox: SqlServerSandbox, rights: Rights) -> tuple[str, str]:
    """A database with two captured tables and one that nobody may see, and a login; their names."""
    number = next(NUMBERS)
    database, login = f"Shop{number}", f"dstream{number}"
    sandbox.control.sql(f"CREATE DATABASE {database}; ALTER DATABASE {database} SET ALLOW_SNAPSHOT_ISOLATION ON")
    sandbox.control.sql("EXEC sys.sp_cdc_enable_db", database)
    for table in ("Orders", "Customers", "Secrets"):
        sandbox.control.sql(f"CREATE TABLE dbo.{table} (Id int PRIMARY KEY, Name nvarchar(9), Ssn char(3))", database)
        sandbox.control.sql(f"EXEC sys.sp_cdc_enable_table N'dbo', N'{table}', @role_name = NULL", database)
        sandbox.control.sql(f"INSERT dbo.{table} VALUES (1, N'one', '111')", database)
    sandbox.control.capture_once(database)
    password = PASSWORD.replace("'", "''")
    sandbox.control.sql(f"CREATE LOGIN {login} WITH PASSWORD = N'{password}'")
    for heading in rights.headings:
        for text in statements(heading):
            if "CREATE LOGIN" not in text:
                own = re.sub(r"(TO|USER|LOGIN|AUTHORIZATION) dstream\b", rf"\1 {login}", text).replace("Shop", database)
                sandbox.control.sql(own, database)
    return database, login


@pytest.mark.parametrize("name", CASES)
def test_the_rights_of_the_page_are_enough(name: str, sandbox: SqlServerSandbox, dstream: Project) -> None:
    rights = CASES[name]
    database, login = prepared(sandbox, rights)
    source = connection_string(sandbox, database, user=login)
    dstream.write(f'tables = ["Orders", "Customers"]\n      poll_interval = "50ms"\n      {rights.options}')

    check = dstream(source, "check", "copy")
    assert check.code == 0, check.out
    assert "no errors" in check.out
    assert ("VIEW DATABASE STATE" in check.out) is (rights.headings[-1] != "## Watching the capture job")
    discovered = dstream(source, "discover", "copy", "--json")
    assert [table["name"] for table in discovered.document["tables"]] == ["Customers", "Orders"]

    running = dstream.start(source, "run", "copy")
    dstream.until(lambda: len(dstream.lines()) == 2, running)
    sandbox.control.sql(
        "INSERT dbo.Customers VALUES (2, N'two', '222'); INSERT dbo.Orders VALUES (2, N'b', '2')", database
    )
    sandbox.control.sql("INSERT dbo.Secrets VALUES (2, N'two', '222')", database)
    dstream.until(lambda: len(dstream.lines()) == 4, running)
    ended = dstream.stop(running)

    assert ended.code == 0, ended.err
    found = [(line["metadata"]["TableName"], set(line["data"])) for line in dstream.lines()]
    assert [columns for table, columns in found if table == "Customers"] == [rights.columns] * 2
    assert [columns for table, columns in found if table == "Orders"] == [{"Id", "Name", "Ssn"}] * 2
