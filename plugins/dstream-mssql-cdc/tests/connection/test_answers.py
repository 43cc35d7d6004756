"""What a server may refuse to say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dstream_mssql_cdc.connection.answers import answer, clock_time, query_any
from dstream_mssql_cdc.connection.connection import Connection
from dstream_mssql_cdc.connection.errors import BusyError, SetupError, StatementError

TIME = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  a clock without zone is what is meant


class Server:
    """Answers by statement."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def query(self, statement: str, *_: Any) -> Any:
        found = self.answers[statement]
        if isinstance(found, Exception):
            raise found
        return found


def asked(**answers: Any) -> Connection:
    session: Any = Server(**answers)
    return session


@pytest.mark.parametrize("refusal", [StatementError("no such column"), SetupError("denied", code="mssql/permission")])
def test_the_first_that_is_taken_counts(refusal: Exception) -> None:
    assert query_any(asked(a=[(1,)], b=[(2,)]), "a", "b") == [(1,)]
    assert query_any(asked(a=refusal, b=[(2,)]), "a", "b") == [(2,)]
    assert answer(asked(a=refusal), "a") is None
    with pytest.raises(type(refusal), match=str(refusal)):
        query_any(asked(a=refusal, b=StatementError("another")), "a", "b")


def test_a_session_that_fails_is_no_refusal() -> None:
    with pytest.raises(BusyError):
        query_any(asked(a=BusyError("deadlock"), b=[(2,)]), "a", "b")
    with pytest.raises(BusyError):
        answer(asked(a=BusyError("deadlock")), "a")


def test_no_row_is_no_answer() -> None:
    assert answer(asked(a=[]), "a") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TIME, TIME),
        (TIME.replace(tzinfo=timezone(timedelta(hours=2))), TIME),
        ("2026-01-02 03:04:05", TIME),
        ("Jan  2 2026", None),
        (None, None),
        (5, None),
    ],
)
def test_times_of_any_type(value: object, expected: datetime | None) -> None:
    assert clock_time(value) == expected
