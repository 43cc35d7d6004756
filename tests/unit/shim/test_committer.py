"""Acknowledged positions on their way to where they are kept, which may be away for a while."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api.delivery.positions import Positions
from dstream_core.api.log import Log
from dstream_core.api.state import State
from dstream_core.errors import ConfigurationError, DStreamError, ExitCode, TemporaryError, exit_code_of
from dstream_core.shim import committer as module
from dstream_core.shim.committer import Committer, StateError


class Table:
    """A keeper that fails as often as it is told to."""

    def __init__(self, failures: int = 0, error: Callable[[], DStreamError] = lambda: TemporaryError("away")) -> None:
        self.rows: dict[str, Any] = {}
        self.failures = failures
        self.stores = 0
        self.closed = 0
        self._error = error

    def load(self) -> Mapping[str, Any]:
        return self.rows

    def store(self, positions: Mapping[str, Any]) -> None:
        self.stores += 1
        if self.failures:
            self.failures -= 1
            raise self._error()
        self.rows.update(positions)

    def close(self) -> None:
        self.closed += 1


class Run:
    """A committer with what stands around it."""

    def __init__(self, folder: Path, keeper: Table, every: float = 0.0) -> None:
        self.keeper = keeper
        self.state = State(folder, "p", "t")
        self.state.keep_in(keeper, every)
        self.positions = Positions()
        self.stopped = threading.Event()
        self._log, writing = os.pipe()
        self.committer = Committer(
            self.positions, self.state, Log(structured=False, descriptor=writing), self.stopped.set
        )
        self._writing = writing

    def acknowledge(self, count: int, partition: str = "") -> None:
        self.positions.marks[partition].append((count, str(count).encode()))
        self.positions.acknowledge(count)
        self.committer.advance()

    def log(self) -> str:
        os.close(self._writing)
        with os.fdopen(self._log) as log:
            return log.read()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_acknowledged_goes_to_the_keeper_and_never_to_the_file(tmp_path: Path) -> None:
    run = Run(tmp_path, Table())
    run.positions.marks[""].append((2, b"2"))  # not acknowledged: never stored (invariant 1)
    run.positions.acknowledge(1)
    run.committer.advance()
    run.acknowledge(1, "Orders")
    until(lambda: run.keeper.rows == {"Orders": 1})
    run.committer.finish()
    assert run.keeper.rows == {"Orders": 1}
    assert run.state.resume("db", "Orders") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_keeper_that_is_away_is_said_once_and_tried_again(tmp_path: Path) -> None:
    run = Run(tmp_path, Table(failures=3))
    run.acknowledge(7)
    until(lambda: run.keeper.rows == {"": 7})
    run.committer.finish()
    assert run.log().count("away") == 1
    assert not run.stopped.is_set()


def test_a_moments_failure_at_the_end_is_got_over(tmp_path: Path) -> None:
    run = Run(tmp_path, Table())
    run.acknowledge(1)
    until(lambda: run.keeper.rows == {"": 1})
    run.keeper.failures = 2
    run.acknowledge(2)
    run.committer.finish()
    assert run.keeper.rows == {"": 2}


def test_a_keeper_that_stays_away_is_a_state_error_worth_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.2)
    run = Run(tmp_path, Table(failures=10**6))
    run.acknowledge(1)
    with pytest.raises(StateError, match="away") as caught:
        run.committer.finish()
    assert caught.value.code == "state/not-stored"
    assert exit_code_of(caught.value) is ExitCode.TEMPORARY


def test_a_refusal_for_good_stops_the_run_with_its_own_message(tmp_path: Path) -> None:
    run = Run(tmp_path, Table(1, lambda: ConfigurationError("no right to write", code="x/denied")))
    run.acknowledge(1)
    assert run.stopped.wait(5)
    with pytest.raises(ConfigurationError, match="no right to write"):
        run.committer.finish()
    assert run.keeper.stores == 1


def test_stores_come_no_more_often_than_asked(tmp_path: Path) -> None:
    run = Run(tmp_path, Table(), every=60.0)
    run.acknowledge(1)
    until(lambda: run.keeper.stores == 1)
    for count in range(2, 100):
        run.acknowledge(count)
    time.sleep(0.15)  # three pauses of the file's rhythm, in which nothing may happen
    assert run.keeper.stores == 1
    run.committer.finish()
    assert run.keeper.rows == {"": 99}
    assert run.keeper.stores == 2
