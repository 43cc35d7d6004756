"""MERGE to a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dstream_sandbox.sqlserver.engine.api import DEFAULT
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.scope import Binding, BoundColumn, Environment
from dstream_sandbox.sqlserver.language.compile.values import Evaluate, Frame, Predicate, Row
from dstream_sandbox.sqlserver.language.modify.base import (
    ChangePlan,
    Changer,
    Outcome,
    OutputPlan,
    TargetFinder,
    insert_places,
    stored,
    target_at_run,
)
from dstream_sandbox.sqlserver.language.modify.targets import EngineTarget
from dstream_sandbox.sqlserver.language.queries.sources import Join, Rows, Source
from dstream_sandbox.sqlserver.language.syntax import DefaultValue, Merge, MergeBranch
from dstream_sandbox.sqlserver.language.syntax import Join as JoinNode
from dstream_sandbox.sqlserver.types import BIT

_MARK = "$source"


@dataclass(slots=True)
class Branch:
    """A compiled WHEN."""

    kind: str
    action: str
    condition: Predicate | None
    cells: list[tuple[int, Evaluate]]
    names: list[str]


@dataclass(slots=True)
class Work:
    """What is to be done: each entry with the joined row that asked for it."""

    inserts: list[tuple[list[Any], Row]] = field(default_factory=list)
    updates: list[tuple[Any, list[Any], Row]] = field(default_factory=list)
    deletes: list[tuple[Any, Row]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


class MergeFinder(TargetFinder):
    """Joins the source (with a mark behind its columns) to the target."""

    def joined(self, node: Merge, whole: bool) -> tuple[Source, int]:
        """The rows, and the place of the mark."""
        source = self.source(node.source)
        marked = len(self.scope.bindings)
        place = self.scope.width
        self.scope.add(Binding("", [BoundColumn(_MARK, BIT)], place))
        make = source.rows

        def rows(frame: Frame) -> Iterator[Row]:
            return ((*row, True) for row in make(frame))

        left = Rows(rows, 0, place + 1)
        right = self.table(node.target)
        assert marked < len(self.scope.bindings)
        kind = "full" if whole else "left"
        keys, rest = self._split(node.condition, left, right)
        condition = self.compiler.condition(node.condition)
        join = Join(kind, left, right, keys, rest, 0, left.width + right.width, whole=condition)
        self._nulls(kind, left, right)
        self._narrow(JoinNode(kind, node.source, node.target, node.condition), left, right, join)
        if whole and right.scans():
            right.scans()[0].bounds.clear()  # rows that the source does not have are wanted too
        return join, place


def merge(environment: Environment, node: Merge) -> ChangePlan:
    """MERGE with all its branches.

    Raises:
        SqlError: 5324 and the like: branches that can never be reached.
    """
    changer = Changer(environment)
    if node.common:
        changer.queries.with_common(node.common)
    if node.top is not None:
        raise not_supported("MERGE TOP")
    alias = (node.target.alias or node.target.parts[-1],)
    finder = MergeFinder(changer.queries, changer.scope, changer.compiler, alias)
    whole = any(branch.kind == "not matched by source" for branch in node.branches)
    found, mark = finder.joined(node, whole)
    relation, binding = finder.relation, finder.binding
    assert binding is not None
    branches = [_branch(changer, relation, branch) for branch in node.branches]
    output = changer.output(node.output, relation, ("inserted", "deleted"), action=True)
    first, width = binding.offset, len(relation.columns)

    def run(frame: Frame) -> Outcome:
        work = _collected(branches, found.rows(frame), mark, first, width, frame)
        target = target_at_run(relation, frame)
        count = len(work.inserts) + len(work.updates) + len(work.deletes)
        if output is None and isinstance(target, EngineTarget):
            target.session.merge(
                target.relation,
                [row for row, _ in work.inserts],
                [(row_id, row) for row_id, row, _ in work.updates],
                [row_id for row_id, _ in work.deletes],
            )
            return Outcome(count)
        return _one_by_one(target, work, output, width, count, frame)

    return ChangePlan(run, "merge")


def _branch(changer: Changer, relation: Any, node: MergeBranch) -> Branch:
    condition = None if node.condition is None else changer.compiler.condition(node.condition)
    if node.action == "delete":
        return Branch(node.kind, "delete", condition, [], [])
    if node.action == "update":
        cells, variables = changer.assignments(relation, node.assignments)
        if variables:
            raise not_supported("variables in MERGE … UPDATE SET")
        return Branch(node.kind, "update", condition, cells, [relation.columns[place].name for place, _ in cells])
    places = insert_places(relation, node.columns) if node.values else []
    if len(places) != len(node.values):
        raise SqlError(
            10709 if node.columns else 213, "Column name or number of supplied values does not match table definition."
        )
    cells = [(place, _cell(changer, value, relation, place)) for place, value in zip(places, node.values, strict=True)]
    return Branch(node.kind, "insert", condition, cells, [])


def _cell(changer: Changer, value: Any, relation: Any, place: int) -> Evaluate:
    if isinstance(value, DefaultValue):
        return lambda row, frame: DEFAULT
    return stored(changer.compiler.value(value), relation, relation.columns[place])


def _collected(branches: list[Branch], rows: Iterator[Row], mark: int, first: int, width: int, frame: Frame) -> Work:
    work = Work()
    seen: set[Any] = set()
    for row in rows:
        row_id = row[first + width]
        kind = "not matched" if row_id is None else "matched" if row[mark] else "not matched by source"
        branch = next(
            (b for b in branches if b.kind == kind and (b.condition is None or b.condition(row, frame))), None
        )
        if branch is None:
            continue
        if branch.action == "insert":
            work.inserts.append((_filled(branch, [DEFAULT] * width, row, frame), row))
            continue
        if row_id in seen:
            raise SqlError(
                8672,
                "The MERGE statement attempted to UPDATE or DELETE the same row more than once. This happens when a target row "
                "matches more than one source row.",
            )
        seen.add(row_id)
        if branch.action == "delete":
            work.deletes.append((row_id, row))
        else:
            work.names |= set(branch.names)
            work.updates.append((row_id, _filled(branch, list(row[first : first + width]), row, frame), row))
    return work


def _filled(branch: Branch, values: list[Any], row: Row, frame: Frame) -> list[Any]:
    for place, evaluate in branch.cells:
        values[place] = evaluate(row, frame)
    return values


def _one_by_one(target: Any, work: Work, output: OutputPlan | None, width: int, count: int, frame: Frame) -> Outcome:
    """With OUTPUT each change is made by its own call, to know the rows as they were stored."""
    nothing = (None,) * width
    made: list[Row] = []
    updated = target.update([(i, values) for i, values, _ in work.updates], work.names) if work.updates else []
    deleted = target.delete([row_id for row_id, _ in work.deletes]) if work.deletes else []
    inserted = target.insert([values for values, _ in work.inserts]) if work.inserts else []
    made += [(*new, *nothing, "INSERT", *row) for new, (_, row) in zip(inserted, work.inserts, strict=True)]
    made += [(*new, *old, "UPDATE", *row) for (old, new), (_, _, row) in zip(updated, work.updates, strict=True)]
    made += [(*nothing, *old, "DELETE", *row) for old, (_, row) in zip(deleted, work.deletes, strict=True)]
    if output is None:
        return Outcome(count)
    return Outcome(count, output.rows(iter(made), frame), output.columns)
