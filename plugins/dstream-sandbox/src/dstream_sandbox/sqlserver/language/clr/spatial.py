"""Points of geography and geometry ("[MS-SSCLRT]", 2.1: version 1, properties, coordinates). Other shapes are refused."""

from __future__ import annotations

import re
import struct

from dstream_sandbox.sqlserver.errors import SqlError, not_supported

_POINT = re.compile(r"\s*POINT\s*(EMPTY|\(\s*([^\s()]+)\s+([^\s()]+)\s*\))\s*", re.IGNORECASE)
_VALID, _SINGLE_POINT = 0x04, 0x08


def from_text(kind: str, text: str, srid: int) -> bytes:
    """The serialised form of `POINT(x y)`: for geography x is the longitude.

    Raises:
        SqlError: 6522 for a text that is no shape, 50001 for a shape that is no point.
    """
    match = _POINT.fullmatch(text)
    if match is None or match[2] is None:
        if re.match(
            r"\s*(LINESTRING|POLYGON|MULTI|GEOMETRYCOLLECTION|CIRCULAR|COMPOUND|CURVE|FULLGLOBE|POINT)",
            text,
            re.IGNORECASE,
        ):
            raise not_supported(f"{kind} of anything but a point with two coordinates")
        raise invalid(kind, f"24114: The label {text[:20]} in the input well-known text (WKT) is not valid.")
    try:
        x, y = float(match[2]), float(match[3])
    except ValueError:
        raise invalid(kind, "24141: A number is expected in the input.") from None
    return point(kind, x, y, srid)


def point(kind: str, x: float, y: float, srid: int) -> bytes:
    """A point; geography keeps the latitude first."""
    if kind == "geography" and not (-90 <= y <= 90 and -15069 <= x <= 15069):
        raise invalid(kind, "24201: Latitude values must be between -90 and 90 degrees.")
    first, second = (y, x) if kind == "geography" else (x, y)
    return struct.pack("<iBBdd", srid, 1, _VALID | _SINGLE_POINT, first, second)


def from_wkb(kind: str, data: bytes, srid: int) -> bytes:
    """The serialised form of a well-known binary of a point."""
    if len(data) != 21:
        raise not_supported(f"{kind} of anything but a point with two coordinates")
    order = "<" if data[0] == 1 else ">"
    shape, x, y = struct.unpack(f"{order}Idd", data[1:])
    if shape != 1:
        raise not_supported(f"{kind} of anything but a point with two coordinates")
    return point(kind, x, y, srid)


def _coordinates(data: bytes) -> tuple[int, float, float]:
    """The spatial reference and the two numbers as they are kept."""
    if len(data) != 22 or data[5] & _SINGLE_POINT == 0:
        raise not_supported("spatial values other than points with two coordinates")
    srid, _, _, first, second = struct.unpack("<iBBdd", data)
    return srid, first, second


def srid_of(data: bytes) -> int:
    """STSrid."""
    return _coordinates(data)[0]


def first_of(data: bytes) -> float:
    """STX of geometry, Lat of geography."""
    return _coordinates(data)[1]


def second_of(data: bytes) -> float:
    """STY of geometry, Long of geography."""
    return _coordinates(data)[2]


def wkb_of(data: bytes, kind: str) -> bytes:
    """STAsBinary."""
    _, first, second = _coordinates(data)
    x, y = (second, first) if kind == "geography" else (first, second)
    return struct.pack("<BIdd", 1, 1, x, y)


def wkt_of(data: bytes, kind: str) -> str:
    """STAsText, ToString."""
    _, first, second = _coordinates(data)
    x, y = (second, first) if kind == "geography" else (first, second)
    return f"POINT ({x:.15g} {y:.15g})"


def invalid(kind: str, what: str) -> SqlError:
    """6522."""
    return SqlError(
        6522,
        f'A .NET Framework error occurred during execution of user-defined routine or aggregate "{kind}": System.FormatException: {what}',
    )
