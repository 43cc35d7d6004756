"""The provider's process, and what stands in for DStream around it: it reads lines, keeps none, and acknowledges all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from measure import precise_cpu_seconds, program

from dstream_sandbox.sqlserver.client import SqlServerSandbox

READ_BYTES = 1024 * 1024
ACKNOWLEDGE_SECONDS = 0.05
"""As often as an output acknowledges."""
PIPE_BYTES = 1024 * 1024
"""What DStream asks for its pipes too."""


@dataclass
class Provider:
    """A running provider.

    Attributes:
        process: its process.
        lines: data lines read so far.
        log: where its stderr goes.
    """

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    lines: int = 0
    _acknowledged: int = 0
    _said: float = field(default=0.0)

    def chunks(self, patience: float = 60.0) -> Iterator[bytes]:
        """What it writes, in pieces of whole and torn lines, acknowledged as it is read."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        watch = threading.Timer(patience, self.process.kill)
        watch.start()
        try:
            while piece := os.read(descriptor, READ_BYTES):
                self.lines += piece.count(b"\n")
                self._acknowledge()
                yield piece
        finally:
            watch.cancel()

    def _acknowledge(self) -> None:
        now = time.monotonic()
        if now - self._said >= ACKNOWLEDGE_SECONDS:
            self._said = now
            self.tell({"ack": self.lines})

    def tell(self, member: dict[str, Any]) -> None:
        """Sends it a control line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"$dstream": member}).encode() + b"\n")
        self.process.stdin.flush()

    def cpu(self) -> float:
        """Seconds of processor time so far, all its threads together."""
        return precise_cpu_seconds(self.process.pid) or 0.0

    def stop(self) -> None:
        """Ends it in order.

        Raises:
            RuntimeError: it failed; with the end of its log.
        """
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended by itself
            self.tell({"stop": True})
            for _ in self.chunks():
                pass
            self.tell({"ack": self.lines})
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        if self.process.wait(30):
            raise RuntimeError(f"the provider ended with {self.process.returncode}: {self.complaint()}")

    def complaint(self) -> str:
        """The end of its log."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()[-2000:]


@contextmanager
def running(server: SqlServerSandbox, state: Path, **options: Any) -> Iterator[Provider]:
    """The provider, ready, on the database `bench` of a server.

    Args:
        server: the sandbox.
        state: its state directory.
        options: beside the connection.
    """
    command = {
        "command": "run",
        "config": {"db_connection_string": server.connection_string("bench"), "checkpoint": "file", **options},
        "dstream": {
            "protocol": 1, "task": "bench", "role": "input", "state_dir": str(state), "consent": [], "arguments": {}
        },
    }  # fmt: skip
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [program("dstream-mssql-cdc")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pipesize=PIPE_BYTES,
        )
        provider = Provider(process, log)
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(command).encode() + b"\n")
            process.stdin.flush()
            _await_ready(provider)
            yield provider
            provider.stop()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    stream.close()


@contextmanager
def reading(provider: Provider, read: Callable[[], None] | None = None) -> Iterator[None]:
    """Reads what the provider writes, in a thread, until it ends; on leaving, it is told to stop.

    Args:
        provider: a running one.
        read: goes through `chunks`; None: they are only counted.
    """
    thread = threading.Thread(target=read or (lambda: _forget(provider)), daemon=True)
    thread.start()
    try:
        yield
        provider.tell({"stop": True})
    finally:
        if thread.is_alive() and provider.process.poll() is None:
            thread.join(30)


def _forget(provider: Provider) -> None:
    for _ in provider.chunks(600.0):
        pass


def _await_ready(provider: Provider) -> None:
    assert provider.process.stdout is not None
    descriptor = provider.process.stdout.fileno()
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)  # not more: what follows are data lines
        if not byte:
            break
        line += byte
    if b'"ready"' not in line:
        raise RuntimeError(f"the provider was not ready: {line!r} {provider.complaint()}")
