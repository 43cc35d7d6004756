"""`check` judges positions wherever a run would keep them, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sql_servers import TestServer, enable, sql

from dstream_core.api import State
from dstream_mssql_cdc.catalog.checks import check_source
from dstream_mssql_cdc.catalog.read import read_database
from dstream_mssql_cdc.checkpoints import open_keeper
from dstream_mssql_cdc.checkpoints.checking import StoredPositions
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.leases import NoLeases
from dstream_mssql_cdc.nested_options import LockOptions
from dstream_mssql_cdc.position import ChangePosition, TablePosition

PURGED = TablePosition(ChangePosition((1).to_bytes(10, "big"))).document()


@pytest.fixture
def shop(fresh: TestServer) -> TestServer:
    sql(fresh, "EXEC sys.sp_cdc_enable_db")
    sql(fresh, "CREATE TABLE dbo.Orders (Id int PRIMARY KEY)")
    enable(fresh, "dbo", "Orders")
    fresh.captured()
    return fresh


class Checked:
    """A task with a position, and what `check` says of it."""

    def __init__(self, server: TestServer, folder: Path, **options: Any) -> None:
        self.options = server.options(tables=["Orders"], **options)
        self.folder = folder
        self.pool = ConnectionPool(server.settings, 1)

    def store(self, document: dict[str, Any]) -> None:
        with self.pool.lend("test") as connection:
            database = read_database(connection)
        leases = NoLeases()
        leases.start(["dbo.Orders"])
        state = State(self.folder, "mssql-cdc", "task")
        keeper = open_keeper(self.options, self.pool, database, "task", state, leases)
        assert keeper is not None
        keeper.load()
        keeper.store({"dbo.Orders": document})
        keeper.close()

    def errors(self) -> dict[str, str]:
        context: Any = SimpleNamespace(options=self.options, task="task", provider="mssql-cdc", state_dir=self.folder)
        stored = StoredPositions(context)
        result = check_source(self.options, "task", positions=stored.read, more=(stored.findings,))
        return {each.name: each.detail or "" for each in result.resources if each.state == "error"}


def test_a_position_in_the_database_whose_changes_are_gone(shop: TestServer, tmp_path: Path) -> None:
    checked = Checked(shop, tmp_path, checkpoint="table")
    assert checked.errors() == {}
    assert sql(shop, "SELECT OBJECT_ID('dbo.cdc_offsets')") == [(None,)], "nothing is made"
    checked.store(PURGED)
    assert 'on_gap = "snapshot"' in checked.errors()["dbo.Orders"]
    sql(shop, "UPDATE dbo.dstream_checkpoints SET position = N'{'")
    assert "dbo.Orders" in checked.errors()["checkpoint"]
    checked.pool.close()


def test_a_position_of_the_original_whose_changes_are_gone(shop: TestServer, tmp_path: Path) -> None:
    sql(
        shop,
        "CREATE TABLE cdc_offsets (table_name nvarchar(255) PRIMARY KEY, last_lsn varbinary(10), last_seq varbinary(10))",
    )
    sql(shop, "INSERT cdc_offsets VALUES (N'Orders', 0x00000000000000000001, 0x00000000000000000001)")
    checked = Checked(shop, tmp_path)
    assert 'on_gap = "snapshot"' in checked.errors()["dbo.Orders"]
    checked.pool.close()


def test_a_position_in_a_blob_whose_changes_are_gone(
    shop: TestServer, tmp_path: Path, lock_options: LockOptions
) -> None:
    locks = lock_options.model_dump() | {"connection_string": lock_options.connection_string}
    checked = Checked(shop, tmp_path, lock_config=locks)
    assert checked.errors() == {}
    checked.store(PURGED)
    assert 'on_gap = "snapshot"' in checked.errors()["dbo.Orders"]
    checked.pool.close()
