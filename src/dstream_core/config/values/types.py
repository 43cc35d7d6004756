"""The types of the configuration language and their names, worded as HCL words them."""

from __future__ import annotations

from collections.abc import Mapping

from dstream_core.config.records import Record


class PrimitiveType(Record):
    """`string`, `number`, `bool`, or `dynamic`: any type at all, and the type of a null that says nothing more."""

    name: str


STRING = PrimitiveType("string")
NUMBER = PrimitiveType("number")
BOOL = PrimitiveType("bool")
DYNAMIC = PrimitiveType("dynamic")


class ListType(Record):
    """An ordered collection whose elements all have one type."""

    element: Type


class SetType(Record):
    """A collection without order or duplicates whose elements all have one type."""

    element: Type


class MapType(Record):
    """A collection with string keys whose elements all have one type."""

    element: Type


class TupleType(Record):
    """A sequence of fixed length; each position has a type of its own."""

    elements: tuple[Type, ...]


class ObjectType(Record):
    """A fixed set of named attributes, each with a type of its own.

    Attributes:
        attributes: name to type.
        optional: names that a conversion to this type fills with null when they are missing.
    """

    attributes: Mapping[str, Type]
    optional: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash((frozenset(self.attributes.items()), self.optional))


Type = PrimitiveType | ListType | SetType | MapType | TupleType | ObjectType
CollectionType = (ListType, SetType, MapType)


def type_name(type_: Type) -> str:
    """The type's name for a message, such as `list of string`."""
    match type_:
        case PrimitiveType(name=name):
            return name
        case ListType(element=element):
            return f"list of {type_name(element)}"
        case SetType(element=element):
            return f"set of {type_name(element)}"
        case MapType(element=element):
            return f"map of {type_name(element)}"
        case TupleType():
            return "tuple"
        case _:
            return "object"


def constraint_name(type_: Type) -> str:
    """The type's name where it says what is wanted: `dynamic` reads `any type` there."""
    if type_ == DYNAMIC:
        return "any type"
    match type_:
        case ListType(element=element) | SetType(element=element) | MapType(element=element):
            kind = type(type_).__name__.removesuffix("Type").lower()
            return f"{kind} of {'any single type' if element == DYNAMIC else constraint_name(element)}"
        case _:
            return type_name(type_)


def has_dynamic(type_: Type) -> bool:
    """Whether `dynamic` is the type or stands anywhere inside it."""
    match type_:
        case ListType(element=element) | SetType(element=element) | MapType(element=element):
            return has_dynamic(element)
        case TupleType(elements=elements):
            return any(map(has_dynamic, elements))
        case ObjectType(attributes=attributes):
            return any(map(has_dynamic, attributes.values()))
        case _:
            return type_ == DYNAMIC


def without_optional(type_: Type) -> Type:
    """The same type with no attribute optional: what the type of a finished value is."""
    match type_:
        case ListType(element=element) | SetType(element=element) | MapType(element=element):
            return type(type_)(without_optional(element))
        case TupleType(elements=elements):
            return TupleType(tuple(map(without_optional, elements)))
        case ObjectType(attributes=attributes):
            return ObjectType({name: without_optional(of) for name, of in attributes.items()})
        case _:
            return type_
