"""What a catalog view is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dstream_sandbox.sqlserver.engine.api import ColumnInfo
from dstream_sandbox.sqlserver.engine.relations import Authorise, Produce, declared


@dataclass(frozen=True, slots=True)
class View:
    """A view's definition; `only_in` names the one database that has it ("" for every database)."""

    schema: str
    name: str
    columns: Sequence[ColumnInfo]
    produce: Produce
    authorise: Authorise | None = None
    only_in: str = ""


def view(
    schema: str, name: str, columns: str, produce: Produce, authorise: Authorise | None = None, only_in: str = ""
) -> View:
    """Puts a definition together; see `relations.declared` for `columns`."""
    return View(schema, name, declared(columns), produce, authorise, only_in)
