"""The one in front: whoever shows what happens and answers questions. The command line is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dstream_core.engine.redaction import LazyRedactor
from dstream_core.protocol.names import Verb
from dstream_core.protocol.result import Result
from dstream_core.runtime.values import Observer


class Front(Observer, Protocol):
    """An observer of providers that can also ask."""

    @property
    def interactive(self) -> bool:
        """Whether a person at a terminal can answer."""

    @property
    def color(self) -> bool:
        """Whether text that providers print reaches a terminal that takes colours."""

    @property
    def live(self) -> bool:
        """Whether it shows how far a run got, and so wants `counts`."""

    def counts(self, records: int, acknowledged: int, size: int) -> None:
        """How far a run got: records and bytes handed to the output, records acknowledged."""

    def redact_with(self, redactor: LazyRedactor) -> None:
        """From now on mask these secrets in everything that is shown (invariant 5)."""

    def show_plan(self, task: str, result: Result, *, destroy: bool) -> None:
        """Show a plan before a question about it."""

    def show_failed(self, task: str, verb: Verb, result: Result, document: Mapping[str, Any]) -> None:
        """Show what a verb that failed did before it failed."""

    def confirm(self, question: str) -> bool:
        """Ask; end of file is a no."""
