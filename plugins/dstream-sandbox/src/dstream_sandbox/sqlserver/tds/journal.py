"""What clients asked for: statements in order, how often each, by session."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20_000
"""Statements that are remembered one by one; counts go on beyond that."""

KEPT_TEXT = 20_000
"""Characters of a statement's text that are remembered."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One statement: a batch, a procedure call, or a transaction request."""

    number: int
    time: float
    spid: int
    database: str
    application: str
    kind: str
    text: str
    parameters: int


class Journal:
    """Remembers statements; safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._seen: deque[Seen] = deque(maxlen=KEPT)
        self._texts: Counter[str] = Counter()
        self._sessions: Counter[int] = Counter()
        self._total = 0

    def note(self, spid: int, database: str, application: str, kind: str, text: str, parameters: int = 0) -> None:
        """Remembers one, before it is run."""
        text = text[:KEPT_TEXT]
        with self._lock:
            self._total += 1
            self._sessions[spid] += 1
            if text in self._texts or len(self._texts) < KEPT:
                self._texts[text] += 1
            self._seen.append(
                Seen(next(self._numbers), time.time(), spid, database, application, kind, text, parameters)
            )

    @property
    def total(self) -> int:
        """Statements since the start or the last `clear`."""
        return self._total

    def statements(self, after: int = 0) -> list[dict[str, Any]]:
        """Those with a number above `after`, in order."""
        with self._lock:
            return [asdict(seen) for seen in self._seen if seen.number > after]

    def distinct(self) -> dict[str, int]:
        """Texts and how often each was seen, the most frequent first."""
        with self._lock:
            return dict(self._texts.most_common())

    def by_session(self) -> dict[int, int]:
        """Statements of each spid."""
        with self._lock:
            return dict(self._sessions)

    def clear(self) -> None:
        """Forgets all; numbers go on."""
        with self._lock:
            self._seen.clear()
            self._texts.clear()
            self._sessions.clear()
            self._total = 0
