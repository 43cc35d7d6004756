"""Looking through syntax trees."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.scope import Scope
from dstream_sandbox.sqlserver.language.syntax import Call, ColumnName, Node, Ordering, Query, Window

_FIELDS: dict[Any, tuple[str, ...]] = {}


def fields_of(kind: Any) -> tuple[str, ...]:
    """The names of a node's attributes."""
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return found


def children(node: Any) -> Iterator[Any]:
    """The nodes right below; queries inside expressions come as they are."""
    for name in fields_of(type(node)):
        yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[Any]:
    if isinstance(value, Node | Query | Ordering | Window):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def within(node: Any) -> Iterator[Any]:
    """The node and all below it, except what is inside queries."""
    yield node
    if isinstance(node, Query):
        return
    for child in children(node):
        yield from within(child)


def columns_of(node: Node, scope: Scope) -> set[int] | None:
    """Places of this query's columns that an expression looks at; None when that cannot be said (a query inside)."""
    found: set[int] = set()
    for part in within(node):
        if isinstance(part, Query):
            return None
        if isinstance(part, Call) and part.names[-1].upper() in ("NEWID", "RAND"):
            return None
        if isinstance(part, ColumnName):
            try:
                place = scope.find(part.parts)
            except SqlError:
                return None
            if place is not None:
                found.add(place[0].offset + place[1])
    return found
