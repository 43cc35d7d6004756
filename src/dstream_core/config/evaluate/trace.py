"""What an expression's value came from: environment variables and sensitive values, found without marking values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dstream_core.config.values import number_text


class Trace:
    """Where the value of one expression came from, through locals and variables too.

    Attributes:
        environment: the names of all environment variables that were looked at.
        private: those of them whose values may be secret, with their values.
        sensitive: the texts that sensitive variables hold.
        marked: whether a sensitive value went into the result, in whatever form.
    """

    __slots__ = ("environment", "marked", "private", "sensitive")

    def __init__(self) -> None:
        self.environment: set[str] = set()
        self.private: dict[str, str] = {}
        self.sensitive: set[str] = set()
        self.marked = False

    def merge(self, other: Trace) -> None:
        """Take over all that another expression's value came from."""
        self.environment |= other.environment
        self.private |= other.private
        self.sensitive |= other.sensitive
        self.marked = self.marked or other.marked

    def merge_names(self, other: Trace) -> None:
        """Take over only which environment variables were looked at: their values did not go into the result."""
        self.environment |= other.environment

    def mark(self, value: Any) -> None:
        """Take the value as sensitive."""
        self.marked = True
        self.sensitive.update(texts_in(value))


def texts_in(value: Any) -> set[str]:
    """The texts of all strings and numbers anywhere in a value; empty ones are left out."""
    found: set[str] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found.add(item)
        elif isinstance(item, (Decimal, int)) and not isinstance(item, bool):
            found.add(number_text(item) if isinstance(item, Decimal) else str(item))
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    found.discard("")
    return found
