"""An input behind the shim: lines, acknowledgements, positions, and every way to end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dstream_core.protocol.exact_json import decode_json
from dstream_core.testing import ProviderProcess

Start = Callable[..., ProviderProcess]


def stored(provider: ProviderProcess) -> dict[str, Any]:
    """The stored positions by partition; empty if there is no state file."""
    path = provider.state_dir / "state.json"
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_bytes())
    return dict(document["partitions"])


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.01)


def end(provider: ProviderProcess, acknowledged: int) -> int:
    provider.ack(acknowledged)
    provider.close_stdin()
    return provider.wait()


def test_an_input_that_ends_by_itself_stores_what_was_acknowledged(start: Start) -> None:
    with start("input", count=3) as provider:
        provider.wait_ready()
        lines = provider.read_rest()
        assert lines == [b'{"data":{"n":%d},"metadata":{"seq":%d}}' % (n, n) for n in (1, 2, 3)]
        assert end(provider, 2) == 0
        document = json.loads((provider.state_dir / "state.json").read_bytes())
    assert document == {
        "format": 1,
        "provider": "probe",
        "task": "test",
        "identity": "here",
        "partitions": {"": 2},
    }


def test_nothing_is_stored_before_its_acknowledgement_and_the_rest_comes_again(start: Start) -> None:
    """Invariants 1 and 8."""
    with start("input", count=5) as provider:
        provider.wait_ready()
        provider.read_lines(5)
        assert stored(provider) == {}
        provider.ack(3)
        until(lambda: stored(provider) == {"": 3})
        provider.kill()
    with start("input", count=5) as provider:
        provider.wait_ready()
        assert [line["data"]["n"] for line in provider.envelopes(2)] == [4, 5]


def test_state_is_private(start: Start) -> None:
    with start("input", count=1) as provider:
        provider.wait_ready()
        provider.read_lines(1)
        assert end(provider, 1) == 0
        assert (provider.state_dir / "state.json").stat().st_mode & 0o777 == 0o600
        assert provider.state_dir.stat().st_mode & 0o777 == 0o700
        assert [path.name for path in provider.state_dir.iterdir()] == ["state.json"]


def test_an_acknowledgement_of_lines_that_were_never_written_ends_it_and_stores_nothing(start: Start) -> None:
    with start("input", mode="waits") as provider:
        provider.wait_ready()
        provider.read_lines(1)
        provider.ack(5)
        provider.read_rest()
        provider.close_stdin()
        assert provider.wait() == 1
        assert "5 lines were acknowledged" in provider.stderr
        assert stored(provider) == {}


def test_acknowledgements_that_go_back_change_nothing(start: Start) -> None:
    """Invariant 2."""
    with start("input", count=3) as provider:
        provider.wait_ready()
        provider.read_lines(3)
        provider.ack(3)
        assert end(provider, 1) == 0
        assert stored(provider) == {"": 3}


def test_unknown_control_lines_are_ignored(start: Start) -> None:
    with start("input", count=3) as provider:
        provider.wait_ready()
        provider.read_lines(3)
        provider.write(
            b'{"$dstream":{"later":1}}\n\nnonsense\n{"$dstream":{"ack":true}}\n{"$dstream":[]}\n{"$dstream"\n'
        )
        provider.write(b'{"$dstream":{"ack":2,"new":1}}\n')
        provider.close_stdin()
        assert provider.wait() == 0
        assert stored(provider) == {"": 2}


def test_stop_ends_the_generator_behind_a_whole_line(start: Start) -> None:
    """Invariant 7: stdout is closed first, then the last acknowledgements are taken, then it exits."""
    with start("input", mode="endless") as provider:
        provider.wait_ready()
        provider.read_lines(1000)
        provider.stop()
        provider.read_rest()
        assert not provider.unfinished
        written = len(provider.stdout) - 1
        assert json.loads(provider.stdout[-1])["data"]["n"] == written
        assert end(provider, written) == 0
        assert stored(provider) == {"": {"n": written}}
        assert '"closed"' in provider.stderr


def test_stop_wakes_a_wait_at_once(start: Start) -> None:
    with start("input", mode="waits") as provider:
        provider.wait_ready()
        provider.read_lines(1)
        began = time.monotonic()
        provider.stop()
        provider.read_rest()
        assert time.monotonic() - began < 1.0
        assert end(provider, 1) == 0
        assert '"stopping":true' in provider.stderr


@pytest.mark.parametrize(("mode", "said"), [("blocked", "interrupted"), ("asynchronous-blocked", "cancelled")])
def test_stop_interrupts_what_is_blocked_after_two_seconds(start: Start, mode: str, said: str) -> None:
    with start("input", mode=mode) as provider:
        provider.wait_ready()
        provider.read_lines(1)
        began = time.monotonic()
        provider.stop()
        provider.read_rest()
        assert 1.5 < time.monotonic() - began < 5.0
        assert end(provider, 1) == 0
        assert said in provider.stderr
        assert "Traceback" not in provider.stderr
        assert stored(provider) == {"": 1}


@pytest.mark.parametrize("mode", ["waits", "endless", "asynchronous-waits"])
def test_a_stdin_that_ends_without_stop_means_that_the_orchestrator_died(start: Start, mode: str) -> None:
    with start("input", mode=mode) as provider:
        provider.wait_ready()
        provider.read_lines(1)
        provider.close_stdin()
        provider.read_rest()
        assert provider.wait() == 1
        assert stored(provider) == {}
        assert "Traceback" not in provider.stderr


def test_a_stdout_that_nobody_reads_ends_it_quietly(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dstream_core.shim", "probe", "--role", "input"]
    variables = os.environ | environment | {"DSTREAM_STATE_DIR": str(tmp_path / "state")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b'{"mode":"endless"}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("mode", "code", "said", "traceback"),
    [
        ("temporary", 75, "the connection was lost", False),
        ("configuration", 2, "there is no such table", False),
        ("bug", 1, "ZeroDivisionError: a bug", True),
        ("not-finite", 1, "line 2 holds a number that is not finite", False),
        ("not-unicode", 1, "line 1 holds a text that is not Unicode", False),
        ("not-json", 1, "line 1 cannot be written as JSON", False),
        ("not-an-envelope", 1, "this one yielded dict", False),
        ("number", 1, "answered int, which cannot be iterated", False),
    ],
)
def test_a_failure_after_ready_is_a_log_record_and_an_exit_code(
    start: Start, mode: str, code: int, said: str, traceback: bool
) -> None:
    with start("input", mode=mode) as provider:
        provider.wait_ready()
        lines = provider.read_rest()
        # What came before the failure is delivered, and its acknowledgement is still taken.
        assert len(lines) == (1 if mode in ("temporary", "configuration", "bug", "not-finite") else 0)
        until(lambda: said in provider.stderr)
        assert end(provider, len(lines)) == code
        record = next(line for line in provider.stderr.splitlines() if line.startswith('{"$dstream"'))
        assert json.loads(record)["$dstream"]["log"]["level"] == "error"
        assert ("Traceback" in provider.stderr) is traceback
        assert stored(provider) == ({"": 1} if lines else {})


def test_no_stray_write_reaches_the_stream(start: Start) -> None:
    """Invariant 4."""
    with start("input", mode="prints") as provider:
        provider.wait_ready()
        provider.write(b"this must not reach a subprocess\n")
        assert provider.read_rest() == [b'{"data":{"n":1},"metadata":{}}']
        provider.close_stdin()
        assert provider.wait() == 0
        said = provider.stderr
    for text in ("print", "descriptor 1", "a subprocess", "the C library"):
        assert f"from {text}\n" in said
    assert '{"data":{"n":"forged"}}\n' in said
    assert said.endswith("no newline")
    assert "must not reach" not in said


def test_values_keep_their_meaning(start: Start) -> None:
    with start("input", mode="values") as provider:
        provider.wait_ready()
        numbers, times, texts, raw, nothing = provider.read_rest()
    assert numbers == b'{"data":{"int":123456789012345678901234567890,"decimal":0.10},"metadata":{}}'
    assert decode_json(numbers)["data"]["decimal"] == Decimal("0.10")
    assert decode_json(times)["data"] == {"time": "2026-01-02T03:04:05Z", "bytes": "AP8=", "null": None}
    assert decode_json(texts)["data"]["text"] == 'ä\n"\u2028'
    assert raw == b'{"data":{"n": 100000000000000000000000000000000,  "f": 1.10},"metadata":{"raw":true}}'
    assert nothing == b'{"data":null,"metadata":{}}'


def test_encoded_lines_go_out_between_the_others(start: Start) -> None:
    with start("input", mode="encoded") as provider:
        provider.wait_ready()
        assert [line["data"]["n"] for line in provider.envelopes(4)] == [0, 1, 2, 3]
        provider.ack(3)
        until(lambda: stored(provider) == {"": 2})
        assert end(provider, 4) == 0
        assert stored(provider) == {"": 3}


def test_an_acknowledgement_inside_encoded_lines_is_stored_where_it_ends(start: Start) -> None:
    """Invariant 8: acknowledged lines of a block do not repeat because others of it are in flight."""
    with start("input", mode="divided") as provider:
        provider.wait_ready()
        provider.read_lines(8)
        for acknowledged, position in ((1, 1), (3, 3), (4, {"at": "middle"}), (7, {"a": 3})):
            provider.ack(acknowledged)
            until(lambda position=position: stored(provider).get("b") == position)  # type: ignore[misc]  a default
        assert end(provider, 8) == 0
        assert stored(provider) == {"b": 4}


def test_what_is_acknowledged_is_stored_within_a_tenth_of_a_second(start: Start) -> None:
    """Invariant 8. The middle of many: one sync of a disk that has other work may take any time."""
    lags = []
    with start("input", mode="paced", count=40) as provider:
        provider.wait_ready()
        for number in range(1, 41):
            provider.read_line()
            provider.ack(number)
            begin = time.monotonic()
            until(lambda number=number: stored(provider) == {"": number})  # type: ignore[misc]  a default
            lags.append(time.monotonic() - begin)
    assert sorted(lags)[20] < 0.1, lags


def test_an_input_that_cannot_say_where_it_stands_fails_with_a_traceback(start: Start) -> None:
    with start("input", mode="undivided") as provider:
        provider.wait_ready()
        provider.read_lines(2)
        provider.ack(1)
        until(lambda: "no position" in provider.stderr)
        assert stored(provider) == {}
        assert end(provider, 1) == 1
        assert "Traceback" in provider.stderr
        assert stored(provider) == {}


@pytest.mark.parametrize(("mode", "count"), [("nothing", 0), ("listed", 1)])
def test_hooks_that_are_no_generators(start: Start, mode: str, count: int) -> None:
    with start("input", mode=mode) as provider:
        provider.wait_ready()
        assert len(provider.read_rest()) == count
        assert end(provider, count) == 0
        assert stored(provider) == ({"": "end"} if count else {})


def test_partitions_are_stored_apart(start: Start) -> None:
    with start("input", mode="partitions") as provider:
        provider.wait_ready()
        provider.read_lines(6)
        provider.ack(3)
        until(lambda: stored(provider) == {"a": 2, "b": {"at": 1}})
        provider.ack(6)
        until(lambda: stored(provider) == {"a": 3, "b": {"at": 3}, "c": [1, 2]})


def test_a_checkpoint_without_lines_is_stored_at_once(start: Start) -> None:
    with start("input", mode="checkpoint-only") as provider:
        provider.wait_ready()
        until(lambda: stored(provider) == {"": {"lsn": 7}})


def test_a_position_of_another_source_is_refused(start: Start) -> None:
    with start("input", count=1) as provider:
        provider.wait_ready()
        provider.read_lines(1)
        assert end(provider, 1) == 0
    with start("input", mode="other-identity") as provider:
        provider.wait_ready()
        assert provider.read_rest() == []
        provider.close_stdin()
        assert provider.wait() == 2
        assert "'here'" in provider.stderr
        assert "'elsewhere'" in provider.stderr
        assert "state/other-source" in provider.stderr


@pytest.mark.parametrize("provider_id", ["source"])
def test_a_position_of_another_provider_is_refused_before_ready(start: Start, provider_id: str) -> None:
    with start("input", count=1) as provider:
        provider.wait_ready()
        provider.read_lines(1)
        assert end(provider, 1) == 0
    with start("input", provider=provider_id) as provider:
        assert "belongs to provider 'probe'" in provider.refusal().message
        assert provider.wait() == 2


def test_a_lone_line_is_on_the_pipe_at_once(start: Start) -> None:
    with start("input", count=20, pause=0.05) as provider:
        provider.wait_ready()
        arrivals = []
        for _ in range(20):
            provider.read_line()
            arrivals.append(time.monotonic())
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    assert sorted(gaps)[len(gaps) // 2] < 0.075  # the pause itself is 50 ms


def test_a_line_of_64_mb_passes(start: Start) -> None:
    with start("input", mode="large", count=64) as provider:
        provider.wait_ready()
        (line,) = provider.read_lines(1, 60)
        assert len(line) > 64_000_000
        assert end(provider, 1) == 0
        assert stored(provider) == {"": 1}


def test_asynchronous_inputs(start: Start) -> None:
    with start("input", mode="asynchronous", count=50_000) as provider:
        provider.wait_ready()
        lines = provider.read_rest()
        assert len(lines) == 50_000
        assert end(provider, len(lines)) == 0
        assert stored(provider) == {"": 50_000}


def test_an_older_orchestrator_gets_ready_and_positions_once_written(start: Start) -> None:
    with start("input", older=True, arguments=("--role", "input"), count=3) as provider:
        assert provider.wait_ready().role == "input"
        provider.close_stdin()
        assert len(provider.read_rest()) == 3
        assert provider.wait() == 0
        assert stored(provider) == {"": 3}
    with start("input", older=True, arguments=("--role", "input"), count=4) as provider:
        provider.close_stdin()
        provider.wait_ready()
        assert len(provider.read_rest()) == 1


def test_by_hand_the_end_of_stdin_is_no_stop_but_sigterm_is(start: Start) -> None:
    with start("input", older=True, arguments=("--role", "input"), mode="endless") as provider:
        provider.close_stdin()
        provider.wait_ready()
        provider.read_lines(10_000)
        provider.signal(signal.SIGTERM)
        provider.read_rest()
        assert provider.wait() == 0
        assert not provider.unfinished
        assert stored(provider) == {"": {"n": len(provider.stdout) - 1}}
        assert "info: closed" in provider.stderr


def test_without_a_state_directory_by_hand_it_lies_beside(environment: dict[str, str], tmp_path: Path) -> None:
    variables = os.environ | environment
    variables.pop("DSTREAM_STATE_DIR", None)
    command = [sys.executable, "-m", "dstream_core.shim", "probe", "--role", "input"]
    done = subprocess.run(command, input=b'{"count":1}', cwd=tmp_path, env=variables, capture_output=True, timeout=30)
    assert done.returncode == 0
    assert (tmp_path / ".dstream/by-hand/probe-input/state.json").exists()


def test_an_input_that_takes_no_acknowledgements_stores_once_written(start: Start) -> None:
    with start("input", provider="unacknowledged", count=3) as provider:
        assert provider.wait_ready().capabilities == frozenset()
        provider.read_lines(3)
        until(lambda: stored(provider) == {"": 3})


def test_sigterm_is_a_stop_too(start: Start) -> None:
    with start("input", mode="waits") as provider:
        provider.wait_ready()
        provider.read_lines(1)
        provider.signal(signal.SIGTERM)
        provider.read_rest()
        assert end(provider, 1) == 0
        assert stored(provider) == {"": 1}


def test_an_unwritable_state_directory_is_an_error_at_the_end(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with start("input", count=1, state_dir=tmp_path / "file" / "state") as provider:
        answer = provider.handshake()
        provider.read_rest()
        provider.ack(1)
        provider.close_stdin()
        assert provider.wait() in (1, 2)
        assert "Traceback" not in provider.stderr
        assert str(tmp_path) in provider.stderr + repr(answer)


def test_positions_kept_elsewhere_come_back_and_the_state_file_is_not_written(start: Start, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for first, last in ((1, 3), (3, 4)):
        with start("input", mode="kept-elsewhere", count=4) as provider:
            provider.wait_ready()
            lines = provider.read_rest()
            assert json.loads(lines[0])["data"] == {"n": first}
            assert end(provider, last - first if first == 1 else 2) == 0
            assert "the keeper is closed" in provider.stderr
        assert stored(provider) == {}
    assert (tmp_path / "elsewhere" / "at.txt").read_text() == "4"


def test_a_keeper_that_refuses_for_good_ends_the_run_with_its_message(start: Start, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "refuse").touch()
    with start("input", mode="kept-elsewhere", count=10**6, pause=0.01) as provider:
        provider.wait_ready()
        provider.read_line()
        provider.ack(1)
        provider.read_rest()
        provider.close_stdin()
        assert provider.wait() == 2
        assert "nobody may write here" in provider.stderr
