"""ALTER TABLE: each action makes a new shape of the table, with its rows brought over, or changes constraints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dstream_sandbox.sqlserver.engine import building, violations
from dstream_sandbox.sqlserver.engine.api import AlterTable, CheckSpec, ColumnSpec, ForeignKeySpec, IndexSpec
from dstream_sandbox.sqlserver.engine.storage import StoredRow, Values
from dstream_sandbox.sqlserver.engine.tables import Check, Column, ForeignKey, Index, Shape, Table
from dstream_sandbox.sqlserver.errors import SqlError, not_supported

Convert = Callable[[Values], Sequence[Any] | None]


def swap_shape(
    session: Any, table: Table, columns: Sequence[Column], indexes: Sequence[Index], convert: Convert
) -> None:
    """Gives the table a new shape and its rows, converted (None: the row is left out). Undone by putting the old one back."""
    old = table.shape
    transaction = session.required_transaction()
    new = Shape(columns, sorted(indexes, key=lambda one: one.index_id), table.database.collation)
    for row in old.store.all():
        values = row.version[0]
        converted = None if values is None else convert(values)
        if converted is not None:
            _bring(session, table, new, transaction, tuple(converted))
    table.shape = new
    transaction.undo.append((setattr, table, "shape", old))


def _bring(session: Any, table: Table, shape: Shape, transaction: Any, values: Values) -> None:
    row = StoredRow(shape.new_row_key(values, next(table.row_numbers)), (values, transaction.stamp, None))
    for unique in shape.unique:
        where = unique.index.where
        if where is not None and where(session, values) is not True:
            continue
        key = unique.key_of(values)
        if unique.rows(key):
            shown = ", ".join(str(values[at]) for at in unique.positions)
            raise SqlError(
                1505,
                f"The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name "
                f"'{table.schema}.{table.name}' and the index name '{unique.index.name}'. The duplicate key value is ({shown}).",
            )
        unique.add(key, row)
    shape.store.add(row)
    shape.store.live += 1


def _same(values: Values) -> Sequence[Any]:
    return values


def alter(session: Any, table: Table, action: AlterTable) -> None:
    """Does one action."""
    handler = _ACTIONS.get(action.action)
    if handler is None:
        raise not_supported(f"ALTER TABLE {action.action}")
    handler(session, table, action)


def _add_column(session: Any, table: Table, action: AlterTable) -> None:
    spec = action.column
    if spec is None:
        raise not_supported("ADD without a column")
    if table.column(spec.name) is not None:
        raise SqlError(
            2705, f"Column names in each table must be unique. Column name '{spec.name}' in table '{table.name}' is specified more than "
            "once."
        )  # fmt: skip
    column = building.build_column(table.database, table.name, spec, table.next_column_id)
    filled = spec.default is not None and (action.with_values or not column.nullable)
    empty = table.shape.store.live == 0
    if not column.nullable and not (filled or empty or column.identity or column.is_rowversion or column.is_computed):
        raise SqlError(
            4901,
            "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column "
            "being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the "
            f"table must be empty to allow addition of this column. Column '{spec.name}' cannot be added to non-empty table "
            f"'{table.name}' because it does not satisfy these conditions.",
        )
    _fill_column(session, table, column, filled)
    table.next_column_id += 1


def _fill_column(session: Any, table: Table, column: Column, filled: bool) -> None:
    def convert(values: Values) -> Sequence[Any]:
        value: Any = None
        if column.is_rowversion:
            value = table.database.next_rowversion()
        elif column.identity is not None:
            seed, step = column.identity
            value = seed if table.identity_last is None else table.identity_last + step
            table.identity_last = value
        elif column.computed is not None:
            value = column.computed(session, (*values, None))
        elif filled and column.default is not None:
            value = column.default(session)
        return (*values, value)

    swap_shape(session, table, (*table.shape.columns, column), table.shape.indexes, convert)


def _require_column(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise SqlError(
            4924, f"ALTER TABLE ALTER COLUMN failed because column '{name}' does not exist in table '{table.name}'."
        )
    return column


def _alter_column(session: Any, table: Table, action: AlterTable) -> None:
    spec = action.column
    if spec is None:
        raise not_supported("ALTER COLUMN without a column")
    old = _require_column(table, spec.name)
    if old.is_computed or old.is_rowversion:
        kind = "COMPUTED" if old.is_computed else "timestamp"
        raise SqlError(4928, f"Cannot alter column '{old.name}' because it is '{kind}'.")
    nullable = spec.nullable if spec.nullable is not None else True
    collation = spec.collation or (old.collation if old.collation and spec.type.is_character else None)
    if spec.type.is_character and collation is None:
        collation = table.database.collation
    new = replace(old, type=spec.type, alias=spec.alias, nullable=nullable, collation=collation)
    place = table.shape.positions[old.column_id]
    change = action.convert or (lambda value: value)
    _refuse_for_indexes(table, old, new)

    def convert(values: Values) -> Sequence[Any]:
        value = values[place]
        value = None if value is None else change(value)
        if value is None and not nullable:
            raise violations.null(table, new, "UPDATE")
        return (*values[:place], value, *values[place + 1 :])

    columns = [new if column is old else column for column in table.shape.columns]
    swap_shape(session, table, columns, table.shape.indexes, convert)


def _refuse_for_indexes(table: Table, old: Column, new: Column) -> None:
    """A key column may only grow (5074 and 4922 otherwise)."""
    grows = (
        old.type.name == new.type.name
        and (old.type.length or 0) <= (new.type.length or 0)
        and old.nullable == new.nullable
    )
    if grows and old.type.precision == new.type.precision:
        return
    for index in table.shape.indexes:
        if any(at == old.column_id for at, _ in index.columns):
            raise _depended(
                f"The {'object' if index.kind != 'index' else 'index'} '{index.name}'", "ALTER COLUMN", old.name
            )


def _depended(what: str, verb: str, column: str) -> SqlError:
    return SqlError(
        4922,
        f"ALTER TABLE {verb} {column} failed because one or more objects access this column. {what} is dependent on column '{column}'.",
    )


def _drop_column(session: Any, table: Table, action: AlterTable) -> None:
    column = table.column(action.name)
    if column is None:
        if action.if_exists:
            return
        raise SqlError(
            4924,
            f"ALTER TABLE DROP COLUMN failed because column '{action.name}' does not exist in table '{table.name}'.",
        )
    if len(table.shape.columns) == 1:
        raise SqlError(
            4923,
            f"ALTER TABLE DROP COLUMN failed because '{column.name}' is the only data column in table '{table.name}'.",
        )
    for index in table.shape.indexes:
        if any(at == column.column_id for at, _ in index.columns) or column.column_id in index.included:
            raise _depended(
                f"The {'object' if index.kind != 'index' else 'index'} '{index.name}'", "DROP COLUMN", column.name
            )
    if column.default_text or column.default is not None:
        raise _depended(f"The object '{column.default_name}'", "DROP COLUMN", column.name)
    for foreign in table.foreign_keys:
        if column.column_id in foreign.columns:
            raise _depended(f"The object '{foreign.name}'", "DROP COLUMN", column.name)
    place = table.shape.positions[column.column_id]
    columns = [one for one in table.shape.columns if one is not column]
    swap_shape(session, table, columns, table.shape.indexes, lambda values: (*values[:place], *values[place + 1 :]))


def add_index(session: Any, table: Table, spec: IndexSpec) -> None:
    """A new index or key: the rows are put in its order if it is clustered."""
    columns = list(table.shape.columns)
    if spec.kind == "primary key":
        if table.primary_key is not None:
            raise SqlError(1779, f"Table '{table.name}' already has a primary key defined on it.", state=0)
        for name, _ in spec.columns:
            column = table.column(name)
            if column is not None and column.nullable:
                raise SqlError(
                    8111, f"Cannot define PRIMARY KEY constraint on nullable column in table '{table.name}'."
                )
    index = building.build_index(table.database, table.name, columns, table.shape.indexes, spec)
    swap_shape(session, table, columns, [*table.shape.indexes, index], _same)


def drop_index(session: Any, table: Table, name: str, constraint: bool = False) -> None:
    """Takes an index away, or (for `constraint`) a key constraint."""
    index = next((one for one in table.shape.indexes if one.name.lower() == name.lower()), None)
    if index is None:
        raise SqlError(
            3701, f"Cannot drop the index '{table.name}.{name}', because it does not exist or you do not have permission.", severity=11,
            state=6,
        )  # fmt: skip
    if (index.kind != "index") is not constraint:
        raise SqlError(
            3723, f"An explicit DROP INDEX is not allowed on index '{table.name}.{name}'. It is being used for {index.kind.upper()} "
            "constraint enforcement.", state=4,
        )  # fmt: skip
    for instance in table.tracked:
        if instance.supports_net_changes and instance.index_name and instance.index_name.lower() == index.name.lower():
            raise SqlError(
                3725 if constraint else 3724,
                f"Cannot drop the index '{table.name}.{name}' because it is being used by Change Data Capture.",
            )
    for child in table.referenced_by:
        for foreign in child.foreign_keys:
            if foreign.target is table and {at for at, _ in index.columns} == set(foreign.target_columns):
                raise SqlError(3725, f"The constraint '{name}' is being referenced by table '{child.name}', foreign key constraint "
                               f"'{foreign.name}'.", state=0)  # fmt: skip
    swap_shape(session, table, table.shape.columns, [one for one in table.shape.indexes if one is not index], _same)


def _add_constraint(session: Any, table: Table, action: AlterTable) -> None:
    spec = action.constraint
    if isinstance(spec, IndexSpec):
        add_index(session, table, spec)
    elif isinstance(spec, CheckSpec):
        check = building.build_check(table.database, table, spec)
        for row in table.scan(session):
            if check.condition(session, row) is False:
                raise violations.check(table, check.name, "ALTER TABLE")
        _change_list(session, table.checks, [*table.checks, check])
    elif isinstance(spec, ForeignKeySpec):
        before = list(table.foreign_keys)
        foreign = building.add_foreign_key(session, table, spec)
        session.required_transaction().undo.append((_unlink, foreign.target, table))
        session.required_transaction().undo.append((table.foreign_keys.__setitem__, slice(None), before))
    elif isinstance(spec, ColumnSpec):
        _change_default(session, table, spec.name, spec)
    else:
        raise not_supported("this ADD CONSTRAINT")


def _unlink(target: Table, child: Table) -> None:
    if child in target.referenced_by:
        target.referenced_by.remove(child)


def _change_list(session: Any, target: list[Any], new: list[Any]) -> None:
    old = list(target)
    target[:] = new
    session.required_transaction().undo.append((target.__setitem__, slice(None), old))


def _change_default(session: Any, table: Table, name: str, spec: ColumnSpec | None) -> None:
    old = _require_column(table, name)
    if spec is not None and old.default_name:
        raise SqlError(1781, "Column already has a DEFAULT bound to it.")
    if spec is None:
        new = replace(old, default=None, default_text="", default_name="", default_id=0)
    else:
        made = building.build_column(table.database, table.name, replace(spec, type=old.type), old.column_id)
        new = replace(
            old,
            default=made.default,
            default_text=made.default_text,
            default_name=made.default_name,
            default_id=made.default_id,
        )
    _replace_columns(session, table, [new if one is old else one for one in table.shape.columns])


def _replace_columns(session: Any, table: Table, columns: Sequence[Column]) -> None:
    """Other columns over the same rows: for changes that no row notices."""
    old = table.shape
    new = Shape(columns, old.indexes, table.database.collation)
    new.store, new.unique = old.store, old.unique
    table.shape = new
    session.required_transaction().undo.append((setattr, table, "shape", old))


def rename_column(session: Any, table: Table, old: str, new: str) -> None:
    """sp_rename of a column (15336 territory is refused by the caller)."""
    if table.column(new) is not None:
        raise SqlError(15335, f"Error: The new name '{new}' is already in use as a COLUMN name and would cause a duplicate that is not "
                       "permitted.")  # fmt: skip
    column = _require_column(table, old)
    _replace_columns(session, table, [replace(one, name=new) if one is column else one for one in table.shape.columns])


def _drop_constraint(session: Any, table: Table, action: AlterTable) -> None:
    name = action.name.lower()
    if any(index.name.lower() == name and index.kind != "index" for index in table.shape.indexes):
        drop_index(session, table, action.name, constraint=True)
        return
    for column in table.shape.columns:
        if column.default_name and column.default_name.lower() == name:
            _change_default(session, table, column.name, None)
            return
    if any(check.name.lower() == name for check in table.checks):
        _change_list(session, table.checks, [check for check in table.checks if check.name.lower() != name])
        return
    for foreign in table.foreign_keys:
        if foreign.name.lower() == name:
            _change_list(session, table.foreign_keys, [one for one in table.foreign_keys if one is not foreign])
            if not any(one.target is foreign.target for one in table.foreign_keys):
                _change_list(
                    session,
                    foreign.target.referenced_by,
                    [one for one in foreign.target.referenced_by if one is not table],
                )
            return
    if not action.if_exists:
        raise SqlError(3728, f"'{action.name}' is not a constraint.")


def _enable(session: Any, table: Table, action: AlterTable) -> None:
    enabled = action.action == "check constraint"
    constraints: list[Check | ForeignKey] = [*table.checks, *table.foreign_keys]
    for constraint in constraints:
        if action.name.lower() in ("all", constraint.name.lower()):
            session.required_transaction().undo.append((setattr, constraint, "enabled", constraint.enabled))
            constraint.enabled = enabled


def _triggers(session: Any, table: Table, action: AlterTable) -> None:
    named = [
        module for key, module in table.database.modules.items()
        if module.kind == "TR" and module.parent is table and action.name.lower() in ("all", key[1])
    ]  # fmt: skip
    kept = [one for one in table.triggers if one not in named]
    _change_list(session, table.triggers, [*kept, *named] if action.action.startswith("enable") else kept)


def _rebuild(session: Any, table: Table, action: AlterTable) -> None:
    """Nothing changes."""


_ACTIONS: dict[str, Callable[[Any, Table, AlterTable], None]] = {
    "add column": _add_column,
    "alter column": _alter_column,
    "drop column": _drop_column,
    "add constraint": _add_constraint,
    "drop constraint": _drop_constraint,
    "check constraint": _enable,
    "nocheck constraint": _enable,
    "enable trigger": _triggers,
    "disable trigger": _triggers,
    "rebuild": _rebuild,
}
