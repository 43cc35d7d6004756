"""The questions of a pass, to servers that answer them in part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dstream_core.api import TemporaryError
from dstream_mssql_cdc.catalog.values import CaptureInstance
from dstream_mssql_cdc.connection.errors import StatementError
from dstream_mssql_cdc.position import ZERO
from dstream_mssql_cdc.stream import pulse as questions
from dstream_mssql_cdc.stream.pulse import read_low_mark, read_low_marks, read_pulse, require_reached

LSN = b"\1" * 10
NOW = datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001  as the server gives it
INSTANCE = CaptureInstance("dbo_Orders", 7, LSN, (), True, None, False, "dbo_Orders_CT")


class Server:
    """Answers by statement; refuses the others."""

    purpose = "test"

    def __init__(self, **answers: Any) -> None:
        self.answers = {getattr(questions, name): found for name, found in answers.items()}

    def query(self, statement: str, *_: Any) -> Any:
        if statement not in self.answers:
            raise StatementError("not supported")
        return self.answers[statement]


def session(**answers: Any) -> Any:
    return Server(**answers)


def test_one_question_for_all() -> None:
    found = read_pulse(session(PULSE=[(LSN, NOW, NOW, 1, 7, LSN, bytearray(LSN))]))
    assert (found.maximum, found.now, found.local, found.signature) == (LSN, NOW, NOW, (1, 7, LSN, LSN))


def test_clocks_with_a_zone_are_clocks_all_the_same() -> None:
    found = read_pulse(session(PULSE=[(LSN, NOW.replace(tzinfo=UTC), "2026-01-02 03:04:00", 0, None, None, None)]))
    assert (found.now, found.local) == (NOW, NOW)


def test_a_server_that_cannot_put_them_together() -> None:
    plain = {"MAXIMUM": [(None,)], "LOW_MARKS": [(7, None), (6, LSN)]}
    found = read_pulse(session(**plain))
    assert found.maximum is None
    assert found.local == found.now
    later = read_pulse(session(**plain | {"LOW_MARKS": [(7, LSN), (6, LSN)], "CLOCKS": [(NOW, NOW)]}))
    assert later.now == NOW
    assert later.signature != found.signature


def test_a_low_mark_that_is_not_known_yet_is_below_everything() -> None:
    assert read_low_marks(session(LOW_MARKS=[(7, None), (6, LSN)])) == {7: ZERO, 6: LSN}
    assert read_low_mark(session(LOW_MARK=[(None,)]), INSTANCE) == ZERO
    assert read_low_mark(session(LOW_MARK=[]), INSTANCE) is None


def test_a_replica_that_is_behind_is_not_read_from() -> None:
    require_reached(session(MAXIMUM=[(LSN,)]), LSN)
    for maximum in (None, b"\0" + LSN[1:]):
        with pytest.raises(TemporaryError) as caught:
            require_reached(session(MAXIMUM=[(maximum,)]), LSN)
        assert caught.value.code == "mssql/replica-behind"
