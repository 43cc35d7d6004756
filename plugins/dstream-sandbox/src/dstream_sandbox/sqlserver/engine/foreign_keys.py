"""FOREIGN KEY constraints, checked at the end of each statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine import violations
from dstream_sandbox.sqlserver.engine.api import DEFAULT, Row
from dstream_sandbox.sqlserver.engine.tables import ForeignKey, Table

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session


def check_parents(session: Session, table: Table, rows: Sequence[Row], verb: str) -> None:
    """Every row's referenced row exists."""
    for key in table.foreign_keys:
        if not key.enabled:
            continue
        positions = [table.shape.positions[at] for at in key.columns]
        for values in {tuple(row[at] for at in positions) for row in rows}:
            if None not in values and not _exists(session, key.target, key.target_columns, values):
                raise violations.foreign_key(key.target, key.name, verb)


def _exists(session: Session, table: Table, columns: Sequence[int], values: Sequence[Any]) -> bool:
    positions = [table.shape.positions[at] for at in columns]
    key_of = table.shape.key_maker(positions)
    probe: list[Any] = [None] * len(table.shape.columns)
    for at, value in zip(positions, values, strict=True):
        probe[at] = value
    wanted = key_of(probe)
    for unique in table.shape.unique:
        if unique.positions == tuple(positions):
            for row in unique.rows(wanted):
                session.reader.wait_for(row)
                current = row.version[0]
                if current is not None and key_of(current) == wanted:
                    return True
            return False
    return any(key_of(row) == wanted for row in table.scan(session))


def check_children(session: Session, table: Table, changes: Sequence[tuple[Row, Row | None]], verb: str) -> None:
    """No row refers to what is gone; or the key's action is done."""
    for child in list(table.referenced_by):
        for key in child.foreign_keys:
            if key.target is table and key.enabled:
                _check_child(session, table, child, key, changes, verb)


def _check_child(
    session: Session, table: Table, child: Table, key: ForeignKey, changes: Sequence[tuple[Row, Row | None]], verb: str
) -> None:
    positions = [table.shape.positions[at] for at in key.target_columns]
    own = [child.shape.positions[at] for at in key.columns]
    gone: dict[tuple[Any, ...], tuple[Any, ...] | None] = {}
    for before, after in changes:
        old = tuple(before[at] for at in positions)
        new = None if after is None else tuple(after[at] for at in positions)
        if new != old and not _exists(session, table, key.target_columns, old):
            gone[old] = new
    if not gone:
        return
    action = key.on_delete if verb == "DELETE" else key.on_update
    hit = [
        (row, values)
        for row, values in session.reader.scan_for_update(child, None, None)
        if tuple(values[at] for at in own) in gone
    ]
    if not hit:
        return
    if action == "no action":
        raise violations.foreign_key(child, key.name, verb, "REFERENCE")
    if action == "cascade" and verb == "DELETE":
        session.writer.delete(child, [row for row, _ in hit])
        return
    session.writer.update(child, [(row, _changed(child, values, own, action, gone)) for row, values in hit])


def _changed(
    child: Table, values: Row, own: Sequence[int], action: str, gone: dict[tuple[Any, ...], tuple[Any, ...] | None]
) -> Sequence[Any]:
    new = list(values)
    target = gone[tuple(values[at] for at in own)]
    for place, at in enumerate(own):
        new[at] = (
            DEFAULT if action == "set default" else None if action == "set null" or target is None else target[place]
        )
    return new
