"""Lifecycle verbs behind the shim: one hook, one result."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from dstream_core.testing import ProviderProcess

Start = Callable[..., ProviderProcess]


def answer(provider: ProviderProcess) -> tuple[dict[str, Any], int]:
    provider.wait_ready()
    result = provider.result()
    assert provider.read_rest() == []
    return result, provider.wait()


def test_a_result_with_its_counts(start: Start) -> None:
    with start("output", verb="init", session={"consent": ("install",)}) as provider:
        result, code = answer(provider)
    assert code == 0
    assert result["status"] == "Success"
    assert result["resources"] == [{"id": "q", "type": "queue", "action": "create"}]
    assert result["changes"] == {"create": 1, "update": 0, "delete": 0, "same": 0}
    assert result["message"] == "['install']"


def test_arguments_reach_the_hook(start: Start) -> None:
    with start("output", verb="plan", session={"arguments": {"destroy": True}}) as provider:
        result, _ = answer(provider)
    assert result["resources"][0]["action"] == "delete"


def test_discover_answers_the_source_and_an_output_gets_it(start: Start) -> None:
    with start("input", verb="discover") as provider:
        result, _ = answer(provider)
    assert result["source"] == {"tables": [{"name": "Orders"}]}
    with start("output", verb="status", session={"source": result["source"]}) as provider:
        assert answer(provider)[0]["source"] == result["source"]


def test_a_hook_may_be_a_coroutine(start: Start) -> None:
    with start("input", verb="check") as provider:
        result, code = answer(provider)
    assert (result["message"], result["healthy"], code) == ("asynchronously fine", True, 0)


@pytest.mark.parametrize(
    ("mode", "code", "error", "traceback"),
    [
        ("fails", 1, "the queue is gone", False),
        ("raises", 2, "no such queue", False),
        ("bug", 1, "ZeroDivisionError: a bug", True),
        ("none", 1, "dstream_status of probe answered NoneType, not a Result", False),
    ],
)
def test_a_failure_is_a_result_too(start: Start, mode: str, code: int, error: str, traceback: bool) -> None:
    with start("output", verb="status", mode=mode) as provider:
        result, exit_code = answer(provider)
        assert ("Traceback" in provider.stderr) is traceback
    assert (result["status"], result["error"], exit_code) == ("Failed", error, code)
    assert result.get("hint") == ("run init" if mode == "raises" else None)


@pytest.mark.parametrize(
    ("role", "verb", "message"),
    [
        ("input", "init", "probe is an input provider and has no infrastructure to init"),
        ("input", "state", "probe does not answer `state` as an input provider"),
        ("output", "discover", "probe does not answer `discover` as an output provider"),
    ],
)
def test_a_verb_without_a_hook_says_so(start: Start, role: str, verb: str, message: str) -> None:
    with start(role, verb=verb) as provider:
        assert provider.refusal().message == message
        assert provider.wait() == 2


def test_sigterm_lets_the_hook_finish_what_it_has_in_hand(start: Start) -> None:
    with start("output", verb="destroy") as provider:
        provider.wait_ready()
        deadline = time.monotonic() + 10
        while "waiting" not in provider.stderr and time.monotonic() < deadline:
            time.sleep(0.01)
        provider.signal(signal.SIGTERM)
        assert provider.result()["message"] == "stopping=True"
        assert provider.wait() == 0
