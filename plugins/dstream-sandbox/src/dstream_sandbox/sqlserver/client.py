"""A sandbox of one's own: starts the process, talks to its control channel, and ends it.

Example::

    with SqlServerSandbox(databases=["shop"]) as server:
        connection = pymssql.connect(**server.pymssql("shop"))
        server.control.fault("rst", pattern="fn_cdc_get_all_changes", place="row", position=3)
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from dstream_sandbox.sqlserver.control_client import ControlClient
from dstream_sandbox.sqlserver.errors import SandboxError
from dstream_sandbox.sqlserver.main import ENGINE, PASSWORD_VARIABLE
from dstream_sandbox.sqlserver.tds.prelogin import TlsMode

START_TIMEOUT = 30.0
"""Seconds until it must listen."""


class SqlServerSandbox:
    """Starts a sandbox on entering and ends it on leaving.

    Args:
        databases: To be created at the start.
        scripts: Files of T-SQL to run at the start, in the first of `databases`.
        tls: Whether connections can, or must, be encrypted.
        port: Of the wire; 0: any.
        user: The administrator's name.
        password: Of the administrator; "": one is made up.
        capture_interval: Seconds between two looks of the capture jobs at the log; None: the engine's default.
        time_zone: Of the server; "": UTC.
        start_timeout: Seconds until it must listen.
        engine: Another engine, as `module:class`.
        environment: Variables beside those of this process.
    """

    def __init__(
        self,
        databases: Sequence[str] = (),
        *,
        scripts: Sequence[Path] = (),
        tls: TlsMode = "off",
        port: int = 0,
        user: str = "sa",
        password: str = "",
        capture_interval: float | None = None,
        time_zone: str = "",
        start_timeout: float = START_TIMEOUT,
        engine: str = ENGINE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        arguments = ["--port", str(port), "--user", user, "--tls", tls, "--engine", engine, "--die-with-parent"]
        if capture_interval is not None:
            arguments += ["--capture-interval", str(capture_interval)]
        if time_zone:
            arguments += ["--time-zone", time_zone]
        arguments += [word for name in databases for word in ("--database", name)]
        arguments += [word for path in scripts for word in ("--script", str(path))]
        # -P: a module of the current folder (a user's types.py) must not stand in for one of Python's.
        self._command = [sys.executable, "-P", "-m", "dstream_sandbox.sqlserver.main", *arguments]
        self._environment = {**os.environ, **(environment or {})}
        if password:
            self._environment[PASSWORD_VARIABLE] = password
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._end_of_log = ""
        self._facts: dict[str, Any] = {}
        self._control: ControlClient | None = None

    # -- life

    def start(self) -> None:
        """Starts the process and waits until it listens.

        Raises:
            SandboxError: It did not, with the end of its log.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=self._environment
        )
        try:
            self._facts = self._first_line(self._process)
            self._control = ControlClient(self.host, int(self._facts["control_port"]), self.password)
        except BaseException:
            self.stop()
            raise

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        deadline = time.monotonic() + self._start_timeout
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise self._failed(f"it did not listen within {self._start_timeout:g} s")
                piece = os.read(process.stdout.fileno(), 65536)
                if not piece:
                    raise self._failed(f"it ended with exit code {process.wait(10)}")
                received += piece
        facts: dict[str, Any] = json.loads(received)
        return facts

    def _failed(self, reason: str) -> SandboxError:
        tail = "\n".join(self.log().splitlines()[-20:])
        told = tail.rpartition("the sandbox could not start: ")[2]
        if told != tail:  # it has said why: nothing to search for in a log
            return SandboxError(f"the SQL Server sandbox did not start: {told}", code="sandbox/not-started")
        return SandboxError(f"the SQL Server sandbox did not start: {reason}\n{tail}", code="sandbox/not-started")

    def stop(self) -> None:
        """Ends the process; harmless when called again."""
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # it ends with its parent's end of the pipe
        for signal_it in (None, process.terminate, process.kill):
            if signal_it is not None:
                signal_it()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
                break
        process.stdout.close()
        self._end_of_log = self.log()
        if self._log is not None:
            self._log.close()
            self._log = None

    def wait(self) -> int:
        """Waits until the process ends by itself; gives its exit code."""
        if self._process is None:
            raise SandboxError("the sandbox does not run")
        return self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- facts

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the process said when it listened (see `main`)."""
        return dict(self._facts)

    @property
    def host(self) -> str:
        """Where it listens."""
        return str(self._facts["host"])

    @property
    def port(self) -> int:
        """Of the wire."""
        return int(self._facts["port"])

    @property
    def user(self) -> str:
        """The administrator."""
        return str(self._facts["user"])

    @property
    def password(self) -> str:
        """Of the administrator."""
        return str(self._facts["password"])

    @property
    def certificate(self) -> str:
        """The server's certificate in PEM, to be trusted by clients; "" without TLS."""
        return str(self._facts["certificate"])

    @property
    def pid(self) -> int:
        """The process's number."""
        if self._process is None:
            raise SandboxError("the sandbox does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def control(self) -> ControlClient:
        """Everything beside the wire."""
        if self._control is None:
            raise SandboxError("the sandbox does not run")
        return self._control

    def connection_string(self, database: str = "") -> str:
        """In the form of ADO.NET."""
        parts = {
            "Server": f"{self.host},{self.port}",
            "Database": database,
            "User ID": self.user,
            "Password": self.password,
        }
        encrypt = "true" if self._facts["tls"] == "required" else "false"
        text = "".join(f"{key}={_quoted(value)};" for key, value in parts.items() if value)
        return f"{text}Encrypt={encrypt};TrustServerCertificate=true"

    def pymssql(self, database: str = "") -> dict[str, Any]:
        """Arguments for `pymssql.connect`."""
        return {
            "server": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password,
            "database": database or "master",
        }

    def log(self) -> str:
        """What the process wrote to stderr so far."""
        if self._log is None:
            return self._end_of_log
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")


def _quoted(value: str) -> str:
    """A value of a connection string: in quotes if it could end early otherwise."""
    if not any(sign in value for sign in ";'\"={}") and value == value.strip():
        return value
    return '"' + value.replace('"', '""') + '"'


__all__ = ["ControlClient", "SqlServerSandbox"]
