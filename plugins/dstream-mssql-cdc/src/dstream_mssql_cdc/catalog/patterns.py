"""Which tables and columns the options mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.names import NamePattern, parse_pattern
from dstream_mssql_cdc.catalog.values import Table

DEFAULT_SCHEMA = "dbo"

Value = TypeVar("Value")
TableName = tuple[str, str]


class TableSelection:
    """The tables that the option `tables` means; the last pattern that means a table decides.

    A name without schema means the one in `dbo`, else the one in the only schema that has it; with wildcards it means
    all schemas. Case counts only where two names differ in nothing else. Without any pattern, or with none but those
    that leave out, all tables are meant.

    Args:
        patterns: as the user wrote them.

    Raises:
        ConfigurationError: `mssql/pattern`, one is no pattern.
    """

    def __init__(self, patterns: Sequence[str]):
        self._patterns = tuple(map(_table_pattern, patterns))

    @property
    def all(self) -> bool:
        """Every table is meant."""
        return not self._patterns

    @property
    def open_ended(self) -> bool:
        """Tables that nobody named may be meant."""
        positive = [pattern for pattern in self._patterns if not pattern.negated]
        return not positive or any(pattern.wild for pattern in positive)

    def select(self, tables: Iterable[Table]) -> tuple[Table, ...]:
        """Those of the tables that are meant, in their own order.

        Raises:
            ConfigurationError: `mssql/table-ambiguous`, a name without schema stands for tables in several schemas.
        """
        found = {(table.schema, table.name): table for table in tables}
        names = self._names(tuple(found))
        return tuple(table for name, table in found.items() if name in names)

    def matches(self, schema: str, name: str, others: Iterable[TableName] = ()) -> bool:
        """Whether a table is meant.

        Args:
            schema: the table's.
            name: the table's.
            others: the database's other tables, by schema and name.
        """
        return (schema, name) in self._names(((schema, name), *others))

    def missing(self, tables: Iterable[Table]) -> tuple[str, ...]:
        """The names, without wildcards, that mean none of the tables, as the user wrote them."""
        names = tuple((table.schema, table.name) for table in tables)
        return tuple(
            pattern.text
            for pattern in self._patterns
            if not pattern.wild and not pattern.negated and not meant(pattern, names)
        )

    def elsewhere(self, tables: Iterable[Table]) -> tuple[str, ...]:
        """The names without schema that mean a table outside `dbo`; among more tables they may mean another one."""
        names = tuple((table.schema, table.name) for table in tables)
        return tuple(
            pattern.text
            for pattern in self._patterns
            if not pattern.wild
            and not pattern.negated
            and len(pattern.parts) == 1
            and any(schema.lower() != DEFAULT_SCHEMA for schema, _ in meant(pattern, names))
        )

    def idle(self, tables: Iterable[Table]) -> tuple[str, ...]:
        """The patterns, with wildcards, that mean none of the tables yet."""
        names = tuple((table.schema, table.name) for table in tables)
        return tuple(
            pattern.text
            for pattern in self._patterns
            if pattern.wild and not pattern.negated and not meant(pattern, names)
        )

    def _names(self, names: tuple[TableName, ...]) -> set[TableName]:
        selected = set(names) if all(pattern.negated for pattern in self._patterns) else set()
        for pattern in self._patterns:
            if pattern.negated:
                selected.difference_update(meant(pattern, names))
            else:
                selected.update(_unambiguous(pattern, meant(pattern, names)))
        return selected


class TableValues(Generic[Value]):
    """A value by table, as options give it: `{ Orders = …, "sales.*" = … }`. A name wins over a pattern.

    Args:
        values: by name or pattern of the table, as the user wrote them.

    Raises:
        ConfigurationError: `mssql/pattern`, one is no pattern.
    """

    def __init__(self, values: Mapping[str, Value]):
        self._values = sorted(
            ((_table_pattern(text), value) for text, value in values.items()), key=lambda item: not item[0].wild
        )

    def resolve(self, tables: Iterable[Table]) -> dict[str, Value]:
        """The values by `Table.qualified`, of those tables that have one."""
        names = tuple((table.schema, table.name) for table in tables)
        found: dict[str, Value] = {}
        for pattern, value in self._values:
            for schema, name in _unambiguous(pattern, meant(pattern, names)):
                found[f"{schema}.{name}"] = value
        return found

    def missing(self, tables: Iterable[Table]) -> tuple[str, ...]:
        """The names and patterns that mean none of the tables."""
        names = tuple((table.schema, table.name) for table in tables)
        return tuple(pattern.text for pattern, _ in self._values if not meant(pattern, names))


class ColumnPatterns:
    """Columns as options name them: `column`, `table.column`, `schema.table.column`, each part with wildcards.

    A part that is left out means all: `Orders.Id` is the column of every table `Orders`, whatever its schema.

    Args:
        patterns: as the user wrote them.

    Raises:
        ConfigurationError: `mssql/pattern`, one is no pattern.
    """

    def __init__(self, patterns: Iterable[str]):
        self._patterns = tuple(_pattern(text, 3) for text in patterns)

    def matches(self, schema: str, table: str, column: str) -> bool:
        """Whether a pattern means the column."""
        return any(pattern.matches((schema, table, column)) for pattern in self._patterns)

    def names_table(self, schema: str, table: str) -> bool:
        """Whether a pattern says something of the table, be it of a column that it does not have."""
        return any(
            all(part.matches(name) for part, name in zip(reversed(pattern.parts[:-1]), (table, schema), strict=False))
            for pattern in self._patterns
        )

    def idle(self, columns: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
        """The patterns that mean none of these columns (schema, table, column), as the user wrote them."""
        known = tuple(columns)
        return tuple(pattern.text for pattern in self._patterns if not any(pattern.matches(names) for names in known))


def meant(pattern: NamePattern, names: Sequence[TableName]) -> list[TableName]:
    """The tables that a pattern means, among all of a database; several for a name only if it is ambiguous."""
    found = [name for name in names if pattern.matches(name)]
    if pattern.wild:
        return found
    if len(pattern.parts) == 1:
        found = [name for name in found if name[0].lower() == DEFAULT_SCHEMA] or found
    return [name for name in found if pattern.is_exactly(name)] or found


def _unambiguous(pattern: NamePattern, names: list[TableName]) -> list[TableName]:
    if pattern.wild or len(names) < 2:
        return names
    listed = ", ".join(".".join(name) for name in sorted(names))
    raise ConfigurationError(
        f"{pattern.text} may mean several tables: {listed}",
        code="mssql/table-ambiguous",
        hint="name the schema and use the very case of the table, or a pattern with * to mean all of them",
    )


def _table_pattern(text: str) -> NamePattern:
    return _pattern(text, 2)


def _pattern(text: str, most: int) -> NamePattern:
    try:
        return parse_pattern(text, most)
    except ValueError as error:
        raise ConfigurationError(str(error), code="mssql/pattern") from None
