"""The configuration language: templates, HCL, variables and locals, and the loading of a project's tasks.

project = load_project("dstream.hcl", environment=os.environ)
task = evaluate_task(project, "orders")
"""

from __future__ import annotations

from dstream_core.config.diagnostics import excerpt, nearest, suggestion, to_json
from dstream_core.config.load import evaluate_task, lint, load_project
from dstream_core.config.model import (
    BlockSettings,
    ConfigPath,
    Project,
    Provenance,
    ProviderBlock,
    ProviderKind,
    Task,
    TaskSettings,
)

__all__ = [
    "BlockSettings",
    "ConfigPath",
    "Project",
    "Provenance",
    "ProviderBlock",
    "ProviderKind",
    "Task",
    "TaskSettings",
    "evaluate_task",
    "excerpt",
    "lint",
    "load_project",
    "nearest",
    "suggestion",
    "to_json",
]
