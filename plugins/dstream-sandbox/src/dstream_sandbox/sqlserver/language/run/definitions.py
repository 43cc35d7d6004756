"""Definitions: what the engine is given for CREATE, ALTER, DROP and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.api import (
    AlterTable,
    CheckSpec,
    ColumnInfo,
    ColumnSpec,
    ForeignKeySpec,
    IndexSpec,
    Module,
    TableSpec,
)
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.scope import Environment
from dstream_sandbox.sqlserver.language.compile.types import resolve_declared, resolve_type
from dstream_sandbox.sqlserver.language.conversions import assigner
from dstream_sandbox.sqlserver.language.queries.compiler import QueryCompiler, renamed
from dstream_sandbox.sqlserver.language.run.columns import column_default, row_function
from dstream_sandbox.sqlserver.language.statements import (
    Administer,
    AlterAction,
    AlterTableStatement,
    ColumnDefinition,
    Constraint,
    CreateIndex,
    CreateModule,
    CreateTable,
    Drop,
    Truncate,
)
from dstream_sandbox.sqlserver.language.syntax import Names
from dstream_sandbox.sqlserver.types import INT


def split(names: Names, default: str | None = "dbo") -> tuple[str | None, str | None, str]:
    """Database, schema and name."""
    database, schema, name = ((None,) * (3 - len(names)) + tuple(part or None for part in names))[:3]
    return database, schema or default, str(name)


def column_spec(session: Any, node: ColumnDefinition, before: Sequence[ColumnInfo]) -> ColumnSpec:
    """A column for the engine.

    Args:
        session: For types and for functions in defaults.
        node: As written.
        before: The table's columns that a computed column may use.
    """
    if node.type is None:
        assert node.computed is not None
        function, type_ = row_function(session, before, node.computed)
        return ColumnSpec(
            node.name,
            type_,
            nullable=node.nullable,
            computed=function,
            computed_text=node.computed_text,
            persisted=node.persisted,
        )
    type_, alias, nullable = resolve_declared(node.type, session)
    default = None if node.default is None else column_default(session, node.default, type_)
    return ColumnSpec(
        node.name,
        type_,
        alias,
        node.nullable if node.nullable is not None else nullable,
        node.identity,
        default,
        node.default_text,
        node.default_name,
        collation=type_.collation,
        rowguidcol=node.rowguidcol,
        sparse=node.sparse,
    )


def infos(specs: Sequence[ColumnSpec]) -> list[ColumnInfo]:
    """Columns as expressions over a row see them."""
    return [
        ColumnInfo(s.name, s.type, s.nullable is not False, s.identity is not None, bool(s.computed_text), s.collation)
        for s in specs
    ]


def create_table(session: Any, node: CreateTable) -> None:
    """CREATE TABLE."""
    specs: list[ColumnSpec] = []
    for definition in node.columns:
        if definition.type is not None:
            specs.append(column_spec(session, definition, []))
        else:
            specs.append(ColumnSpec(definition.name, INT))
    known = [info for info, d in zip(infos(specs), node.columns, strict=True) if d.type is not None]
    for place, definition in enumerate(node.columns):
        if definition.type is None:
            specs[place] = column_spec(session, definition, _padded(known, node.columns, specs))
    columns = infos(specs)
    indexes, checks, keys = [], [], []
    for constraint in [*node.constraints, *(c for d in node.columns for c in d.constraints)]:
        made = constraint_spec(session, constraint, columns)
        if isinstance(made, IndexSpec):
            indexes.append(made)
        elif isinstance(made, CheckSpec):
            checks.append(made)
        elif isinstance(made, ForeignKeySpec):
            keys.append(made)
    database, schema, name = split(node.name)
    _same_database(session, database, name)
    session.create_table(TableSpec(str(schema), name, specs, indexes, checks, keys))


def _padded(
    known: Sequence[ColumnInfo], definitions: Sequence[ColumnDefinition], specs: Sequence[ColumnSpec]
) -> list[ColumnInfo]:
    """All columns in their places; computed ones have names that nothing can be called by."""
    by_name = {column.name: column for column in known}
    return [by_name.get(d.name) or ColumnInfo("", s.type) for d, s in zip(definitions, specs, strict=True)]


def _same_database(session: Any, database: str | None, name: str) -> None:
    if database is not None and database.lower() not in (session.database.name.lower(), "tempdb"):
        raise SqlError(50_001, f"sandbox: not supported: definitions in another database ({database}): USE it first")


def constraint_spec(
    session: Any, node: Constraint, columns: Sequence[ColumnInfo]
) -> IndexSpec | CheckSpec | ForeignKeySpec | ColumnSpec:
    """A constraint or an index for the engine."""
    if node.kind == "check":
        assert node.expression is not None
        condition, _ = row_function(session, columns, node.expression, is_condition=True)
        return CheckSpec(node.name, condition, node.text)
    if node.kind == "foreign key":
        _, schema, target = split(node.target)
        return ForeignKeySpec(
            node.name,
            [c for c, _ in node.columns],
            str(schema),
            target,
            node.target_columns,
            node.on_delete,
            node.on_update,
        )
    if node.kind == "default":
        assert node.expression is not None
        name = node.columns[0][0]
        column = next((c for c in columns if c.name.lower() == name.lower()), None)
        if column is None:
            raise SqlError(1752, f"Column '{name}' in table is invalid for creating a default constraint.")
        default = column_default(session, node.expression, column.type)
        return ColumnSpec(column.name, column.type, default=default, default_text=node.text, default_name=node.name)
    kind: Any = node.kind
    return IndexSpec(node.name, node.columns, kind, node.unique, node.clustered, node.included)


def alter_table(session: Any, node: AlterTableStatement, text: str) -> None:
    """ALTER TABLE."""
    table = session.resolve(*_resolvable(node.name))
    actions: list[AlterTable] = []
    for action in node.actions:
        actions += _alter_actions(session, table, action)
    session.alter_table(table, actions, text)


def _resolvable(names: Names) -> tuple[str | None, str | None, str]:
    return split(names, None)


def _alter_actions(session: Any, table: Any, node: AlterAction) -> Iterator[AlterTable]:
    if node.action in ("add column", "alter column"):
        assert node.column is not None
        spec = column_spec(session, node.column, list(table.columns))
        convert = _conversion(table, spec) if node.action == "alter column" else None
        yield AlterTable(node.action, spec, node.name, convert=convert, with_values=node.with_values)
        for constraint in node.column.constraints:
            made = constraint_spec(session, constraint, [*table.columns, *infos([spec])])
            yield AlterTable("add constraint", constraint=made)
        return
    made_constraint = (
        None if node.constraint is None else constraint_spec(session, node.constraint, list(table.columns))
    )
    yield AlterTable(node.action, None, node.name, made_constraint, None, node.with_values, node.if_exists)


def _conversion(table: Any, spec: ColumnSpec) -> Callable[[Any], Any] | None:
    column = next((c for c in table.columns if c.name.lower() == spec.name.lower()), None)
    if column is None:
        return None
    assign = assigner(column.type, spec.type, table.name, spec.name)
    return None if assign is None else lambda value: None if value is None else assign(value)


def create_index(session: Any, node: CreateIndex) -> None:
    """CREATE INDEX."""
    table = session.resolve(*_resolvable(node.table))
    spec = constraint_spec(session, node.index, table.columns)
    assert isinstance(spec, IndexSpec)
    if node.where is not None:
        spec.where, _ = row_function(session, table.columns, node.where, is_condition=True)
        spec.where_text = node.where_text
    session.create_index(table, spec)


def drop(session: Any, node: Drop) -> None:
    """DROP."""
    if node.kind == "index":
        table = session.resolve(*_resolvable(node.on))
        session.drop_index(table, node.names[0][0])
        return
    for names in node.names:
        try:
            _drop_one(session, node.kind, names)
        except SqlError as error:
            if not (node.if_exists and error.number in (3701, 208, 15_151, 218, 15_007)):
                raise


def _drop_one(session: Any, kind: str, names: Names) -> None:
    database, schema, name = split(names, None)
    if kind == "table":
        try:
            relation = session.resolve(database, schema, name)
        except SqlError:
            relation = None
        if relation is None or isinstance(relation, Module):
            raise SqlError(
                3701,
                f"Cannot drop the table '{'.'.join(names)}', because it does not exist or you do not have permission.",
                11,
                5,
            )
        session.drop_table(relation)
    elif kind in ("view", "procedure", "function", "trigger"):
        kinds = {"view": ["V"], "procedure": ["P"], "function": ["FN", "IF", "TF"], "trigger": ["TR"]}[kind]
        session.drop_module(schema, name, kinds)
    elif kind == "type":
        session.drop_type(schema, name)
    else:
        getattr(session, f"drop_{kind}")(name)


def truncate(session: Any, node: Truncate) -> None:
    """TRUNCATE TABLE."""
    relation = session.resolve(*_resolvable(node.name))
    if isinstance(relation, Module):
        raise SqlError(4708, f"Could not truncate object '{relation.name}' because it is not a table.")
    session.truncate_table(relation)


def create_module(session: Any, node: CreateModule) -> None:
    """CREATE VIEW, CREATE PROCEDURE, and their ALTER."""
    _, schema, name = split(node.name)
    columns: Sequence[ColumnInfo] = ()
    if node.query is not None:
        plan = QueryCompiler(Environment(session)).query(node.query, None)
        outputs = renamed(plan, node.columns)
        if any(not o.name for o in outputs):
            raise SqlError(4511, "Create View or Function failed because no column name was specified for column 1.")
        columns = [ColumnInfo(o.name, o.type, o.nullable, column_id=n) for n, o in enumerate(outputs, 1)]
    for parameter in node.parameters:
        resolve_type(parameter.type, session)
    module = Module(str(schema), name, node.kind, node.definition, columns=columns)
    session.create_module(module, replace=node.mode == "create or alter", alter=node.mode == "alter")


def administer(session: Any, node: Administer) -> None:
    """Verbs that the engine has as they are."""
    arguments = dict(node.arguments)
    if node.verb == "create_type":
        _, schema, name = split(arguments["names"])
        session.create_type(schema, name, resolve_type(arguments["base"], session), arguments["nullable"])
        return
    if node.verb == "alter_database":
        session.alter_database(arguments["name"] or session.database.name, arguments["option"], arguments["value"])
        return
    getattr(session, node.verb)(**arguments)
