"""What the parts of the evaluator ask of the whole: the evaluator gives itself to them as this."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dstream_core.config.evaluate.trace import Trace
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.values import Type
from dstream_core.errors import DiagnosticsError


class Evaluation(Protocol):
    """An evaluator of the expressions of one file.

    Attributes:
        trace: what the values evaluated so far came from.
        names: the names that `for` expressions around the current one have set.
        environment: the environment variables.
    """

    trace: Trace
    names: dict[str, Any]
    environment: Mapping[str, str]

    def evaluate(self, node: Expression) -> Any:
        """The value of an expression."""

    def attempt(self, node: Expression) -> tuple[Any, DiagnosticsError | None]:
        """The value of an expression, or why it has none."""

    def tracing(self) -> AbstractContextManager[Trace]:
        """Within the block, what values come from goes to a new trace and not to the one outside."""

    def fail(self, code: str, message: str, node: nodes.Node, hint: str | None = None) -> DiagnosticsError:
        """The error to raise about a node."""

    def convert(self, value: Any, wanted: Type, node: Expression, code: str, what: str) -> Any:
        """The value of a node as one of another type."""

    def key(self, node: Expression) -> str:
        """The key of an object's item."""

    def variable(self, name: str, start: int, end: int) -> str | None:
        """An environment variable's value, remembered as looked at."""
