"""Variables: their declarations, and the values given on the command line, in files and by the environment.

The order is Terraform's: a default gives way to `DSTREAM_VAR_x`, that to a variable file, and that to `--var`; of
several files, or several `--var`, the last counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from dstream_core.config.diagnostics import Collector, diagnostic, failure, suggestion
from dstream_core.config.evaluate import EmptyScope, Evaluator, Scope, Trace
from dstream_core.config.records import Record
from dstream_core.config.source import Source
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.parser import parse, parse_value
from dstream_core.config.typespec import TypeSpec, parse_type
from dstream_core.config.values import (
    BOOL,
    DYNAMIC,
    STRING,
    ConversionError,
    NumberRangeError,
    ObjectValue,
    PrimitiveType,
    TupleValue,
    bounded,
    convert,
)
from dstream_core.config.values.conversion import normalised
from dstream_core.errors import ConfigurationError, Diagnostic, DiagnosticsError, Place

PREFIX = "DSTREAM_VAR_"
_CONSTANT = "the value of a variable is a constant"


class Variable(Record):
    """A variable's declaration.

    Attributes:
        name: the label.
        block: the syntax tree.
        spec: the type constraint.
        as_text: whether a value on the command line is taken as the text it is, and not as an expression.
        default: the value and its trace; None if the variable must be given.
        sensitive: whether the value is masked.
        nullable: whether null is a value; otherwise it stands for the default.
    """

    name: str
    block: nodes.Block
    spec: TypeSpec
    as_text: bool
    default: tuple[Any, Trace] | None
    sensitive: bool
    nullable: bool


class TextValue(Record):
    """A value given as text, by `--var` or the environment; `origin` names where, `variable` the environment's."""

    text: str
    origin: str
    variable: str | None


class FileValue(Record):
    """A value given in a file; `where` and `excerpt` say where in it."""

    value: Any
    trace: Trace
    where: Place
    excerpt: str | None


GivenValue: TypeAlias = "TextValue | FileValue"


def declare_variable(source: Source, block: nodes.Block, environment: Mapping[str, str]) -> Variable:
    """The declaration that a `variable` block makes.

    Raises:
        DiagnosticsError: one or more of its arguments are wrong.
    """
    evaluator = Evaluator(source, EmptyScope("a variable's declaration is constant"), environment)
    arguments = block.body.arguments
    collector = Collector()
    spec = TypeSpec(DYNAMIC)
    flags = {"sensitive": False, "nullable": True}
    if "type" in arguments:
        with collector:
            spec = parse_type(source, arguments["type"].value, evaluator.evaluate)
    for name in flags:
        if name in arguments:
            with collector:
                flags[name] = _flag(evaluator, arguments[name])
    if "description" in arguments:
        with collector:
            _text(evaluator, arguments["description"])
    default: tuple[Any, Trace] | None = None
    if "default" in arguments and not collector.items:
        with collector:
            default = _default(evaluator, arguments["default"], spec)
            if default[0] is None and not flags["nullable"]:
                node = arguments["default"].value
                raise evaluator.fail("variable/default", "The default is null, and nullable is false.", node)
    collector.raise_errors()
    name = block.labels[0].text
    as_text = "type" not in arguments or (isinstance(spec.type, PrimitiveType) and spec.type != DYNAMIC)
    return Variable(name, block, spec, as_text, default, flags["sensitive"], flags["nullable"])


def _flag(evaluator: Evaluator, argument: nodes.Argument) -> bool:
    value = evaluator.evaluate(argument.value)
    found = evaluator.convert(value, BOOL, argument.value, "variable/flag", f'"{argument.name}" must be true or false')
    return bool(found)


def _text(evaluator: Evaluator, argument: nodes.Argument) -> None:
    value = evaluator.evaluate(argument.value)
    evaluator.convert(value, STRING, argument.value, "variable/description", "A description must be a string")


def _default(evaluator: Evaluator, argument: nodes.Argument, spec: TypeSpec) -> tuple[Any, Trace]:
    with evaluator.tracing() as trace:
        value = evaluator.evaluate(argument.value)
    try:
        return spec.apply(value), trace
    except ConversionError as error:
        raise evaluator.fail(
            "variable/default", f"The default does not fit the type: {error}.", argument.value
        ) from None


def given_values(
    declared: Iterable[str],
    variables: Sequence[str],
    files: Sequence[str],
    environment: Mapping[str, str],
    collector: Collector,
) -> dict[str, GivenValue]:
    """The values given from outside, by name, the one that counts of each.

    Args:
        declared: the names of the declared variables.
        variables: `name=value`, as given with `--var`.
        files: the paths given with `--var-file`.
        environment: the environment variables.
        collector: takes what is wrong with them.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    names = list(declared)
    found: dict[str, GivenValue] = {}
    for name in names:
        if PREFIX + name in environment:
            found[name] = TextValue(
                environment[PREFIX + name], f"the environment variable {PREFIX}{name}", PREFIX + name
            )
    for path in files:
        with collector:
            for name, value in _read_file(Path(path), environment).items():
                if name in names:
                    found[name] = value
                    continue
                collector.add(
                    Diagnostic(
                        "variable/undeclared",
                        f'The file sets a variable "{name}" that is not declared.',
                        value.where,
                        suggestion(name, names, listed="variables that are"),
                        value.excerpt,
                        "warning",
                    )
                )
    for item in variables:
        with collector:
            name, text = _split(item, names)
            found[name] = TextValue(text, f"--var {name}", None)
    return found


def _split(item: str, names: Sequence[str]) -> tuple[str, str]:
    name, equals, text = item.partition("=")
    name = name.strip()
    if not equals:
        # The whole argument may be a value, so it is not repeated.
        raise DiagnosticsError(
            [
                Diagnostic(
                    "variable/option", 'The option --var takes "name=value".', hint="For example: --var interval=500"
                )
            ]
        )
    if name not in names:
        hint = suggestion(name, names, listed="declared variables") or f'Declare it: variable "{name}" {{}}'
        raise DiagnosticsError(
            [Diagnostic("variable/undeclared", f'The variable "{name}" given with --var is not declared.', hint=hint)]
        )
    return name, text


def _read_file(path: Path, environment: Mapping[str, str]) -> dict[str, FileValue]:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The variable file {path} cannot be read: {error.strerror or error}.", code="variable/file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The variable file {path} is not UTF-8.", code="variable/file") from None
    source = Source(str(path), text)
    return _read_json(source) if path.suffix == ".json" else _read_hcl(source, environment)


def _read_hcl(source: Source, environment: Mapping[str, str]) -> dict[str, FileValue]:
    body, problems = parse(source)
    if problems:
        raise DiagnosticsError(problems)
    evaluator = Evaluator(source, EmptyScope(_CONSTANT), environment)
    found: dict[str, FileValue] = {}
    for item in body.items:
        if isinstance(item, nodes.Block):
            raise failure(
                source,
                "variable/file",
                "A variable file holds only name = value.",
                item.start,
                item.type_end,
                "Declarations of variables stand in the configuration itself.",
            )
        with evaluator.tracing() as trace:
            value = evaluator.evaluate(item.value)
        shown = diagnostic(source, "", "", item.start, item.name_end)
        assert shown.where is not None
        found[item.name] = FileValue(value, trace, shown.where, shown.excerpt)
    return found


def _read_json(source: Source) -> dict[str, FileValue]:
    try:
        data = json.loads(source.text, parse_int=_number, parse_float=_number, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise failure(source, "variable/file", f"This is not JSON: {error.msg}.", error.pos, error.pos + 1) from None
    except (ValueError, RecursionError) as error:
        raise failure(source, "variable/file", f"This JSON cannot be used: {error}.", 0, 1) from None
    if not isinstance(data, dict):
        raise failure(source, "variable/file", "A variable file in JSON holds one object.", 0, 1)
    return {
        normalised(name): FileValue(_from_json(value), Trace(), source.place(0, 1), None)
        for name, value in data.items()
    }


def _number(text: str) -> Decimal:
    return bounded(Decimal(text))


def _no_number(text: str) -> Decimal:
    raise NumberRangeError(f"{text} is not a number")


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return ObjectValue({normalised(key): _from_json(of) for key, of in value.items()})
    if isinstance(value, list):
        return TupleValue(map(_from_json, value))
    return normalised(value) if isinstance(value, str) else value


def value_of(
    source: Source, variable: Variable, given: GivenValue | None, environment: Mapping[str, str]
) -> tuple[Any, Trace] | None:
    """The value of a variable and what it came from, not yet validated; None if it has none.

    Raises:
        DiagnosticsError: the value given does not fit the type; the value itself is not shown.
    """
    if given is None:
        found = variable.default
    else:
        trace = Trace()
        value = _given(source, variable, given, trace, environment)
        found = (value, trace)
        if value is None and not variable.nullable:
            if variable.default is None:
                raise _misfit(source, variable, given, "null is no value for it, since nullable is false")
            trace.merge(variable.default[1])
            found = (variable.default[0], trace)
    if found is not None and variable.sensitive:
        trace = Trace()
        trace.merge(found[1])
        trace.mark(found[0])
        found = (found[0], trace)
    return found


def _given(source: Source, variable: Variable, given: GivenValue, trace: Trace, environment: Mapping[str, str]) -> Any:
    if isinstance(given, FileValue):
        trace.merge(given.trace)
        value = given.value
    else:
        if given.variable is not None:
            trace.environment.add(given.variable)
        value = given.text if variable.as_text else _parsed(source, variable, given, environment)
        _check_utf8(source, variable, given)
    try:
        return variable.spec.apply(value)
    except ConversionError as error:
        raise _misfit(source, variable, given, str(error)) from None


def _check_utf8(source: Source, variable: Variable, given: TextValue) -> None:
    try:
        given.text.encode("utf-8")
    except UnicodeEncodeError:
        raise _misfit(source, variable, given, "it is not valid UTF-8") from None


def _parsed(source: Source, variable: Variable, given: TextValue, environment: Mapping[str, str]) -> Any:
    text = Source(given.origin, given.text)
    try:
        return Evaluator(text, EmptyScope(_CONSTANT), environment).evaluate(parse_value(text))
    except DiagnosticsError as error:
        reason = error.diagnostics[0].message.rstrip(".")
        if variable.sensitive:
            reason = "it is no valid expression"
        hint = "A string inside such a value stands in double quotes, which the shell must not take away."
        raise _misfit(source, variable, given, reason, hint) from None


def _misfit(
    source: Source, variable: Variable, given: GivenValue, reason: str, hint: str | None = None
) -> DiagnosticsError:
    """The error for a value from outside: at its place in a file, else at the declaration; without it (invariant 5)."""
    if isinstance(given, FileValue):
        shown = None if variable.sensitive else given.excerpt
        message = f'The value of the variable "{variable.name}" does not fit: {reason}.'
        return DiagnosticsError([Diagnostic("variable/value", message, given.where, hint, shown)])
    label = variable.block.labels[0]
    message = f'The value of the variable "{variable.name}", given by {given.origin}, does not fit: {reason}.'
    return failure(source, "variable/value", message, label.start, label.end, hint)


def validate(source: Source, variable: Variable, scope: Scope, environment: Mapping[str, str]) -> None:
    """Check a variable's validations, which refer to it as `var.name`.

    Raises:
        DiagnosticsError: a condition does not hold; its message is the validation's own.
    """
    evaluator = Evaluator(source, scope, environment)
    for block in variable.block.body.blocks:
        arguments = block.body.arguments
        if block.type != "validation" or not {"condition", "error_message"} <= arguments.keys():
            continue
        node = arguments["condition"].value
        holds = evaluator.convert(
            evaluator.evaluate(node), BOOL, node, "variable/validation", "The condition must be true or false"
        )
        if holds is None:
            raise evaluator.fail("variable/validation", "The condition is null; it must be true or false.", node)
        if not holds:
            message = _message(evaluator, arguments["error_message"].value)
            raise evaluator.fail(
                "variable/invalid", f'The value of the variable "{variable.name}" is invalid: {message}', node
            )


def _message(evaluator: Evaluator, node: nodes.Expression) -> str:
    """The validation's message; one that would tell a secret is not shown."""
    with evaluator.tracing() as trace:
        value = evaluator.evaluate(node)
    if trace.marked or trace.private:
        return "its condition does not hold (the message would show a secret)."
    try:
        return str(convert(value, STRING) or "its condition does not hold.")
    except ConversionError:
        return "its condition does not hold."
