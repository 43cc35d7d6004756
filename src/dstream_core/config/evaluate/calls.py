"""Function calls: the functions that look at expressions or at the environment, and the table of all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_core.config.diagnostics import suggestion
from dstream_core.config.evaluate.evaluation import Evaluation
from dstream_core.config.functions import FUNCTIONS, LEFT_OUT, Function, FunctionError
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.values import STRING, ListValue, SetValue, TupleValue, type_name, type_of
from dstream_core.errors import DiagnosticsError


def call(evaluator: Evaluation, node: nodes.Call) -> Any:
    """The value of a function call.

    Raises:
        DiagnosticsError: there is no such function, its arguments are wrong, or it failed.
    """
    if node.name in _BUILT_IN:
        if node.expand:
            raise evaluator.fail(
                "expression/arguments", f'"{node.name}" does not take its arguments from a list.', node
            )
        return _BUILT_IN[node.name](evaluator, node)
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise _unknown(evaluator, node)
    values, places = _arguments(evaluator, node)
    _check_count(evaluator, node, function, places)
    try:
        return function.invoke(values)
    except FunctionError as error:
        raise _failed(evaluator, node, function, error, places) from None


def _arguments(evaluator: Evaluation, node: nodes.Call) -> tuple[list[Any], list[Expression]]:
    """The values of all arguments, and of each the expression that it comes from."""
    places = list(node.arguments)
    if not node.expand:
        return [evaluator.evaluate(argument) for argument in places], places
    values = [evaluator.evaluate(argument) for argument in places[:-1]]
    last = places.pop()
    spread = evaluator.evaluate(last)
    if not isinstance(spread, (TupleValue, ListValue, SetValue)):
        found = "null" if spread is None else f"a {type_name(type_of(spread))}"
        raise evaluator.fail(
            "expression/arguments", f'What "..." spreads must be a list, tuple or set, not {found}.', last
        )
    return [*values, *spread], [*places, *([last] * len(spread))]


def _check_count(evaluator: Evaluation, node: nodes.Call, function: Function, places: list[Expression]) -> None:
    wanted, given = len(function.parameters), len(places)
    if given < wanted:
        closing = nodes.Node(node.end - 1, node.end)
        raise evaluator.fail(
            "expression/arguments",
            f'"{node.name}" needs {"at least " if function.variadic else ""}{_counted(wanted)}; '
            f'"{function.parameters[given].name}" is missing.',
            closing,
            f"It is called as {function.signature()}.",
        )
    if function.variadic is None and given > wanted:
        raise evaluator.fail(
            "expression/arguments",
            f'"{node.name}" takes only {_counted(wanted)}.',
            places[wanted],
            f"It is called as {function.signature()}.",
        )


def _counted(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"


def _failed(
    evaluator: Evaluation, node: nodes.Call, function: Function, error: FunctionError, places: list[Expression]
) -> DiagnosticsError:
    index = error.argument_index
    parameter = None if index is None else function.parameter(index)
    if index is None or parameter is None or index >= len(places):
        return evaluator.fail("expression/function", f'"{node.name}" failed: {error.message}.', node)
    return evaluator.fail(
        "expression/function",
        f'The argument "{parameter.name}" of "{node.name}" is unsuitable: {error.message}.',
        places[index],
    )


def _unknown(evaluator: Evaluation, node: nodes.Call) -> DiagnosticsError:
    name = nodes.Node(node.start, node.name_end)
    if node.name in LEFT_OUT:
        return evaluator.fail(
            "expression/function-left-out", f'The function "{node.name}" is not available: {LEFT_OUT[node.name]}.', name
        )
    hint = suggestion(node.name, [*FUNCTIONS, *_BUILT_IN])
    return evaluator.fail("expression/unknown-function", f'There is no function "{node.name}".', name, hint)


def _try(evaluator: Evaluation, node: nodes.Call) -> Any:
    """The first argument that has a value."""
    first: DiagnosticsError | None = None
    for argument in node.arguments:
        with evaluator.tracing() as aside:
            value, error = evaluator.attempt(argument)
        if error is None:
            evaluator.trace.merge(aside)
            return value
        evaluator.trace.merge_names(aside)
        first = first or error
    if first is None:
        raise evaluator.fail("expression/arguments", '"try" needs at least 1 argument.', node)
    reason = first.diagnostics[0]
    line = f" (line {reason.where.line})" if reason.where else ""
    raise evaluator.fail(
        "expression/try",
        f'No argument of "try" has a value. The first fails so: {reason.message}{line}',
        node,
        "Add a last argument that cannot fail.",
    )


def _can(evaluator: Evaluation, node: nodes.Call) -> bool:
    """Whether the argument has a value."""
    argument = _only(evaluator, node)
    with evaluator.tracing() as aside:
        _, error = evaluator.attempt(argument)
    evaluator.trace.merge_names(aside)
    return error is None


def _env(evaluator: Evaluation, node: nodes.Call) -> Any:
    """The environment variable's value, or the default."""
    if not 1 <= len(node.arguments) <= 2:
        raise evaluator.fail(
            "expression/arguments",
            f'"env" takes a name and perhaps a default, not {_counted(len(node.arguments))}.',
            node,
            'It is called as env("X") or env("X", default).',
        )
    first = node.arguments[0]
    name = evaluator.evaluate(first)
    if name is None:
        raise evaluator.fail("expression/function", 'The argument "name" of "env" is unsuitable: it is null.', first)
    name = evaluator.convert(name, STRING, first, "expression/function", 'The argument "name" of "env" is unsuitable')
    value = evaluator.variable(name, node.start, node.end)
    if value is not None:
        return value
    if len(node.arguments) == 2:
        return evaluator.evaluate(node.arguments[1])
    raise evaluator.fail(
        "expression/unset-variable",
        f"The environment variable {name} is not set.",
        node,
        f'Set it, or give a default: env("{name}", "…").',
    )


def _sensitive(evaluator: Evaluation, node: nodes.Call) -> Any:
    """The value, masked in all that is printed."""
    value = evaluator.evaluate(_only(evaluator, node))
    evaluator.trace.mark(value)
    return value


def _nonsensitive(evaluator: Evaluation, node: nodes.Call) -> Any:
    """The value, no longer masked."""
    with evaluator.tracing() as aside:
        value = evaluator.evaluate(_only(evaluator, node))
    evaluator.trace.merge_names(aside)
    return value


def _issensitive(evaluator: Evaluation, node: nodes.Call) -> bool:
    """Whether the value is sensitive."""
    with evaluator.tracing() as aside:
        evaluator.evaluate(_only(evaluator, node))
    evaluator.trace.merge_names(aside)
    return aside.marked


def _only(evaluator: Evaluation, node: nodes.Call) -> Expression:
    if len(node.arguments) != 1:
        raise evaluator.fail(
            "expression/arguments", f'"{node.name}" takes 1 argument, not {len(node.arguments)}.', node
        )
    return node.arguments[0]


_BUILT_IN: dict[str, Callable[[Evaluation, nodes.Call], Any]] = {
    "try": _try,
    "can": _can,
    "env": _env,
    "sensitive": _sensitive,
    "nonsensitive": _nonsensitive,
    "issensitive": _issensitive,
}
