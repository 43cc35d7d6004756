"""Where positions are kept: the state file belongs to one database from the first position on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dstream_core.api import ConfigurationError, State
from dstream_mssql_cdc.stream.kept import KeptInState


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
