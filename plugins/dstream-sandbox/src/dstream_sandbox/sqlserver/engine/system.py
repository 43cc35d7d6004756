"""Everything that the server brings along: catalog views, functions, procedures, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.cdc import functions as capture_functions
from dstream_sandbox.sqlserver.cdc.procedures import PROCEDURES as CAPTURE_PROCEDURES
from dstream_sandbox.sqlserver.engine.catalog import VIEWS
from dstream_sandbox.sqlserver.engine.functions import FUNCTIONS
from dstream_sandbox.sqlserver.engine.procedures import PROCEDURES
from dstream_sandbox.sqlserver.engine.relations import SystemView

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.api import Procedure, Relation, ScalarFunction, TableFunction
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.server import Server


class System:
    """Looks names up; the views are made once for each database."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: dict[tuple[int, str, str], Any] = {}

    def relation(self, database: Database, schema: str | None, name: str) -> Relation | None:
        """A catalog view or DMV."""
        if schema is None:
            return None
        key = (schema.lower(), name.lower())
        found = VIEWS.get(key)
        if found is None or (found.only_in and database.name.lower() != found.only_in):
            return None
        slot = (id(database), *key)
        view: Relation | None = self._made.get(slot)
        if view is None or getattr(view, "database", None) is not database:
            view = self._made[slot] = SystemView(
                database, found.schema, found.name, found.columns, found.produce, found.authorise
            )
        return view

    def scalar_function(self, schema: str | None, name: str) -> ScalarFunction | None:
        """A built-in function without a schema, or one of `sys`."""
        lower = name.lower()
        if schema is None:
            return FUNCTIONS.get(lower)
        return capture_functions.SCALARS.get(lower) if schema.lower() == "sys" else None

    def table_function(self, schema: str | None, name: str) -> TableFunction | None:
        """None so far."""
        return None

    def procedure(self, schema: str | None, name: str) -> Procedure | None:
        """`sp_…` with `sys`, `dbo` or no schema."""
        if schema is not None and schema.lower() not in ("sys", "dbo", ""):
            return None
        lower = name.lower()
        return CAPTURE_PROCEDURES.get(lower) or PROCEDURES.get(lower)
