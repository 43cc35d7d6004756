"""The counter: what it yields, how far, how fast, and where it goes on."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dstream_core.testing import ProviderProcess, Subject, conformance_checks, run_input
from dstream_counter.config import CounterOptions
from dstream_counter.provider import Clock, Counter, values_after

COMMAND = [Path(sys.executable).with_name("dstream-counter")]


def test_values() -> None:
    assert list(values_after(0, 3)) == [1, 2, 3]
    assert list(values_after(2, 3)) == [3]
    assert list(values_after(3, 3)) == []
    assert list(values_after(7, 3)) == []
    assert list(islice(values_after(5, 0), 2)) == [6, 7]


def test_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, second) = run_input(Counter(), CounterOptions(interval=0, max_count=2))
    assert first.data["value"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.data["timestamp"])
    assert first.metadata == {"seq": 1, "source": "counter", "interval_ms": 0}
    assert (second.data["value"], second.metadata["seq"], second.position) == (2, 2, 2)


def test_counting_from_one_each_time() -> None:
    options = CounterOptions(interval=0, max_count=3, resume=False)
    items = run_input(Counter(), options, positions={"": 2})
    assert [(item.data["value"], item.position) for item in items] == [(1, None), (2, None), (3, None)]


def test_the_clock_is_right_to_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    for milliseconds in (0, 1, 999, 1_700_000_000_001, 1_700_000_000_999, 4_102_444_800_057):
        monkeypatch.setattr("time.time_ns", lambda milliseconds=milliseconds: milliseconds * 1_000_000 + 999_999)
        assert datetime.fromisoformat(clock.now()).astimezone(UTC).timestamp() * 1000 == pytest.approx(milliseconds)
        assert clock.now().endswith(f".{milliseconds % 1000:03}Z")


def test_the_pace() -> None:
    moments = [item.data["timestamp"] for item in run_input(Counter(), CounterOptions(interval=50, max_count=4))]
    first, last = (datetime.fromisoformat(moment) for moment in (moments[0], moments[-1]))
    assert (last - first).total_seconds() == pytest.approx(0.15, abs=0.1)


@pytest.mark.parametrize("options", [{"interval": -1}, {"max_count": -1}, {"interval": "soon"}, {"other": 1}])
def test_wrong_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CounterOptions(**options)


@pytest.mark.parametrize("check", conformance_checks("input"), ids=str)
def test_conformance(check: Any) -> None:
    check.run(Subject(COMMAND, "input", {"interval": 1}))


def test_it_goes_on_behind_what_was_acknowledged(tmp_path: Path) -> None:
    for first, last in ((1, 4), (5, 10), (11, 10)):
        config = {"interval": 0, "maxCount": last}
        with ProviderProcess(COMMAND, "input", config, state_dir=tmp_path) as provider:
            provider.wait_ready()
            values = [line["data"]["value"] for line in provider.envelopes(last + 1 - first)]
            assert values == list(range(first, last + 1))
            assert provider.read_rest() == []  # stdin that ends before stdout does is an orchestrator that died
            provider.ack(len(values))
            provider.close_stdin()
            assert provider.wait() == 0


def test_under_an_older_orchestrator(tmp_path: Path) -> None:
    with ProviderProcess(COMMAND, "input", {"interval": 0, "maxCount": 2}, older=True, state_dir=tmp_path) as provider:
        provider.close_stdin()
        provider.wait_ready()
        assert [line["data"]["value"] for line in provider.envelopes(2)] == [1, 2]
        assert provider.wait() == 0


def test_check(tmp_path: Path) -> None:
    with ProviderProcess(COMMAND, "input", {"max_count": 5}, verb="check") as provider:
        provider.wait_ready()
        assert provider.result()["message"] == "counts to 5"
