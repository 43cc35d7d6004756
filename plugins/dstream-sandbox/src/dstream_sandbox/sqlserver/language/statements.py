"""The syntax tree of statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.language.syntax import Delete, Insert, Merge, Names, Node, Query, TypeName, Update


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A column of CREATE TABLE, ALTER TABLE, DECLARE @t TABLE.

    `type` is None for a computed column. `default`, `computed` and checks come with their texts.
    """

    name: str
    type: TypeName | None
    nullable: bool | None = None
    identity: tuple[int, int] | None = None
    default: Node | None = None
    default_text: str = ""
    default_name: str = ""
    computed: Node | None = None
    computed_text: str = ""
    persisted: bool = False
    rowguidcol: bool = False
    sparse: bool = False
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """`kind`: "primary key", "unique", "index", "check", "foreign key", "default"."""

    kind: str
    name: str = ""
    columns: tuple[tuple[str, bool], ...] = ()
    clustered: bool | None = None
    expression: Node | None = None
    text: str = ""
    target: Names = ()
    target_columns: Names = ()
    on_delete: str = "no action"
    on_update: str = "no action"
    unique: bool = False
    included: Names = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """One variable of DECLARE."""

    name: str
    type: TypeName | None
    initial: Node | None = None
    table: tuple[tuple[ColumnDefinition, ...], tuple[Constraint, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Declare:
    """DECLARE."""

    items: tuple[Declaration, ...]


@dataclass(frozen=True, slots=True)
class SetVariable:
    """SET of a variable."""

    name: str
    operator: str
    value: Node


@dataclass(frozen=True, slots=True)
class SetOption:
    """SET option value: `value` is a word, a number, an expression or True/False."""

    option: str
    value: Any


@dataclass(frozen=True, slots=True)
class Use:
    """USE."""

    database: str


@dataclass(frozen=True, slots=True)
class Block:
    """BEGIN … END."""

    statements: tuple[Located, ...]


@dataclass(frozen=True, slots=True)
class If:
    """IF … ELSE."""

    condition: Node
    then: Located
    otherwise: Located | None


@dataclass(frozen=True, slots=True)
class While:
    """WHILE."""

    condition: Node
    body: Located


@dataclass(frozen=True, slots=True)
class Jump:
    """BREAK, CONTINUE."""

    kind: str


@dataclass(frozen=True, slots=True)
class Try:
    """BEGIN TRY … BEGIN CATCH."""

    body: Block
    handler: Block


@dataclass(frozen=True, slots=True)
class Throw:
    """THROW, alone or with number, message, state."""

    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class RaiseError:
    """RAISERROR."""

    arguments: tuple[Node, ...]
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Print:
    """PRINT."""

    value: Node


@dataclass(frozen=True, slots=True)
class Return:
    """RETURN."""

    value: Node | None


@dataclass(frozen=True, slots=True)
class WaitFor:
    """WAITFOR DELAY."""

    delay: Node


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of EXEC; `name` empty for a positional one."""

    name: str
    value: Node
    output: bool = False


@dataclass(frozen=True, slots=True)
class Execute:
    """EXEC procedure, or EXEC ('text')."""

    procedure: Names
    arguments: tuple[Argument, ...] = ()
    text: Node | None = None
    status: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """`action`: begin, commit, rollback, save. `name`: a text or a variable."""

    action: str
    name: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """KILL."""

    session: int


@dataclass(frozen=True, slots=True)
class Modify:
    """SELECT, INSERT, UPDATE, DELETE, MERGE."""

    statement: Query | Insert | Update | Delete | Merge


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE."""

    name: Names
    columns: tuple[ColumnDefinition, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class AlterAction:
    """One action of ALTER TABLE, named as in `engine.api.AlterTable`."""

    action: str
    column: ColumnDefinition | None = None
    name: str = ""
    constraint: Constraint | None = None
    with_values: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterTableStatement:
    """ALTER TABLE."""

    name: Names
    actions: tuple[AlterAction, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP of `kind` (table, view, procedure, function, trigger, schema, database, type, login, user, role, index)."""

    kind: str
    names: tuple[Names, ...]
    if_exists: bool
    on: Names = ()


@dataclass(frozen=True, slots=True)
class Truncate:
    """TRUNCATE TABLE."""

    name: Names


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE INDEX."""

    table: Names
    index: Constraint
    where: Node | None = None
    where_text: str = ""


@dataclass(frozen=True, slots=True)
class CreateModule:
    """CREATE, ALTER or CREATE OR ALTER of a view or procedure."""

    kind: str
    name: Names
    mode: str
    definition: str
    columns: Names = ()
    query: Query | None = None
    parameters: tuple[ModuleParameter, ...] = ()
    body: tuple[Located, ...] = ()
    returns: TypeName | None = None


@dataclass(frozen=True, slots=True)
class ModuleParameter:
    """A parameter of a procedure or function."""

    name: str
    type: TypeName
    default: Node | None = None
    has_default: bool = False
    output: bool = False


@dataclass(frozen=True, slots=True)
class Administer:
    """Everything else that is handed to the engine by the name of a verb with plain arguments."""

    verb: str
    arguments: dict[str, Any]


Statement: TypeAlias = (
    Declare | SetVariable | SetOption | Use | Block | If | While | Jump | Try | Throw | RaiseError | Print | Return | WaitFor
    | Execute | Transaction | Kill | Modify | CreateTable | AlterTableStatement | Drop | Truncate | CreateIndex
    | CreateModule | Administer
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Located:
    """A statement with the line it begins at, and its place in the text."""

    statement: Any
    line: int
    start: int
    stop: int
