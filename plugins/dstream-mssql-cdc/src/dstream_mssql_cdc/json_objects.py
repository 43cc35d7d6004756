"""Many JSON objects with the same names at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec

ObjectMaker = Callable[..., Iterable[Any]]
"""Takes the values of each name, column by column, and gives an object per row, which msgspec can write."""


def object_maker(names: Sequence[str]) -> ObjectMaker:
    """What makes objects with these names, in this order.

    Structs take a third of a dict's time; names with characters that they cannot have make dicts.
    """
    if not names:
        # Without a column nothing says how many rows there are; whoever zips this with others does not mind.
        return lambda: repeat({})
    if any(character in '"\\' or character < " " for name in names for character in name):
        return lambda *columns: [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    fields = [f"c{number}" for number in range(len(names))]
    make = msgspec.defstruct(
        "Row", [(field, Any) for field in fields], rename=dict(zip(fields, names, strict=True)), gc=False
    )
    return lambda *columns: map(make, *columns)


def struct_maker(name: str, fields: Sequence[str]) -> Callable[..., Iterable[Any]]:
    """What makes objects with these names; fields that are `msgspec.UNSET` are left out of the JSON."""
    make = msgspec.defstruct(name, [(field, Any | msgspec.UnsetType) for field in fields], gc=False)
    return lambda *columns: map(make, *columns)
