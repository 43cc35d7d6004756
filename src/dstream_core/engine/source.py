"""What the input reads, for the output: the input's `discover`, or the `tables` list of its options (PROTOCOL "Start")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dstream_core.engine.asking import ask, checked
from dstream_core.engine.front import Front
from dstream_core.engine.prepare import Prepared
from dstream_core.errors import DStreamError, InterruptedRunError


def discover_source(prepared: Prepared, front: Front) -> Mapping[str, Any] | None:
    """The `source` for the output's run, init, plan and status; None if the input knows of none.

    Raises:
        DStreamError: discover failed, with the input's message and exit code.
    """
    if prepared.input is not None and not prepared.input.older and prepared.input.answers("discover"):
        return checked(ask(prepared, "input", "discover", front), prepared, "input").result.source
    return listed_tables(prepared.task.input.config)


def discover_source_if_possible(prepared: Prepared, front: Front) -> Mapping[str, Any] | None:
    """As `discover_source`, but a failure is said and otherwise ignored (status)."""
    try:
        return discover_source(prepared, front)
    except InterruptedRunError:
        raise
    except DStreamError as error:
        front.notice("warning", f"going on without what the input reads: {error.message}")
        return None


def listed_tables(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The `tables` of an input's options as a source, if there is such a list; `dbo.Orders` has a schema."""
    tables = next((value for name, value in config.items() if name.lower() == "tables"), None)
    if not isinstance(tables, list):
        return None
    names = [table for table in tables if isinstance(table, str) and table]
    return {"tables": [_table(name) for name in names]} if names else None


def _table(name: str) -> dict[str, str]:
    schema, _, table = name.rpartition(".")
    return {"schema": schema, "name": table} if schema else {"name": table}
