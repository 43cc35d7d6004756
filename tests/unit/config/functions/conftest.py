"""How the tables of this folder are read: expressions of the configuration language, evaluated as a file's would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dstream_core.config.evaluate import EmptyScope, Evaluator
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse_value
from dstream_core.errors import DiagnosticsError


def _value(text: str) -> Any:
    source = Source("expression", text)
    return Evaluator(source, EmptyScope("this is a test"), {}).evaluate(parse_value(source))


def _same(left: Any, right: Any) -> bool:
    """Equal, and of the same kind all the way down: a list is no tuple, a map no object."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(map(_same, left.values(), right.values()))
    return bool(left == right)


@pytest.fixture(scope="session")
def value() -> Callable[[str], Any]:
    """The value of an expression."""
    return _value


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], bool]:
    """Whether two values are equal and of the same kinds."""
    return _same


@pytest.fixture(scope="session")
def gives() -> Callable[[str, str], None]:
    """Assert that two expressions have the same value, of the same kinds."""

    def check(expression: str, expected: str) -> None:
        found, wanted = _value(expression), _value(expected)
        assert _same(found, wanted), f"{expression} gives {found!r}, not {wanted!r}"

    return check


@pytest.fixture(scope="session")
def fails() -> Callable[[str, str], None]:
    """Assert that an expression fails and that the message says something."""

    def check(expression: str, message: str) -> None:
        with pytest.raises(DiagnosticsError) as caught:
            _value(expression)
        assert message in caught.value.message

    return check
