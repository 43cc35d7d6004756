"""EXEC: procedures of the engine and of users, texts, sp_executesql."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import Module
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.types import resolve_type
from dstream_sandbox.sqlserver.language.conversions import converter, implicit_converter
from dstream_sandbox.sqlserver.language.parser.batch import BatchParser, parse_batch
from dstream_sandbox.sqlserver.language.run.state import ReturnFrom, Scope
from dstream_sandbox.sqlserver.language.run.variables import evaluate, typed
from dstream_sandbox.sqlserver.language.statements import Argument, CreateModule, Execute, ModuleParameter
from dstream_sandbox.sqlserver.language.syntax import ColumnName, Names, Variable
from dstream_sandbox.sqlserver.results import Item, ReturnStatus
from dstream_sandbox.sqlserver.types import SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.language.run.interpreter import Interpreter

_DEEPEST = 32


def execute(runner: Interpreter, node: Execute) -> Iterator[Item]:
    """EXEC in any of its forms.

    Raises:
        SqlError: 2812, there is no such procedure; 50001, SQL Server may have it; 201, 8144, 8145: its arguments; 217, nested too deeply.
    """
    if runner.status.depth >= _DEEPEST:
        raise SqlError(217, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
    if node.text is not None:
        _, text = typed(runner.session, runner.scope, node.text)
        yield from nested(runner, "" if text is None else str(text), Scope())
        return
    names = node.procedure
    if node.variable:
        names = tuple(str(runner.scope.values.get(node.variable)).replace("[", "").replace("]", "").split("."))
    if names[-1].lower() == "sp_executesql":
        yield from _execute_sql(runner, node.arguments)
        return
    found = _find(runner.session, names)
    if found is None:
        if names[-1].lower().startswith(("sp_", "xp_")):  # SQL Server has hundreds
            raise not_supported(f"procedure {names[-1]}")
        raise SqlError(2812, f"Could not find stored procedure '{'.'.join(names)}'.", state=62)
    if isinstance(found, Module):
        yield from _user_procedure(runner, found, node)
    else:
        yield from _system_procedure(runner, found, names, node)


def _find(session: Any, names: Names) -> Any:
    database = session.database
    if len(names) > 2 and names[-3]:
        database = session.server.databases.get(names[-3].lower())
        if database is None:
            raise SqlError(911, f"Database '{names[-3]}' does not exist. Make sure that the name is entered correctly.")
    schema = names[-2] if len(names) > 1 and names[-2] else None
    return database.procedure(schema, names[-1])


def nested(runner: Interpreter, text: str, scope: Scope) -> Iterator[Item]:
    """A text as a batch inside: variables of its own, the same session."""
    statements = parse_batch(text, bool(runner.session.options.get("quoted_identifier", True)))
    runner.status.depth += 1
    try:
        yield from runner.inside(scope, text).run(statements)
    except ReturnFrom:
        pass
    finally:
        runner.status.depth -= 1


# --- Arguments


def bind(procedure: str, names: Sequence[tuple[str, bool]], arguments: Sequence[Argument]) -> dict[str, Argument]:
    """Which argument each parameter gets.

    Args:
        procedure: For messages.
        names: Of the parameters, with `@`, and whether each must be given.
        arguments: As written.

    Raises:
        SqlError: 119, a positional one behind a named one; 8144 too many; 8145 no such parameter; 8143 twice; 201 missing.
    """
    lowered = {name.lower(): name for name, _ in names}
    found: dict[str, Argument] = {}
    for place, argument in enumerate(arguments):
        if not argument.name:
            if any(a.name for a in arguments[:place]):
                raise SqlError(
                    119,
                    f"Must pass parameter number {place + 1} and subsequent parameters as '@name = value'. After the form '@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'.",
                    15,
                )
            if place >= len(names):
                raise SqlError(8144, f"Procedure or function {procedure} has too many arguments specified.")
            name = names[place][0]
        else:
            name = lowered.get(argument.name.lower(), "")
            if not name:
                raise SqlError(8145, f"{argument.name} is not a parameter for procedure {procedure}.")
        if name in found:
            raise SqlError(8143, f"Parameter '{name}' was supplied multiple times.")
        if not (isinstance(argument.value, ColumnName) and argument.value.parts == ("DEFAULT",)):
            found[name] = argument
    for name, required in names:
        if required and name not in found:
            raise SqlError(
                201, f"Procedure or function '{procedure}' expects parameter '{name}', which was not supplied.", state=4
            )
    return found


def _value(runner: Interpreter, argument: Argument, target: SqlType) -> Any:
    source, value = typed(runner.session, runner.scope, argument.value)
    if value is None:
        return None
    if source.name == "sql_variant":
        return converter(source, target)(value)
    convert = implicit_converter(source, target)
    return value if convert is None else convert(value)


def _outputs(arguments: dict[str, Argument]) -> list[tuple[str, str]]:
    """Parameters whose values go back, and the variables that they go to."""
    pairs = []
    for name, argument in arguments.items():
        if argument.output:
            if not isinstance(argument.value, Variable):
                raise SqlError(179, "Cannot use the OUTPUT option when passing a constant to a stored procedure.", 15)
            pairs.append((name, argument.value.name))
    return pairs


def _back(runner: Interpreter, variable: str, source: SqlType, value: Any) -> None:
    """An output parameter's value into the caller's variable."""
    target = runner.scope.types[variable]
    runner.scope.values[variable] = value if value is None or source == target else converter(source, target)(value)


def _status(runner: Interpreter, node: Execute, status: int) -> Iterator[Item]:
    if node.status:
        _back(runner, node.status, SqlType("int"), status)
    yield ReturnStatus(status)


# --- Kinds of procedures


def _system_procedure(runner: Interpreter, procedure: Any, names: Names, node: Execute) -> Iterator[Item]:
    parameters = {p.name: p for p in procedure.parameters}
    bound = bind(names[-1], [(p.name, p.required) for p in procedure.parameters], node.arguments)
    values = {
        name: _value(runner, bound[name], p.type) if name in bound else p.default for name, p in parameters.items()
    }
    status = 0
    for item in procedure(runner.session, values):
        if isinstance(item, ReturnStatus):
            status = item.status
        else:
            yield item
    for name, variable in _outputs(bound):
        _back(runner, variable, parameters[name].type, values[name])
    yield from _status(runner, node, status)


def _user_procedure(runner: Interpreter, module: Module, node: Execute) -> Iterator[Item]:
    runner.session.require("EXECUTE", module)
    definition = next(s.statement for s in parse_batch(module.definition) if isinstance(s.statement, CreateModule))
    parameters = {p.name: p for p in definition.parameters}
    bound = bind(module.name, [(p.name, not p.has_default) for p in definition.parameters], node.arguments)
    scope = Scope(procedure=module.name)
    for name, parameter in parameters.items():
        type_ = scope.types[name] = resolve_type(parameter.type, runner.session)
        scope.values[name] = _parameter_value(runner, parameter, bound.get(name), type_)
    status = 0
    runner.status.depth += 1
    try:
        yield from runner.inside(scope, module.definition).run(definition.body)
    except ReturnFrom as returned:
        status = returned.status
    finally:
        runner.status.depth -= 1
    for name, variable in _outputs(bound):
        if not parameters[name].output:
            raise SqlError(
                8162,
                f'The formal parameter "{name}" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output.',
            )
        _back(runner, variable, scope.types[name], scope.values[name])
    yield from _status(runner, node, status)


def _parameter_value(runner: Interpreter, parameter: ModuleParameter, argument: Argument | None, type_: SqlType) -> Any:
    if argument is not None:
        return _value(runner, argument, type_)
    return None if parameter.default is None else evaluate(runner.session, Scope(), parameter.default, type_)


def _execute_sql(runner: Interpreter, arguments: Sequence[Argument]) -> Iterator[Item]:
    """sp_executesql: the text, the declarations of its parameters, and their values."""
    if not arguments:
        raise SqlError(
            201,
            "Procedure or function 'sp_executesql' expects parameter '@statement', which was not supplied.",
            state=4,
        )
    kind, text = typed(runner.session, runner.scope, arguments[0].value)
    if not kind.is_unicode:
        raise SqlError(214, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.")
    declared: list[ModuleParameter] = []
    if len(arguments) > 1:
        _, declarations = typed(runner.session, runner.scope, arguments[1].value)
        declared = parameters_of(str(declarations or ""))
    bound = bind("sp_executesql", [(p.name, False) for p in declared], arguments[2:])
    scope = Scope()
    for parameter in declared:
        type_ = scope.types[parameter.name] = resolve_type(parameter.type, runner.session)
        if parameter.name not in bound:
            raise SqlError(
                8178,
                f"The parameterized query '{str(text)[:120]}' expects the parameter '{parameter.name}', which was not supplied.",
            )
        scope.values[parameter.name] = _value(runner, bound[parameter.name], type_)
    yield from nested(runner, str(text or ""), scope)
    for name, variable in _outputs(bound):
        _back(runner, variable, scope.types[name], scope.values[name])
    yield ReturnStatus(0)


def parameters_of(text: str) -> list[ModuleParameter]:
    """The declarations of sp_executesql: `@a int, @b nvarchar(10) OUTPUT`."""
    parser = BatchParser(text)
    found: list[ModuleParameter] = []
    while parser.token.kind == "variable":
        found.append(parser.parameter())
        if not parser.accept_op(","):
            break
    if parser.token.kind != "end":
        parser.fail()
    return found
