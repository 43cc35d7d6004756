"""Checkpoints in the database, beside and instead of the Go provider's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sql_servers import TestServer, sql

from dstream_core.api import ConfigurationError, ProviderError, TemporaryError
from dstream_mssql_cdc.checkpoints.table import TableKeeper, rows_for
from dstream_mssql_cdc.connection.connect import Connection, connect
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.leases.leases import NoLeases
from dstream_mssql_cdc.position import LAST, ZERO, ChangePosition, TablePosition
from dstream_mssql_cdc.shared_tables import POSITIONS_TABLE, CheckpointTables, checkpoint_tables
from dstream_mssql_cdc.sql import quoted

TABLES = checkpoint_tables("dbo.cdc_offsets")
ORIGINAL = """CREATE TABLE cdc_offsets (table_name nvarchar(255) PRIMARY KEY, last_lsn varbinary(10),
updated_at datetime DEFAULT GETDATE(), last_seq varbinary(10))"""
ONE, TWO = b"\1" * 10, b"\2" * 10


class Held(NoLeases):
    def __init__(self, epoch: int | None, names: tuple[str, ...]) -> None:
        super().__init__()
        self._held = dict.fromkeys(names, epoch)


class Checkpoints:
    """A database with keepers on it."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.connection = connect(settings)
        self.pool = ConnectionPool(settings, 2)

    def keeper(
        self,
        *names: str,
        epoch: int | None = None,
        task: str = "task",
        guid: str = "g1",
        tables: CheckpointTables = TABLES,
    ) -> TableKeeper:
        keeper = TableKeeper(self.pool, tables, guid, task, Held(epoch, names or ("dbo.Orders",)))
        keeper.open()
        return keeper

    def offsets(self) -> dict[str, tuple[bytes, bytes]]:
        rows = self.connection.query("SELECT table_name, last_lsn, last_seq FROM dbo.cdc_offsets")
        return {name: (bytes(lsn or b""), bytes(sequence or b"")) for name, lsn, sequence in rows}

    def original(self, table: str, lsn: bytes | None, sequence: bytes | None) -> None:
        """What the Go provider stores."""
        values = [None if value is None else bytearray(value) for value in (lsn, sequence)]
        if (
            self.connection.execute(
                "UPDATE dbo.cdc_offsets SET last_lsn = %s, last_seq = %s WHERE table_name = %s", *values, table
            )
            != 1
        ):
            self.connection.execute(
                "INSERT INTO dbo.cdc_offsets (table_name, last_lsn, last_seq) VALUES (%s, %s, %s)", table, *values
            )


@pytest.fixture
def checkpoints(fresh: TestServer) -> Iterator[Checkpoints]:
    made = Checkpoints(fresh.settings)
    yield made
    made.connection.close()
    made.pool.close()


def at(lsn: bytes, command: int = 1, epoch: int | None = None) -> dict[str, Any]:
    return TablePosition(ChangePosition(lsn, command, ONE, 2), epoch=epoch).document()


def behind(lsn: bytes) -> dict[str, Any]:
    return TablePosition(ChangePosition.behind(lsn)).document()


def test_positions_come_back_whole_and_the_originals_rows_follow(checkpoints: Checkpoints) -> None:
    first = checkpoints.keeper("dbo.Orders", "sales.a'b]%s")
    assert first.load() == {}
    first.store({"dbo.Orders": at(TWO), "sales.a'b]%s": behind(ONE)})
    assert checkpoints.offsets() == {"Orders": (TWO, ZERO), "sales.a'b]%s": (ONE, LAST)}
    assert checkpoints.keeper("dbo.Orders", "sales.a'b]%s").load() == {
        "dbo.Orders": at(TWO),
        "sales.a'b]%s": behind(ONE),
    }


def test_a_user_of_the_original_goes_on_and_back_and_forth(checkpoints: Checkpoints) -> None:
    checkpoints.connection.execute(ORIGINAL)
    checkpoints.original("orders", ONE, ONE)
    checkpoints.original("Others", TWO, TWO)
    keeper = checkpoints.keeper()
    assert keeper.load() == {"dbo.Orders": {"changes": ChangePosition(ONE).document()}}
    keeper.store({"dbo.Orders": at(TWO, 3)})
    assert checkpoints.offsets() == {"orders": (TWO, ZERO), "Others": (TWO, TWO)}
    assert checkpoints.keeper().load() == {"dbo.Orders": at(TWO, 3)}
    checkpoints.original("orders", b"\3" * 10, ONE)
    assert checkpoints.keeper().load() == {"dbo.Orders": {"changes": ChangePosition(b"\3" * 10).document()}}


@pytest.mark.parametrize(("lsn", "sequence"), [(None, None), (ZERO, ZERO), (ZERO, None)])
def test_an_original_that_has_not_begun_gives_no_snapshot(
    checkpoints: Checkpoints, lsn: bytes | None, sequence: bytes | None
) -> None:
    checkpoints.connection.execute(ORIGINAL)
    checkpoints.original("Orders", lsn, sequence)
    assert checkpoints.keeper().load() == {"dbo.Orders": {}}


def test_a_row_that_is_removed_begins_anew(checkpoints: Checkpoints) -> None:
    keeper = checkpoints.keeper()
    keeper.load()
    keeper.store({"dbo.Orders": at(ONE)})
    checkpoints.connection.execute("DELETE FROM dbo.cdc_offsets")
    assert checkpoints.keeper().load() == {}


def test_an_early_table_gets_the_column_that_it_lacks(checkpoints: Checkpoints) -> None:
    checkpoints.connection.execute(
        "CREATE TABLE cdc_offsets (table_name nvarchar(255) PRIMARY KEY, last_lsn varbinary(10), updated_at datetime)"
    )
    checkpoints.connection.execute(
        "INSERT INTO cdc_offsets (table_name, last_lsn) VALUES ('Orders', %s)", bytearray(ONE)
    )
    assert checkpoints.keeper().load() == {"dbo.Orders": {"changes": ChangePosition(ONE).document()}}


def test_two_tasks_share_a_table_and_only_the_first_has_its_row(checkpoints: Checkpoints) -> None:
    checkpoints.connection.execute(ORIGINAL)
    checkpoints.original("Orders", ONE, ONE)
    first = checkpoints.keeper()
    first.load()
    first.store({"dbo.Orders": at(TWO)})
    second = checkpoints.keeper(task="second")
    assert second.load() == {}
    second.store({"dbo.Orders": at(b"\5" * 10)})
    assert checkpoints.offsets() == {"Orders": (TWO, ZERO)}
    assert checkpoints.keeper().load() == {"dbo.Orders": at(TWO)}
    assert checkpoints.keeper(task="second").load() == {"dbo.Orders": at(b"\5" * 10)}


def test_a_stale_reader_never_stores_again(checkpoints: Checkpoints) -> None:
    old, new = checkpoints.keeper("dbo.Orders", "dbo.Items", epoch=5), checkpoints.keeper(epoch=6)
    old.load()
    old.store({"dbo.Orders": at(ONE, epoch=5)})
    assert new.load() == {"dbo.Orders": at(ONE)}
    old.store({"dbo.Orders": at(TWO, epoch=5), "dbo.Items": at(TWO, epoch=5)})
    assert checkpoints.offsets() == {"Orders": (ONE, ZERO), "Items": (TWO, ZERO)}
    new.store({"dbo.Orders": at(TWO, 2, epoch=6)})
    old.store({"dbo.Orders": at(TWO, epoch=5)})
    assert checkpoints.keeper(epoch=7).load() == {"dbo.Orders": at(TWO, 2)}
    with pytest.raises(TemporaryError, match="newer reader"):
        checkpoints.keeper(epoch=6).load()


def test_without_leases_the_last_to_come_has_it(checkpoints: Checkpoints) -> None:
    first, second = checkpoints.keeper(), checkpoints.keeper()
    first.load()
    second.load()
    with pytest.raises(ProviderError, match="another run"):
        first.store({"dbo.Orders": at(ONE)})
    second.store({"dbo.Orders": at(ONE)})


def test_many_tables_in_one_store(checkpoints: Checkpoints) -> None:
    names = [f"dbo.t{number}" for number in range(250)]
    keeper = checkpoints.keeper(*names)
    keeper.load()
    keeper.store({name: at(ONE) for name in names})
    assert set(checkpoints.keeper(*names).load()) == set(names)
    assert len(checkpoints.offsets()) == 250


def test_another_database_is_refused(checkpoints: Checkpoints) -> None:
    keeper = checkpoints.keeper()
    keeper.load()
    keeper.store({"dbo.Orders": at(ONE)})
    with pytest.raises(ConfigurationError) as caught:
        checkpoints.keeper(guid="g2").load()
    assert caught.value.code == "mssql/other-database"
    checkpoints.connection.execute(str(caught.value.hint).rpartition(": ")[2])
    assert checkpoints.keeper(guid="g2", tables=TABLES).load() != {}, "the original's row is still there"


@pytest.mark.parametrize("text", ["", "{", "[]", "7"])
def test_a_position_that_is_none_is_refused_with_what_to_do(checkpoints: Checkpoints, text: str) -> None:
    checkpoints.keeper().load()
    checkpoints.connection.execute("UPDATE dbo.dstream_checkpoints SET position = %s", text)
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        checkpoints.keeper().load()
    assert caught.value.code == "mssql/checkpoint-unreadable"
    checkpoints.connection.execute(str(caught.value.hint).rpartition(": ")[2])
    assert checkpoints.keeper().load() == {}


def test_an_originals_position_that_is_none_is_refused(checkpoints: Checkpoints) -> None:
    checkpoints.connection.execute(ORIGINAL)
    checkpoints.original("Orders", b"\1\2", ZERO)
    with pytest.raises(ConfigurationError, match="has 2 bytes") as caught:
        checkpoints.keeper().load()
    checkpoints.connection.execute(str(caught.value.hint).rpartition(": ")[2])
    assert checkpoints.keeper().load() == {}


def test_looking_marks_and_makes_nothing(checkpoints: Checkpoints) -> None:
    looker = TableKeeper(checkpoints.pool, TABLES, "g1", "task", NoLeases())
    assert looker.look(["dbo.Orders"]) == {}
    assert not TABLES.exists(checkpoints.connection, TABLES.positions)
    checkpoints.connection.execute(ORIGINAL)
    checkpoints.original("Orders", ONE, ONE)
    assert looker.look(["dbo.Orders"]) == {"dbo.Orders": {"changes": ChangePosition(ONE).document()}}
    keeper = checkpoints.keeper()
    keeper.load()
    keeper.store({"dbo.Orders": at(ONE, 2)})
    assert looker.look(["dbo.Orders", "dbo.Items"]) == {"dbo.Orders": at(ONE, 2)}
    keeper.store({"dbo.Orders": at(ONE, 3)})


def test_tables_with_a_row_are_found(checkpoints: Checkpoints) -> None:
    assert not rows_for(checkpoints.connection, TABLES, ["dbo.Orders"])
    checkpoints.connection.execute(ORIGINAL)
    assert not rows_for(checkpoints.connection, TABLES, ["dbo.Orders"])
    checkpoints.original("ORDERS", ONE, ONE)
    assert rows_for(checkpoints.connection, TABLES, ["dbo.Orders"])
    assert not rows_for(checkpoints.connection, TABLES, ["dbo.Items"])


def test_another_name_and_schema(checkpoints: Checkpoints) -> None:
    checkpoints.connection.execute("CREATE SCHEMA [o]]ps]")
    tables = checkpoint_tables("[o]]ps].[my offsets]")
    keeper = checkpoints.keeper(tables=tables)
    keeper.load()
    keeper.store({"dbo.Orders": at(ONE)})
    assert checkpoints.keeper(tables=tables).load() == {"dbo.Orders": at(ONE)}
    assert len(checkpoints.connection.query("SELECT table_name FROM [o]]ps].[my offsets]")) == 1


def test_without_the_right_to_make_tables_the_hint_has_the_statements(fresh: TestServer) -> None:
    name, password = f"re'ader_{uuid4().hex[:6]}", "Reader_1234"
    sql(fresh, f"CREATE LOGIN {quoted(name)} WITH PASSWORD = N'{password}', CHECK_POLICY = OFF", "master")
    sql(fresh, f"CREATE USER {quoted(name)} FOR LOGIN {quoted(name)}")
    connection = connect(replace(fresh.settings, user=name, password=password))
    with pytest.raises(ConfigurationError) as caught:
        TABLES.ensure(connection, TABLES.offsets, TABLES.positions)
    connection.close()
    assert caught.value.code == "mssql/checkpoint-table"
    for part in ("CREATE TABLE [dbo].[dstream_checkpoints]", "CREATE TABLE [dbo].[cdc_offsets]", f"TO {quoted(name)}"):
        assert part in str(caught.value.hint)
    for statement in str(caught.value.hint).partition("or make them: ")[2].split("; "):
        sql(fresh, statement)
    connection = connect(replace(fresh.settings, user=name, password=password))
    TABLES.ensure(connection, TABLES.offsets, TABLES.positions)
    connection.close()


def test_a_server_that_knows_no_if_is_told_one_thing_after_the_other(checkpoints: Checkpoints) -> None:
    first = checkpoints.keeper("dbo.Orders", "dbo.Others")
    first._control_flow = False
    first.load()
    first.store({"dbo.Orders": at(ONE), "dbo.Others": at(ONE)})
    first.store({"dbo.Orders": at(TWO)})
    assert checkpoints.offsets() == {"Orders": (TWO, ZERO), "Others": (ONE, ZERO)}
    second = checkpoints.keeper()
    assert second.load() == {"dbo.Orders": at(TWO)}
    with pytest.raises(ProviderError) as caught:
        first.store({"dbo.Orders": behind(TWO)})
    assert caught.value.code == "mssql/two-readers"
    assert checkpoints.offsets()["Orders"] == (TWO, ZERO)


def test_tables_are_made_in_plainer_words_if_need_be(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dstream_mssql_cdc.shared_tables.POSITIONS_TABLE", POSITIONS_TABLE.replace("Latin1_General_BIN2", "No_Such_One")
    )
    keeper = checkpoints.keeper()
    keeper.load()
    keeper.store({"dbo.Orders": at(ONE)})
    assert checkpoints.keeper().load() == {"dbo.Orders": at(ONE)}


def test_no_lock_outlives_a_request(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that stands still in the middle of a store must not keep others from taking its tables."""
    query, execute, open_transactions = Connection.query, Connection.execute, []

    def watched_query(self: Connection, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        rows = query(self, text, *parameters)
        open_transactions.append(query(self, "SELECT @@TRANCOUNT")[0][0])
        return rows

    def watched_execute(self: Connection, text: str, *parameters: Any) -> int:
        count = execute(self, text, *parameters)
        open_transactions.append(query(self, "SELECT @@TRANCOUNT")[0][0])
        return count

    keeper = checkpoints.keeper("dbo.Orders", "dbo.Other")
    monkeypatch.setattr(Connection, "query", watched_query)
    monkeypatch.setattr(Connection, "execute", watched_execute)
    keeper.load()
    keeper.store({"dbo.Orders": behind(TWO), "dbo.Other": behind(TWO)})
    assert len(open_transactions) > 2
    assert set(open_transactions) == {0}
    assert checkpoints.offsets() == {"Orders": (TWO, LAST), "Other": (TWO, LAST)}
