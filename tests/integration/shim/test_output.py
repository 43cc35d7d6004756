"""An output behind the shim: batches, acknowledgements, dead letters, and every way to end."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dstream_core.testing import ProviderProcess

Start = Callable[..., ProviderProcess]

LIMIT = 64 * 1024 * 1024


def lines(count: int, start: int = 1) -> list[dict[str, Any]]:
    return [{"data": {"n": number}, "metadata": {"seq": number}} for number in range(start, start + count)]


def finish(provider: ProviderProcess) -> int:
    provider.close_stdin()
    provider.read_rest()
    return provider.wait()


def acknowledged(provider: ProviderProcess) -> int:
    """The last count on stdout so far."""
    counts = [json.loads(line)["$dstream"]["ack"] for line in provider.stdout if line.startswith(b'{"$dstream"')]
    assert counts == sorted(set(counts)), "counts must rise"
    return counts[-1] if counts else 0


def kept(provider: ProviderProcess) -> list[dict[str, Any]]:
    path = provider.dead_letters / "rejected.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.01)


@pytest.mark.parametrize("mode", ["count", "lines", "parallel", "asynchronous"])
def test_all_lines_are_acknowledged_before_the_exit(start: Start, mode: str) -> None:
    """Invariant 2: counts only rise, whatever the order and the thread of the acknowledgements."""
    with start("output", mode=mode) as provider:
        provider.wait_ready()
        provider.send(lines(2000))
        assert finish(provider) == 0
        assert acknowledged(provider) == 2000


def test_a_line_is_acknowledged_within_a_second_while_the_input_goes_on(start: Start) -> None:
    with start("output", mode="count") as provider:
        provider.wait_ready()
        for count in range(1, 4):
            provider.send(lines(1, count))
            assert provider.wait_ack(count, 1.0)[-1] == count


def test_counts_are_sent_no_more_often_than_every_fifty_milliseconds(start: Start) -> None:
    with start("output", mode="slow", pause=0.001) as provider:
        provider.wait_ready()
        began = time.monotonic()
        provider.send(lines(300))
        counts = provider.wait_ack(300)
        assert len(counts) <= (time.monotonic() - began) / 0.05 + 2


def test_no_lines_are_no_error(start: Start) -> None:
    with start("output", mode="count") as provider:
        provider.wait_ready()
        assert finish(provider) == 0
        assert provider.stdout[1:] == [b"0 lines"]


def test_data_may_come_together_with_the_command_line(start: Start) -> None:
    with start("output", mode="count") as provider:
        provider.send(lines(3))  # before ready, so most likely in one read with the command
        provider.wait_ready()
        assert finish(provider) == 0
        assert acknowledged(provider) == 3


def test_data_and_metadata_as_they_came(start: Start) -> None:
    with start("output", mode="shows") as provider:
        provider.wait_ready()
        provider.write(b'{"metadata":{"t":"O"},"data": {"n" : 1.10, "big":123456789012345678901234567890} }\n')
        provider.write(b'{"data":null}\n{"data":[1e999],"metadata":null,"other":1}\n')
        assert finish(provider) == 0
        assert provider.stdout[1:4] == [
            b"1 {\"n\" : 1.10, \"big\":123456789012345678901234567890} {'t': 'O'}",
            b"2 null {}",
            b"3 [1e999] {}",
        ]


def test_a_line_without_its_newline_is_not_delivered(start: Start) -> None:
    with start("output", mode="count") as provider:
        provider.wait_ready()
        provider.send(lines(2))
        provider.write(b'{"data":{"n":3}}')
        assert finish(provider) == 0
        assert acknowledged(provider) == 2
        assert b"2 lines" in provider.stdout
        assert "ended inside a line: its 16 bytes" in provider.stderr


@pytest.mark.parametrize("size", [64 * 1024 - 1, 64 * 1024, 300_000, LIMIT + 5])
def test_lines_of_any_length(start: Start, size: int) -> None:
    with start("output", mode="count") as provider:
        provider.wait_ready()
        padding = b"x" * size
        began = time.monotonic()
        provider.write(b'{"data":{"n":"' + padding + b'"}}\n{"data":{"n":"' + padding + b'"}}\n{"data":1}\n')
        assert provider.wait_ack(3, 60)[-1] == 3
        assert time.monotonic() - began < 20
        assert finish(provider) == 0


INVALID = [
    b"nonsense",
    b"",
    b"[1]",
    b'"text"',
    b'{"dat":{}}',
    b'{"data":{}',
    b'{"data":{"a":"\xff"}}',
    b'{"data":1,"metadata":[1]}',
    b'{"data":1}{"data":2}',
    b'{"data":"a\x00b"}',
    b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"$dstream":{"ack":9}}',
]


def test_what_is_no_envelope_is_kept_byte_for_byte(start: Start) -> None:
    """Invariant 10."""
    with start("output", mode="count") as provider:
        provider.wait_ready()
        for line in INVALID:
            provider.write(line + b'\n{"data":0}\n')
        assert finish(provider) == 0
        assert acknowledged(provider) == 2 * len(INVALID)
        assert f"{len(INVALID)} lines".encode() in provider.stdout
        records = kept(provider)
        assert [record["number"] for record in records] == list(range(1, 2 * len(INVALID), 2))
        for record, line in zip(records, INVALID, strict=True):
            bytes_kept = base64.b64decode(record["line_base64"]) if "line_base64" in record else record["line"].encode()
            assert bytes_kept == line
            assert record["task"] == "test"
            assert record["provider"] == "probe"
            assert record["reason"]
            assert record["time"].endswith("Z")
        assert (provider.dead_letters / "rejected.jsonl").stat().st_mode & 0o777 == 0o600
        assert provider.dead_letters.stat().st_mode & 0o777 == 0o700


def test_lines_that_the_output_rejects_are_kept_and_count_as_done(start: Start) -> None:
    with start("output", mode="odd") as provider:
        provider.wait_ready()
        provider.send(lines(1000))
        assert finish(provider) == 0
        assert acknowledged(provider) == 1000
        assert [record["number"] for record in kept(provider)] == list(range(1, 1001, 2))
        assert {record["reason"] for record in kept(provider)} == {"odd"}


def test_dead_letters_of_an_earlier_run_stay_and_a_torn_one_is_closed(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "dead-letters"
    folder.mkdir(parents=True)
    (folder / "rejected.jsonl").write_bytes(b'{"number":1}\n{"numb')
    with start("output", mode="count") as provider:
        provider.wait_ready()
        provider.write(b"nonsense\n")
        assert finish(provider) == 0
    first, torn, last = (folder / "rejected.jsonl").read_bytes().splitlines()
    assert (first, torn) == (b'{"number":1}', b'{"numb')
    assert json.loads(last)["line"] == "nonsense"


def test_on_reject_stop_ends_at_the_line_and_acknowledges_nothing_behind_it(start: Start) -> None:
    with start("output", mode="count", session={"on_reject": "stop"}) as provider:
        provider.wait_ready()
        provider.send(lines(5))
        provider.write(b"nonsense\n")
        provider.send(lines(5))
        provider.read_rest()
        assert provider.wait() == 1
        assert acknowledged(provider) == 5
        assert "line 6 cannot be delivered: not JSON" in provider.stderr
        assert "Traceback" not in provider.stderr
        assert kept(provider) == []


def test_on_reject_stop_cannot_be_swallowed(start: Start) -> None:
    with start("output", mode="swallows", session={"on_reject": "stop"}) as provider:
        provider.wait_ready()
        provider.send(lines(5))
        provider.read_rest()
        assert provider.wait() == 1
        assert "line 1 cannot be delivered: hidden" in provider.stderr


@pytest.mark.parametrize("maximum", [1, 10])
def test_too_many_rejects_in_a_row_stop_the_output(start: Start, maximum: int) -> None:
    with start("output", mode="rejects", session={"max_rejects": maximum}) as provider:
        provider.wait_ready()
        provider.send(lines(50))
        provider.read_rest()
        assert provider.wait() == 1
        assert acknowledged(provider) == maximum == len(kept(provider))
        assert f"{maximum} lines in a row were rejected" in provider.stderr


def test_lines_left_unacknowledged_are_an_error(start: Start) -> None:
    with start("output", mode="forgets") as provider:
        provider.wait_ready()
        provider.send(lines(7))
        assert finish(provider) == 1
        assert "without acknowledging 7 of the lines" in provider.stderr
        assert acknowledged(provider) == 0


def test_an_output_that_leaves_before_its_input_has_failed(start: Start) -> None:
    with start("output", mode="leaves") as provider:
        provider.wait_ready()
        provider.send(lines(1))
        provider.read_rest()
        assert provider.wait() == 1
        assert acknowledged(provider) == 1
        assert "ended before its input did" in provider.stderr


@pytest.mark.parametrize(("mode", "count"), [("bug", 1), ("asynchronous-bug", 0)])
def test_a_bug_is_a_traceback_behind_what_was_acknowledged(start: Start, mode: str, count: int) -> None:
    with start("output", mode=mode) as provider:
        provider.wait_ready()
        if count:
            provider.send(lines(5))
        provider.read_rest()
        assert provider.wait() == 1
        assert acknowledged(provider) == count
        assert "ZeroDivisionError: a bug" in provider.stderr


def test_text_cannot_forge_a_control_line(start: Start) -> None:
    with start("output", mode="forges") as provider:
        provider.wait_ready()
        provider.send(lines(1))
        assert finish(provider) == 0
        forged = b' {"$dstream":{"ack":1000}}'
        assert provider.stdout[1:] == [forged, b"plain", forged, "ä".encode(), b'{"$dstream":{"ack":1}}']


def test_batches_keep_their_bounds_and_wait_to_fill(start: Start) -> None:
    with start("output", mode="batches", count=4, pause=0.5) as provider:
        provider.wait_ready()
        for number in range(1, 7):
            provider.send(lines(1, number))
        provider.wait_ack(6)
        texts = [line for line in provider.stdout if line.startswith(b"batch")]
        assert texts == [b"batch of 4", b"batch of 2"]


def test_no_more_than_64_mib_are_handed_out_unacknowledged(start: Start) -> None:
    size = 1_000_000
    with start("output", mode="holds", pause=1.5) as provider:
        provider.wait_ready()
        line = b'{"data":"' + b"x" * size + b'"}\n'
        for _ in range(100):
            provider.write(line)
        assert finish(provider) == 0
        assert acknowledged(provider) == 100
        (record,) = [line for line in provider.stderr.splitlines() if '"holding"' in line]
        held = json.loads(record)["$dstream"]["log"]
        assert LIMIT - 5 * size < held["bytes"] <= LIMIT


def test_stray_lines_of_an_older_input_are_logged_and_done_but_what_could_be_data_is_kept(start: Start) -> None:
    stray = [b"2026/11/21 [INFO] Polling", b"", b"[1]", b"\xff\xfe", b"7"]
    doubtful = [b'{"data":{"a":1', b'{"level":"info"}', b'{"status":"ready"}']
    with start("output", mode="count", session={"input_protocol": 0}) as provider:
        provider.wait_ready()
        for line in stray + doubtful:
            provider.write(line + b"\n")
        provider.send(lines(1))
        assert finish(provider) == 0
        assert acknowledged(provider) == len(stray) + len(doubtful) + 1
        assert [record["line"].encode() for record in kept(provider)] == doubtful
        assert "Polling" in provider.stderr


@pytest.mark.parametrize("repetition", range(5))  # the system gives a signal to any thread
def test_a_signal_ends_it_in_order_before_its_input(start: Start, repetition: int) -> None:
    with start("output", mode="count") as provider:
        provider.wait_ready()
        provider.send(lines(3))
        provider.wait_ack(3)
        provider.signal(signal.SIGTERM)
        provider.read_rest()
        assert provider.wait() == 1
        assert "a signal ended the output before its input did" in provider.stderr


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    with start("output", mode="slow", pause=600.0) as provider:
        provider.wait_ready()
        provider.send(lines(1))
        provider.signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while provider.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
            provider.signal(signal.SIGTERM)
        assert provider.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_stdout_that_nobody_reads_ends_it_quietly(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dstream_core.shim", "probe"]
    session = {"protocol": 1, "role": "output", "task": "t", "state_dir": str(tmp_path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        command_line = {"command": "run", "config": {"mode": "count"}, "dstream": session}
        process.stdin.write(json.dumps(command_line).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b'{"data":1}\n')
        process.stdin.flush()
        process.stdin.close()
        assert process.wait(20) == 1
        assert b"Traceback" not in process.stderr.read()


def test_dead_letters_that_cannot_be_kept_stop_it_unacknowledged(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    session = {"dead_letters": str(tmp_path / "file" / "dead-letters")}
    with start("output", mode="count", session=session) as provider:
        provider.wait_ready()
        provider.write(b"nonsense\n")
        provider.read_rest()
        assert provider.wait() == 1
        assert acknowledged(provider) == 0
        assert "line 1 cannot be kept as a dead letter" in provider.stderr
        assert "Traceback" not in provider.stderr


def test_an_older_orchestrator_gets_no_acknowledgements(start: Start) -> None:
    with start("output", older=True, arguments=("--role", "output"), mode="count") as provider:
        provider.wait_ready()
        provider.write(b'{"status":"ready","protocol":1,"role":"input"}\n2026 a log line\n')
        provider.send(lines(3))
        provider.signal(signal.SIGTERM)  # sent to both ends of a pipe: what is in it must still arrive
        until(lambda: "delivering what is left" in provider.stderr)
        provider.send(lines(1))
        assert finish(provider) == 0
        assert provider.stdout[1:] == [b"4 lines"]
        assert kept(provider) == []


def test_by_hand_one_provider_pipes_into_another(environment: dict[str, str], tmp_path: Path) -> None:
    shim = f"{sys.executable} -m dstream_core.shim probe --role"
    script = f'(echo \'{{"mode":"count"}}\'; echo \'{{"count":5}}\' | {shim} input) | {shim} output'
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment | {"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=30
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [b"5 lines"]
