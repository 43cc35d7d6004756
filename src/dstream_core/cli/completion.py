"""Shell completion of what only the project and the installation know: tasks and providers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer


def complete_task(context: typer.Context, incomplete: str) -> list[str]:
    """Names of tasks in the configuration; none if it cannot be read."""
    # quick start: both, since only a completion pays for reading the project
    from dstream_core.engine.request import Request  # noqa: PLC0415  as above
    from dstream_core.engine.tasks import list_tasks  # noqa: PLC0415  as above

    try:
        rows = list_tasks(Request(_config(context), dict(os.environ)))
    except Exception:  # noqa: BLE001  a broken file completes nothing, and says so when it is used
        return []
    return [row.name for row in rows if row.name.startswith(incomplete)]


def complete_provider(incomplete: str) -> list[str]:
    """IDs of installed providers."""
    from dstream_core.providers.discovery import discover  # noqa: PLC0415  only a completion of it pays

    return sorted({row.id for row in discover().providers if row.id.startswith(incomplete)})


def _config(context: Any) -> Path:
    given = context.params.get("config")
    if given:
        return Path(given)
    return _config(context.parent) if context.parent is not None else Path()
