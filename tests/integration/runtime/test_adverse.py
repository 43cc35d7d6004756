"""Stopped guardians, chattering leftovers, missing descriptors, signals at bad moments: no hang, no false success."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from dstream_core.errors import DStreamError
from dstream_core.runtime.posix_parts import descendants


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def guardian_of(pid: int) -> int:
    """The guardian below an orchestrator; 0 while there is none."""
    for one, _session in descendants(pid):
        if b"guardian.py" in Path(f"/proc/{one}/cmdline").read_bytes():
            return one
    return 0


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize(("role", "on"), [("input", 2), ("output", 1)])
def test_what_a_provider_left_behind_may_not_talk_for_ever(pipeline, child, tmp_path, role, on):
    """PROTOCOL "End": a daemon that keeps log or text busy is no reason to wait once its provider has exited."""
    forks = child("forks.py", "--role", role, "--pid-file", tmp_path / "pid", "--daemon", "--chatter", "--on", on)
    sides = {"input": child("good_input.py", "--lines", 5), "output": child("good_output.py")} | {role: forks}
    began = time.monotonic()
    outcome = pipeline(sides["input"], sides["output"])
    assert time.monotonic() - began < 8
    assert outcome.records == 5
    assert not alive(int((tmp_path / "pid").read_text()))


def test_data_that_never_ends_is_cut_off_when_asked_to_stop(orchestrator, child, tmp_path, wait_until):
    """The input has exited, its daemon goes on writing data: no signal reaches that one, the deadline does."""
    target = tmp_path / "out"
    one = orchestrator(
        child("forks.py", "--pid-file", tmp_path / "pid", "--daemon", "--chatter", "--ignore"),
        child("good_output.py", "--file", target),
        stop_timeout=2.0,
    )
    wait_until(lambda: size(target) > 3000)
    one.process.send_signal(signal.SIGTERM)
    assert one.outcome(10.0)["records"] > 0
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_deaf_input_and_a_stalled_output_with_a_chunk_between_them(orchestrator, child, tmp_path, wait_until):
    """The input's pipe is empty, the output's is full, the rest is in hand: the deadline ends it all the same."""
    target = tmp_path / "out"
    one = orchestrator(
        child("stubborn.py", "--burst", (1 << 20) + (100 << 10)),
        child("good_output.py", "--stall-after", 1, "--file", target),
        stop_timeout=2.0,
    )
    wait_until(lambda: size(target) > 0)
    time.sleep(0.3)  # until the pipe is full; nothing tells
    one.process.send_signal(signal.SIGTERM)
    outcome = one.outcome(10.0)
    assert outcome["failure"] is not None
    assert outcome["acknowledged"] < outcome["records"]


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_stopped_provider_meets_its_deadline(orchestrator, child, tmp_path, wait_until, role):
    """SIGSTOP holds SIGTERM back, not SIGKILL."""
    pid_file, target = tmp_path / "pid", tmp_path / "out"
    sides = {
        "input": child("good_input.py", "--lines", 0, "--pause", 0.01),
        "output": child("good_output.py", "--file", target),
    } | {role: child("stubborn.py", "--role", role, "--pid-file", pid_file)}
    one = orchestrator(sides["input"], sides["output"], stop_timeout=2.0)
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    os.kill(int(pid_file.read_text()), signal.SIGSTOP)
    one.process.send_signal(signal.SIGTERM)
    one.outcome(8.0)
    assert not alive(int(pid_file.read_text()))


@pytest.mark.needs("linux")
@pytest.mark.parametrize("then", ["SIGTERM", "guardian killed"])
def test_a_stopped_guardian_is_no_reason_to_hang(orchestrator, child, tmp_path, wait_until, then):
    """Invariant 6: nobody reports exits any more; the deadlines end the run, and every process of it."""
    target = tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 0, "--pause", 0.01),
        child("good_output.py", "--file", target),
        stop_timeout=2.0,
    )
    wait_until(lambda: size(target) > 0)
    family = [pid for pid, _session in descendants(one.process.pid)]
    os.kill(guardian := guardian_of(one.process.pid), signal.SIGSTOP)
    if then == "SIGTERM":
        one.process.send_signal(signal.SIGTERM)
    else:
        os.kill(guardian, signal.SIGKILL)
    assert one.outcome(12.0)["failure"] is not None
    wait_until(lambda: not any(map(alive, family)), 3.0)


def test_records_that_were_thrown_away_are_never_a_success(orchestrator, child, tmp_path, wait_until):
    """An output that acknowledges all it got and leaves while the stopping input still writes has lost the rest."""
    leave = tmp_path / "leave"
    one = orchestrator(
        child("good_input.py", "--lines", 150, "--pause", 0.01, "--deaf"),
        child("exits_early.py", "--ack", "--until", leave),
    )
    wait_until(lambda: guardian_of(one.process.pid) and len(descendants(one.process.pid)) >= 3)
    time.sleep(0.5)  # into the stream; nothing tells
    one.process.send_signal(signal.SIGTERM)
    leave.touch()
    outcome = one.outcome()
    assert outcome["failure"] == "provider/ended-early"
    assert outcome["discarded"] > 0


def test_a_false_acknowledgement_at_the_very_end_fails_the_run(pipeline, child):
    """Invariant 2, with the false count among the last bytes before the exit."""
    outcome = pipeline(child("good_input.py"), child("bad_acks.py", "--kind", "backwards", "--last"))
    assert outcome.failure is not None
    assert outcome.failure.code == "protocol/ack"


def test_an_output_that_closes_its_stdout_can_acknowledge_no_more(pipeline, child):
    outcome = pipeline(
        child("good_input.py", "--lines", 0, "--pause", 0.01), child("closes.py", "--what", "stdout"), stop_timeout=2.0
    )
    assert outcome.failure.code == "provider/closed-stdout"


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_provider_that_closes_its_stderr_goes_on(pipeline, child, role):
    closes = child("closes.py", "--role", role, "--what", "stderr", "--linger", 0.3)
    sides = {"input": child("good_input.py", "--lines", 2), "output": child("good_output.py")} | {role: closes}
    outcome = pipeline(sides["input"], sides["output"])
    assert outcome.records == (5 if role == "input" else 2)


def test_an_input_that_leaves_before_its_acknowledgement_is_told_of(pipeline, child, observer):
    outcome = pipeline(child("good_input.py", "--leave"), child("good_output.py", "--hold"))
    assert outcome.failure is None
    assert outcome.acknowledged == 10
    assert any("repeat" in message for _level, message in observer.notices)


def test_a_late_refusal_of_an_older_output_is_not_swallowed(pipeline, child):
    outcome = pipeline(
        child("good_input.py", "--lines", 0, "--pause", 0.01),
        child("older_output.py", "--kind", "refuses-late"),
        older_output=True,
    )
    assert "no such queue" in outcome.failure.message


def test_data_waits_until_an_older_output_has_its_whole_command_line(pipeline, child, tmp_path):
    """It counts as ready after a second, but its command line may be larger than its pipe."""
    echo, target = tmp_path / "echo", tmp_path / "out"
    argv = child("older_output.py", "--kind", "silent", "--delay", 1.5, "--echo", echo, "--file", target)
    config = {"big": "x" * 300_000}
    outcome = pipeline(child("half_line.py", "--lines", 9, "--then", "finish"), argv, older_output=True, config=config)
    assert outcome.failure is None
    assert json.loads(echo.read_bytes())["config"] == config
    assert [json.loads(line)["data"]["n"] for line in target.read_bytes().splitlines()] == list(range(1, 11))


def test_a_command_line_of_50_mib(pipeline, child):
    sides = child("odd_lines.py"), child("flood_stderr.py", "--role", "output", "--mib", 0)
    outcome = pipeline(*sides, config={"big": "x" * (50 << 20)}, start_timeout=60.0)
    assert outcome.failure is None
    assert outcome.acknowledged == outcome.records > 0


@pytest.mark.parametrize("role", ["input", "output"])
def test_a_program_that_never_takes_its_command_line(pipeline, child, role, caplog):
    sides = {"input": child("good_input.py"), "output": child("good_output.py")} | {role: ("/bin/sleep", "60")}
    outcome = pipeline(sides["input"], sides["output"], start_timeout=0.5, config={"big": "x" * 300_000})
    assert outcome.failure.code == "provider/start-timeout"
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.needs("linux")
@pytest.mark.parametrize(("unannounced", "bigger"), [(True, False), (False, True)])
def test_the_pipe_of_an_output_that_does_not_acknowledge_stays_small(pipeline, child, observer, unannounced, bigger):
    """PROTOCOL "Control": what is in that pipe counts as not delivered."""
    options = ["--unannounced"] if unannounced else []
    pipeline(child("good_input.py"), child("bad_acks.py", "--kind", "pipe-size", *options))
    text = b"".join(observer.texts)
    assert (int(text.split(b"pipe ")[1].split()[0]) > 1 << 16) is bigger


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_descriptors_that_are_closed_at_the_start(orchestrator, child, tmp_path, closed):
    target = tmp_path / "out"
    one = orchestrator(
        child("good_input.py"),
        child("good_output.py", "--file", target),
        wrapper=("/bin/sh", "-c", f'exec "$@" {closed}', "sh"),
    )
    _stdout, stderr = one.process.communicate(timeout=20)
    assert len(target.read_bytes().splitlines()) == 10, stderr


@pytest.mark.parametrize("files", [9, 12, 14, 17])
def test_few_descriptors_are_a_message_or_enough(orchestrator, child, files):
    limits = {int(resource.RLIMIT_NOFILE): files}
    one = orchestrator(child("good_input.py"), child("good_output.py"), limits=limits)
    stdout, stderr = one.process.communicate(timeout=20)
    if stdout:
        outcome = json.loads(stdout)
        assert outcome["acknowledged"] == 10 or "Too many open files" in outcome["message"], outcome
    else:
        assert b"TemporaryError: cannot start a provider: Too many open files" in stderr


@pytest.mark.needs("linux", "root", "unshare")
def test_without_proc_a_run_works_and_ends(orchestrator, child):
    one = orchestrator(
        child("good_input.py"),
        child("good_output.py"),
        wrapper=("unshare", "-m", "/bin/sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"),
    )
    stdout, stderr = one.process.communicate(timeout=20)
    assert stderr == b""
    assert json.loads(stdout)["acknowledged"] == 10


@pytest.mark.needs("linux")
def test_an_older_output_that_lags_gets_no_half_line_at_the_end(orchestrator, child, tmp_path, wait_until):
    """PROTOCOL "Data": what is thrown away at the deadline may begin in the middle of a line."""
    target = tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 0),
        child("older_output.py", "--kind", "silent", "--file", target),
        older_output=True,
        stop_timeout=4.0,
    )
    wait_until(lambda: size(target) > 0)
    [output] = [
        pid for pid, _ in descendants(one.process.pid) if b"older_output" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(output, signal.SIGSTOP)
    time.sleep(0.2)  # until its pipe is full
    one.process.send_signal(signal.SIGTERM)
    time.sleep(2.2)  # past the share of 4 s that the input has, into the output's
    os.kill(output, signal.SIGCONT)
    outcome = one.outcome()
    assert outcome["discarded"] > 0
    assert outcome["failure"] is not None
    assert target.read_bytes().endswith(b"\n")


def test_two_interrupts_of_one_keystroke_are_one(orchestrator, child, tmp_path, wait_until):
    """The terminal sends it and the program that started us passes it on: the run still ends in order."""
    notes, target = tmp_path / "journal", tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 0, "--pause", 0.001, "--journal", notes),
        child("good_output.py", "--file", target),
    )
    wait_until(lambda: size(target) > 0)
    for _ in range(3):
        one.process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    outcome = one.outcome()
    assert outcome["failure"] is None
    assert json.loads(notes.read_text().splitlines()[-1]) == {"end": True}


def test_a_hangup_that_is_ignored_stays_ignored(orchestrator, child, tmp_path, wait_until):
    """As `nohup` asks for it."""
    target = tmp_path / "out"
    one = orchestrator(
        child("good_input.py", "--lines", 40, "--pause", 0.01),
        child("good_output.py", "--file", target),
        wrapper=("/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"),
    )
    wait_until(lambda: size(target) > 0)
    one.process.send_signal(signal.SIGHUP)
    assert one.outcome()["reason"] == "end of input"


@pytest.mark.needs("linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_at_any_moment_of_the_start_leaves_nobody(orchestrator, child, tmp_path, wait_until, number):
    for delay in (0.02, 0.08, 0.11, 0.14, 0.17, 0.2, 0.24, 0.3):
        one = orchestrator(child("good_input.py", "--lines", 0), child("good_output.py"))
        time.sleep(delay)  # another moment each time
        family = [pid for pid, _session in descendants(one.process.pid)]
        one.process.send_signal(number)
        stdout, stderr = one.process.communicate(timeout=10)
        wait_until(lambda family=family: not any(map(alive, family)), 3.0)
        if stdout and number != signal.SIGKILL:
            assert json.loads(stdout)["reason"] == number.name
        assert b"never retrieved" not in stderr
        assert b"Exception in callback" not in stderr


def test_odd_bytes_reach_a_verb_as_they_are(verb, tmp_path):
    """argv is bytes to the system; a name that is no UTF-8 must arrive as it is."""
    program = tmp_path / "echo.sh"
    program.write_text('cat >/dev/null\nprintf "%s" "$1" | od -An -tx1\necho \'{"status":"Success"}\'\n')
    odd = b"\xff\x80\xc3\xa9".decode("utf-8", "surrogateescape")
    assert not verb(("/bin/sh", str(program), odd), older=True).result.failed


def test_text_that_no_program_can_get_is_a_message(verb):
    with pytest.raises(DStreamError) as caught:
        verb(("/bin/echo", "\ud800"), older=True)
    assert caught.value.code == "provider/cannot-start"


def test_a_verb_says_that_its_guardian_is_gone(tmp_path, verb):
    program = tmp_path / "kills.sh"
    program.write_text("read line; kill -9 $PPID; sleep 60\n")
    with pytest.raises(DStreamError) as caught:
        verb(("/bin/sh", str(program)), older=True)
    assert caught.value.code == "runtime/guardian-lost"
