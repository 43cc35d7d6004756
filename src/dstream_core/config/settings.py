"""Arguments that the core itself understands: words, time spans, counts, strings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dstream_core.config.diagnostics import Collector
from dstream_core.config.evaluate import Evaluator
from dstream_core.config.syntax.nodes import Argument
from dstream_core.config.values import NUMBER, STRING
from dstream_core.config.values.numbers import is_integer
from dstream_core.durations import parse_duration
from dstream_core.errors import ConfigurationError


class Settings:
    """Reads the arguments of a block that the core itself understands.

    Args:
        evaluator: for their expressions.
        arguments: by name.
        collector: takes what is wrong with them; the default stands in then.
    """

    def __init__(self, evaluator: Evaluator, arguments: Mapping[str, Argument], collector: Collector):
        self.evaluator = evaluator
        self.arguments = arguments
        self.collector = collector

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        if name not in self.arguments:
            return default
        with self.collector:
            node = self.arguments[name].value
            value = self.evaluator.evaluate(node)
            if value in choices:
                return str(value)
            shown = " or ".join(f'"{choice}"' for choice in choices)
            raise self.evaluator.fail(f"config/{name.replace('_', '-')}", f'"{name}" must be {shown}.', node)
        return default

    def seconds(self, name: str, default: float) -> float:
        """A time span above zero: Go's notation, or a number of seconds."""
        if name not in self.arguments:
            return default
        with self.collector:
            node = self.arguments[name].value
            value = self.evaluator.evaluate(node)
            if isinstance(value, bool) or not isinstance(value, (str, Decimal)):
                raise self.evaluator.fail(
                    "config/duration",
                    f'"{name}" must be a duration.',
                    node,
                    'Write "30s", "1m30s", or seconds as a number.',
                )
            try:
                seconds = parse_duration(value)
            except ConfigurationError as error:
                raise self.evaluator.fail(error.code, f'"{name}": {error.message}', node, error.hint) from None
            if seconds <= 0:
                raise self.evaluator.fail("config/duration", f'"{name}" must be longer than nothing.', node)
            return seconds
        return default

    def count(self, name: str, default: int) -> int:
        """A whole number from 1 up."""
        if name not in self.arguments:
            return default
        with self.collector:
            node = self.arguments[name].value
            value = self.evaluator.convert(
                self.evaluator.evaluate(node), NUMBER, node, "config/number", f'"{name}" must be a whole number'
            )
            if value is None or not is_integer(value) or value < 1:
                raise self.evaluator.fail("config/number", f'"{name}" must be a whole number of at least 1.', node)
            return int(value)
        return default

    def text(self, name: str) -> str | None:
        """A string, None if it is not set."""
        if name not in self.arguments:
            return None
        with self.collector:
            node = self.arguments[name].value
            value = self.evaluator.evaluate(node)
            if value is None:
                return None
            return str(self.evaluator.convert(value, STRING, node, "config/string", f'"{name}" must be a string'))
        return None
