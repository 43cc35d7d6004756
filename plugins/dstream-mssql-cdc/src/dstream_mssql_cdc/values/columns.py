"""Which columns of a table are delivered, how they are selected, and what makes JSON values of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dstream_mssql_cdc.catalog.patterns import ColumnPatterns
from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.values.masks import Mask, Masks
from dstream_mssql_cdc.values.types import OLD_LOB_TYPES, Convert, column_expression, encoder, refuse_unknown

Values = Sequence[Any]
"""The values of one column, row by row. Rows are worked on column by column: that keeps the loops out of Python."""


@dataclass(frozen=True)
class ReadColumn:
    """A column that is read from the server.

    Attributes:
        column: the column.
        ordinal: its place in the change table from 0, which is its bit in the update mask.
        in_data: it is delivered in `data`; else it is read for the sake of the key alone.
        convert: makes its JSON values; None: they are as they come.
        mask: changes them before they leave.
    """

    column: Column
    ordinal: int
    in_data: bool
    convert: Convert | None
    mask: Mask | None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    def plain(self, values: Values) -> Values:
        """The JSON values without the mask."""
        convert = self.convert
        return values if convert is None else [None if value is None else convert(value) for value in values]

    def delivered(self, values: Values) -> Values:
        """The JSON values as they may leave the process."""
        mask, values = self.mask, self.plain(values)
        return values if mask is None else [None if value is None else mask(value) for value in values]


WEIGHED_BYTES = 4096
"""Rows that their columns' types allow to be larger are weighed one by one as they arrive; others are not."""
LARGE_VALUE = 256
"""Columns whose values can be no larger say nothing of a row's weight."""


@dataclass(frozen=True)
class ColumnPlan:
    """What is read of a table.

    Attributes:
        read: the columns in the order in which they are selected: those of `data` in the table's order, then others.
        data: how many of them are in `data`.
        key: places in `read` of the primary key's columns, in the key's order; those named by `exclude` and those
            that the change table does not hold are missing.
        full_key: the same with those named by `exclude`; empty if one of the key's columns is not read.
    """

    read: tuple[ReadColumn, ...]
    data: int
    key: tuple[int, ...]
    full_key: tuple[int, ...]

    def expressions(self, alias: str, options: MssqlCdcOptions) -> list[str]:
        """The select list; a `%` in it is not doubled."""
        return [column_expression(alias, each.column, options) for each in self.read]

    def weigher(self, first: int = 0) -> Callable[[Sequence[Any]], int] | None:
        """What weighs a row by the values that may be large; None: no row of these columns is.

        Args:
            first: place in the row of the first of the columns.
        """
        sizes = [each.column.max_length for each in self.read]
        if min(sizes, default=0) >= 0 and sum(sizes) <= WEIGHED_BYTES and not self._old_lobs:
            return None
        large = [
            place
            for place, each in enumerate(self.read, first)
            if not 0 <= each.column.max_length <= LARGE_VALUE or each.column.type in OLD_LOB_TYPES
        ]
        return lambda row: sum(len(row[place]) for place in large if row[place] is not None)

    @property
    def _old_lobs(self) -> bool:
        """There are some; `sys.columns` has the length of their pointers."""
        return any(each.column.type in OLD_LOB_TYPES for each in self.read)

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the columns in `data`."""
        return tuple(each.name for each in self.read[: self.data])

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the columns in `Key`."""
        return tuple(self.read[place].name for place in self.key)


def plan_columns(table: Table, columns: Sequence[Column], options: MssqlCdcOptions, *, whole_key: bool) -> ColumnPlan:
    """What to read of a table.

    Primary-key columns that `include` does not name are not in `data`, but in `Key`; only `exclude` takes them away
    from there too.

    Args:
        table: the table.
        columns: those that can be read: of the table itself, or of its change table.
        options: the options.
        whole_key: read excluded columns of the primary key too, as a snapshot must to find its way.

    Raises:
        ConfigurationError: a column is of an unknown type (`mssql/type`) or cannot be masked so (`mssql/mask`).
    """
    include, exclude = ColumnPatterns(options.columns.include), ColumnPatterns(options.columns.exclude)
    only_included = include.names_table(table.schema, table.name)

    def excluded(column: Column) -> bool:
        return exclude.matches(table.schema, table.name, column.name)

    def in_data(column: Column) -> bool:
        included = not only_included or include.matches(table.schema, table.name, column.name)
        return included and not excluded(column)

    def for_key(column: Column) -> bool:
        return column.name in table.primary_key and (whole_key or not excluded(column))

    wanted = [(place, column) for place, column in enumerate(columns) if in_data(column)]
    data = len(wanted)
    wanted += [(place, column) for place, column in enumerate(columns) if for_key(column) and not in_data(column)]
    refuse_unknown(table.qualified, [column for _, column in wanted])
    masks = Masks(options)
    read = tuple(
        ReadColumn(column, ordinal, place < data, encoder(column, options), masks.of(table, column))
        for place, (ordinal, column) in enumerate(wanted)
    )
    places = {each.name: place for place, each in enumerate(read)}
    full_key = tuple(places[name] for name in table.primary_key if name in places)
    key = tuple(place for place in full_key if not excluded(read[place].column))
    return ColumnPlan(read, data, key, full_key if len(full_key) == len(table.primary_key) else ())
