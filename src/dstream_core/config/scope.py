"""What `local.x` and `var.x` mean in a file: each evaluated once, in the order that they need each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dstream_core.config.declarations import Declarations
from dstream_core.config.diagnostics import Collector, failure, suggestion
from dstream_core.config.evaluate import Evaluator, Trace
from dstream_core.config.references import locals_in
from dstream_core.config.source import Source
from dstream_core.config.syntax.nodes import Node
from dstream_core.config.variables import PREFIX, GivenValue, Variable, declare_variable, validate, value_of
from dstream_core.errors import DiagnosticsError

Outcome = tuple[Any, Trace] | DiagnosticsError


class ProjectScope:
    """The locals and variables of one file.

    Args:
        source: the file.
        declarations: what it declares.
        given: the values of variables given from outside.
        environment: the environment variables.
    """

    def __init__(
        self,
        source: Source,
        declarations: Declarations,
        given: Mapping[str, GivenValue],
        environment: Mapping[str, str],
    ):
        self.source = source
        self.environment = environment
        self._locals = declarations.locals
        self._blocks = declarations.variables
        self._given = given
        self._values: dict[tuple[str, str], Outcome] = {}
        self._declared: dict[str, Variable] = {}
        self._validating: list[str] = []

    def members(self, root: str) -> Iterable[str] | None:
        """The names below `local` or `var`; None for any other root."""
        if root == "local":
            return self._locals
        return self._blocks if root == "var" else None

    def value(self, root: str, name: str, source: Source, start: int, end: int) -> tuple[Any, Trace]:
        """The value of `local.name` or `var.name`, and what it came from.

        Raises:
            DiagnosticsError: it does not exist, has no value, or its value is wrong.
        """
        known = self.members(root) or ()
        if name not in known:
            raise self._unknown(root, name, source, start, end)
        if (root, name) not in self._values:
            if root == "local":
                self._settle_locals(name)
            else:
                self._values["var", name] = self._variable(name)
        outcome = self._values[root, name]
        if isinstance(outcome, DiagnosticsError):
            raise outcome
        if outcome[1] is _MISSING:
            raise self._missing(name, source, start, end)
        return outcome

    def check_locals(self, collector: Collector) -> None:
        """Evaluate every local: one that fails is an error even if nothing uses it."""
        for name, argument in self._locals.items():
            with collector:
                self.value("local", name, self.source, argument.start, argument.name_end)

    def check_variables(self, collector: Collector) -> None:
        """Evaluate every variable; one that must be given and is not is an error at its declaration."""
        for name, block in self._blocks.items():
            label = block.labels[0]
            with collector:
                self.value("var", name, self.source, label.start, label.end)

    def _unknown(self, root: str, name: str, source: Source, start: int, end: int) -> DiagnosticsError:
        known = list(self.members(root) or ())
        what = "local" if root == "local" else "variable"
        hint = suggestion(name, known, prefix=f"{root}.", listed=f"{what}s that exist")
        if not known:
            hint = "Declare it: locals { … }" if root == "local" else f'Declare it: variable "{name}" {{}}'
        return failure(source, f"config/unknown-{what}", f'There is no {what} "{name}".', start, end, hint)

    def _missing(self, name: str, source: Source, start: int, end: int) -> DiagnosticsError:
        return failure(
            source,
            "variable/missing",
            f'The variable "{name}" has no value.',
            start,
            end,
            f"Give it with --var {name}=…, in a file with --var-file, or as {PREFIX}{name}; or declare a default.",
        )

    def _settle_locals(self, wanted: str) -> None:
        """Evaluate a local after those that it needs, without recursion, so that a chain may be as long as it likes."""
        path: list[tuple[str, Sequence[tuple[str, Node]], int]] = [(wanted, self._needs(wanted), 0)]
        active = {wanted}
        while path:
            name, needs, position = path.pop()
            if position == len(needs):
                active.discard(name)
                self._values.setdefault(("local", name), self._local(name))
                continue
            path.append((name, needs, position + 1))
            needed, node = needs[position]
            if needed in active:
                self._report_cycle([each[0] for each in path], needed, node)
            elif needed in self._locals and ("local", needed) not in self._values:
                active.add(needed)
                path.append((needed, self._needs(needed), 0))

    def _needs(self, name: str) -> list[tuple[str, Node]]:
        return locals_in(self._locals[name].value, self._locals)

    def _report_cycle(self, path: list[str], needed: str, node: Node) -> None:
        cycle = path[path.index(needed) :]
        shown = " → ".join(f"local.{name}" for name in [*cycle, needed])
        error = failure(
            self.source,
            "config/local-cycle",
            "This local needs itself." if len(cycle) == 1 else "These locals need each other in a circle.",
            node.start,
            node.end,
            f"The circle: {shown}.",
        )
        for name in cycle:
            self._values.setdefault(("local", name), error)

    def _local(self, name: str) -> Outcome:
        if ("local", name) in self._values:
            return self._values["local", name]
        evaluator = Evaluator(self.source, self, self.environment)
        try:
            value = evaluator.evaluate(self._locals[name].value)
        except DiagnosticsError as error:
            return error
        return value, evaluator.trace

    def _variable(self, name: str) -> Outcome:
        if name in self._validating:
            label = self._blocks[name].labels[0]
            return failure(
                self.source,
                "variable/validation-cycle",
                f'The validation of "{name}" needs itself through others.',
                label.start,
                label.end,
            )
        try:
            variable = declare_variable(self.source, self._blocks[name], self.environment)
            found = value_of(self.source, variable, self._given.get(name), self.environment)
            if found is None:
                return None, _MISSING
            self._values["var", name] = found  # its own validation refers to it
            self._validating.append(name)
            try:
                validate(self.source, variable, self, self.environment)
            finally:
                self._validating.pop()
        except DiagnosticsError as error:
            return error
        return found


_MISSING = Trace()  # stands for a variable without a value
