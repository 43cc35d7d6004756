"""Methods and properties of hierarchyid, geography and geometry that readers call."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.clr import hierarchy, spatial
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.messages import argument_count
from dstream_sandbox.sqlserver.language.syntax import Method, StaticMethod
from dstream_sandbox.sqlserver.types import BIT, CLR, FLOAT, INT, MAX, SqlType, nvarchar, varbinary


def _ancestor(data: bytes, steps: int) -> bytes | None:
    labels = hierarchy.labels_of(data)
    if steps > len(labels):
        return None
    kept = labels[: len(labels) - steps]
    return hierarchy.parse("/" + "".join(".".join(map(str, label)) + "/" for label in kept))


_HIERARCHY: dict[str, tuple[SqlType, Callable[..., Any]]] = {
    "ToString": (nvarchar(4000), hierarchy.path_of),
    "GetLevel": (SqlType("smallint"), lambda data: len(hierarchy.labels_of(data))),
    "GetAncestor": (SqlType("hierarchyid"), _ancestor),
    "IsDescendantOf": (BIT, lambda data, other: hierarchy.path_of(data).startswith(hierarchy.path_of(other))),
}


def _spatial(kind: str) -> dict[str, tuple[SqlType, Callable[..., Any]]]:
    found: dict[str, tuple[SqlType, Callable[..., Any]]] = {
        "ToString": (nvarchar(MAX), lambda data: spatial.wkt_of(data, kind)),
        "STAsText": (nvarchar(MAX), lambda data: spatial.wkt_of(data, kind)),
        "AsTextZM": (nvarchar(MAX), lambda data: spatial.wkt_of(data, kind)),
        "STAsBinary": (varbinary(MAX), lambda data: spatial.wkb_of(data, kind)),
        "AsBinaryZM": (varbinary(MAX), lambda data: spatial.wkb_of(data, kind)),
        "STGeometryType": (nvarchar(4000), lambda data: "Point"),
        "STSrid": (INT, spatial.srid_of),
    }
    names = ("Lat", "Long") if kind == "geography" else ("STX", "STY")
    found[names[0]] = (FLOAT, spatial.first_of)
    found[names[1]] = (FLOAT, spatial.second_of)
    return found


_METHODS = {"hierarchyid": _HIERARCHY, "geography": _spatial("geography"), "geometry": _spatial("geometry")}


def method(target: Compiled, node: Method, arguments: list[Compiled]) -> Compiled:
    """`x.Name(…)` or `x.Name`.

    Raises:
        SqlError: 258, the type has no methods; 6506, this one is not among them.
    """
    if target.type.name not in CLR:
        if target.type.name == "xml":
            raise not_supported(f"xml method {node.name}()")
        raise SqlError(258, f"Cannot call methods on {target.type.name}.", 15)
    found = _METHODS[target.type.name].get(node.name)
    if found is None:
        raise not_supported(f"{target.type.name}.{node.name}")
    type_, function = found
    if len(signature(function).parameters) != 1 + len(arguments):
        raise argument_count(node.name, str(len(signature(function).parameters) - 1))
    if node.name == "IsDescendantOf":
        arguments = [converted(argument, target.type) for argument in arguments]
    return _applied(type_, function, [target, *arguments])


def _applied(type_: SqlType, function: Callable[..., Any], operands: list[Compiled]) -> Compiled:
    inner = [operand.evaluate for operand in operands]

    def evaluate(row: Row, frame: Frame) -> Any:
        values = [one(row, frame) for one in inner]
        return None if None in values else function(*values)

    return Compiled(type_, evaluate, True, depends=any(o.depends for o in operands))


def static(node: StaticMethod, arguments: list[Compiled]) -> Compiled:
    """`hierarchyid::Parse(…)`, `geography::Point(47, 8, 4326)` and the like."""
    kind = node.type
    result = SqlType(kind)
    text, number, binary = nvarchar(4000), FLOAT, varbinary(MAX)
    known: dict[tuple[str, str], tuple[list[SqlType], Callable[..., Any]]] = {
        ("hierarchyid", "Parse"): ([text], hierarchy.parse),
        ("hierarchyid", "GetRoot"): ([], lambda: b""),
    }
    for name in ("STGeomFromText", "STPointFromText"):
        known[kind, name] = ([text, INT], lambda wkt, srid: spatial.from_text(kind, wkt, srid))
    for name in ("STGeomFromWKB", "STPointFromWKB"):
        known[kind, name] = ([binary, INT], lambda wkb, srid: spatial.from_wkb(kind, wkb, srid))
    if kind != "hierarchyid":
        known[kind, "Parse"] = ([text], lambda wkt: spatial.from_text(kind, wkt, 4326 if kind == "geography" else 0))
        known[kind, "Point"] = ([number, number, INT], lambda a, b, srid: _point(kind, a, b, srid))
    found = known.get((kind, node.name))
    if found is None:
        raise not_supported(f"{kind}::{node.name}")
    types, function = found
    if len(types) != len(arguments):
        raise SqlError(174, f"The {node.name} function requires {len(types)} argument(s).", 15)
    return _applied(result, function, [converted(a, t) for a, t in zip(arguments, types, strict=True)])


def _point(kind: str, first: float, second: float, srid: int) -> bytes:
    """geography::Point takes the latitude first."""
    x, y = (second, first) if kind == "geography" else (first, second)
    return spatial.point(kind, x, y, srid)
