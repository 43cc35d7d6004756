"""What the language may ask of the engine. The engine's own classes implement these protocols; nothing here runs.

Names are looked up case-insensitively everywhere. Rows are tuples as wide as `Relation.columns`, with the Python values that
`types` names. Every method may raise SqlError; those named in a docstring are raised by that method itself.

How a statement runs::

    with session.statement("insert"):            # autocommit, statement atomicity, XACT_ABORT, permissions of the transaction
        table = session.resolve_table("dbo", "Orders")
        session.require("INSERT", table)
        rows = session.insert(table, [(DEFAULT, "x", 1)])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias

from dstream_sandbox.sqlserver.results import Item
from dstream_sandbox.sqlserver.types import SqlType

Row: TypeAlias = tuple[Any, ...]
RowId: TypeAlias = Any
"""Names one row of one table to the engine; opaque to the language."""


class Marker(Enum):
    """Stands in a row for a value that the engine makes."""

    DEFAULT = "DEFAULT"


DEFAULT: Final = Marker.DEFAULT
"""In a row given to `insert` or `update`: the column's default, its next identity value, its rowversion, or NULL.

Identity (unless IDENTITY_INSERT is on), computed and rowversion columns must be given as DEFAULT; in `update` the engine
computes rowversion and computed columns anew whatever stands there."""

Isolation: TypeAlias = Literal["read uncommitted", "read committed", "repeatable read", "serializable", "snapshot"]
StatementKind: TypeAlias = Literal["select", "insert", "update", "delete", "merge", "ddl", "exec", "set", ""]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column of a relation as the language sees it.

    Arguments:
        name: As it was declared.
        type: Its base type (alias types are resolved).
        nullable: Whether NULL may stand in it.
        identity: Whether it is the identity column.
        computed: Whether it is a computed column.
        collation: For texts; None otherwise.
        column_id: `sys.columns.column_id`; stays when others are dropped.
    """

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    computed: bool = False
    collation: str | None = None
    column_id: int = 0


class Relation(Protocol):
    """Anything with columns and rows: a table, a change table, a catalog view, what a table function gave."""

    @property
    def name(self) -> str:
        """Its name without a schema."""

    @property
    def schema(self) -> str:
        """The schema's name."""

    @property
    def columns(self) -> Sequence[ColumnInfo]:
        """Its columns in order."""

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Names of the columns that `scan` orders by (as declared: clustered index); () without an order."""

    def scan(
        self,
        session: Any,
        low: Sequence[Any] | None = None,
        high: Sequence[Any] | None = None,
        hints: Sequence[str] = (),
    ) -> Iterator[Row]:
        """The rows that the session may see, in order of `sort_key` (ascending), lazily.

        Under READ COMMITTED it waits for rows that another open transaction has written (1222 after LOCK_TIMEOUT, 1205 in a
        deadlock, CancelledError after a cancel). Under SNAPSHOT it gives the state at the transaction's first read.

        Arguments:
            session: Who reads.
            low: Values of the first columns of `sort_key`, of these columns' types; rows before them are left out. Inclusive.
            high: The same for the upper end. Inclusive. Bounds only save work: the caller filters all the same.
            hints: Lower-case table hints that were written: "holdlock", "updlock", "tablockx", "readpast", …; those not
                known are refused by name (NOLOCK is).
        """

    def row_count(self, session: Any) -> int:
        """About how many rows there are (for plans)."""


class ScalarFunction(Protocol):
    """A system function that the engine knows, such as `sys.fn_cdc_get_max_lsn` or `OBJECT_ID`.

    Attributes:
        returns: The type of its value.
        arguments: Types that arguments are converted to before the call; None: as they come. Fewer than given: the last
            one's repeats. `minimum` of them must be there.
    """

    returns: SqlType
    arguments: Sequence[SqlType | None]
    minimum: int

    def __call__(self, session: Any, *arguments: Any) -> Any:
        """Its value."""


class TableFunction(Protocol):
    """`cdc.fn_cdc_get_all_changes_x`, …: arguments as for ScalarFunction."""

    arguments: Sequence[SqlType | None]
    minimum: int

    def __call__(self, session: Any, *arguments: Any) -> Relation:
        """Its rows."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a system procedure: its name with the `@`, its type, its default (REQUIRED: there is none)."""

    name: str
    type: SqlType
    default: Any = None
    required: bool = False
    output: bool = False


class Procedure(Protocol):
    """A system procedure. The language binds and converts the arguments by `parameters` (8144, 8145, 201 are its errors)."""

    parameters: Sequence[Parameter]

    def __call__(self, session: Any, arguments: dict[str, Any]) -> Iterator[Item]:
        """Runs it.

        Arguments:
            session: Who calls.
            arguments: By parameter name as in `parameters` (with `@`), all of them; output parameters are written back here.

        Yields:
            Result sets and messages; at the end a ReturnStatus.
        """


@dataclass(slots=True)
class Module:
    """A view, procedure, function or trigger that a user made: the language gives and reads it, the engine keeps it.

    Arguments:
        kind: "V", "P", "FN", "IF", "TF", "TR" as in sys.objects.
        definition: The text of the CREATE statement.
        compiled: Whatever the language wants to keep with it.
        columns: Of a view: for the catalog.
        parent: Of a trigger: the table.
    """

    schema: str
    name: str
    kind: str
    definition: str
    compiled: Any = None
    columns: Sequence[ColumnInfo] = ()
    parent: Any = None
    object_id: int = 0


Compiled: TypeAlias = "Callable[[Session, Row], Any]"
"""An expression over a row of the table: `(session, row as wide as the table's columns) -> value of the column's type`."""


@dataclass(slots=True)
class ColumnSpec:
    """A column as CREATE TABLE or ALTER TABLE ADD/ALTER COLUMN gives it.

    Arguments:
        type: Base type; text/ntext/image/(max) as they are.
        alias: The alias type as "schema.name", if it was declared by one.
        nullable: None: not said (NULL, or NOT NULL when it is in the primary key).
        identity: (seed, increment).
        default: Gives the default value `(session) -> value`; `default_text` is the definition "((0))".
        default_name: The constraint's name; "" for one made up.
        computed: Gives the value from the row (computed columns stand as None in it); `computed_text` its definition.
        persisted: Of a computed column.
        rowguidcol: As declared.
        sparse: As declared.
    """

    name: str
    type: SqlType
    alias: str = ""
    nullable: bool | None = None
    identity: tuple[int, int] | None = None
    default: Callable[[Session], Any] | None = None
    default_text: str = ""
    default_name: str = ""
    computed: Compiled | None = None
    computed_text: str = ""
    persisted: bool = False
    collation: str | None = None
    rowguidcol: bool = False
    sparse: bool = False


@dataclass(slots=True)
class IndexSpec:
    """PRIMARY KEY, UNIQUE or CREATE INDEX.

    Arguments:
        columns: (name, descending) each. Scans are ascending always; `descending` is for the catalog.
        kind: "primary key", "unique" (constraint) or "index".
        clustered: None: as the default is (clustered for a primary key when there is no other clustered index).
        where: A filtered index's condition; `where_text` its text.
    """

    name: str
    columns: Sequence[tuple[str, bool]]
    kind: Literal["primary key", "unique", "index"] = "index"
    unique: bool = False
    clustered: bool | None = None
    included: Sequence[str] = ()
    where: Compiled | None = None
    where_text: str = ""


@dataclass(slots=True)
class CheckSpec:
    """CHECK: `condition` gives True, False or None; only False breaks it (547)."""

    name: str
    condition: Compiled
    text: str


@dataclass(slots=True)
class ForeignKeySpec:
    """FOREIGN KEY … REFERENCES. Actions: "no action", "cascade", "set null", "set default"."""

    name: str
    columns: Sequence[str]
    target_schema: str
    target_table: str
    target_columns: Sequence[str] = ()
    on_delete: str = "no action"
    on_update: str = "no action"


@dataclass(slots=True)
class TableSpec:
    """CREATE TABLE."""

    schema: str
    name: str
    columns: Sequence[ColumnSpec]
    indexes: Sequence[IndexSpec] = ()
    checks: Sequence[CheckSpec] = ()
    foreign_keys: Sequence[ForeignKeySpec] = ()


@dataclass(slots=True)
class AlterTable:
    """ALTER TABLE: one of its actions at a time, in the order in which they were written.

    Arguments:
        action: "add column", "alter column", "drop column", "add constraint", "drop constraint", "check constraint",
            "nocheck constraint", "enable trigger", "disable trigger", "rebuild".
        column: For add and alter.
        name: The column or constraint; for drop and (no)check.
        constraint: IndexSpec, CheckSpec, ForeignKeySpec, or ColumnSpec (DEFAULT … FOR column).
        convert: For "alter column": old value to new value (raises SqlError when it does not fit).
        if_exists: DROP … IF EXISTS.
    """

    action: str
    column: ColumnSpec | None = None
    name: str = ""
    constraint: IndexSpec | CheckSpec | ForeignKeySpec | ColumnSpec | None = None
    convert: Callable[[Any], Any] | None = None
    with_values: bool = False
    if_exists: bool = False
    text: str = ""


class Database(Protocol):
    """One database: lookups. What changes something is on the session, since it needs a transaction and permissions."""

    @property
    def name(self) -> str:
        """As it was created."""

    @property
    def database_id(self) -> int:
        """DB_ID()."""

    @property
    def collation(self) -> str:
        """The default collation."""

    def relation(self, schema: str | None, name: str) -> Relation | Module | None:
        """A table, view or catalog view (`sys`, `INFORMATION_SCHEMA`, `cdc`, and in msdb `dbo`); None: there is none.

        A user's view comes as its Module (kind "V").
        """

    def table_function(self, schema: str | None, name: str) -> TableFunction | Module | None:
        """System functions come as TableFunction, a user's as Module ("IF", "TF")."""

    def scalar_function(self, schema: str | None, name: str) -> ScalarFunction | Module | None:
        """The same for scalar functions.

        Built-in names without schema (`OBJECT_ID`, `DB_NAME`, `SUSER_SNAME`) are found with schema None; so are `@@…` names
        that depend on the engine (`@@SPID`, `@@TRANCOUNT`, `@@SERVERNAME`, `@@DBTS`, …).
        """

    def procedure(self, schema: str | None, name: str) -> Procedure | Module | None:
        """A system procedure (`sp_…` and `sys.sp_…` in any database) or a user's (kind "P")."""

    def alias_type(self, schema: str | None, name: str) -> tuple[SqlType, bool] | None:
        """A user's alias type: base type and nullability."""

    def triggers(self, relation: Relation, event: Literal["insert", "update", "delete"]) -> Sequence[Module]:
        """Enabled triggers of a table."""


class Transactions(Protocol):
    """Transactions of a session."""

    @property
    def trancount(self) -> int:
        """@@TRANCOUNT."""

    @property
    def xact_state(self) -> int:
        """XACT_STATE(): 1, 0 or -1 (doomed)."""

    @property
    def transaction_id(self) -> int:
        """The number of the open transaction, 0 without one."""

    def begin(self, name: str = "") -> int:
        """BEGIN TRANSACTION; gives the transaction's number when the outermost began, 0 for a nested one."""

    def commit(self) -> int:
        """COMMIT (3902 without one); gives the number when the outermost was committed, else 0."""

    def rollback(self, name: str = "") -> int:
        """ROLLBACK all (3903 without one) or to a savepoint (6401); gives the number when the transaction ended, else 0."""

    def save(self, name: str) -> None:
        """SAVE TRANSACTION."""


class Session(Transactions, Protocol):
    """One client's session."""

    @property
    def spid(self) -> int:
        """@@SPID."""

    @property
    def server(self) -> Any:
        """The engine's server: `.now()` local date and time of the server, `.utc_now()`, `.databases` by lower-case name."""

    @property
    def database(self) -> Database:
        """The current database."""

    @property
    def login_name(self) -> str:
        """The login."""

    @property
    def user_name(self) -> str:
        """The database user that the login is."""

    isolation: Isolation
    lock_timeout: int
    """Milliseconds, -1: for ever."""
    xact_abort: bool
    implicit_transactions: bool
    nocount: bool
    rowcount_limit: int
    language_name: str
    options: dict[str, Any]
    """Other SET options, lower-case, as the language sets and reads them: ansi_nulls, quoted_identifier, datefirst, dateformat, …"""
    state: dict[str, Any]
    """The language's own things that live as long as the session: cursors, …"""
    identity: Any
    """SCOPE_IDENTITY() and @@IDENTITY: the last identity value that `insert` made, or None."""
    identity_insert: Any
    """The table that SET IDENTITY_INSERT … ON names, or None."""
    try_depth: int
    """How many TRY blocks what runs is in: the language counts. Inside, an error under XACT_ABORT dooms instead of rolling back."""

    def check(self) -> None:
        """Raises CancelledError or KilledError if that was asked for. Call it in long loops, every some hundred rows."""

    def use(self, database: str) -> None:
        """USE: 911 no such database, 916 not a user of it."""

    def resolve(self, database: str | None, schema: str | None, name: str) -> Relation | Module:
        """A relation by its one-, two- or three-part name, `#temporary` tables included (208 if there is none).

        The database `tempdb` is the session's own as far as `#` names go.
        """

    def require(self, permission: str, securable: Any, columns: Iterable[str] = ()) -> None:
        """229 or 230 if the session's user lacks a permission on the relation, module or procedure.

        Permissions: "SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "ALTER", …. The language calls it once per relation of a statement before reading: SELECT
        with the columns that are used. `insert`, `update`, `delete` and DDL check theirs themselves.
        """

    def statement(self, kind: StatementKind = "") -> AbstractContextManager[None]:
        """Encloses one statement.

        Without an open transaction it is one of its own (autocommit; a DML statement or SELECT under
        IMPLICIT_TRANSACTIONS begins one). When it is left by an exception all that it did is undone; by XACT_ABORT, or as the
        error's `state_of_transaction` says, the whole transaction. Statement snapshots (READ_COMMITTED_SNAPSHOT) begin here.
        Nested calls join the outer one, with an atomicity of their own. It may be held open by a generator.
        """

    def insert(self, table: Relation, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """Inserts rows as wide as `table.columns`; gives them as they were stored (for OUTPUT).

        Raises:
            SqlError: 515 NULL in NOT NULL, 2627/2601 a duplicate key, 547 a check or foreign key, 544 an explicit identity,
                229 no permission, 3960 a conflict under SNAPSHOT, 1222, 1205.
        """

    def scan_for_update(
        self, table: Relation, low: Sequence[Any] | None = None, high: Sequence[Any] | None = None
    ) -> Iterator[tuple[RowId, Row]]:
        """Rows that may be changed, with their ids.

        The newest committed ones (waits for those that others are writing); under SNAPSHOT those of the snapshot. Collect what is to change first, then call `update` or `delete` once.
        """

    def update(
        self, table: Relation, changes: Sequence[tuple[RowId, Sequence[Any]]], columns: Iterable[str]
    ) -> list[tuple[Row, Row]]:
        """Changes rows: gives (old, new) each.

        Arguments:
            table: The table.
            changes: The row's id and the whole new row.
            columns: Names of the columns in SET (for permissions and for the capture's rule about keys).
        """

    def delete(self, table: Relation, rows: Sequence[RowId]) -> list[Row]:
        """Deletes rows; gives them as they were."""

    def merge(
        self,
        table: Relation,
        inserts: Iterable[Sequence[Any]],
        updates: Sequence[tuple[RowId, Sequence[Any]]],
        deletes: Sequence[RowId],
    ) -> None:
        """All three as one statement (one command id), checks at the end."""

    # Definitions. Each checks permissions, is transactional unless said otherwise, and writes cdc.ddl_history.
    def create_table(self, spec: TableSpec) -> None:
        """CREATE TABLE."""

    def alter_table(self, table: Relation, actions: Sequence[AlterTable], text: str = "") -> None:
        """ALTER TABLE; `text` is the statement, for cdc.ddl_history."""

    def drop_table(self, table: Relation) -> None:
        """DROP TABLE."""

    def truncate_table(self, table: Relation) -> None:
        """TRUNCATE TABLE."""

    def create_index(self, table: Relation, spec: IndexSpec) -> None:
        """CREATE INDEX."""

    def drop_index(self, table: Relation, name: str) -> None:
        """DROP INDEX."""

    def create_schema(self, name: str, owner: str = "") -> None:
        """CREATE SCHEMA."""

    def drop_schema(self, name: str) -> None:
        """DROP SCHEMA."""

    def create_type(self, schema: str | None, name: str, base: SqlType, nullable: bool) -> None:
        """CREATE TYPE … FROM."""

    def drop_type(self, schema: str | None, name: str) -> None:
        """DROP TYPE."""

    def create_module(self, module: Module, replace: bool = False, alter: bool = False) -> None:
        """CREATE, ALTER (208 if missing) or CREATE OR ALTER of a view, procedure, function, trigger (2714 if it exists)."""

    def drop_module(self, schema: str | None, name: str, kinds: Sequence[str]) -> None:
        """3701 if there is none."""

    def create_database(self, name: str, collation: str = "") -> None:
        """CREATE DATABASE."""

    def alter_database(self, name: str, option: str, value: Any) -> None:
        """Sets an option.

        Options: "allow_snapshot_isolation", "read_committed_snapshot" (bool), "recovery" (text), "name", "collation",
        "compatibility_level" (int), "read_only" (bool), "state" ("online", "offline"), "user_access".
        """

    def drop_database(self, name: str) -> None:
        """DROP DATABASE."""

    def create_login(self, name: str, password: str, default_database: str = "") -> None:
        """CREATE LOGIN."""

    def alter_login(
        self, name: str, *, password: str | None = None, enabled: bool | None = None, new_name: str = ""
    ) -> None:
        """ALTER LOGIN."""

    def drop_login(self, name: str) -> None:
        """DROP LOGIN."""

    def create_user(self, name: str, login: str | None, default_schema: str = "dbo") -> None:
        """`login` None: WITHOUT LOGIN."""

    def drop_user(self, name: str) -> None:
        """DROP USER."""

    def create_role(self, name: str) -> None:
        """CREATE ROLE."""

    def drop_role(self, name: str) -> None:
        """DROP ROLE."""

    def alter_role(self, role: str, member: str, add: bool = True, server: bool = False) -> None:
        """ALTER [SERVER] ROLE … ADD or DROP MEMBER."""

    def change_permission(
        self,
        action: Literal["grant", "deny", "revoke"],
        permissions: Sequence[str],
        securable: tuple[str, str | None, str] | None,
        columns: Sequence[str],
        principals: Sequence[str],
    ) -> None:
        """GRANT, DENY, REVOKE.

        Arguments:
            action: Which of the three.
            permissions: Upper-case: "SELECT", "VIEW DATABASE STATE", …
            securable: (class, schema, name): ("OBJECT", "dbo", "Orders"), ("SCHEMA", None, "cdc"), ("DATABASE", None, name),
                ("SERVER", None, ""); None: the database, or the server for a server permission.
            columns: For column permissions.
            principals: Users and roles, or logins.
        """

    def sleep(self, seconds: float) -> None:
        """WAITFOR DELAY: ends early by a cancel or kill."""

    def kill(self, spid: int) -> None:
        """KILL: 6102 without permission, 6106 if there is none, 6104 for the own session."""


@dataclass(slots=True)
class Rows:
    """A ready relation for what a function gives: columns and rows in order."""

    name: str
    columns: Sequence[ColumnInfo]
    rows: Callable[[Any, Sequence[Any] | None, Sequence[Any] | None], Iterable[Row]]
    schema: str = ""
    sort_key: tuple[str, ...] = field(default=())

    def scan(
        self,
        session: Any,
        low: Sequence[Any] | None = None,
        high: Sequence[Any] | None = None,
        hints: Sequence[str] = (),
    ) -> Iterator[Row]:
        """The rows; hints mean nothing here."""
        return iter(self.rows(session, low, high))

    def row_count(self, session: Any) -> int:
        """Not known before they are made."""
        return 1000


__all__ = [
    "DEFAULT", "AlterTable", "CheckSpec", "ColumnInfo", "ColumnSpec", "Compiled", "Database", "ForeignKeySpec", "IndexSpec",
    "Isolation", "Marker", "Module", "Parameter", "Procedure", "Relation", "Row", "RowId", "Rows", "ScalarFunction",
    "Session", "StatementKind", "TableFunction", "TableSpec", "Transactions",
]  # fmt: skip
