"""INSERT, UPDATE and DELETE to plans."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from dstream_sandbox.sqlserver.engine.api import DEFAULT
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.expressions import flattened
from dstream_sandbox.sqlserver.language.compile.predicates import both
from dstream_sandbox.sqlserver.language.compile.scope import Environment
from dstream_sandbox.sqlserver.language.compile.values import Evaluate, Frame, Row
from dstream_sandbox.sqlserver.language.conversions import assigner
from dstream_sandbox.sqlserver.language.conversions.assign import Assign
from dstream_sandbox.sqlserver.language.modify.base import (
    ChangePlan,
    Changer,
    Outcome,
    OutputPlan,
    insert_places,
    resolve_target,
    row_maker,
    stored,
    target_at_run,
    writable,
)
from dstream_sandbox.sqlserver.language.queries.from_clause import FromCompiler
from dstream_sandbox.sqlserver.language.queries.select_plan import narrow
from dstream_sandbox.sqlserver.language.syntax import DefaultValue, Delete, Insert, Literal, Node, Update, Values
from dstream_sandbox.sqlserver.types import SqlType

MakeRows = Callable[[Frame], list[Any]]


def insert(environment: Environment, node: Insert) -> ChangePlan:
    """INSERT … VALUES, SELECT or DEFAULT VALUES (INSERT … EXEC is run by the statements)."""
    changer = Changer(environment)
    if node.common:
        changer.queries.with_common(node.common)
    relation = resolve_target(FromCompiler(changer.queries, changer.scope, changer.compiler), node.target)
    for name in node.columns:
        place = next((c for c in relation.columns if c.name.lower() == name.lower()), None)
        protected = place is not None and (place.computed or place.type.name == "timestamp")
        if place is not None and protected and not _only_defaults(node, name):
            writable(place, "insert")
    make = _rows(changer, node, relation)
    output = changer.output(node.output, relation, ("inserted",))
    top = changer.top(node.top)

    def run(frame: Frame) -> Outcome:
        rows = make(frame)
        most = top(frame)
        done = target_at_run(relation, frame).insert(rows if most is None else rows[:most])
        return outcome(len(done), output, iter(done), frame)

    return ChangePlan(run, "insert")


def _only_defaults(node: Insert, name: str) -> bool:
    """Whether a column is given as DEFAULT in every row."""
    if node.query is None or not isinstance(node.query.body, Values):
        return False
    place = [n.lower() for n in node.columns].index(name.lower())
    return all(place < len(row) and isinstance(row[place], DefaultValue) for row in node.query.body.rows)


def outcome(count: int, output: OutputPlan | None, rows: Iterator[Row], frame: Frame) -> Outcome:
    """The count, and what OUTPUT makes of the changed rows."""
    if output is None:
        return Outcome(count)
    return Outcome(count, output.rows(rows, frame), output.columns)


def _rows(changer: Changer, node: Insert, relation: Any) -> MakeRows:
    if node.query is None:
        width = len(relation.columns)
        return lambda frame: [[DEFAULT] * width]
    if isinstance(node.query.body, Values) and not node.query.order:
        return _value_rows(changer, node, node.query.body, relation)
    plan = changer.queries.query(node.query, None)
    make = row_maker(relation, _names(node, relation, changer), plan.columns)
    return lambda frame: [make(row) for row in plan.rows(frame)]


def _names(node: Insert, relation: Any, changer: Changer) -> tuple[str, ...]:
    """The column list. Without one, and with IDENTITY_INSERT on, the engine asks for it (8101)."""
    return node.columns


def _value_rows(changer: Changer, node: Insert, values: Values, relation: Any) -> MakeRows:
    places = insert_places(relation, node.columns)
    width = len(relation.columns)
    constants = _Constants(relation)
    made: list[list[tuple[int, Evaluate | None, Any, Assign | None]]] = []
    for row in values.rows:
        if len(row) != len(places):
            raise _wrong_count(len(row), len(places), bool(node.columns))
        made.append([_cell(changer, constants, cell, place) for place, cell in zip(places, row, strict=True)])

    def run(frame: Frame) -> list[Any]:
        rows = []
        for cells in made:
            filled: list[Any] = [DEFAULT] * width
            for place, evaluate, value, assign in cells:
                if evaluate is not None:
                    filled[place] = evaluate((), frame)
                else:
                    filled[place] = value if assign is None else assign(value)
            rows.append(filled)
        return rows

    return run


def _cell(
    changer: Changer, constants: _Constants, cell: Node, place: int
) -> tuple[int, Evaluate | None, Any, Assign | None]:
    """The place, and an expression, or a constant and what brings it into the column."""
    if isinstance(cell, Literal):
        return place, None, cell.value, constants.assign(cell, place)
    if isinstance(cell, DefaultValue):
        return place, None, DEFAULT, None
    relation = constants.relation
    return place, stored(changer.compiler.value(cell), relation, relation.columns[place]), None, None


class _Constants:
    """How constants go into columns: found once for each type and column, since a statement may have thousands.

    A constant is brought into the column's type when the statement runs: that it cannot be is an error of running.
    """

    def __init__(self, relation: Any) -> None:
        self.relation = relation
        self._known: dict[tuple[int, int], tuple[SqlType, Assign | None]] = {}

    def assign(self, cell: Literal, place: int) -> Assign | None:
        """From the constant to the column's value; None: it is that already."""
        type_ = cell.type
        if cell.value is None or type_ is None:
            return None
        known = self._known.get((place, id(type_)))  # by identity: comparing types costs more than all else here
        if known is None:
            column = self.relation.columns[place]
            known = (type_, assigner(type_, column.type, self.relation.name, column.name))  # keeps the type alive
            self._known[place, id(type_)] = known
        return known[1]


def _wrong_count(values: int, columns: int, listed: bool) -> SqlError:
    if not listed:
        return SqlError(213, "Column name or number of supplied values does not match table definition.")
    if values > columns:
        return SqlError(
            110,
            "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values "
            "in the VALUES clause must match the number of columns specified in the INSERT statement.",
            15,
        )
    return SqlError(
        109,
        "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in "
        "the VALUES clause must match the number of columns specified in the INSERT statement.",
        15,
    )


def _found_rows(
    changer: Changer, names: Any, source: Any, where: Node | None
) -> tuple[Any, Any, Callable[[Frame], Iterator[Row]]]:
    """Target, its columns in the joined row, and the joined rows that WHERE leaves."""
    relation, binding, found = changer.find_target(names, source)
    if where is None:
        return relation, binding, found.rows
    condition = both([changer.compiler.condition(part) for part in flattened(where, "AND")])
    narrow(found, where, changer.compiler)

    def rows(frame: Frame) -> Iterator[Row]:
        return (row for row in found.rows(frame) if condition(row, frame))

    return relation, binding, rows


def once(rows: Iterator[Row], id_place: int, most: int | None) -> Iterator[Row]:
    """Each target row once, whatever it was joined to; at most so many."""
    seen: set[Any] = set()
    kept = 0
    for row in rows:
        row_id = row[id_place]
        if row_id is None or row_id in seen:
            continue
        if most is not None and kept >= most:
            return
        kept += 1
        seen.add(row_id)
        yield row


def update(environment: Environment, node: Update) -> ChangePlan:
    """UPDATE."""
    changer = Changer(environment)
    if node.common:
        changer.queries.with_common(node.common)
    relation, binding, find = _found_rows(changer, node.target, node.source, node.where)
    columns, variables = changer.assignments(relation, node.assignments)
    output = changer.output(node.output, relation, ("inserted", "deleted"))
    top = changer.top(node.top)
    first, width = binding.offset, len(relation.columns)
    names = [relation.columns[place].name for place, _ in columns]

    def run(frame: Frame) -> Outcome:
        matched = list(once(find(frame), first + width, top(frame)))
        changes = []
        for row in matched:
            values = list(row[first : first + width])
            for place, evaluate in columns:
                values[place] = evaluate(row, frame)
            for variable, evaluate in variables:
                frame.run.variables[variable] = evaluate(row, frame)
            changes.append((row[first + width], values))
        if not columns:
            return Outcome(len(matched))
        pairs = target_at_run(relation, frame).update(changes, names)
        made = (tuple(new) + tuple(old) + row for (old, new), row in zip(pairs, matched, strict=True))
        return outcome(len(pairs), output, made, frame)

    return ChangePlan(run, "update")


def delete(environment: Environment, node: Delete) -> ChangePlan:
    """DELETE."""
    changer = Changer(environment)
    if node.common:
        changer.queries.with_common(node.common)
    relation, binding, find = _found_rows(changer, node.target, node.source, node.where)
    output = changer.output(node.output, relation, ("deleted",))
    top = changer.top(node.top)
    id_place = binding.offset + len(relation.columns)

    def run(frame: Frame) -> Outcome:
        matched = list(itertools.islice(once(find(frame), id_place, top(frame)), None))
        deleted = target_at_run(relation, frame).delete([row[id_place] for row in matched])
        made = (tuple(old) + row for old, row in zip(deleted, matched, strict=True))
        return outcome(len(deleted), output, made, frame)

    return ChangePlan(run, "delete")
