"""`dstream tasks`: the tasks of a file, without evaluating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dstream_core.config.load import load_project
from dstream_core.engine.request import Request


@dataclass(frozen=True)
class TaskRow:
    """A task as written; a provider is None if the file names it by an expression."""

    name: str
    input: str | None
    output: str | None
    description: str | None
    place: str

    def document(self) -> dict[str, Any]:
        """The row as data, for `--json`."""
        return {
            "name": self.name,
            "input": self.input,
            "output": self.output,
            "description": self.description,
            "where": self.place,
        }


def list_tasks(request: Request) -> list[TaskRow]:
    """The tasks in the order of the file.

    Raises:
        DiagnosticsError: the file has errors of syntax or structure.
    """
    project = load_project(
        request.config,
        variables=request.variables,
        variable_files=request.variable_files,
        environment=request.environment,
    )
    return [
        TaskRow(task.name, task.provider("input"), task.provider("output"), task.description, str(task.where))
        for task in project.tasks.values()
    ]
