"""The errors of constraints, in the server's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import INTEGER_RANGES, DateTime2

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.tables import Column, Index, Table


def null(table: Table, column: Column, verb: str) -> SqlError:
    """515."""
    return SqlError(
        515,
        f"Cannot insert the value NULL into column '{column.name}', table '{table.qualified}'; column does not allow nulls. "
        f"{verb} fails.",
        state=2,
    )


def duplicate(table: Table, index: Index, values: Sequence[Any]) -> SqlError:
    """2627 for a constraint, 2601 for an index."""
    shown = ", ".join(_shown(value) for value in values)
    name = f"{table.schema}.{table.name}"
    if index.kind == "index":
        return SqlError(
            2601,
            f"Cannot insert duplicate key row in object '{name}' with unique index '{index.name}'. The duplicate key value is ({shown}).",
            severity=14,
        )
    kind = "PRIMARY KEY" if index.kind == "primary key" else "UNIQUE KEY"
    return SqlError(
        2627,
        f"Violation of {kind} constraint '{index.name}'. Cannot insert duplicate key in object '{name}'. "
        f"The duplicate key value is ({shown}).",
        severity=14,
    )


def _shown(value: Any) -> str:
    if value is None:
        return "<NULL>"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, DateTime2):
        return value.datetime().isoformat(" ")
    return str(value)


def check(table: Table, name: str, verb: str) -> SqlError:
    """547 for a CHECK."""
    return SqlError(
        547,
        f'The {verb} statement conflicted with the CHECK constraint "{name}". The conflict occurred in database '
        f'"{table.database.name}", table "{table.schema}.{table.name}".',
        state=0,
    )


def foreign_key(table: Table, name: str, verb: str, kind: str = "FOREIGN KEY") -> SqlError:
    """547 for a FOREIGN KEY; `kind` REFERENCE when the referenced side is changed."""
    return SqlError(
        547,
        f'The {verb} statement conflicted with the {kind} constraint "{name}". The conflict occurred in database '
        f'"{table.database.name}", table "{table.schema}.{table.name}".',
        state=0,
    )


def identity_given(table: Table) -> SqlError:
    """544."""
    return SqlError(
        544,
        f"Cannot insert explicit value for identity column in table '{table.name}' when IDENTITY_INSERT is set to OFF.",
    )


def identity_needed(table: Table) -> SqlError:
    """545."""
    return SqlError(
        545,
        f"Explicit value must be specified for identity column in table '{table.name}' either when IDENTITY_INSERT is set to ON or "
        "when a replication user is inserting into a NOT FOR REPLICATION identity column.",
    )


def check_identity_range(column: Column, value: int) -> None:
    """8115 when the identity leaves its type's range."""
    low, high = INTEGER_RANGES.get(column.type.name, (-(10**38), 10**38))
    if not low <= value <= high:
        raise SqlError(8115, f"Arithmetic overflow error converting IDENTITY to data type {column.type.name}.", state=1)


def too_large(size: int, limit: int) -> SqlError:
    """7139: `max text repl size`."""
    return SqlError(
        7139,
        f"Length of LOB data ({size}) to be replicated exceeds configured maximum {limit}. Use the stored procedure sp_configure to "
        "increase the configured maximum value for max text repl size option, which defaults to 65536. A configured value of -1 "
        "indicates no limit, other that the limit imposed by the data type.",
    )


def snapshot_conflict(table: Table) -> SqlError:
    """3960."""
    return SqlError(
        3960,
        "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot isolation to access table "
        f"'{table.schema}.{table.name}' directly or indirectly in database '{table.database.name}' to update, delete, or insert the row "
        "that has been modified or deleted by another transaction. Retry the transaction or change the isolation level for the "
        "update/delete statement.",
        state=2,
        ends_batch=True,
        state_of_transaction="rolled back",
    )


def row_gone() -> SqlError:
    """A row named for an update is no longer there."""
    return SqlError(50001, "sandbox: a row that is to be updated was deleted in the same statement")
