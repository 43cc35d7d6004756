"""Type constraints of variables: `list(object({ name = string, port = optional(number, 80) }))`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dstream_core.config.diagnostics import failure, suggestion
from dstream_core.config.records import Record
from dstream_core.config.source import Source
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Expression
from dstream_core.config.values import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    ListType,
    MapType,
    ObjectType,
    ObjectValue,
    SetType,
    TupleType,
    TupleValue,
    Type,
    convert,
)
from dstream_core.errors import DiagnosticsError

_PRIMITIVES = {"string": STRING, "number": NUMBER, "bool": BOOL, "any": DYNAMIC}
_COLLECTIONS: dict[str, Callable[[Type], Type]] = {"list": ListType, "set": SetType, "map": MapType}
_KNOWN = (*_PRIMITIVES, *_COLLECTIONS, "tuple", "object", "optional")
_CODE = "variable/type-constraint"


class TypeSpec(Record):
    """A type constraint with the defaults of its optional attributes.

    Attributes:
        type: what values are converted to.
        element: the constraint of a collection's elements.
        elements: the constraints of a tuple's elements.
        attributes: the constraints of an object's attributes.
        defaults: the values for optional attributes that are missing or null.
    """

    type: Type
    element: TypeSpec | None = None
    elements: tuple[TypeSpec, ...] = ()
    attributes: Mapping[str, TypeSpec] = {}
    defaults: Mapping[str, Any] = {}

    def apply(self, value: Any) -> Any:
        """The value as one of this type, defaults filled in.

        Raises:
            ConversionError: it does not convert.
        """
        return convert(self._filled(value), self.type)

    def _filled(self, value: Any) -> Any:
        if self.element is not None and isinstance(value, list):
            return TupleValue(self.element._filled(item) for item in value)
        if self.element is not None and isinstance(value, dict):
            return ObjectValue({key: self.element._filled(item) for key, item in value.items()})
        if self.elements and isinstance(value, list) and len(value) == len(self.elements):
            return TupleValue(spec._filled(item) for spec, item in zip(self.elements, value, strict=True))
        if self.attributes and isinstance(value, dict):
            items = dict(value)
            for name, default in self.defaults.items():
                if items.get(name) is None:
                    items[name] = default
            return ObjectValue(
                {
                    name: self.attributes[name]._filled(of) if name in self.attributes else of
                    for name, of in items.items()
                }
            )
        return value


def parse_type(source: Source, node: Expression, constant: Callable[[Expression], Any]) -> TypeSpec:
    """The constraint that an expression writes.

    Args:
        source: the file.
        node: the expression behind `type =`.
        constant: evaluates a default, which may refer to nothing.

    Raises:
        DiagnosticsError: it is no type constraint.
    """
    return _Parser(source, constant).spec(node)


class _Parser:
    def __init__(self, source: Source, constant: Callable[[Expression], Any]):
        self.source = source
        self.constant = constant

    def fail(self, message: str, node: nodes.Node, hint: str | None = None) -> DiagnosticsError:
        return failure(self.source, _CODE, message, node.start, node.end, hint)

    def spec(self, node: Expression) -> TypeSpec:
        if isinstance(node, nodes.Variable):
            return self.named(node)
        if isinstance(node, nodes.Call) and not node.expand:
            return self.called(node)
        if isinstance(node, nodes.Template):
            raise self.fail("A type does not stand in quotes.", node, "Write it plainly: type = string")
        raise self.fail("This is no type.", node, f"Types: {', '.join(_KNOWN)}.")

    def named(self, node: nodes.Variable) -> TypeSpec:
        if node.name in _PRIMITIVES:
            return TypeSpec(_PRIMITIVES[node.name])
        if node.name in _COLLECTIONS:
            return TypeSpec(_COLLECTIONS[node.name](DYNAMIC), TypeSpec(DYNAMIC))
        if node.name in ("tuple", "object"):
            example = "object({ name = string })" if node.name == "object" else "tuple([string, number])"
            raise self.fail(f'"{node.name}" needs to say what it holds.', node, f"Write {example}.")
        raise self.fail(f'There is no type "{node.name}".', node, suggestion(node.name, _KNOWN, listed="types"))

    def called(self, node: nodes.Call) -> TypeSpec:
        name = nodes.Node(node.start, node.name_end)
        if node.name == "optional":
            raise self.fail("Only the attributes of an object can be optional.", name)
        if node.name in _PRIMITIVES:
            raise self.fail(f'"{node.name}" takes nothing in parentheses.', node)
        if node.name not in _KNOWN:
            raise self.fail(f'There is no type "{node.name}".', name, suggestion(node.name, _KNOWN, listed="types"))
        if len(node.arguments) != 1:
            raise self.fail(f'"{node.name}" takes one type in parentheses.', node)
        argument = node.arguments[0]
        if node.name in _COLLECTIONS:
            element = self.spec(argument)
            return TypeSpec(_COLLECTIONS[node.name](element.type), element)
        return self.tuple(argument) if node.name == "tuple" else self.object(argument)

    def tuple(self, node: Expression) -> TypeSpec:
        if not isinstance(node, nodes.TupleMaker):
            raise self.fail("A tuple's types stand in a list.", node, "Write tuple([string, number]).")
        elements = tuple(self.spec(item) for item in node.items)
        return TypeSpec(TupleType(tuple(of.type for of in elements)), None, elements)

    def object(self, node: Expression) -> TypeSpec:
        if not isinstance(node, nodes.ObjectMaker):
            raise self.fail("An object's types stand in braces.", node, "Write object({ name = string }).")
        attributes: dict[str, TypeSpec] = {}
        defaults: dict[str, Any] = {}
        optional: set[str] = set()
        for item in node.items:
            name = self.attribute_name(item.key)
            value = item.value
            if isinstance(value, nodes.Call) and value.name == "optional":
                optional.add(name)
                if not 1 <= len(value.arguments) <= 2:
                    raise self.fail('"optional" takes a type and perhaps a default.', value)
                attributes[name] = self.spec(value.arguments[0])
                if len(value.arguments) == 2:
                    defaults[name] = self.default(value.arguments[1], attributes[name])
            else:
                attributes[name] = self.spec(value)
        types = {name: spec.type for name, spec in attributes.items()}
        return TypeSpec(ObjectType(types, frozenset(optional)), None, (), attributes, defaults)

    def attribute_name(self, node: Expression) -> str:
        if isinstance(node, nodes.Variable):
            return node.name
        if isinstance(node, nodes.Template) and all(map(nodes.is_text, node.parts)):
            return str(self.constant(node))
        raise self.fail("An attribute's name stands here.", node, "Write name = type.")

    def default(self, node: Expression, spec: TypeSpec) -> Any:
        value = self.constant(node)
        try:
            return spec.apply(value)
        except ConversionError as error:
            raise self.fail(f"This default does not fit the type: {error}.", node) from None
