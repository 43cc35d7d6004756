"""The evaluator: a syntax tree to a value, every failure a diagnostic at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from dstream_core.config.diagnostics import failure, suggestion
from dstream_core.config.evaluate import access, loops, operations
from dstream_core.config.evaluate.environment import look_up
from dstream_core.config.evaluate.literals import is_literal
from dstream_core.config.evaluate.trace import Trace
from dstream_core.config.source import Source
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.syntax.parser import parse_value
from dstream_core.config.templates.render import render
from dstream_core.config.values import (
    DYNAMIC,
    STRING,
    ConversionError,
    ListValue,
    ObjectValue,
    SetValue,
    TupleValue,
    Type,
    convert,
    type_of,
    unify,
)
from dstream_core.config.values.conversion import normalised
from dstream_core.errors import DiagnosticsError


class Scope(Protocol):
    """What `local` and `var` mean."""

    def members(self, root: str) -> Iterable[str] | None:
        """The names below `local` or `var`; None for any other root."""

    def value(self, root: str, name: str, source: Source, start: int, end: int) -> tuple[Any, Trace]:
        """The value of `root.name` and what it came from; the offsets say where it is referred to.

        Raises:
            DiagnosticsError: there is no such member, or it has no value.
        """


class EmptyScope:
    """A scope for text in which nothing can be referred to.

    Args:
        why: completes "Nothing can be referred to here: ".
    """

    def __init__(self, why: str):
        self.why = why

    def members(self, root: str) -> None:
        """No root has members."""
        return

    def value(self, root: str, name: str, source: Source, start: int, end: int) -> tuple[Any, Trace]:
        """Always an error."""
        raise failure(source, "expression/no-references", f"Nothing can be referred to here: {self.why}.", start, end)


class Evaluator:
    """Evaluates expressions of one file.

    Args:
        source: the file.
        scope: the meaning of `local` and `var`.
        environment: the environment variables.

    Attributes:
        trace: what the values evaluated so far came from; see `tracing`.
    """

    def __init__(self, source: Source, scope: Scope, environment: Mapping[str, str]):
        self.source = source
        self.scope = scope
        self.environment = environment
        self.trace = Trace()
        self.names: dict[str, Any] = {}
        self.elements: list[Any] = []

    def evaluate(self, node: Expression) -> Any:
        """The value of an expression.

        Raises:
            DiagnosticsError: the first thing in it that has no value.
        """
        try:
            return _METHODS[type(node)](self, node)
        except RecursionError:
            raise self.fail("expression/too-deep", "This expression is nested too deep.", node) from None

    @contextmanager
    def tracing(self) -> Iterator[Trace]:
        """Within the block, what values come from goes to a new trace and not to the one outside."""
        before, self.trace = self.trace, Trace()
        try:
            yield self.trace
        finally:
            self.trace = before

    def attempt(self, node: Expression) -> tuple[Any, DiagnosticsError | None]:
        """The value of an expression, or why it has none."""
        try:
            return self.evaluate(node), None
        except DiagnosticsError as error:
            return None, error

    def fail(self, code: str, message: str, node: nodes.Node, hint: str | None = None) -> DiagnosticsError:
        """The error to raise about a node."""
        return failure(self.source, code, message, node.start, node.end, hint)

    def convert(self, value: Any, wanted: Type, node: Expression, code: str, what: str) -> Any:
        """The value of a node as one of another type; `what` begins the message if that cannot be."""
        try:
            return convert(value, wanted)
        except ConversionError as error:
            raise self.fail(code, f"{what}: {error}.", node) from None

    def _literal(self, node: nodes.Literal) -> Any:
        return node.value

    def _parentheses(self, node: nodes.Parentheses) -> Any:
        return self.evaluate(node.inner)

    def _wrap(self, node: nodes.Wrap) -> Any:
        return self.evaluate(node.inner)

    def _template(self, node: nodes.Template) -> str:
        return self._joined(node.parts)

    def _joined(self, parts: Iterable[Expression]) -> str:
        texts: list[str] = []
        verbatim = False
        for part in parts:
            verbatim = verbatim or isinstance(part, nodes.Action)
            value = self.evaluate(part)
            if value is None:
                raise self.fail(
                    "expression/template-value",
                    "This value is null, and null cannot stand in a string.",
                    part,
                    'Give another value for null: ${x == null ? "" : x}.',
                )
            texts.append(
                self.convert(value, STRING, part, "expression/template-value", "This cannot stand in a string")
            )
        text = "".join(texts)
        # What an environment variable holds arrives as it is, so a string with one in it is left alone.
        return text if verbatim or self.trace.environment else normalised(text)

    def _join(self, node: nodes.Join) -> str:
        return "".join(loops.loop(self, node.loop))

    def _action(self, node: nodes.Action) -> Any:
        if node.action is None:
            return "" if not node.bare else None
        found = render(self.source, node.action, self.variable)
        if not node.bare:
            return found.text
        if found.quoted is not None:
            return found.quoted
        return self._complete_literal(node, found.text)

    def _complete_literal(self, node: nodes.Action, text: str) -> Any:
        """The value of a text that must be one whole literal; nothing of it goes into an error (invariant 5)."""
        hint = 'If it is a string, put the template in quotes: "{{ … }}".'
        try:
            parsed = parse_value(Source(self.source.file, text))
            if is_literal(parsed):
                return Evaluator(Source(self.source.file, text), EmptyScope("a literal"), {}).evaluate(parsed)
        except DiagnosticsError:
            pass
        raise self.fail(
            "template/not-a-literal",
            "Outside quotes the value of a template must be a whole literal: number, bool, null, string, list, object.",
            node,
            hint,
        )

    def variable(self, name: str, start: int, end: int) -> str | None:
        """The environment variable's value, remembered as looked at; None if it is not set."""
        return look_up(self.environment, name, self.trace, self.source, start, end)

    def _variable(self, node: nodes.Variable) -> Any:
        if node.name in self.names:
            return self.names[node.name]
        members = self.scope.members(node.name)
        if members is None:
            raise self._unknown(node)
        return ObjectValue({name: self._member(node.name, name, node) for name in members})

    def _unknown(self, node: nodes.Variable) -> DiagnosticsError:
        if isinstance(self.scope, EmptyScope):
            return self.fail("expression/no-references", f"Nothing can be referred to here: {self.scope.why}.", node)
        roots = [root for root in ("local", "var") if node.name in (self.scope.members(root) or ())]
        hints = [f'Did you mean "{root}.{node.name}"?' for root in roots]
        near = suggestion(node.name, [*self.names, "local", "var", "true", "false", "null"])
        hints += [near] if near and not hints else []
        hints.append(f'For the text, put it in quotes: "{node.name}".')
        return self.fail("expression/unknown-name", f'Nothing is named "{node.name}" here.', node, " ".join(hints))

    def _member(self, root: str, name: str, node: nodes.Node) -> Any:
        value, trace = self.scope.value(root, name, self.source, node.start, node.end)
        self.trace.merge(trace)
        return value

    def _attribute(self, node: nodes.Attribute) -> Any:
        of = node.source
        if isinstance(of, nodes.Variable) and of.name not in self.names and self.scope.members(of.name) is not None:
            return self._member(of.name, node.name, node)
        with self._places(node.name_start, node.end):
            return access.attribute(self.evaluate(of), node.name)

    def _index(self, node: nodes.Index) -> Any:
        collection, key = node.source, self.evaluate(node.key)
        if (
            isinstance(collection, nodes.Variable)
            and isinstance(key, str)
            and collection.name not in self.names
            and self.scope.members(collection.name) is not None
        ):
            return self._member(collection.name, key, node)
        value = self.evaluate(collection)
        with self._places(node.bracket, node.end):
            return access.index(value, key)

    @contextmanager
    def _places(self, start: int, end: int) -> Iterator[None]:
        try:
            yield
        except access.AccessError as error:
            raise failure(self.source, error.code, error.message, start, end, error.hint) from None

    def _splat(self, node: nodes.Splat) -> Any:
        source = self.evaluate(node.source)
        if source is None:
            return TupleValue()
        if not isinstance(source, (TupleValue, ListValue, SetValue)):
            source = TupleValue([source])
        results = []
        for item in source:
            self.elements.append(item)
            try:
                results.append(self.evaluate(node.each))
            finally:
                self.elements.pop()
        if isinstance(source, TupleValue):
            return TupleValue(results)
        types = [type_of(item) for item in results if item is not None]
        element = unify(types) if types else DYNAMIC
        if isinstance(node.each, nodes.Element):
            element = source.element
        if element is None:
            raise self.fail(
                "expression/splat",
                "The elements of this splat have different types, which a list cannot hold.",
                node,
                "A for expression makes a tuple of them: [for x in list : …].",
            )
        return ListValue(results, element)

    def _element(self, node: nodes.Element) -> Any:
        return self.elements[-1]

    def _tuple(self, node: nodes.TupleMaker) -> TupleValue:
        return TupleValue(self.evaluate(item) for item in node.items)

    def _object(self, node: nodes.ObjectMaker) -> ObjectValue:
        return ObjectValue({self.key(item.key): self.evaluate(item.value) for item in node.items})

    def key(self, node: Expression) -> str:
        """The key of an object's item: a bare name stands for itself.

        Raises:
            DiagnosticsError: it is null, no string, or a reference without parentheses.
        """
        if isinstance(node, nodes.Variable):
            return node.name
        if isinstance(node, nodes.Literal) and (node.value is None or isinstance(node.value, bool)):
            return self.source.text[node.start : node.end]
        root: Expression = node
        while isinstance(root, nodes.Attribute):
            root = root.source
        if root is not node and isinstance(root, nodes.Variable):
            raise self.fail(
                "expression/ambiguous-key",
                "This key may be meant as a reference or as a text with dots.",
                node,
                "Put a reference in parentheses, and a text in quotes.",
            )
        value = self.evaluate(node)
        if value is None:
            raise self.fail("expression/key", "A key cannot be null.", node)
        return str(self.convert(value, STRING, node, "expression/key", "This cannot be a key"))

    def _call(self, node: nodes.Call) -> Any:
        from dstream_core.config.evaluate.calls import call  # noqa: PLC0415  only a file that calls functions loads them

        return call(self, node)


_METHODS: dict[type, Callable[[Evaluator, Any], Any]] = {
    nodes.Literal: Evaluator._literal,
    nodes.Template: Evaluator._template,
    nodes.Wrap: Evaluator._wrap,
    nodes.Join: Evaluator._join,
    nodes.Action: Evaluator._action,
    nodes.Variable: Evaluator._variable,
    nodes.Attribute: Evaluator._attribute,
    nodes.Index: Evaluator._index,
    nodes.Splat: Evaluator._splat,
    nodes.Element: Evaluator._element,
    nodes.Call: Evaluator._call,
    nodes.Conditional: operations.conditional,
    nodes.Binary: operations.binary,
    nodes.Unary: operations.unary,
    nodes.Parentheses: Evaluator._parentheses,
    nodes.TupleMaker: Evaluator._tuple,
    nodes.ObjectMaker: Evaluator._object,
    nodes.For: loops.loop,
}
