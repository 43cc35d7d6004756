"""The guardian as a program, over its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dstream_core.runtime import guardian, posix_parts

PROGRAM = Path(guardian.__file__)


class Program:
    """One guardian, and our end of its socket."""

    def __init__(self, *before: str) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(10)
        with theirs:
            argv = [sys.executable, "-I", "-S", *(before or (str(PROGRAM),)), str(theirs.fileno())]
            self.process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], env={}, stderr=subprocess.PIPE)

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = (), step: int = 1 << 20) -> None:
        body = json.dumps(request).encode()
        message = len(body).to_bytes(4, "big") + body
        sent = socket.send_fds(self.socket, [message[:step]], list(descriptors))
        for start in range(sent, len(message), step):
            self.socket.sendall(message[start : start + step])

    def spawn(self, argv: Sequence[str], name: str = "input", step: int = 1 << 20, **more: Any) -> int:
        """Ask for a process; our end of its stdout."""
        read, write = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        request = {"op": "spawn", "id": name, "argv": argv, "env": {}, "cwd": "/", "terminate_first": False}
        self.ask(request | {"descriptors": 3} | more, [null, write, null], step)
        os.close(write)
        os.close(null)
        return read

    def report(self) -> dict[str, Any]:
        size = int.from_bytes(self.socket.recv(4, socket.MSG_WAITALL), "big")
        return json.loads(self.socket.recv(size, socket.MSG_WAITALL))

    def end(self) -> bytes:
        """Close the socket, as an orchestrator that ends or dies does; what it wrote to stderr."""
        self.socket.close()
        return self.process.communicate(timeout=8)[1]


@pytest.fixture
def program() -> Iterator[Program]:
    one = Program()
    yield one
    one.socket.close()
    one.process.kill()
    one.process.communicate()


def output(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def test_it_spawns_and_reports_exits(program):
    out = program.spawn(["/bin/sh", "-c", "echo $FOO; exit 7"], env={"FOO": "bar"})
    spawned = program.report()
    assert (spawned["op"], spawned["id"]) == ("spawned", "input")
    assert program.report() == {"op": "exited", "id": "input", "code": 7}
    assert output(out) == b"bar\n"
    assert program.end() == b""


def test_bytes_are_bytes(program):
    """No locale stands between: one character is one byte."""
    out = program.spawn(["/bin/sh", "-c", 'printf "%s%s" "$1" "$FOO"', "sh", "\xff\xe9"], env={"FOO": "\x80"})
    assert program.report()["op"] == "spawned"
    assert output(out) == b"\xff\xe9\x80"


def test_a_request_in_small_pieces_is_one_request(program):
    out = program.spawn(["/bin/echo", "x" * 300], step=7)
    assert program.report()["op"] == "spawned"
    assert output(out) == b"x" * 300 + b"\n"


@pytest.mark.parametrize(
    ("argv", "more", "message"),
    [
        (["/missing/program"], {}, "/missing/program"),
        ([], {}, ""),
        (["/bin/echo", "a\0b"], {}, "null"),
        (["/bin/echo"], {"env": {"A=B": "c"}}, ""),
        (["/bin/echo"], {"cwd": "/missing/folder"}, "/missing/folder"),
        (["/bin/echo", "x" * 3_000_000], {}, "too long"),
        (["/bin/echo"], {"descriptors": 2}, ""),
    ],
)
def test_what_cannot_be_started_is_reported_and_the_guardian_goes_on(program, argv, more, message):
    os.close(program.spawn(argv, **more))
    report = program.report()
    assert (report["op"], report["id"]) == ("failed", "input")
    assert message in report["message"]
    if "descriptors" not in more:
        assert output(program.spawn(["/bin/echo", "on"])) == b"on\n"


def test_signals_and_sessions(program):
    out = program.spawn(["/bin/sh", "-c", "trap 'exit 9' TERM; sleep 60 & echo up; wait"])
    pid = program.report()["pid"]
    assert os.read(out, 3) == b"up\n"
    program.ask({"op": "signal", "id": "input", "signal": signal.SIGTERM})
    program.ask({"op": "signal", "id": "unknown", "signal": signal.SIGKILL})
    assert program.report() == {"op": "exited", "id": "input", "code": 9}
    program.ask({"op": "end_session", "session": pid})
    assert output(out) == b"", "what was left of the session is gone"


@pytest.mark.parametrize("lifecycle", [True, False])
def test_at_its_end_lifecycle_verbs_get_sigterm_and_everybody_a_second(program, lifecycle):
    out = program.spawn(["/bin/sh", "-c", "trap 'echo term; exit' TERM; echo up; while :; do sleep 0.05; done"],
                        terminate_first=lifecycle)  # fmt: skip
    assert os.read(out, 3) == b"up\n"
    program.end()
    assert output(out) == (b"term\n" if lifecycle else b"")


@pytest.mark.needs("linux")
def test_daemons_are_ended_too(program):
    code = "import os,time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.write(1,b'up'); time.sleep(60)"
    out = program.spawn([sys.executable, "-S", "-c", code])
    assert os.read(out, 2) == b"up"
    program.end()
    assert output(out) == b""


def test_without_a_process_table_the_sessions_are_ended():
    patched = (
        f"import runpy, sys; sys.path.insert(0, {str(PROGRAM.parent)!r}); import posix_parts;"
        "posix_parts._process_table = lambda: iter(());"
        f"sys.argv = ['guardian', *sys.argv[1:]]; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    )
    one = Program("-c", patched)
    out = one.spawn(["/bin/sh", "-c", "sleep 60 & echo up; wait"])
    assert os.read(out, 3) == b"up\n"
    assert one.end() == b""
    assert output(out) == b""


def test_a_missing_process_table_is_an_empty_one(monkeypatch):
    def missing(_path: str) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(os, "listdir", missing)
    assert posix_parts.descendants(1) == [] or not posix_parts.LINUX


def test_garbage_at_the_end_of_the_socket_is_no_request(program):
    program.socket.sendall((1000).to_bytes(4, "big") + b"{")
    assert program.end() == b""
    assert program.process.returncode == 0
