"""The syntax tree of expressions, queries and data modification. It says what was written, nothing of what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.types import SqlType

Names: TypeAlias = tuple[str, ...]
"""A name of several parts, in the order in which they were written; a part left out (`db..t`) is empty."""


class Node:
    """Anything of an expression."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written; alias types have a schema or a name that is none of the system's."""

    names: Names
    arguments: str = ""
    collation: str | None = None


# --- Expressions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; NULL has no type."""

    value: Any
    type: SqlType | None


@dataclass(frozen=True, slots=True)
class ColumnName(Node):
    """A column, perhaps with its table in front."""

    parts: Names


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*` or `t.*` in a select list."""

    qualifier: Names = ()


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`@x` or `@@x`, in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-`, `+`, `~`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic and bit operators."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`=`, `<>`, `<`, `<=`, `>`, `>=`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    """`x = ANY (SELECT …)`."""

    operator: str
    left: Node
    every: bool
    query: Query


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """AND, OR."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not(Node):
    """NOT."""

    operand: Node


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """IS [NOT] NULL."""

    operand: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Distinct(Node):
    """IS [NOT] DISTINCT FROM."""

    left: Node
    right: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class In(Node):
    """[NOT] IN a list or a query."""

    operand: Node
    items: tuple[Node, ...]
    query: Query | None
    negated: bool


@dataclass(frozen=True, slots=True)
class Between(Node):
    """[NOT] BETWEEN."""

    operand: Node
    low: Node
    high: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Like(Node):
    """[NOT] LIKE."""

    operand: Node
    pattern: Node
    escape: Node | None
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """EXISTS."""

    query: Query


@dataclass(frozen=True, slots=True)
class Case(Node):
    """CASE, simple (with an operand) or searched."""

    operand: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """CAST, CONVERT, PARSE and their TRY_ forms."""

    operand: Node
    type: TypeName
    style: Node | None = None
    forgiving: bool = False


@dataclass(frozen=True, slots=True)
class Collate(Node):
    """COLLATE."""

    operand: Node
    collation: str


@dataclass(frozen=True, slots=True)
class AtTimeZone(Node):
    """AT TIME ZONE."""

    operand: Node
    zone: Node


@dataclass(frozen=True, slots=True)
class Ordering:
    """One item of ORDER BY."""

    expression: Node
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """OVER (…). `frame`: "" (the default), "rows" from the start to the current row, "all"."""

    partition: tuple[Node, ...] = ()
    order: tuple[Ordering, ...] = ()
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function call. The first argument of DATEADD and the like is a ColumnName."""

    names: Names
    arguments: tuple[Node, ...]
    distinct: bool = False
    star: bool = False
    window: Window | None = None
    within: tuple[Ordering, ...] = ()


@dataclass(frozen=True, slots=True)
class Method(Node):
    """`x.ToString()`; `property` for `x.STSrid`."""

    target: Node
    name: str
    arguments: tuple[Node, ...] = ()
    is_property: bool = False


@dataclass(frozen=True, slots=True)
class StaticMethod(Node):
    """`hierarchyid::Parse('/1/')`."""

    type: str
    name: str
    arguments: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Subquery(Node):
    """A query in parentheses where a value stands."""

    query: Query


@dataclass(frozen=True, slots=True)
class DefaultValue(Node):
    """DEFAULT in VALUES or SET."""


# --- Queries -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One item of a select list; with `variable`, an assignment by `operator` ("=", "+=" …)."""

    expression: Node
    alias: str = ""
    variable: str = ""
    operator: str = "="


@dataclass(frozen=True, slots=True)
class TableName:
    """A table, view or catalog view; or a table variable (`@t`)."""

    parts: Names
    alias: str = ""
    hints: tuple[str, ...] = ()
    columns: Names = ()


@dataclass(frozen=True, slots=True)
class TableCall:
    """A table-valued function."""

    parts: Names
    arguments: tuple[Node, ...]
    alias: str = ""
    columns: Names = ()
    schema: tuple[tuple[str, TypeName, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """A query, or VALUES rows, as a table."""

    query: Query
    alias: str
    columns: Names = ()


@dataclass(frozen=True, slots=True)
class Join:
    """`kind`: inner, left, right, full, cross, "cross apply", "outer apply"."""

    kind: str
    left: Source
    right: Source
    condition: Node | None = None


Source: TypeAlias = TableName | TableCall | Derived | Join


@dataclass(frozen=True, slots=True)
class Top:
    """TOP (n) [PERCENT] [WITH TIES]."""

    count: Node
    percent: bool = False
    ties: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT without ORDER BY."""

    items: tuple[SelectItem, ...]
    source: Source | None = None
    where: Node | None = None
    group_by: tuple[Node, ...] = ()
    having: Node | None = None
    distinct: bool = False
    top: Top | None = None
    into: Names = ()


@dataclass(frozen=True, slots=True)
class Values:
    """VALUES (…), (…) as a query."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class SetOperation:
    """UNION, UNION ALL, EXCEPT, INTERSECT."""

    operator: str
    left: Body
    right: Body


Body: TypeAlias = "Select | Values | SetOperation | Query"


@dataclass(frozen=True, slots=True)
class CommonTable:
    """One of WITH."""

    name: str
    columns: Names
    query: Query


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query expression."""

    body: Body
    common: tuple[CommonTable, ...] = ()
    order: tuple[Ordering, ...] = ()
    offset: Node | None = None
    fetch: Node | None = None


# --- Data modification -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Output:
    """OUTPUT … [INTO t (…)]."""

    items: tuple[SelectItem, ...]
    into: Names = ()
    columns: Names = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """`c = x`, `@v = x`, `@v = c = x` in SET of UPDATE."""

    column: str
    value: Node
    operator: str = "="
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT: rows from a query (VALUES too), from EXEC, or all defaults."""

    target: Names
    columns: Names
    query: Query | None = None
    execute: Any = None
    output: Output | None = None
    common: tuple[CommonTable, ...] = ()
    top: Top | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE."""

    target: Names
    assignments: tuple[Assignment, ...]
    source: Source | None = None
    where: Node | None = None
    output: Output | None = None
    common: tuple[CommonTable, ...] = ()
    top: Top | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE."""

    target: Names
    source: Source | None = None
    where: Node | None = None
    output: Output | None = None
    common: tuple[CommonTable, ...] = ()
    top: Top | None = None


@dataclass(frozen=True, slots=True)
class MergeBranch:
    """`kind`: matched, "not matched", "not matched by source"; `action`: update, delete, insert."""

    kind: str
    condition: Node | None
    action: str
    assignments: tuple[Assignment, ...] = ()
    columns: Names = ()
    values: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """MERGE."""

    target: TableName
    source: Source
    condition: Node
    branches: tuple[MergeBranch, ...]
    output: Output | None = None
    common: tuple[CommonTable, ...] = field(default=())
    top: Top | None = None
