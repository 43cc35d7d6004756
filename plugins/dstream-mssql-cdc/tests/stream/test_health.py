"""Health is looked after where the server lets one look, and never ends a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dstream_core.api import Log
from dstream_mssql_cdc.connection.errors import BusyError, StatementError
from dstream_mssql_cdc.stream import health
from dstream_mssql_cdc.stream.health import Health
from dstream_mssql_cdc.stream.pulse import Pulse

NOW = datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001  as the server gives it
PULSE = Pulse(b"\1" * 10, NOW, NOW, ())


class Server:
    """Answers by statement; refuses the others."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def query(self, statement: str, *_: Any) -> Any:
        found = self.answers.get(statement, StatementError("not supported"))
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def said() -> Iterator[Any]:
    reading, writing = os.pipe()

    def look(answers: dict[str, Any]) -> str:
        server: Any = Server(answers)
        Health(Log(structured=False, descriptor=writing), 300).look(server, PULSE)
        os.write(writing, b"end\n")
        return os.read(reading, 65536).decode()

    yield look
    os.close(reading)
    os.close(writing)


def test_a_server_that_tells_nothing(said: Any) -> None:
    assert "warning" not in said({})


def test_times_of_any_type_are_compared(said: Any) -> None:
    for old in ("2026-01-02 01:00:00.123", datetime(2026, 1, 2, 1, tzinfo=UTC), NOW - timedelta(hours=1)):
        assert "the capture job is silent" in said({health.NEWEST_ENTRY: [(old, NOW)]})
    assert "silent" not in said({health.NEWEST_ENTRY: [(None, NOW)]})
    assert "silent" not in said({health.NEWEST_ENTRY: [(NOW, "no time")]})


def test_errors_without_a_time_are_told(said: Any) -> None:
    answers = {health.ERRORS: [(None, 22859, "too long")], health.LATENCY: []}
    assert "22859" in said(answers)


def test_a_session_that_fails_is_told(said: Any) -> None:
    with pytest.raises(BusyError):
        said({health.NEWEST_ENTRY: BusyError("deadlock")})
