"""Providers that die, hang, lie and leave things behind: the run ends with a message that says which and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("when", ["start", "command", "ready"])
@pytest.mark.parametrize("role", ["input", "output"])
def test_a_provider_that_dies_at_the_start(pipeline, child, role, when):
    crash = child("crash.py", "--role", role, "--when", when, "--exit", 3)
    sides = {"input": child("good_input.py", "--lines", 0), "output": child("good_output.py")} | {role: crash}
    outcome = pipeline(sides["input"], sides["output"])
    assert outcome.failure is not None
    assert f"{role} provider" in outcome.failure.message
    assert "exited with code 3" in outcome.failure.message
    assert "about to crash" in outcome.failure.message, "the last lines of its log"
    assert outcome.failure.exit_code == 1


@pytest.mark.parametrize(("code", "exit_code"), [(1, 1), (2, 2), (75, 75), (9, 1)])
@pytest.mark.parametrize("role", ["input", "output"])
def test_exit_codes_of_version_1_providers_are_kept(pipeline, child, role, code, exit_code):
    crash = child("crash.py", "--role", role, "--when", "lines", "--exit", code)
    sides = {"input": child("good_input.py", "--lines", 0), "output": child("good_output.py")} | {role: crash}
    assert pipeline(sides["input"], sides["output"]).failure.exit_code == exit_code


def test_exit_codes_of_older_providers_mean_nothing(pipeline, child):
    outcome = pipeline(child("older_input.py", "--exit", 75), child("good_output.py"), older_input=True)
    assert outcome.failure.exit_code == 1


def test_what_an_input_wrote_before_it_was_killed_is_delivered(pipeline, child, tmp_path):
    target = tmp_path / "out"
    crash = child("crash.py", "--when", "mid-line", "--lines", 5, "--signal", "SIGKILL")
    outcome = pipeline(crash, child("good_output.py", "--file", target))
    assert "SIGKILL" in outcome.failure.message
    assert (outcome.records, outcome.acknowledged) == (5, 5)
    assert len(target.read_bytes().splitlines()) == 5, "a line without its end is no line"


@pytest.mark.parametrize(("then", "code"), [("exit", "protocol/partial-line"), ("crash", "provider/exited")])
def test_half_a_line_is_never_counted(pipeline, child, then, code):
    outcome = pipeline(child("half_line.py", "--then", then), child("good_output.py"))
    assert outcome.failure.code == code
    assert (outcome.records, outcome.acknowledged) == (3, 3)


def test_a_line_that_is_finished_later_is_one_line(pipeline, child):
    outcome = pipeline(child("half_line.py", "--then", "finish"), child("good_output.py"))
    assert outcome.failure is None
    assert outcome.acknowledged == 4


def test_an_output_that_dies_mid_stream_stops_the_input_in_order(pipeline, child, tmp_path):
    notes = tmp_path / "journal"
    outcome = pipeline(
        child("good_input.py", "--lines", 0, "--journal", notes),
        child("crash.py", "--role", "output", "--when", "lines", "--lines", 10, "--exit", 4),
    )
    assert "exited with code 4" in outcome.failure.message
    assert outcome.acknowledged == 10
    assert '{"stop": true}' in notes.read_text()
    assert notes.read_text().splitlines()[-1] == '{"end": true}'


@pytest.mark.parametrize("acknowledges", [True, False])
def test_an_output_that_exits_0_before_end_of_file_fails_the_run(pipeline, child, acknowledges):
    early = child("exits_early.py", "--lines", 2, *(["--ack"] if acknowledges else []))
    outcome = pipeline(child("good_input.py", "--lines", 0), early)
    assert outcome.failure.code == "provider/ended-early"
    assert outcome.acknowledged == (2 if acknowledges else 0)


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_provider_that_never_gets_ready(pipeline, child, role):
    mute = child("never_ready.py")
    sides = {"input": child("good_input.py"), "output": child("good_output.py")} | {role: mute}
    outcome = pipeline(sides["input"], sides["output"], start_timeout=0.5)
    assert outcome.failure.code == "provider/start-timeout"
    assert "0.5 s" in outcome.failure.message


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("other-role", "provider/role"),
        ("other-protocol", "protocol/version"),
        ("not-json", "protocol/handshake"),
        ("array", "protocol/handshake"),
        ("blank-lines-first", "protocol/handshake"),
        ("huge", "protocol/handshake"),
        ("no-newline", "protocol/handshake"),
        ("error", "test/refused"),
        ("error-silent", "provider/refused"),
        ("data-first", "protocol/handshake"),
        ("binary", "protocol/handshake"),
    ],
)
@pytest.mark.parametrize("role", ["input", "output"])
def test_first_lines_that_are_no_handshake(pipeline, child, role, kind, code):
    strange = child("handshake.py", "--role", role, "--kind", kind)
    sides = {"input": child("good_input.py", "--lines", 0), "output": child("good_output.py")} | {role: strange}
    outcome = pipeline(sides["input"], sides["output"], start_timeout=0.7 if kind == "no-newline" else 5.0)
    assert outcome.failure is not None
    assert outcome.failure.code in (code, "provider/start-timeout" if kind == "no-newline" else code)
    assert f"{role} provider" in outcome.failure.message


@pytest.mark.parametrize(("code", "exit_code"), [(1, 1), (2, 2), (75, 75)])
def test_a_refusal_keeps_the_exit_code_and_the_hint(pipeline, child, code, exit_code):
    outcome = pipeline(
        child("good_input.py"), child("handshake.py", "--role", "output", "--kind", "error", "--exit", code)
    )
    assert outcome.failure.message.endswith("the password was refused")
    assert outcome.failure.hint == "ask for a new one"
    assert outcome.failure.exit_code == exit_code


@pytest.mark.parametrize("kind", ["ahead", "backwards", "negative", "huge"])
def test_acknowledgements_that_cannot_be_true_end_the_run(pipeline, child, kind):
    """Invariant 2."""
    outcome = pipeline(child("good_input.py", "--lines", 0, "--pause", 0.005), child("bad_acks.py", "--kind", kind))
    assert outcome.failure.code == "protocol/ack"
    assert outcome.acknowledged == 3, "what was acknowledged rightly before counts"


@pytest.mark.parametrize("kind", ["fraction", "boolean", "text", "null", "not-json", "not-object", "never", "half"])
def test_what_is_no_acknowledgement_counts_nothing(pipeline, child, kind):
    outcome = pipeline(child("good_input.py", "--lines", 10), child("bad_acks.py", "--kind", kind))
    assert outcome.failure.code == "run/undelivered"
    assert (outcome.records, outcome.acknowledged) == (10, 3)


@pytest.mark.parametrize("kind", ["spaced", "flood", "unknown-member"])
def test_text_that_looks_like_an_acknowledgement_counts_nothing(pipeline, child, kind):
    outcome = pipeline(child("good_input.py", "--lines", 3), child("bad_acks.py", "--kind", kind))
    assert outcome.failure is None
    assert outcome.acknowledged == 3


def test_acknowledgements_count_only_when_announced(pipeline, child, observer):
    outcome = pipeline(child("good_input.py"), child("bad_acks.py", "--kind", "ahead", "--unannounced"))
    assert outcome.failure is None
    assert outcome.best_effort
    assert outcome.acknowledged == 10
    assert any("best effort" in message for _level, message in observer.notices)


@pytest.mark.parametrize("what", ["stdin", "both"])
def test_an_output_that_closes_its_stdin_and_lives_on(pipeline, child, what):
    outcome = pipeline(child("good_input.py", "--lines", 0), child("closes.py", "--what", what), stop_timeout=2.0)
    assert outcome.failure.code == "provider/closed-stdin"


def test_an_input_that_closes_its_stdout_ends_its_data(pipeline, child, observer):
    """Its stdout is at its end, so the output is flushed; that it lives on is a failure with a deadline."""
    closes = child("closes.py", "--role", "input", "--what", "stdout")
    outcome = pipeline(closes, child("good_output.py"), stop_timeout=2.0)
    assert outcome.acknowledged == 5
    assert outcome.failure is not None
    assert any("does not end in time" in message for _level, message in observer.notices)


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_provider_that_leaves_a_process_on_its_pipes(pipeline, child, tmp_path, role):
    """PROTOCOL "End": the pipes are read until they have been empty for 1 s, and what is left of its session is ended."""
    pid_file = tmp_path / "pid"
    forks = child("forks.py", "--role", role, "--pid-file", pid_file, "--ignore")
    sides = {"input": child("good_input.py", "--lines", 5), "output": child("good_output.py")} | {role: forks}
    outcome = pipeline(sides["input"], sides["output"])
    assert outcome.records == 5
    assert outcome.acknowledged == (5 if role == "input" else 0), "as an output it acknowledges nothing"
    assert not alive(int(pid_file.read_text()))


def test_a_daemon_that_a_provider_left_is_ended_too(pipeline, child, tmp_path):
    """Invariant 6: descendants that called setsid included."""
    pid_file = tmp_path / "pid"
    forks = child("forks.py", "--pid-file", pid_file, "--ignore", "--daemon", "--release")
    outcome = pipeline(forks, child("good_output.py"))
    assert outcome.acknowledged == 5
    assert not alive(int(pid_file.read_text()))


def test_a_program_that_cannot_be_started(pipeline, child, tmp_path):
    outcome = pipeline((str(tmp_path / "missing"),), child("good_output.py"))
    assert outcome.failure.code == "provider/cannot-start"
    assert outcome.failure.exit_code == 2
    assert os.fspath(tmp_path / "missing") in outcome.failure.message
