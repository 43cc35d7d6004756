"""What is written to: a table of the engine, or a table variable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dstream_sandbox.sqlserver.engine.api import DEFAULT, ColumnInfo
from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.values import Row

Pair = tuple[Row, Row]


class Target(Protocol):
    """Takes changes."""

    name: str
    columns: Sequence[ColumnInfo]

    def scan(self, low: Any, high: Any) -> Iterator[tuple[Any, Row]]:
        """Rows with their ids."""

    def insert(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """Rows as they were stored."""

    def update(self, changes: Sequence[tuple[Any, Sequence[Any]]], columns: Iterable[str]) -> list[Pair]:
        """Old and new rows."""

    def delete(self, rows: Sequence[Any]) -> list[Row]:
        """The rows as they were."""


class EngineTarget:
    """A table of the engine, through a session."""

    def __init__(self, session: Any, relation: Any) -> None:
        self.session = session
        self.relation = relation
        self.name: str = relation.name
        self.columns: Sequence[ColumnInfo] = relation.columns

    def scan(self, low: Any, high: Any) -> Iterator[tuple[Any, Row]]:
        """See Target."""
        return iter(self.session.scan_for_update(self.relation, low, high))

    def insert(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """See Target."""
        return list(self.session.insert(self.relation, rows))

    def update(self, changes: Sequence[tuple[Any, Sequence[Any]]], columns: Iterable[str]) -> list[Pair]:
        """See Target."""
        return list(self.session.update(self.relation, changes, columns))

    def delete(self, rows: Sequence[Any]) -> list[Row]:
        """See Target."""
        return list(self.session.delete(self.relation, rows))


@dataclass(slots=True)
class TableVariable:
    """`DECLARE @t TABLE (…)`: rows of this batch alone, untouched by rollbacks.

    Attributes:
        keys: Unique keys: name of the constraint, places of its columns.
        defaults: By column, what gives the default.
        checks: Conditions over a row.
        seed: Of the identity column: next value and step.
    """

    name: str
    columns: tuple[ColumnInfo, ...]
    keys: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    defaults: dict[int, Any] = field(default_factory=dict)
    computed: dict[int, Any] = field(default_factory=dict)
    checks: list[Any] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    seed: list[int] = field(default_factory=lambda: [1, 1])

    def scan(self, low: Any, high: Any) -> Iterator[tuple[Any, Row]]:
        """See Target: ids are places in `rows`."""
        return iter(list(enumerate(self.rows)))

    def insert(self, rows: Iterable[Sequence[Any]]) -> list[Row]:
        """See Target."""
        stored = [self._filled(row) for row in rows]
        self._check([*self.rows, *stored], stored)
        self.rows = [*self.rows, *stored]
        return stored

    def update(self, changes: Sequence[tuple[Any, Sequence[Any]]], columns: Iterable[str]) -> list[Pair]:
        """See Target."""
        pairs = [(self.rows[place], self._computed(list(new))) for place, new in changes]
        rows = list(self.rows)
        for (place, _), (_, new) in zip(changes, pairs, strict=True):
            rows[place] = new
        self._check(rows, [new for _, new in pairs])
        self.rows = rows
        return pairs

    def delete(self, rows: Sequence[Any]) -> list[Row]:
        """See Target."""
        gone = set(rows)
        deleted = [self.rows[place] for place in rows]
        self.rows = [row for place, row in enumerate(self.rows) if place not in gone]
        return deleted

    def _filled(self, row: Sequence[Any]) -> Row:
        values = list(row)
        for place, column in enumerate(self.columns):
            if values[place] is not DEFAULT:
                continue
            if column.identity:
                values[place] = self.seed[0]
                self.seed[0] += self.seed[1]
            else:
                default = self.defaults.get(place)
                values[place] = None if default is None else default()
        return self._computed(values)

    def _computed(self, values: list[Any]) -> Row:
        for place, compute in self.computed.items():
            values[place] = None
            values[place] = compute(tuple(values))
        return tuple(values)

    def _check(self, rows: list[Row], changed: list[Row]) -> None:
        for row in changed:
            for place, column in enumerate(self.columns):
                if row[place] is None and not column.nullable and place not in self.computed:
                    raise SqlError(
                        515,
                        f"Cannot insert the value NULL into column '{column.name}', table '{self.name}'; column does not allow "
                        "nulls. INSERT fails.",
                        state=2,
                    )
            for check in self.checks:
                if check(row) is False:
                    raise SqlError(
                        547,
                        f'The INSERT statement conflicted with a CHECK constraint. The conflict occurred in table "{self.name}".',
                    )
        for name, places in self.keys:
            self._unique(name, places, rows)

    def _unique(self, name: str, places: tuple[int, ...], rows: list[Row]) -> None:
        keys = [comparable(self.columns[p].type) for p in places]
        seen = set()
        for row in rows:
            key = tuple([None if row[p] is None else k(row[p]) for p, k in zip(places, keys, strict=True)])
            if key in seen:
                shown = ", ".join("<NULL>" if row[p] is None else str(row[p]) for p in places)
                raise SqlError(
                    2627,
                    f"Violation of PRIMARY KEY constraint '{name}'. Cannot insert duplicate key in object 'dbo.{self.name}'. "
                    f"The duplicate key value is ({shown}).",
                    14,
                )
            seen.add(key)
