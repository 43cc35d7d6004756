"""The statements that read a change table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dstream_mssql_cdc.catalog.values import CaptureInstance
from dstream_mssql_cdc.position import LAST, ChangePosition
from dstream_mssql_cdc.sql import doubled, quoted

END_OF_TRANSACTION = ChangePosition.behind(LAST).command

LSN, COMMAND, SEQUENCE, OPERATION, MASK, COMMITTED, TRANSACTION = range(7)
"""Places in a row; the table's own columns follow."""
OWN = 7
"""The first of the table's own columns."""


@dataclass(frozen=True)
class Statement:
    """A statement with its parameters; its first parameter is still missing: how many rows it may give.

    Attributes:
        text: with `%s` for parameters.
        parameters: all but the first.
    """

    text: str
    parameters: tuple[Any, ...]


class ChangeQuery:
    """Reads one change table behind a position, in the order of the full key.

    What follows a position inside a transaction is asked for in up to three statements, each a plain range of the
    change table's clustered index: the rest of the statement of the source, the rest of the transaction, and the
    transactions behind it. One condition for all of it (`a > x OR a = x AND b > y OR …`) would make the server read a
    large transaction from its beginning for every page.

    Args:
        instance: the capture instance.
        expressions: the select list of the table's own columns, for the alias `c`.
        before_images: rows as they were before an update are read too.
        facts: time and id of the transaction, and the update mask, are read too.
    """

    def __init__(self, instance: CaptureInstance, expressions: Sequence[str], *, before_images: bool, facts: bool):
        self._commands = instance.has_command_id
        command = _column("__$command_id") if self._commands else "0"
        own = [_column("__$start_lsn"), command, _column("__$seqval"), _column("__$operation")]
        # datetime has its thirds of a millisecond, which clients cut; the server's text has them rounded.
        more = [_column("__$update_mask"), "CONVERT(varchar(23), m.[tran_end_time], 121)", "m.[tran_id]"]
        selected = [*own, *(more if facts else ["NULL", "NULL", "NULL"]), *expressions]
        source = f"[cdc].{quoted(instance.change_table)} AS c"
        if facts:
            source += " LEFT JOIN [cdc].[lsn_time_mapping] AS m ON m.[start_lsn] = c.[__$start_lsn]"
        columns = doubled(", ".join(selected))
        self._head = f"SELECT TOP (%s) {columns} FROM {doubled(source)} WHERE "  # noqa: S608  names are quoted
        order = [own[0], *([command] if self._commands else []), *own[2:]]
        only = "" if before_images else f" AND {own[3]} <> 3"
        self._tail = f"{only} ORDER BY {', '.join(order)}"

    def statements(self, after: ChangePosition, upper: bytes) -> Iterator[Statement]:
        """What reads everything behind `after` up to and with the commit `upper`, in order."""
        if after.command < END_OF_TRANSACTION and after.lsn <= upper:
            yield self._same_command(after)
            if self._commands:
                yield self._later_commands(after)
        if after.lsn < upper:
            yield self._statement(
                "c.[__$start_lsn] > %s AND c.[__$start_lsn] <= %s", bytearray(after.lsn), bytearray(upper)
            )

    def _same_command(self, after: ChangePosition) -> Statement:
        sequence = bytearray(after.sequence)
        rest = "c.[__$seqval] >= %s AND (c.[__$seqval] > %s OR c.[__$operation] > %s)"
        parameters = (bytearray(after.lsn), sequence, sequence, after.operation)
        if not self._commands:
            return self._statement(f"c.[__$start_lsn] = %s AND {rest}", *parameters)
        if not after.command:
            # Rows that were written before the server got its update have no command.
            command = "(c.[__$command_id] IS NULL OR c.[__$command_id] = 0)"
            return self._statement(f"c.[__$start_lsn] = %s AND {command} AND {rest}", *parameters)
        condition = f"c.[__$start_lsn] = %s AND c.[__$command_id] = %s AND {rest}"
        return self._statement(condition, parameters[0], after.command, *parameters[1:])

    def _later_commands(self, after: ChangePosition) -> Statement:
        condition = "c.[__$start_lsn] = %s AND c.[__$command_id] > %s"
        return self._statement(condition, bytearray(after.lsn), after.command)

    def _statement(self, condition: str, *parameters: Any) -> Statement:
        return Statement(f"{self._head}{condition}{self._tail}", parameters)


def _column(name: str) -> str:
    return f"c.{quoted(name)}"
