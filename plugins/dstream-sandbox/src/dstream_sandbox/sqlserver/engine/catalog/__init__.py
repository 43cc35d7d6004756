"""Catalog views and DMVs, made from the model when they are read."""

from __future__ import annotations

from dstream_sandbox.sqlserver.engine.catalog import (
    constraints,
    databases,
    information_schema,
    objects,
    principals,
    sessions,
)
from dstream_sandbox.sqlserver.engine.catalog.view import View

VIEWS: dict[tuple[str, str], View] = {
    (one.schema.lower(), one.name.lower()): one
    for module in (objects, constraints, databases, principals, sessions, information_schema)
    for one in module.VIEWS
}

__all__ = ["VIEWS", "View"]
