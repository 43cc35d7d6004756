"""A database: schemas, objects, options, its log and its change data capture."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dstream_sandbox.sqlserver.engine.api import Module, Procedure, Relation, ScalarFunction, TableFunction
from dstream_sandbox.sqlserver.engine.log import Log
from dstream_sandbox.sqlserver.engine.principals import Permission, Principals
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.engine.transactions import LogRecord
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import DEFAULT_COLLATION, DateTime2, SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.cdc.state import CaptureState
    from dstream_sandbox.sqlserver.engine.server import Server

SYSTEM_SCHEMAS = {"dbo": 1, "guest": 2, "INFORMATION_SCHEMA": 3, "sys": 4}


@dataclass(slots=True)
class Schema:
    """A schema."""

    name: str
    schema_id: int
    owner: str = "dbo"


@dataclass(slots=True)
class AliasType:
    """CREATE TYPE … FROM."""

    schema: str
    name: str
    base: SqlType
    nullable: bool
    user_type_id: int


@dataclass(slots=True)
class Committed:
    """A committed transaction as the capture job finds it in the log."""

    commit_lsn: int
    first_lsn: int
    transaction_id: int
    began: DateTime2
    ended: DateTime2
    records: Sequence[LogRecord]


class Database:
    """One database; see `api.Database`."""

    def __init__(self, server: Server, name: str, database_id: int, collation: str = DEFAULT_COLLATION) -> None:
        self.server = server
        self.name = name
        self.database_id = database_id
        self.collation = collation
        self.created = server.wall.now()
        self.owner = "sa"
        self.guid = uuid.uuid4()
        self.recovery_fork = uuid.uuid4()
        self.service_broker_guid = uuid.uuid4()
        self.snapshot_allowed = database_id in (1, 2, 4)
        self.read_committed_snapshot = False
        self.recovery = "SIMPLE" if database_id in (1, 2) else "FULL"
        self.compatibility_level = 160
        self.read_only = False
        self.state = "ONLINE"
        self.user_access = "MULTI_USER"
        self.log = Log()
        self.committed: deque[Committed] = deque()
        self.principals = Principals(self.created)
        self.schemas = {name.lower(): Schema(name, number) for name, number in SYSTEM_SCHEMAS.items()}
        self.tables: dict[tuple[str, str], Table] = {}
        self.modules: dict[tuple[str, str], Module] = {}
        self.types: dict[tuple[str, str], AliasType] = {}
        self.capture: CaptureState | None = None
        self._object_id = 245_575_913 + database_id
        self._schema_id = 5
        self._type_id = 257
        self._rowversion = 2000
        if database_id in (1, 2, 3, 4):
            self.principals.permissions[Permission("guest", "CONNECT", ("DATABASE", 0))] = "G"

    # --- numbers ------------------------------------------------------------------------------------------------------

    def new_object_id(self) -> int:
        """The next `object_id`."""
        self._object_id += 16_000_057 % 4096
        return self._object_id

    def new_type_id(self) -> int:
        """The next `user_type_id`."""
        self._type_id += 1
        return self._type_id - 1

    def next_rowversion(self) -> bytes:
        """The next number for a rowversion column."""
        with self.server.commits.latch:
            self._rowversion += 1
            return self._rowversion.to_bytes(8, "big")

    @property
    def last_rowversion(self) -> bytes:
        """@@DBTS."""
        return self._rowversion.to_bytes(8, "big")

    def add_schema(self, name: str, owner: str = "dbo") -> Schema:
        """A new schema."""
        schema = self.schemas[name.lower()] = Schema(name, self._schema_id, owner)
        self._schema_id += 1
        return schema

    def require_writable(self) -> None:
        """3906 in a read-only database."""
        if self.read_only:
            raise SqlError(3906, f'Failed to update database "{self.name}" because the database is read-only.')

    # --- looking up ---------------------------------------------------------------------------------------------------

    def _find(self, found: dict[tuple[str, str], Any], schema: str | None, name: str) -> Any:
        return found.get(((schema or "dbo").lower(), name.lower()))

    def table(self, schema: str | None, name: str) -> Table | None:
        """A user's table."""
        table: Table | None = self._find(self.tables, schema, name)
        return table

    def relation(self, schema: str | None, name: str) -> Relation | Module | None:
        """See `api.Database.relation`."""
        table = self.table(schema, name)
        if table is not None:
            return table
        module = self._find(self.modules, schema, name)
        if isinstance(module, Module) and module.kind == "V":
            return module
        if self.capture is not None and (schema or "").lower() == "cdc":
            relation = self.capture.relation(name)
            if relation is not None:
                return relation
        return self.server.system.relation(self, schema, name)

    def table_function(self, schema: str | None, name: str) -> TableFunction | Module | None:
        """See `api.Database.table_function`."""
        module = self._find(self.modules, schema, name)
        if isinstance(module, Module) and module.kind in ("IF", "TF"):
            return module
        if self.capture is not None and (schema or "").lower() == "cdc":
            function = self.capture.table_function(name)
            if function is not None:
                return function
        return self.server.system.table_function(schema, name)

    def scalar_function(self, schema: str | None, name: str) -> ScalarFunction | Module | None:
        """See `api.Database.scalar_function`."""
        if schema is not None:
            module = self._find(self.modules, schema, name)
            if isinstance(module, Module) and module.kind == "FN":
                return module
        return self.server.system.scalar_function(schema, name)

    def procedure(self, schema: str | None, name: str) -> Procedure | Module | None:
        """See `api.Database.procedure`."""
        system = self.server.system.procedure(schema, name)
        if system is not None:
            return system
        module = self._find(self.modules, schema, name)
        return module if isinstance(module, Module) and module.kind == "P" else None

    def alias_type(self, schema: str | None, name: str) -> tuple[SqlType, bool] | None:
        """See `api.Database.alias_type`."""
        alias = self._find(self.types, schema, name)
        return None if alias is None else (alias.base, alias.nullable)

    def triggers(self, relation: Relation, event: Literal["insert", "update", "delete"]) -> Sequence[Module]:
        """See `api.Database.triggers`. Which events a trigger is for is known to the language: all enabled ones come."""
        return tuple(getattr(relation, "triggers", ()))

    def object(self, schema: str | None, name: str) -> Any:
        """Anything that permissions can be given on: a table, a module, a change table, a function of capture; None."""
        found = self.table(schema, name) or self._find(self.modules, schema, name)
        if found is None and self.capture is not None and (schema or "").lower() == "cdc":
            found = self.capture.relation(name) or self.capture.table_function(name)
        return found or self.server.system.relation(self, schema, name)

    def schema_of(self, name: str) -> Schema | None:
        """A schema by name."""
        return self.schemas.get(name.lower())

    def all_tables(self) -> Iterable[Table]:
        """Users' tables in order of creation."""
        return list(self.tables.values())

    def securables(self, relation: Any) -> list[tuple[str, int]]:
        """What a permission on an object may have been given on: the object, its schema, the database."""
        found = [("DATABASE", 0)]
        schema = self.schemas.get(str(getattr(relation, "schema", "")).lower())
        if schema is not None:
            found.append(("SCHEMA", schema.schema_id))
        number = getattr(relation, "object_id", 0)
        if number:
            found.append(("OBJECT", number))
        return found
