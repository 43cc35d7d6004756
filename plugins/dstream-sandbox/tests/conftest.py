"""What the tests of the sandbox share: the wire over an engine without a database, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymssql
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the modules that tests share lie beside them

from fake_engine import FakeServer  # noqa: E402  after the path

from dstream_sandbox.sqlserver.tds.greeting import Services  # noqa: E402  after the path
from dstream_sandbox.sqlserver.tds.prelogin import TlsMode  # noqa: E402  after the path
from dstream_sandbox.sqlserver.tds.server import WireServer  # noqa: E402  after the path
from dstream_sandbox.sqlserver.tds.tls import make_certificate, server_context  # noqa: E402  after the path


class Wire:
    """A listening wire, and connections to it that are closed at the end."""

    def __init__(self, tls: TlsMode = "off") -> None:
        self.engine = FakeServer()
        context = server_context(*make_certificate()) if tls != "off" else None
        self.services = Services(self.engine, tls, context)
        self.server = WireServer(self.services)
        self.server.start()
        self._opened: list[Any] = []

    @property
    def faults(self) -> Any:
        return self.services.faults

    def arguments(self, **more: Any) -> dict[str, Any]:
        given = {"server": "127.0.0.1", "port": str(self.server.port), "user": "sa", "password": "secret"}
        return {**given, "database": "db1", "autocommit": True, "login_timeout": 10, **more}

    def connect(self, **more: Any) -> Any:
        connection = pymssql.connect(**self.arguments(**more))
        self._opened.append(connection)
        return connection

    def cursor(self, **more: Any) -> Any:
        return self.connect(**more).cursor()

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self.server.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    served = Wire()
    yield served
    served.close()


@pytest.fixture
def wire_with() -> Iterator[Callable[[TlsMode], Wire]]:
    made: list[Wire] = []

    def make(tls: TlsMode) -> Wire:
        made.append(Wire(tls))
        return made[-1]

    yield make
    for served in made:
        served.close()
