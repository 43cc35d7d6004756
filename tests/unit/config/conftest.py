"""Fixtures for the tests of the configuration language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dstream_core.config import Task, evaluate_task, load_project
from dstream_core.config.evaluate import EmptyScope, Evaluator
from dstream_core.config.source import Source
from dstream_core.config.syntax import parse
from dstream_core.errors import DiagnosticsError

TASK = """\
task "t" {{
  input {{
    provider = "counter"
    config {{
{config}
    }}
  }}
  output {{
    provider = "console"
  }}
}}
"""


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    """Evaluates `x = …`, written as in a file, to a value of the language."""

    def run(text: str, environment: Mapping[str, str] | None = None) -> Any:
        source = Source("test.hcl", f"x = {text}\n")
        body, problems = parse(source)
        if problems:
            raise DiagnosticsError(problems)
        return Evaluator(source, EmptyScope("a test"), environment or {}).evaluate(body.arguments["x"].value)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of the project and returns its path."""

    def run(text: str, name: str = "dstream.hcl") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return run


@pytest.fixture
def load(write: Callable[..., Path]) -> Callable[..., Task]:
    """Loads a text and evaluates its task "t"; `config` alone stands for the config of the input."""

    def run(
        text: str | None = None,
        *,
        config: str | None = None,
        extra: str = "",
        environment: Mapping[str, str] | None = None,
        variables: Sequence[str] = (),
        variable_files: Sequence[str] = (),
    ) -> Task:
        if config is not None:
            text = TASK.format(config=config) + extra
        assert text is not None
        project = load_project(
            write(text), variables=variables, variable_files=variable_files, environment=environment or {}
        )
        return evaluate_task(project, "t")

    return run
