"""Faults on command: what is to go wrong, for whom, where in the answer, and how often."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Action: TypeAlias = Literal["delay", "hang", "fin", "rst", "error", "throttle"]
Stage: TypeAlias = Literal["statement", "login", "connect"]
Place: TypeAlias = Literal["start", "byte", "packet", "row", "end"]

ACTIONS = ("delay", "hang", "fin", "rst", "error", "throttle")
STAGES = ("statement", "login", "connect")
PLACES = ("start", "byte", "packet", "row", "end")


@dataclass(slots=True)
class Fault:
    """One thing that is to go wrong.

    Attributes:
        action: delay (then go on), hang (until it is released), fin and rst (end the connection in order, or cut it off),
            error (a message in place of the answer, or of its rest), throttle (so many bytes a second).
        on: What it lies in wait for: a statement, a login, or a connection before its first byte.
        place: start: before the statement is run, so it has no effect; byte, packet, row: when so many of the answer have
            been sent, all of them exactly and not one byte more; end: when the whole answer has been sent.
        position: Which byte, packet or row; 0 is before the first, when the statement has been run.
        pattern: A regular expression that is searched for in the statement (letter case does not matter); None: any.
        database: Only sessions in this database.
        application: Only clients that call themselves so.
        spid: Only this session.
        count: How often it happens; 0: until it is cleared.
        milliseconds: Of a delay.
        number, message, severity, state: Of an error.
        bytes_per_second: Of throttle.
        skip: So many matching statements pass first.
    """

    action: Action
    on: Stage = "statement"
    place: Place = "start"
    position: int = 0
    pattern: str | None = None
    database: str | None = None
    application: str | None = None
    spid: int | None = None
    count: int = 1
    milliseconds: int = 0
    number: int = 50000
    message: str = "sandbox: an error on command"
    severity: int = 16
    state: int = 1
    bytes_per_second: int = 0
    skip: int = 0
    id: int = 0
    matched: int = 0
    fired: int = 0
    released: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        for value, known, what in (
            (self.action, ACTIONS, "action"),
            (self.on, STAGES, "on"),
            (self.place, PLACES, "place"),
        ):
            if value not in known:
                raise ValueError(f"{what} is one of {', '.join(known)}, not {value!r}")
        if self.action == "error" and self.place not in ("start", "row"):
            raise ValueError("an error comes at the start or at a row")
        if self.action == "throttle" and self.bytes_per_second < 1:
            raise ValueError("throttle needs bytes_per_second")
        if self.on == "connect" and self.action == "error":
            raise ValueError("there is no way to tell an error before the login")
        if self.pattern is not None:
            re.compile(self.pattern)

    def describe(self) -> dict[str, Any]:
        """For the control channel."""
        return {name: value for name, value in _fields(self).items() if name != "released"}


def _fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a fault might happen."""

    on: Stage
    text: str = ""
    database: str = ""
    application: str = ""
    spid: int = 0


class FaultBoard:
    """All faults that lie in wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[int, Fault] = {}
        self._gone: dict[int, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> int:
        """Puts one up; gives its number."""
        with self._lock:
            fault.id = next(self._numbers)
            self._faults[fault.id] = fault
            return fault.id

    def matching(self, situation: Situation) -> list[Fault]:
        """Those that this may happen to; each is asked again by `take` when it comes to it."""
        if not self._faults:
            return []
        with self._lock:
            found = [fault for fault in self._faults.values() if _matches(fault, situation)]
            for fault in found:
                fault.matched += 1
            return [fault for fault in found if fault.matched > fault.skip]

    def take(self, fault: Fault) -> bool:
        """Whether the fault happens now: another connection may have had the last of them, or it was cleared."""
        with self._lock:
            if fault.id not in self._faults:
                return False
            fault.fired += 1
            if fault.count and fault.fired >= fault.count:
                self._gone[fault.id] = self._faults.pop(fault.id)
            return True

    def release(self, number: int | None = None) -> None:
        """Lets those that hang go on; None: all."""
        with self._lock:
            for fault in (*self._faults.values(), *self._gone.values()):
                if number in (None, fault.id):
                    fault.released.set()

    def clear(self, number: int | None = None) -> None:
        """Takes faults away and lets go of what hangs in them; None: all."""
        self.release(number)
        with self._lock:
            for key in [key for key in self._faults if number in (None, key)]:
                self._gone[key] = self._faults.pop(key)

    def describe(self) -> Sequence[dict[str, Any]]:
        """All, those that are used up as well, by number."""
        with self._lock:
            everything = {**self._gone, **self._faults}
            return [
                {**fault.describe(), "active": number in self._faults} for number, fault in sorted(everything.items())
            ]


def _matches(fault: Fault, situation: Situation) -> bool:
    if fault.on != situation.on:
        return False
    if fault.spid is not None and fault.spid != situation.spid:
        return False
    if fault.database is not None and fault.database.lower() != situation.database.lower():
        return False
    if fault.application is not None and fault.application.lower() != situation.application.lower():
        return False
    return fault.pattern is None or re.search(fault.pattern, situation.text, re.IGNORECASE | re.DOTALL) is not None


__all__ = ["Action", "Fault", "FaultBoard", "Place", "Situation", "Stage"]
