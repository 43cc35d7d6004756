"""Azurite, the emulator of Azure Storage, as a process on loopback."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCOUNT = "devstoreaccount1"
KEY = base64.b64encode(b"a key of 64 bytes for an emulator that lives as long as the tests").decode()
START_SECONDS = 60.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connection_string(port: int) -> str:
    """What clients connect with."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )


@contextmanager
def azurite_running(program: str, folder: Path) -> Iterator[str]:
    """Runs it; gives the connection string."""
    port = free_port()
    # Without --disableTelemetry it calls home.
    arguments = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    arguments += ["--disableTelemetry", "--skipApiVersionCheck"]
    # An environment of its own: it outlives the module of tests that started it, and must not count as left behind.
    environment = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}", "HOME": str(folder)}
    with (folder / "azurite.log").open("wb") as log:
        server = subprocess.Popen([program, *arguments], stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        _wait(server, port, folder / "azurite.log")
        yield connection_string(port)
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"azurite does not answer: {log.read_text()}")
