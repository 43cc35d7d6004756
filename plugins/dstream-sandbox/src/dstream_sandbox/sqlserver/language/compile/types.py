"""Written types to types, alias types included."""

from __future__ import annotations

from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.syntax import TypeName
from dstream_sandbox.sqlserver.types import SqlType


def resolve_type(name: TypeName, session: Any, default_length: int = 1) -> SqlType:
    """The base type of a written type.

    Raises:
        SqlError: 2715 or 243, there is none; 1001, 131, 2717: impossible parameters.
    """
    return resolve_declared(name, session, default_length)[0]


def resolve_declared(name: TypeName, session: Any, default_length: int = 1) -> tuple[SqlType, str, bool | None]:
    """Base type, name of the alias type ("" if none) and its nullability (None: not said)."""
    last = name.names[-1]
    if len(name.names) == 1 or name.names[0].lower() == "sys":
        try:
            type_ = SqlType.parse(last + name.arguments, default_length)
        except ValueError as error:
            if _is_system(last):
                raise SqlError(
                    2717, f"The size or precision given in '{last}{name.arguments}' is not possible: {error}."
                ) from None
        else:
            alias = "sys.sysname" if last.lower() == "sysname" else ""
            return type_.with_collation(name.collation), alias, False if alias else None
    schema = name.names[-2] if len(name.names) > 1 else None
    found = session.database.alias_type(schema, last)
    if found is None or name.arguments:
        raise SqlError(2715, f"Column, parameter, or variable #1: Cannot find data type {'.'.join(name.names)}.")
    base, nullable = found
    return base.with_collation(name.collation or base.collation), f"{schema or 'dbo'}.{last}", nullable


def _is_system(name: str) -> bool:
    try:
        SqlType.parse(name)
    except ValueError:
        return False
    return True
