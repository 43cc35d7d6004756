"""Which tables are read as leases come and go; nothing is read, since nobody takes the work."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from dstream_core.api import Log
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.catalog.values import CaptureInstance, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.leases.leases import NoLeases
from dstream_mssql_cdc.position import ZERO, ChangePosition, TablePosition
from dstream_mssql_cdc.stream.coordinator import LEASES_SECONDS, Coordinator
from dstream_mssql_cdc.stream.membership import Membership
from dstream_mssql_cdc.stream.outlet import Outlet
from dstream_mssql_cdc.stream.shared import Shared
from dstream_mssql_cdc.stream.telling import GapError

LSN = (100).to_bytes(10, "big")
MADE = datetime(2026, 1, 1)  # noqa: DTZ001  as the server gives it: local, without a zone


def table(name: str) -> Table:
    instance = CaptureInstance(f"dbo_{name}", 1, LSN, (), True, None, False, f"dbo_{name}_CT", MADE)
    return Table("dbo", name, 1, (), (), (instance,))


class Held(NoLeases):
    """Leases as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: dict[str, int | None] = {}
        self.leaving: set[str] = set()

    def held(self) -> Mapping[str, int | None]:
        return dict(self.epochs)

    def should_release(self) -> set[str]:
        return set(self.leaving)

    def release(self, name: str) -> None:
        self.epochs.pop(name)
        self.leaving.discard(name)


class Copy:
    """One copy's tables, and where they stand."""

    def __init__(self, log: Log) -> None:
        position = TablePosition(ChangePosition.behind(LSN)).document()
        self.kept: dict[str, Any] = {"dbo.Orders": position, "dbo.Items": position}
        self.loads = 0
        self.leases = Held()
        options = MssqlCdcOptions.model_validate({"db_connection_string": "Server=x;Database=x;User ID=x;Password=x"})
        unused: Any = None
        self.shared = shared = Shared(unused, options, unused, unused, Outlet(), log, self.kept.get)
        self.membership = Membership(shared, TableSelection([]), self.leases, self.load)
        self.membership.take_catalog((table("Orders"), table("Items")))
        self.leases.epochs = {"dbo.Orders": 1, "dbo.Items": 1}
        self.follow()

    def load(self) -> Mapping[str, Any]:
        self.loads += 1
        return {name: self.kept[name] for name in self.leases.epochs}

    def follow(self) -> None:
        self.membership.follow_leases(LSN)


@pytest.fixture
def copy() -> Iterator[Copy]:
    reading, writing = os.pipe()
    yield Copy(Log(structured=False, descriptor=writing))
    os.close(reading)
    os.close(writing)


def test_a_table_that_was_handed_over_is_not_begun_again(copy: Copy) -> None:
    copy.leases.leaving = {"dbo.Orders"}
    assert copy.membership.leases_moved()
    copy.follow()
    assert set(copy.membership.streams) == {"dbo.Items"}
    assert copy.loads == 1
    assert not copy.membership.leases_moved()


def test_a_table_is_handed_over_once_what_was_emitted_is_stored(copy: Copy) -> None:
    stream = copy.membership.streams["dbo.Orders"]
    stream.emitted = {"later": True}
    copy.leases.leaving = {"dbo.Orders"}
    copy.follow()
    assert stream.leaving
    assert "dbo.Orders" in copy.leases.epochs
    copy.kept["dbo.Orders"] = stream.emitted
    copy.follow()
    assert "dbo.Orders" not in copy.leases.epochs


def test_a_table_that_nobody_wants_any_more_is_read_on(copy: Copy) -> None:
    """The copy that came has died before it was given anything."""
    stream = copy.membership.streams["dbo.Orders"]
    stream.emitted = {"later": True}
    copy.leases.leaving = {"dbo.Orders"}
    copy.follow()
    copy.leases.leaving = set()
    copy.follow()
    assert not stream.leaving


def test_a_table_that_is_taken_anew_begins_where_it_is_stored(copy: Copy) -> None:
    copy.leases.epochs["dbo.Orders"] = 2
    assert copy.membership.leases_moved()
    copy.follow()
    assert copy.membership.streams["dbo.Orders"].epoch == 2
    assert copy.membership.streams["dbo.Items"].epoch == 1


def test_a_table_that_is_lost_while_positions_are_loaded_is_not_begun(copy: Copy) -> None:
    """It would begin with a snapshot: where it stands was not told any more."""
    copy.leases.epochs = {"dbo.Items": 1}
    copy.follow()

    def lost() -> Mapping[str, Any]:
        copy.leases.epochs = {"dbo.Items": 1}
        return {}

    copy.membership._load = lost
    copy.leases.epochs["dbo.Orders"] = 3
    copy.follow()
    assert set(copy.membership.streams) == {"dbo.Items"}


def test_a_table_that_the_capture_job_has_not_come_to_is_not_begun(copy: Copy) -> None:
    """Where its changes begin is not known; whatever was taken for it would show as a gap later."""
    unknown = table("New")
    unknown = replace(unknown, instances=(replace(unknown.instances[0], start_lsn=ZERO, begun=False),))
    known = (table("Orders"), table("Items"))
    copy.membership.take_catalog((*known, unknown))
    copy.leases.epochs["dbo.New"] = 1
    copy.follow()
    assert "dbo.New" not in copy.membership.streams
    assert not copy.membership.leases_moved(), "nothing can be done about it now"

    copy.membership.take_catalog((*known, table("New")))
    copy.kept["dbo.New"] = None
    copy.follow()
    assert "dbo.New" in copy.membership.streams


@pytest.mark.parametrize("on_replicas", [False, True])
def test_a_position_beyond_a_replicas_maximum_has_time(copy: Copy, on_replicas: bool, monkeypatch: Any) -> None:
    """Sessions with two readable secondaries see two maxima."""
    pool: Any = SimpleNamespace(on_replicas=on_replicas)
    copy.membership._shared.pool = pool
    stream = copy.membership.streams["dbo.Orders"]
    stream.position = TablePosition(ChangePosition.behind((200).to_bytes(10, "big")))
    behind = (150).to_bytes(10, "big")
    if on_replicas:
        copy.membership.check_gap(stream, behind)
        copy.membership.check_gap(stream, (200).to_bytes(10, "big"))
        assert stream.beyond_since is None, "it has caught up"
        copy.membership.check_gap(stream, behind)
        monkeypatch.setattr("dstream_mssql_cdc.stream.membership.REPLICA_SECONDS", 0.0)
    with pytest.raises(GapError, match="beyond"):
        copy.membership.check_gap(stream, behind)


def test_a_long_pause_ends_when_a_table_is_gained(copy: Copy) -> None:
    """`max_poll_interval` is for the changes of idle tables, not for those that another copy left."""
    unused: Any = None
    coordinator = Coordinator(copy.shared, copy.membership, unused, unused, unused)
    del copy.leases.epochs["dbo.Orders"]
    copy.follow()
    resting = threading.Thread(target=coordinator._rest, args=(600.0,), daemon=True)
    resting.start()
    resting.join(3 * LEASES_SECONDS)
    assert resting.is_alive()
    copy.leases.epochs["dbo.Orders"] = 2
    resting.join(10)
    assert not resting.is_alive()
