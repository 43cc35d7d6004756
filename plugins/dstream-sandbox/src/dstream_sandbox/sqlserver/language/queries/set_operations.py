"""UNION, EXCEPT, INTERSECT, and rows of VALUES: several inputs of one shape."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.conversions import converter, implicit_converter
from dstream_sandbox.sqlserver.language.queries.plan import Output, Plan
from dstream_sandbox.sqlserver.language.rules import common_type
from dstream_sandbox.sqlserver.types import INT, SqlType


def combined(operator: str, left: Plan, right: Plan) -> Plan:
    """Two queries as one.

    Raises:
        SqlError: 205, they have different numbers of columns; 206, their types do not go together.
    """
    if len(left.columns) != len(right.columns):
        raise _uneven()
    columns = [_common(a, b) for a, b in zip(left.columns, right.columns, strict=True)]
    from_left, from_right = row_converter(left.columns, columns), row_converter(right.columns, columns)
    key = row_key([column.type for column in columns])

    def rows(frame: Frame) -> Iterator[Row]:
        first, second = map(from_left, left.rows(frame)), map(from_right, right.rows(frame))
        if operator == "union all":
            return itertools.chain(first, second)
        if operator == "union":
            return distinct(itertools.chain(first, second), key)
        others = {key(row) for row in second}
        inside = operator == "intersect"
        return distinct((row for row in first if (key(row) in others) == inside), key)

    return Plan(columns, rows, left.correlated or right.correlated)


def _uneven() -> SqlError:
    return SqlError(
        205,
        "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
    )


def _common(a: Output, b: Output) -> Output:
    type_ = b.type if a.null else a.type if b.null else common_type(a.type, b.type)
    return Output(a.name, type_, a.nullable or b.nullable, null=a.null and b.null)


def row_converter(sources: Sequence[Output], targets: Sequence[Output], exact: bool = False) -> Callable[[Row], Row]:
    """A function that brings rows into the types of other columns.

    Args:
        sources: What the rows have.
        targets: What they get.
        exact: The types must be the same (recursive common table expressions, 240).
    """
    if len(sources) != len(targets):
        raise SqlError(
            205,
            "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their "
            "target lists.",
        )
    changes: list[tuple[int, Callable[[Any], Any]]] = []
    for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
        if source.null or source.type == target.type:
            continue
        if exact and source.type.name != target.type.name:
            raise SqlError(
                240,
                f'Types don\'t match between the anchor and the recursive part in column "{target.name}" of recursive query.',
            )
        convert = converter(source.type, target.type) if exact else implicit_converter(source.type, target.type)
        if convert is not None:
            changes.append((place, convert))
    if not changes:
        return tuple

    def change(row: Row) -> Row:
        values = list(row)
        for place, convert in changes:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)

    return change


def row_key(types: Sequence[SqlType]) -> Callable[[Row], Any]:
    """The key by which rows are the same: NULLs are equal here."""
    keys = [comparable(type_) for type_ in types]
    return lambda row: tuple([None if value is None else (key(value),) for value, key in zip(row, keys, strict=True)])


def distinct(rows: Iterator[Row], key: Callable[[Row], Any]) -> Iterator[Row]:
    """The first of each that are the same."""
    seen: set[Any] = set()
    for row in rows:
        found = key(row)
        if found not in seen:
            seen.add(found)
            yield row


def united(rows: list[list[Compiled]]) -> Plan:
    """Rows of expressions as one result, each column in the type of all its values."""
    columns: list[Output] = []
    for place in range(len(rows[0])):
        type_: SqlType | None = None
        for row in rows:
            if not row[place].null:
                type_ = row[place].type if type_ is None else common_type(type_, row[place].type)
        columns.append(
            Output("", INT if type_ is None else type_, any(r[place].nullable for r in rows), null=type_ is None)
        )
    made = [[converted(cell, column.type).evaluate for cell, column in zip(row, columns, strict=True)] for row in rows]

    def run(frame: Frame) -> Iterator[Row]:
        return (tuple([one((), frame) for one in row]) for row in made)

    return Plan(columns, run)
