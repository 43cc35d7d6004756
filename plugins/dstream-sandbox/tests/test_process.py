"""The process, its control channel, and its client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymssql
import pytest
from conftest import HERE
from python_tds import pytds

from dstream_sandbox.sqlserver.client import ControlClient, SqlServerSandbox
from dstream_sandbox.sqlserver.errors import SandboxError, SqlError
from dstream_sandbox.sqlserver.main import batches_of

ENVIRONMENT = {"PYTHONPATH": str(HERE)}
ENGINE = "fake_engine:FakeServer"


def sandbox(*databases: str, **more: Any) -> SqlServerSandbox:
    return SqlServerSandbox(databases, **{"engine": ENGINE, "environment": ENVIRONMENT, **more})


@pytest.fixture(scope="module")
def server() -> Iterator[SqlServerSandbox]:
    with sandbox("db1") as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(server: SqlServerSandbox) -> Iterator[None]:
    yield
    server.control.clear_faults()
    server.control.close_connections()


def cursor(server: SqlServerSandbox, **more: Any) -> Any:
    return pymssql.connect(**server.pymssql("db1"), autocommit=True, login_timeout=10, **more).cursor()


def ask(asked: Any, text: str) -> list[Any]:
    asked.execute(text)
    return list(asked.fetchall())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(what: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_starts_and_answers(server: SqlServerSandbox) -> None:
    asked = cursor(server)
    asked.execute("numbers(2)")
    assert asked.fetchall() == [(0, "number 0"), (1, "number 1")]
    assert f"Server=127.0.0.1,{server.port};Database=db1;User ID=sa;" in server.connection_string("db1")


def test_verbs(server: SqlServerSandbox) -> None:
    control = server.control
    assert control.call("ping") == "pong"
    control.clear_statements()
    control.forget_most_connections()
    asked = cursor(server, appname="verbs")
    asked.execute("numbers(1)")
    asked.fetchall()
    assert control.statements()[-1]["text"] == "numbers(1)"
    assert control.distinct_statements()["numbers(1)"] == 1
    (spid,) = [session["spid"] for session in control.connections()["sessions"] if session["application"] == "verbs"]
    assert control.statements_by_session()[spid] == control.statement_count()
    assert control.most_connections() == 1
    assert control.kill(spid)
    wait_for(lambda: not control.kill(spid))
    with pytest.raises(pymssql.Error):
        asked.execute("numbers(1)")


def test_faults_over_the_channel(server: SqlServerSandbox) -> None:
    control = server.control
    fault = control.fault("rst", pattern="numbers", place="row", position=1)
    asked = cursor(server)
    with pytest.raises(pymssql.Error):
        ask(asked, "numbers(5)")
    assert control.fired(fault) == 1
    control.refuse_logins(4060, "Cannot open database")
    with pytest.raises(pytds.Error, match="Cannot open database"):
        pytds.connect(server.host, "db1", server.user, server.password, port=server.port)
    with pytest.raises(SandboxError, match="action is one of"):
        control.fault("explode")  # type: ignore[arg-type]  that is the test


def test_statements_of_the_administrator(server: SqlServerSandbox) -> None:
    assert server.control.sql("numbers(2)") == [[0, "number 0"], [1, "number 1"]]
    assert server.control.sql_results("several")[1] == {"count": 3}
    with pytest.raises(SqlError) as failed:
        server.control.sql("fail(208)")
    assert (failed.value.number, failed.value.message) == (208, "it failed")


def test_verbs_of_the_engine(server: SqlServerSandbox) -> None:
    control = server.control
    control.start_capture("db1")
    control.stop_capture()
    control.capture_once("db1")
    control.cleanup("db1", "dbo_t", b"\x00\x10")
    control.fabricate("db1", "dbo.t", 5, 2)
    control.restore(control.backup("db1"))
    control.capture_error("db1", 22859, "why")
    control.clock(5.5, "Europe/Berlin")
    assert [row[0] for row in control.sql("commands")] == [
        "capture start db1",
        "capture stop ",
        "capture once db1",
        "cleanup db1 dbo_t b'\\x00\\x10'",
        "fabricate db1 dbo.t 5 2",
        "restore db1-1",
        "capture error db1 22859 why",
        "clock 5.5 Europe/Berlin",
    ]
    with pytest.raises(SandboxError, match="start, stop or once"):
        control.call("capture", action="nonsense")


def test_restart(server: SqlServerSandbox) -> None:
    asked = cursor(server)
    server.control.restart(100)
    with pytest.raises(pymssql.Error):
        asked.execute("numbers(1)")
    assert cursor(server) is not None


def test_what_hangs_can_be_released_beside(server: SqlServerSandbox) -> None:
    fault = server.control.hang(pattern="numbers")
    done = threading.Event()

    def ask() -> None:
        cursor(server).execute("numbers(1)")
        done.set()

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: server.control.fired(fault) == 1)
    assert not done.is_set()
    server.control.release(fault)
    thread.join(10)
    assert done.is_set()


def test_the_control_channel_wants_the_password(server: SqlServerSandbox) -> None:
    port = int(server.facts["control_port"])
    with pytest.raises(SandboxError, match="password"):
        ControlClient(server.host, port, "wrong")
    with socket.create_connection((server.host, port), 10) as raw:
        raw.sendall(b"{broken\n")
        assert b'"ok": false' in raw.recv(1000)
        assert raw.recv(1000) == b""
    with pytest.raises(SandboxError, match="no verb"):
        server.control.call("nonsense")
    with pytest.raises(SandboxError, match="argument"):
        server.control.call("kill", who=5)


def test_tls_and_its_certificate() -> None:
    with sandbox(tls="required") as running:
        assert "BEGIN CERTIFICATE" in running.certificate
        assert "Encrypt=true" in running.connection_string()
        asked = pymssql.connect(**running.pymssql(), encryption="require").cursor()
        asked.execute("numbers(1)")
        assert len(asked.fetchall()) == 1


def test_scripts_run_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "start.sql"
    path.write_text("numbers(1)\ngo\nfail(50123)\n")
    with pytest.raises(SandboxError, match=r"start.sql, line 3: error 50123"), sandbox("a", scripts=[path]):
        pass


def test_batches_of_a_script() -> None:
    assert batches_of("a\nGO\n\n go \nb\nc GO\n") == [(1, "a"), (5, "b\nc GO")]
    assert batches_of("a\ngo 2 -- twice\nGOTO x") == [(1, "a"), (1, "a"), (3, "GOTO x")]


def test_it_ends_with_the_context() -> None:
    with sandbox() as running:
        pid = running.pid
    assert gone(pid)
    running.stop()


def test_it_ends_by_the_verb() -> None:
    with sandbox() as running:
        running.control.shutdown()
        assert running.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_signals_with_clients_connected(number: int) -> None:
    with sandbox() as running:
        asked = pymssql.connect(**running.pymssql()).cursor()
        asked.execute("slow")
        os.kill(running.pid, number)
        assert running.wait() == 0
        assert "Traceback" not in running.log()


def test_it_ends_with_its_parent() -> None:
    program = f"""
import os, sys
from dstream_sandbox.sqlserver.client import SqlServerSandbox
server = SqlServerSandbox(engine={ENGINE!r})
server.start()
print(server.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}, timeout=60
    )
    pid = int(parent.stdout)
    wait_for(lambda: gone(pid))


def test_a_start_that_fails_shows_the_log() -> None:
    with pytest.raises(SandboxError, match="ended with exit code 1") as failed, sandbox(engine="nowhere:Server"):
        pass
    assert "No module named 'nowhere'" in failed.value.message


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SandboxError, match=rf"cannot listen at 127.0.0.1, port {port} .*: choose"),
            sandbox(port=port),
        ):
            pass


def test_a_password_that_would_end_a_connection_string_is_quoted() -> None:
    with sandbox(password='a;b"c') as running:
        assert 'Password="a;b""c";' in running.connection_string("x")


def test_a_module_of_the_current_folder_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "types.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    with sandbox() as running:
        assert running.running


def test_a_sandbox_that_does_not_start_in_time() -> None:
    with pytest.raises(SandboxError, match="did not listen within"), sandbox(start_timeout=0.01):
        pass


def test_the_command_runs_until_it_is_told() -> None:
    program = "from dstream_sandbox.commands import app; app()"
    environment = {**os.environ, **ENVIRONMENT, "DSTREAM_SANDBOX_ENGINE": ENGINE, "DSTREAM_SANDBOX_PASSWORD": "given"}
    command = subprocess.Popen(
        [sys.executable, "-c", program, "sqlserver", "--json", "--database", "x"],
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert command.stdout is not None
        facts = json.loads(command.stdout.readline())
        assert "Database=x;" in facts["connection_string"]
        assert facts["password"] == "given"
        pymssql.connect(facts["host"], "sa", "given", "x", port=str(facts["port"])).close()
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 0
    finally:
        command.kill()
        command.wait()
        assert command.stdout is not None
        command.stdout.close()
