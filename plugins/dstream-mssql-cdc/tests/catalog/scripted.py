"""A session whose answers are prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Answer = list[tuple[Any, ...]] | Exception | Callable[..., list[tuple[Any, ...]]]


class ScriptedConnection:
    """Answers statements it knows; the others are a test's mistake.

    Args:
        answers: by the statement's text; an exception is raised.
    """

    def __init__(self, answers: Mapping[str, Answer]):
        self._answers = answers
        self.asked: list[str] = []

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        self.asked.append(text)
        answer = self._answers[text]
        if isinstance(answer, Exception):
            raise answer
        return answer(*parameters) if callable(answer) else answer

    def rows(self, text: str, *parameters: Any, size: int = 1000) -> Iterator[list[tuple[Any, ...]]]:
        yield self.query(text, *parameters)
