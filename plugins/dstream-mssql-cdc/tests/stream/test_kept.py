"""Where positions are kept: the state file belongs to one database from the first position on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api import ConfigurationError, State
from dstream_mssql_cdc.stream.kept import KeptElsewhere, KeptInState


def a_state(directory: Path) -> State:
    return State(directory, "mssql-cdc", "orders")


def test_a_first_position_is_stored_under_the_identity_of_the_database(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    kept = KeptInState(state, "guid-1")
    state.store({"dbo.Orders": b'{"asked":""}'})
    assert kept.stored("dbo.Orders") == {"asked": ""}, "and can be read again in the same run"
    assert KeptInState(a_state(tmp_path), "guid-1").load() == {"dbo.Orders": {"asked": ""}}


def test_positions_of_another_database_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    KeptInState(state, "guid-1")
    state.store({"dbo.Orders": b"{}"})
    with pytest.raises(ConfigurationError) as caught:
        KeptInState(a_state(tmp_path), "guid-2")
    assert caught.value.code == "state/other-source"


class Remote:
    """A keeper that gives positions without their epochs, as those with leases do."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def load(self) -> dict[str, Any]:
        return {name: {"changes": value["changes"]} for name, value in self.kept.items()}

    def store(self, positions: Mapping[str, Any]) -> None:
        self.kept.update(positions)

    def close(self) -> None:
        pass


def test_what_a_run_stored_is_told_as_it_was_stored_when_tables_are_gained_later() -> None:
    kept = KeptElsewhere(Remote(), lambda: None)
    position = {"changes": ["00", 0, "00", 0], "epoch": 7}
    kept.store({"dbo.Orders": position})
    kept.load()
    assert kept.stored("dbo.Orders") == position
