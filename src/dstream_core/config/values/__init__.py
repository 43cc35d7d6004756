"""Values and types of the configuration language, as cty, HCL's type system, defines them.

A value is `None` (null), `bool`, `str` (NFC-normalised), `decimal.Decimal` (every number), or one of the collection
classes, which are Python lists and dicts that know which of cty's kinds they are. Values are never changed in place.
"""

from __future__ import annotations

from dstream_core.config.values.conversion import (
    ConversionError,
    convert,
    convertible,
    mismatch,
    parse_number,
    unify,
)
from dstream_core.config.values.data import (
    ListValue,
    MapValue,
    ObjectValue,
    SetValue,
    TupleValue,
    Value,
    equal,
    number_text,
    type_of,
)
from dstream_core.config.values.numbers import NUMBER_CONTEXT, NumberRangeError, bounded
from dstream_core.config.values.types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    PrimitiveType,
    SetType,
    TupleType,
    Type,
    constraint_name,
    type_name,
)

__all__ = [
    "BOOL",
    "DYNAMIC",
    "NUMBER",
    "NUMBER_CONTEXT",
    "STRING",
    "ConversionError",
    "ListType",
    "ListValue",
    "MapType",
    "MapValue",
    "NumberRangeError",
    "ObjectType",
    "ObjectValue",
    "PrimitiveType",
    "SetType",
    "SetValue",
    "TupleType",
    "TupleValue",
    "Type",
    "Value",
    "bounded",
    "constraint_name",
    "convert",
    "convertible",
    "equal",
    "mismatch",
    "number_text",
    "parse_number",
    "type_name",
    "type_of",
    "unify",
]
