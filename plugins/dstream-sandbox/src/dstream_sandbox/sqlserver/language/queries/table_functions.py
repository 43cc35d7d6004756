"""Functions in FROM: the engine's, and STRING_SPLIT and GENERATE_SERIES."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Module
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.scope import Environment
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row, Run
from dstream_sandbox.sqlserver.language.messages import invalid_object
from dstream_sandbox.sqlserver.language.syntax import TableCall
from dstream_sandbox.sqlserver.types import BIGINT, INT, nvarchar

Make = Callable[[Row, Frame], Iterator[Row]]
Found = tuple[Sequence[ColumnInfo], Make, Any]


def table_function(environment: Environment, node: TableCall, arguments: list[Compiled | None]) -> Found:
    """Columns of a table function, how its rows are made, and the relation to ask permission for.

    The engine says which columns there are when it is called: with the arguments if they are constants, else with NULLs.

    Raises:
        SqlError: 208, there is none; 313, too few arguments.
    """
    name = node.parts[-1].upper()
    if len(node.parts) == 1 and name in _BUILT_IN:
        return _BUILT_IN[name](arguments)
    schema = node.parts[-2] if len(node.parts) > 1 else None
    database = environment.session.database
    if len(node.parts) > 2 and node.parts[-3]:
        database = environment.session.server.databases.get(node.parts[-3].lower(), database)
    function = database.table_function(schema, node.parts[-1])
    if len(node.parts) <= 2:
        environment.functions.append(
            (lambda session: session.database.table_function(schema, node.parts[-1]), function)
        )
    if function is None:
        if (schema or "").lower() == "sys" or name in _REFUSED:
            raise not_supported(f"table function {'.'.join(node.parts)}")
        raise invalid_object(".".join(node.parts))
    if isinstance(function, Module):
        raise not_supported("user-defined table functions")
    return _of_engine(environment, node, function, arguments)


def _of_engine(environment: Environment, node: TableCall, function: Any, arguments: list[Compiled | None]) -> Found:
    if len(arguments) < function.minimum:
        raise SqlError(
            313,
            f"An insufficient number of arguments were supplied for the procedure or function {'.'.join(node.parts)} ... .",
            state=3,
        )
    types = list(function.arguments)
    operands: list[Compiled | None] = []
    for place, argument in enumerate(arguments):
        type_ = types[min(place, len(types) - 1)] if types else None
        operands.append(argument if type_ is None or argument is None else converted(argument, type_))

    def call(row: Row, frame: Frame) -> Any:
        values = [None if o is None else o.evaluate(row, frame) for o in operands]
        return function(frame.run.session, *values)

    relation = _shape(environment, function, operands, call)

    def rows(row: Row, frame: Frame) -> Iterator[Row]:
        made = call(row, frame)
        return iter(made.scan(frame.run.session))

    return relation.columns, rows, None


def _shape(environment: Environment, function: Any, operands: list[Compiled | None], call: Callable[..., Any]) -> Any:
    shape = getattr(function, "columns", None)
    if shape is not None:
        return function
    run = Run(environment.session, _NullVariables())
    if all(o is None or not o.depends for o in operands):
        try:
            return call((), Frame(run))
        except SqlError:
            pass  # it says so again when it runs; here only the columns are wanted
    return function(environment.session, *[None for _ in operands])


class _NullVariables(dict[str, Any]):
    """Every variable is NULL while a statement is compiled."""

    def __missing__(self, key: str) -> None:
        return None


def _string_split(arguments: list[Compiled | None]) -> Found:
    if not 2 <= len(arguments) <= 3:
        raise SqlError(
            313, "An insufficient number of arguments were supplied for the procedure or function STRING_SPLIT."
        )
    text, separator = (converted(a, nvarchar(-1)) for a in arguments[:2] if a is not None)
    ordinal = len(arguments) == 3 and arguments[2] is not None and bool(arguments[2].value)

    def rows(row: Row, frame: Frame) -> Iterator[Row]:
        value, sign = text.evaluate(row, frame), separator.evaluate(row, frame)
        if value is None:
            return iter(())
        if not sign or len(sign) != 1:
            raise SqlError(214, "Procedure expects parameter 'separator' of type 'nchar(1)/nvarchar(1)'.")
        parts = value.split(sign)
        return ((part, n) for n, part in enumerate(parts, 1)) if ordinal else ((part,) for part in parts)

    columns = [ColumnInfo("value", nvarchar(-1))]
    return ([*columns, ColumnInfo("ordinal", BIGINT)] if ordinal else columns), rows, None


def _series(arguments: list[Compiled | None]) -> Found:
    numbers = [converted(a, BIGINT) for a in arguments if a is not None]
    if not 2 <= len(numbers) <= 3:
        raise SqlError(
            313, "An insufficient number of arguments were supplied for the procedure or function GENERATE_SERIES."
        )

    def rows(row: Row, frame: Frame) -> Iterator[Row]:
        values = [n.evaluate(row, frame) for n in numbers]
        if None in values:
            return iter(())
        first, last, *step = values
        by = step[0] if step else (1 if last >= first else -1)
        return ((n,) for n in range(first, last + (1 if by > 0 else -1), by))

    kind = next((a.type for a in arguments if a is not None), INT)
    return [ColumnInfo("value", kind)], rows, None


_REFUSED = frozenset({"OPENJSON", "OPENQUERY", "OPENDATASOURCE", "OPENXML", "CONTAINSTABLE", "FREETEXTTABLE"})

_BUILT_IN: dict[str, Callable[[list[Compiled | None]], Found]] = {
    "STRING_SPLIT": _string_split,
    "GENERATE_SERIES": _series,
}
