"""Where positions are kept if nothing is said, and that what is said holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api import ConfigurationError, State
from dstream_mssql_cdc.catalog.values import Column, Database, Table
from dstream_mssql_cdc.checkpoints import choose, read_positions
from dstream_mssql_cdc.checkpoints.azure_blob import BlobKeeper
from dstream_mssql_cdc.checkpoints.table import TableKeeper
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.leases.leases import NoLeases

ORDERS = Table("dbo", "Orders", 1, (Column("Id", "int", "int"),), ("Id",), ())
BLOBS = {
    "connection_string": "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;",
    "container_name": "locks",
}

SERVER = {"server": "here", "database": "Shop", "user": "u", "password": "p"}


class Pool:
    @contextmanager
    def lend(self, purpose: str) -> Iterator[str]:
        yield f"a connection for {purpose}"


def database(*, read_only: bool = False) -> Database:
    return Database("here", "Shop", "g1", 16, "Latin1_General_CI_AS", True, True, 3, read_only=read_only)


def chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: bool, options: dict[str, Any], state: State | None = None
) -> str:
    monkeypatch.setattr(choose, "read_tables", lambda connection: (ORDERS,))
    monkeypatch.setattr(choose, "rows_for", lambda connection, tables, names: rows and names == ["dbo.Orders"])
    model = MssqlCdcOptions.model_validate({**SERVER, **options})
    state = state or State(tmp_path, "mssql-cdc", "task")
    keeper = choose._keeper(model, Pool(), database(), "task", state, NoLeases())  # type: ignore[arg-type]  # stands for the pool
    if keeper is None:
        return "file"
    keeper.close()
    return {TableKeeper: "table", BlobKeeper: "azure_blob"}[type(keeper)]


LEASES: dict[str, dict[str, Any]] = {"none": {}, "azure_blob": {"lock_config": {"type": "azure_blob", **BLOBS}}}
LEASES["sqlserver"] = {"lock_config": {"type": "sqlserver"}}


@pytest.mark.parametrize(
    ("leases", "rows", "expected"),
    [
        ("none", False, "file"),
        ("none", True, "table"),
        ("azure_blob", False, "azure_blob"),
        ("azure_blob", True, "table"),
        ("sqlserver", False, "table"),
        ("sqlserver", True, "table"),
    ],
)
def test_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leases: str, rows: bool, expected: str) -> None:
    assert chosen(tmp_path, monkeypatch, rows, LEASES[leases]) == expected


def test_positions_in_the_state_file_stay_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path, "mssql-cdc", "task")
    state.resume("g1")
    state.store({"dbo.Orders": b"{}"})
    assert chosen(tmp_path, monkeypatch, True, {}, state) == "file"
    assert chosen(tmp_path, monkeypatch, True, {"checkpoint": "table"}, state) == "table"


@pytest.mark.parametrize("place", ["file", "table", "azure_blob"])
def test_what_is_said_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    assert chosen(tmp_path, monkeypatch, True, {"checkpoint": place, "lock_config": BLOBS}) == place


def test_a_readable_secondary_takes_no_checkpoints(tmp_path: Path) -> None:
    options = MssqlCdcOptions.model_validate({**SERVER, "checkpoint": "table"})
    state = State(tmp_path, "mssql-cdc", "task")
    with pytest.raises(ConfigurationError, match="takes no writes") as caught:
        choose.open_keeper(options, Pool(), database(read_only=True), "task", state, NoLeases())  # type: ignore[arg-type]  # stands for the pool
    assert caught.value.code == "mssql/read-only"


def test_positions_in_the_state_file_can_be_looked_at(tmp_path: Path) -> None:
    options = MssqlCdcOptions.model_validate({**SERVER, "checkpoint": "file"})
    state = State(tmp_path, "mssql-cdc", "task")
    state.resume("g1")
    state.store({"dbo.Orders": b'{"asked": "1"}', "dbo.Others": b"{}"})
    found = read_positions(options, Pool(), database(), "task", state, ["dbo.Orders", "dbo.New"])  # type: ignore[arg-type]  # stands for the pool
    assert found == {"dbo.Orders": {"asked": "1"}}
