"""Each thing that keeps a task from running: its own message, what to do about it in T-SQL, and the right exit code."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from command_project import CANARY, PASSWORD, Project, connection_string

from dstream_sandbox.sqlserver.client import SqlServerSandbox

NUMBERS = itertools.count(1)
OPTIONS = 'tables = ["Orders", "Items"]\n      snapshot = "only"'


@dataclass(frozen=True)
class Obstacle:
    """Something in the way.

    Attributes:
        source: makes the connection string; the rest of the way is prepared by then.
        code: of the error.
        run: exit code of `dstream run`.
        check: exit code of `dstream check`: 1 where the database was reached, and what was found there is told.
        hint: parts of what to do.
        options: of the input.
    """

    source: Callable[[SqlServerSandbox], str]
    code: str
    run: int
    check: int
    hint: tuple[str, ...]
    options: str = OPTIONS


def shop(sandbox: SqlServerSandbox, **more: str) -> str:
    return connection_string(sandbox, "Shop", **more)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reader(sandbox: SqlServerSandbox, grants: str, *, user: bool = True) -> str:
    """A login of its own with these grants; REVOKE and DENY may be among them."""
    name = f"reader{next(NUMBERS)}"
    doubled = PASSWORD.replace("'", "''")
    sandbox.control.sql(f"CREATE LOGIN {name} WITH PASSWORD = N'{doubled}'")
    if user:
        sandbox.control.sql(f"CREATE USER {name} FOR LOGIN {name}; {grants.replace('USER', name)}", "Shop")
    return shop(sandbox, user=name)


def recovering(sandbox: SqlServerSandbox) -> str:
    sandbox.control.database_state("Slow", "RECOVERING")
    return connection_string(sandbox, "Slow")


EVERYTHING = "GRANT SELECT ON SCHEMA::cdc TO USER; GRANT SELECT ON SCHEMA::dbo TO USER;"

OBSTACLES = {
    "wrong password": Obstacle(
        lambda sandbox: shop(sandbox, password=f"{CANARY}-wrong"),
        "mssql/login", 2, 2, ("check user and password", "CREATE LOGIN [sa] WITH PASSWORD"),
    ),
    "nobody listens": Obstacle(
        lambda sandbox: shop(sandbox, server=f"127.0.0.1,{closed_port()}"),
        "mssql/unreachable", 75, 75, ("that the server runs", "firewalls"),
    ),
    "no such host": Obstacle(
        lambda sandbox: shop(sandbox, server="nowhere.invalid"), "mssql/unknown-host", 2, 2, ("the server's name",)
    ),
    "no such database": Obstacle(
        lambda sandbox: connection_string(sandbox, "Nowhere"),
        "mssql/no-such-database", 2, 2, ("SELECT name FROM sys.databases",),
    ),
    "the database recovers": Obstacle(
        recovering, "mssql/database-unavailable", 75, 75, ("until the server has finished",)
    ),
    "no user in the database": Obstacle(
        lambda sandbox: reader(sandbox, "", user=False),
        "mssql/no-database-access", 2, 2, ("USE [Shop]; CREATE USER [reader", "FOR LOGIN [reader"),
    ),
    "no change data capture": Obstacle(
        lambda sandbox: connection_string(sandbox, "Plain"),
        "mssql/cdc-disabled", 2, 1, ("USE [Plain]; EXEC sys.sp_cdc_enable_db;",),
    ),
    "tables that are not captured": Obstacle(
        shop, "mssql/not-captured", 2, 1,
        (
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Old', @role_name = NULL;",
            "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Older ones', @role_name = NULL;",
            "did you mean dbo.Orders?",
        ),
        'tables = ["Old", "Orders", "[Older ones]", "Ordrs"]',
    ),
    "nothing may be read": Obstacle(
        lambda sandbox: reader(sandbox, ""), "mssql/permission", 2, 1, ("GRANT SELECT ON SCHEMA::[cdc] TO [reader",)
    ),
    "the tables are not visible": Obstacle(
        lambda sandbox: reader(sandbox, "GRANT SELECT ON SCHEMA::cdc TO USER"), "mssql/permission", 2, 1,
        ("GRANT SELECT ON [dbo].[Orders] TO [reader", "GRANT SELECT ON [dbo].[Items] TO [reader"),
    ),
    "rows may not be read": Obstacle(
        lambda sandbox: reader(sandbox, f"{EVERYTHING} DENY SELECT ON dbo.Items TO USER"), "mssql/permission", 2, 1,
        ("GRANT SELECT ON [dbo].[Items] TO [reader",),
    ),
    "changes may not be read": Obstacle(
        lambda sandbox: reader(sandbox, f"{EVERYTHING} DENY SELECT ON cdc.dbo_Items_CT TO USER"), "mssql/permission",
        2, 1, ("GRANT SELECT ON SCHEMA::[cdc] TO [reader",),
    ),
    "positions may not be kept": Obstacle(
        lambda sandbox: reader(sandbox, EVERYTHING), "mssql/checkpoint-table", 2, 1,
        ("GRANT CREATE TABLE TO [reader", "GRANT ALTER, SELECT, INSERT, UPDATE, DELETE ON SCHEMA::[dbo] TO [reader"),
        f'{OPTIONS}\n      checkpoint = "table"',
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def databases(sandbox: SqlServerSandbox) -> Iterator[None]:
    """Shop with captured tables and others, Plain without change data capture, Slow that will recover."""
    for name in ("Shop", "Plain", "Slow"):
        sandbox.control.sql(f"CREATE DATABASE {name}")
    sandbox.control.sql("ALTER DATABASE Shop SET ALLOW_SNAPSHOT_ISOLATION ON")
    sandbox.control.sql("EXEC sys.sp_cdc_enable_db", "Shop")
    for name in ("Orders", "Items", "Gated", "Old", "Older ones"):
        sandbox.control.sql(f"CREATE TABLE dbo.[{name}] (Id int PRIMARY KEY)", "Shop")
    for name, role in (("Orders", "NULL"), ("Items", "NULL"), ("Gated", "N'gate'")):
        sandbox.control.sql(f"EXEC sys.sp_cdc_enable_table N'dbo', N'{name}', @role_name = {role}", "Shop")
    sandbox.control.sql("INSERT dbo.Gated VALUES (1)", "Shop")
    yield
    sandbox.control.database_state("Slow", "ONLINE")


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_a_run_and_a_check_say(name: str, sandbox: SqlServerSandbox, dstream: Project) -> None:
    obstacle = OBSTACLES[name]
    source = obstacle.source(sandbox)
    dstream.write(obstacle.options)

    run = dstream(source, "run", "copy")
    check = dstream(source, "check", "copy", "--json")

    assert run.code == obstacle.run, run.err
    assert f"[{obstacle.code}]" in run.err
    assert check.code == obstacle.check, check.out
    (said,) = [each for each in check.document["providers"] if each["role"] == "input"]
    for part in obstacle.hint:
        assert part in run.err
        assert part in f"{said['message']} {said['hint']}"
    assert said["ok"] is False
    assert obstacle.check == 1 or said["code"] == obstacle.code


def test_a_gating_role_is_no_obstacle_and_is_told_of(sandbox: SqlServerSandbox, dstream: Project) -> None:
    source = reader(sandbox, EVERYTHING)
    dstream.write('tables = ["Gated"]\n      snapshot = "only"')

    check = dstream(source, "check", "copy")
    run = dstream(source, "run", "copy")

    assert check.code == 0, check.out
    assert "ALTER ROLE [gate] ADD MEMBER [reader" in check.out
    assert run.code == 0, run.err
    assert [line["data"] for line in dstream.lines()] == [{"Id": 1}]


def test_keys_that_nobody_knows(sandbox: SqlServerSandbox, dstream: Project) -> None:
    """A misspelt key of a connection string has no effect, and everybody says so who reads it."""
    source = shop(sandbox, more="TrustServerCertifikate=true;")
    dstream.write(OPTIONS)

    for arguments in (("run", "copy"), ("check", "copy"), ("lint",)):
        done = dstream(source, *arguments)
        said = done.out if arguments[0] == "check" else done.err
        assert done.code == 0, said
        assert "'TrustServerCertifikate' is not known" in said
    assert "1 warning" in said


def test_a_connection_string_in_the_configuration_itself_is_not_shown(
    sandbox: SqlServerSandbox, dstream: Project
) -> None:
    """An error is shown with its line of the file, which holds the password then."""
    dstream.write("tabels = []", source=shop(sandbox, more="Encrypt=maybe;"))
    for arguments in (("lint",), ("run", "copy"), ("check", "copy"), ("discover", "copy"), ("lint", "--json")):
        done = dstream("", *arguments)
        assert done.code == 2
        assert "did you mean `tables`?" in done.err + done.out
