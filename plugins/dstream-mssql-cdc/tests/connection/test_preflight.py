"""What stands in the way before any login."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection import freetds
from dstream_mssql_cdc.connection.addresses import port_of, resolve
from dstream_mssql_cdc.connection.errors import SetupError, UnreachableError
from dstream_mssql_cdc.connection.freetds import server_name
from dstream_mssql_cdc.connection.preflight import obstacle
from dstream_mssql_cdc.connection.settings import ConnectionSettings

HERE = ConnectionSettings("127.0.0.1", database="d", user="u", login_timeout=1)

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that does one thing with its first client; gives the port."""
    ends: list[Callable[[], None]] = []

    def start(behave: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(10)

        def run() -> None:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(10)
                behave(client)

        thread = threading.Thread(target=run)
        thread.start()

        def end() -> None:
            thread.join(10)
            listener.close()

        ends.append(end)
        return int(listener.getsockname()[1])

    yield start
    for end in ends:
        end()


def prelogin(encryption: int) -> Callable[[socket.socket], None]:
    """Answers PRELOGIN as a server with this word on encryption."""

    def behave(client: socket.socket) -> None:
        client.recv(4096)
        body = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + bytes(6) + bytes([encryption])
        client.sendall(struct.pack(">BBHHBB", 4, 1, len(body) + 8, 0, 0, 0) + body)

    return behave


def found(port: int, **changes: object) -> DStreamError | None:
    return obstacle(replace(HERE, **changes), port)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = found(port)
    assert isinstance(error, UnreachableError)
    assert "connection refused" in error.message
    assert error.exit_code == 75


def test_no_such_host() -> None:
    error = found(1, host="no-such-host.invalid")
    assert isinstance(error, SetupError)
    assert (error.code, error.exit_code) == ("mssql/unknown-host", 2)
    assert isinstance(found(1, host="a" * 70 + ".example"), SetupError)


def test_a_server_of_another_kind(serve: Serve) -> None:
    error = found(serve(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    assert isinstance(error, UnreachableError)


def test_a_server_that_hangs_up(serve: Serve) -> None:
    error = found(serve(lambda client: None))
    assert isinstance(error, UnreachableError)
    assert "drops" in error.message


@pytest.mark.parametrize(
    ("encrypt", "answer", "code"),
    [("require", 2, "mssql/encryption"), ("request", 2, None), ("off", 2, None), ("off", 0, None)],
)
def test_the_servers_word_on_encryption(serve: Serve, encrypt: str, answer: int, code: str | None) -> None:
    error = found(serve(prelogin(answer)), encrypt=encrypt)
    assert (error.code if error else None) == code


def test_a_handshake_that_ends_early(serve: Serve) -> None:
    assert isinstance(found(serve(prelogin(1)), encrypt="require"), UnreachableError)


def test_ports() -> None:
    assert port_of(HERE) == 1433
    assert port_of(replace(HERE, port=5)) == 5
    assert port_of(replace(HERE, port=5, instance="X")) == 5
    assert resolve("127.0.0.1", 5)[0][4] == ("127.0.0.1", 5)


def test_how_freetds_is_told_the_server() -> None:
    assert server_name(HERE, "sql", 5) == "sql:5"
    assert server_name(HERE, "::1", 5) == "[::1]:5"


def test_certificates_are_asked_for_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freetds, "_FILE", freetds._ConfigurationFile())
    monkeypatch.setenv("FREETDSCONF", "/somebody/elses.conf")
    checked = replace(
        HERE,
        encrypt="require",
        trust_server_certificate=False,
        certificate_authority=__file__,
        certificate_host="sql.example",
    )
    first, second = server_name(checked, "10.0.0.1", 5), server_name(replace(checked, encrypt="strict"), "::1", 6)
    assert (first, second) == ("dstream-1:5", "dstream-2:6")
    assert server_name(checked, "10.0.0.1", 5) == first
    assert Path(os.environ["FREETDSCONF"]).read_text().splitlines() == [
        "[dstream-1]",
        "host = 10.0.0.1",
        "port = 5",
        f"ca file = {__file__}",
        "check certificate hostname = yes",
        "certificate hostname = sql.example",
        "[dstream-2]",
        "host = ::1",
        "port = 6",
        "encryption = strict",
        f"ca file = {__file__}",
        "check certificate hostname = yes",
        "certificate hostname = sql.example",
    ]
