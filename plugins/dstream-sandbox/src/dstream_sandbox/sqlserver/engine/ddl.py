"""CREATE, ALTER, DROP: tables, indexes, schemas, types, modules, databases. All but databases can be rolled back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine import altering, building
from dstream_sandbox.sqlserver.engine.api import AlterTable, IndexSpec, Module, Relation, TableSpec
from dstream_sandbox.sqlserver.engine.database import SYSTEM_SCHEMAS, AliasType
from dstream_sandbox.sqlserver.engine.locks import EXCLUSIVE, acquire
from dstream_sandbox.sqlserver.engine.security import WholeSchema
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.types import DEFAULT_COLLATION, SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.server import Server
    from dstream_sandbox.sqlserver.engine.transactions import Transaction

_DATABASE_OPTIONS = {
    "allow_snapshot_isolation": "snapshot_allowed", "read_committed_snapshot": "read_committed_snapshot", "recovery": "recovery",
    "collation": "collation", "compatibility_level": "compatibility_level", "read_only": "read_only", "state": "state",
    "user_access": "user_access",
}  # fmt: skip


class Definitions:
    """The part of a session that changes definitions."""

    server: Server
    database: Database
    temporary: dict[str, Table]
    lock_timeout: int
    require_transaction: Callable[[], Transaction]

    # --- tables -------------------------------------------------------------------------------------------------------

    def create_table(self, spec: TableSpec) -> None:
        """CREATE TABLE (2714 if there is one, 2760 without the schema)."""
        session: Any = self
        if spec.name.startswith("#"):
            if spec.name.lower() in self.temporary:
                raise already_there(spec.name)
            table = building.build_table(session, self.server.databases["tempdb"], spec)
            table.temporary = True
            self.temporary[spec.name.lower()] = table
            return
        database = self.database
        session.require_database("CREATE TABLE")
        database.require_writable()
        schema = self._schema_for(spec.schema)
        if database.object(schema, spec.name) is not None:
            raise already_there(spec.name)
        table = building.build_table(session, database, replace_schema(spec, schema))
        key = (schema.lower(), spec.name.lower())
        database.tables[key] = table
        transaction = session.required_transaction()
        transaction.undo.append((_forget_table, database, key, table))
        acquire(self.server.waits, table.lock, transaction, EXCLUSIVE, session)

    def _schema_for(self, schema: str | None) -> str:
        name = schema or "dbo"
        found = self.database.schema_of(name)
        session: Any = self
        usable = found is not None and found.name not in ("sys", "INFORMATION_SCHEMA")
        if found is None or not usable or not session.allowed("ALTER", WholeSchema(self.database, found.name)):
            raise SqlError(
                2760,
                f'The specified schema name "{name}" either does not exist or you do not have permission to use it.',
            )
        return found.name

    def alter_table(self, table: Relation, actions: Sequence[AlterTable], text: str = "") -> None:
        """ALTER TABLE; writes cdc.ddl_history when the table is captured."""
        session: Any = self
        target = session.writable(table)
        if not target.temporary:
            session.require("ALTER", target)
        lock_whole(session, target)
        for action in actions:
            altering.alter(session, target, action)
        altered(session, target)
        for instance in target.tracked:
            instance.note_ddl(session, text, any(action.action == "alter column" for action in actions))

    def drop_table(self, table: Relation) -> None:
        """DROP TABLE: capture instances go with it (3726 while a foreign key refers to it)."""
        session: Any = self
        if getattr(table, "schema", "").lower() == "cdc" and not isinstance(table, Table):
            raise not_supported(f"dropping cdc.{table.name}; use sys.sp_cdc_disable_table")
        target = session.writable(table)
        if target.temporary:
            self.temporary.pop(target.name.lower(), None)
            return
        session.require("ALTER", target)
        if any(child is not target for child in target.referenced_by):
            raise SqlError(
                3726, f"Could not drop object '{target.name}' because it is referenced by a FOREIGN KEY constraint."
            )
        lock_whole(session, target)
        if target.tracked and target.database.capture is not None:
            target.database.capture.drop_instances(session, target)
        key = (target.schema.lower(), target.name.lower())
        target.database.tables.pop(key, None)
        for foreign in target.foreign_keys:
            if target in foreign.target.referenced_by:
                foreign.target.referenced_by.remove(target)
        session.required_transaction().undo.append((_put_table_back, target.database, key, target))

    def truncate_table(self, table: Relation) -> None:
        """TRUNCATE TABLE (4711 while it is captured, 4712 while a foreign key refers to it)."""
        session: Any = self
        target = session.writable(table)
        if not target.temporary:
            session.require("ALTER", target)
        if target.tracked:
            raise SqlError(
                4711,
                f"Cannot truncate table '{target.name}' because it is published for replication or enabled for Change Data Capture.",
            )
        if any(child is not target for child in target.referenced_by):
            raise SqlError(
                4712,
                f"Cannot truncate table '{target.name}' because it is being referenced by a FOREIGN KEY constraint.",
            )
        lock_whole(session, target)
        altering.swap_shape(session, target, target.shape.columns, target.shape.indexes, lambda row: None)
        last = target.identity_last
        target.identity_last = None
        session.required_transaction().undo.append((setattr, target, "identity_last", last))
        altered(session, target)

    def create_index(self, table: Relation, spec: IndexSpec) -> None:
        """CREATE INDEX (1913 if there is one of that name; 1505 when the rows have duplicates)."""
        session: Any = self
        target = session.writable(table)
        if not target.temporary:
            session.require("ALTER", target)
        lock_whole(session, target)
        altering.add_index(session, target, spec)
        altered(session, target)

    def drop_index(self, table: Relation, name: str) -> None:
        """DROP INDEX (3701 if there is none, 3723 for a constraint's)."""
        session: Any = self
        target = session.writable(table)
        if not target.temporary:
            session.require("ALTER", target)
        lock_whole(session, target)
        altering.drop_index(session, target, name)
        altered(session, target)

    # --- schemas, types, modules --------------------------------------------------------------------------------------

    def create_schema(self, name: str, owner: str = "") -> None:
        """CREATE SCHEMA (2714 if it exists)."""
        session: Any = self
        session.require_database("CREATE SCHEMA")
        if self.database.schema_of(name) is not None:
            raise already_there(name)
        self.database.add_schema(name, owner or "dbo")
        session.required_transaction().undo.append((self.database.schemas.pop, name.lower(), None))

    def drop_schema(self, name: str) -> None:
        """DROP SCHEMA (3729 while there are objects in it)."""
        session: Any = self
        session.require_database("ALTER ANY SCHEMA")
        schema = self.database.schema_of(name)
        if schema is None or schema.name in SYSTEM_SCHEMAS:
            raise SqlError(
                15151, f"Cannot drop the schema '{name}', because it does not exist or you do not have permission."
            )
        keys = [*self.database.tables, *self.database.modules, *self.database.types]
        if any(owner == name.lower() for owner, _ in keys):
            raise SqlError(3729, f"Cannot drop schema '{name}' because it is being referenced by an object.")
        del self.database.schemas[name.lower()]
        session.required_transaction().undo.append((self.database.schemas.__setitem__, name.lower(), schema))

    def create_type(self, schema: str | None, name: str, base: SqlType, nullable: bool) -> None:
        """CREATE TYPE … FROM."""
        session: Any = self
        session.require_database("CREATE TYPE")
        home = self._schema_for(schema)
        key = (home.lower(), name.lower())
        if key in self.database.types:
            raise SqlError(219, f"The type '{home}.{name}' already exists, or you do not have permission to create it.")
        self.database.types[key] = AliasType(home, name, base, nullable, self.database.new_type_id())
        session.required_transaction().undo.append((self.database.types.pop, key, None))

    def drop_type(self, schema: str | None, name: str) -> None:
        """DROP TYPE (3732 while a column is of it)."""
        session: Any = self
        session.require_database("ALTER")
        key = ((schema or "dbo").lower(), name.lower())
        found = self.database.types.get(key)
        if found is None:
            raise SqlError(
                218,
                f"Could not find the type '{name}'. Either it does not exist or you do not have the necessary permission.",
            )
        full = f"{found.schema}.{found.name}".lower()
        if any(column.alias.lower() == full for table in self.database.all_tables() for column in table.shape.columns):
            raise SqlError(3732, f"Cannot drop type '{name}' because it is being referenced by an object.")
        del self.database.types[key]
        session.required_transaction().undo.append((self.database.types.__setitem__, key, found))

    def create_module(self, module: Module, replace: bool = False, alter: bool = False) -> None:
        """See `api.Session.create_module`."""
        session: Any = self
        what = {"V": "VIEW", "P": "PROCEDURE", "TR": "TRIGGER"}.get(module.kind, "FUNCTION")
        session.require_database("CREATE TABLE" if module.kind == "TR" else f"CREATE {what}")
        module.schema = self._schema_for(module.schema)
        key = (module.schema.lower(), module.name.lower())
        old = self.database.modules.get(key)
        if old is None and self.database.table(*key) is not None:
            raise already_there(module.name)
        if old is None and alter and not replace:
            raise SqlError(208, f"Invalid object name '{module.schema}.{module.name}'.", state=6)
        if old is not None and not (alter or replace):
            raise already_there(module.name)
        module.object_id = old.object_id if old is not None else self.database.new_object_id()
        self._put_module(key, module)
        undo = session.required_transaction().undo
        undo.append((self._take_module, key) if old is None else (self._put_module, key, old))

    def _put_module(self, key: tuple[str, str], module: Module) -> None:
        self._take_module(key)
        self.database.modules[key] = module
        if module.kind == "TR" and isinstance(module.parent, Table):
            module.parent.triggers.append(module)

    def _take_module(self, key: tuple[str, str]) -> None:
        old = self.database.modules.pop(key, None)
        if old is not None and old.kind == "TR" and isinstance(old.parent, Table) and old in old.parent.triggers:
            old.parent.triggers.remove(old)

    def drop_module(self, schema: str | None, name: str, kinds: Sequence[str]) -> None:
        """See `api.Session.drop_module`."""
        session: Any = self
        session.require_database("ALTER")
        key = ((schema or "dbo").lower(), name.lower())
        old = self.database.modules.get(key)
        if old is None or old.kind not in kinds:
            what = {"V": "view", "P": "procedure", "TR": "trigger"}.get(kinds[0], "function")
            raise SqlError(
                3701,
                f"Cannot drop the {what} '{name}', because it does not exist or you do not have permission.",
                severity=11,
                state=5,
            )
        self._take_module(key)
        session.required_transaction().undo.append((self._put_module, key, old))

    # --- databases ----------------------------------------------------------------------------------------------------

    def create_database(self, name: str, collation: str = "") -> None:
        """CREATE DATABASE (1801 if it exists)."""
        session: Any = self
        if not session.login.may("CREATE ANY DATABASE"):
            raise SqlError(262, "CREATE DATABASE permission denied in database 'master'.", severity=14)
        if name.lower() in self.server.databases:
            raise SqlError(1801, f"Database '{name}' already exists. Choose a different database name.", state=3)
        self.server.add_database(name, collation or DEFAULT_COLLATION, session.login.name)

    def alter_database(self, name: str, option: str, value: Any) -> None:
        """See `api.Session.alter_database`."""
        session: Any = self
        database = self.server.databases.get((name if name.lower() != "current" else self.database.name).lower())
        if database is None:
            raise SqlError(5011, f"User does not have permission to alter database '{name}', the database does not exist, or the "
                           "database is not in a state that allows access checks.", severity=14)  # fmt: skip
        if not session.owns(database) and not session.login.may("ALTER ANY DATABASE"):
            raise SqlError(5011, f"User does not have permission to alter database '{name}', the database does not exist, or the "
                           "database is not in a state that allows access checks.", severity=14)  # fmt: skip
        if option == "name":
            self.server.rename_database(database, str(value))
            return
        if option not in _DATABASE_OPTIONS:
            raise not_supported(f"ALTER DATABASE option {option}")
        setattr(
            database,
            _DATABASE_OPTIONS[option],
            value.upper() if option in ("state", "recovery", "user_access") else value,
        )

    def drop_database(self, name: str) -> None:
        """DROP DATABASE (3702 while someone uses it)."""
        session: Any = self
        database = self.server.databases.get(name.lower())
        if database is None or not (session.owns(database) or session.login.may("ALTER ANY DATABASE")):
            raise SqlError(3701, f"Cannot drop the database '{name}', because it does not exist or you do not have permission.",
                           severity=11)  # fmt: skip
        if database.database_id <= 4:
            raise SqlError(3708, f"Cannot drop the database '{name}' because it is a system database.")
        if any(other.database is database for other in self.server.sessions.values()):
            raise SqlError(3702, f'Cannot drop database "{name}" because it is currently in use.', state=3)
        self.server.remove_database(database)


def already_there(name: str) -> SqlError:
    """2714."""
    return SqlError(2714, f"There is already an object named '{name}' in the database.", state=6)


def replace_schema(spec: TableSpec, schema: str) -> TableSpec:
    """The specification with the schema's name as it was declared."""
    return replace(spec, schema=schema)


def lock_whole(session: Any, table: Table) -> None:
    """A definition is changed while nobody else has the table."""
    acquire(session.server.waits, table.lock, session.required_transaction(), EXCLUSIVE, session)


def altered(session: Any, table: Table) -> None:
    """Notes the change: snapshots that began before it cannot read the table."""
    table.modified = session.server.wall.now()

    def note(moment: int) -> None:
        table.altered_at = moment

    session.required_transaction().commit_actions.append(note)


def _forget_table(database: Database, key: tuple[str, str], table: Table) -> None:
    database.tables.pop(key, None)
    for foreign in table.foreign_keys:
        if table in foreign.target.referenced_by:
            foreign.target.referenced_by.remove(table)


def _put_table_back(database: Database, key: tuple[str, str], table: Table) -> None:
    database.tables[key] = table
    for foreign in table.foreign_keys:
        foreign.target.referenced_by.append(table)
