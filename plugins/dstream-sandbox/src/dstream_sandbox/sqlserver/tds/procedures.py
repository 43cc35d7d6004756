"""Remote procedure calls as the T-SQL that does the same, prepared statements included."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.tds.requests import (
    Argument,
    Call,
    Declaration,
    quoted_name,
    read_declarations,
)
from dstream_sandbox.sqlserver.types import INT, SqlType

Convert: TypeAlias = Callable[[Any, SqlType, SqlType], Any]
"""`(value, from, to)`: as CAST does it; raises SqlError."""


@dataclass(frozen=True, slots=True)
class Output:
    """A value that goes back to the client in a RETURNVALUE."""

    ordinal: int
    name: str
    type: SqlType
    value: Any = None


@dataclass(slots=True)
class Execution:
    """What a call comes down to.

    Attributes:
        text: The T-SQL; "" when there is nothing to run.
        shown: The text by which people and faults know it.
        outputs: By the variable in `text` whose last value goes back.
        ready: Values that go back whatever happens: handles of prepared statements.
        reset: The session is to be reset (sp_reset_connection).
    """

    text: str
    shown: str
    parameters: dict[str, tuple[SqlType, Any]] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    ready: list[Output] = field(default_factory=list)
    reset: bool = False


class Procedures:
    """One connection's calls, and the statements that it has prepared."""

    def __init__(self, convert: Convert | None = None) -> None:
        self._convert = convert
        self._prepared: dict[int, tuple[str, list[Declaration]]] = {}
        self._handles = itertools.count(1)

    def execution(self, call: Call) -> Execution:
        """What to run.

        Raises:
            SqlError: 8179 an unknown handle, 201 and 8144 too few or too many arguments, 50001 what is not supported.
        """
        name = call.procedure.lower().replace("[", "").replace("]", "").removeprefix("sys.").removeprefix("master.sys.")
        if name in _SPECIAL:
            return _SPECIAL[name](self, call.arguments)
        if name.startswith("sp_cursor") or name == "sp_prepexecrpc":
            raise not_supported(f"server cursors and their like ({name})")
        return _by_name(call)

    def _execute_sql(self, arguments: Sequence[Argument]) -> Execution:
        text = _text(arguments, 0)
        declared = _declared(arguments, 1)
        return self._bound(text, declared, arguments[2:], 2)

    def _prepare(self, arguments: Sequence[Argument]) -> Execution:
        text = _text(arguments, 2)
        handle = self._keep(text, _declared(arguments, 1))
        return Execution("", f"sp_prepare: {text}", ready=[_handle(arguments, handle)])

    def _prepare_and_execute(self, arguments: Sequence[Argument]) -> Execution:
        text = _text(arguments, 2)
        declared = _declared(arguments, 1)
        execution = self._bound(text, declared, arguments[3:], 3)
        execution.ready = [_handle(arguments, self._keep(text, declared))]
        return execution

    def _execute(self, arguments: Sequence[Argument]) -> Execution:
        text, declared = self._known(arguments)
        return self._bound(text, declared, arguments[1:], 1)

    def _unprepare(self, arguments: Sequence[Argument]) -> Execution:
        self._known(arguments)
        del self._prepared[arguments[0].value]
        return Execution("", "sp_unprepare")

    def _reset(self, _: Sequence[Argument]) -> Execution:
        return Execution("", "sp_reset_connection", reset=True)

    def _keep(self, text: str, declared: list[Declaration]) -> int:
        handle = next(self._handles)
        self._prepared[handle] = (text, declared)
        return handle

    def _known(self, arguments: Sequence[Argument]) -> tuple[str, list[Declaration]]:
        handle = arguments[0].value if arguments else None
        if handle not in self._prepared:
            raise SqlError(8179, f"Could not find prepared statement with handle {handle}.")
        return self._prepared[handle]

    def _bound(
        self, text: str, declared: Sequence[Declaration], arguments: Sequence[Argument], first: int
    ) -> Execution:
        """The statement with its arguments, by name or in order."""
        execution = Execution(text, text)
        by_name = {declaration.name.lower(): declaration for declaration in declared}
        for at, argument in enumerate(arguments):
            if argument.name:
                declaration = by_name.get(argument.name.lower())
            else:
                declaration = declared[at] if at < len(declared) else None
            if declaration is None:
                raise SqlError(8144, "Procedure or function  has too many arguments specified.", state=2)
            target = declaration.type or argument.type
            execution.parameters[declaration.name] = (target, self._value(argument, target))
            if argument.output and declaration.output:
                execution.outputs[declaration.name] = Output(first + at, argument.name or declaration.name, target)
        for declaration in declared:
            if declaration.name not in execution.parameters:
                raise SqlError(
                    8178,
                    f"The parameterized query '{text[:128]}' expects the parameter '{declaration.name}', "
                    "which was not supplied.",
                )
        return execution

    def _value(self, argument: Argument, target: SqlType) -> Any:
        if argument.value is None or argument.type == target or self._convert is None:
            return argument.value
        return self._convert(argument.value, argument.type, target)


def _text(arguments: Sequence[Argument], at: int) -> str:
    if at >= len(arguments) or not isinstance(arguments[at].value, str):
        raise SqlError(214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.", state=2)
    return str(arguments[at].value)


def _declared(arguments: Sequence[Argument], at: int) -> list[Declaration]:
    value = arguments[at].value if at < len(arguments) else None
    return read_declarations(str(value)) if value else []


def _handle(arguments: Sequence[Argument], handle: int) -> Output:
    return Output(0, arguments[0].name, INT, handle)


def _by_name(call: Call) -> Execution:
    """`EXEC name …` with a variable for every argument."""
    execution = Execution("", f"EXEC {call.procedure}")
    words = []
    for at, argument in enumerate(call.arguments):
        variable = f"@__{at + 1}"
        prefix = f"{argument.name} = " if argument.name else ""
        if argument.default:
            words.append(f"{prefix}DEFAULT")
            continue
        execution.parameters[variable] = (argument.type, argument.value)
        words.append(f"{prefix}{variable}{' OUTPUT' if argument.output else ''}")
        if argument.output:
            execution.outputs[variable] = Output(at, argument.name, argument.type)
    execution.text = f"EXEC {quoted_name(call.procedure)} {', '.join(words)}".rstrip()
    return execution


_SPECIAL: dict[str, Callable[[Procedures, Sequence[Argument]], Execution]] = {
    "sp_executesql": Procedures._execute_sql,
    "sp_prepare": Procedures._prepare,
    "sp_prepexec": Procedures._prepare_and_execute,
    "sp_execute": Procedures._execute,
    "sp_unprepare": Procedures._unprepare,
    "sp_reset_connection": Procedures._reset,
}
