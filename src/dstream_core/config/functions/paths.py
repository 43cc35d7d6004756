"""Functions for the text of a path with slashes; they look at no file system."""

from __future__ import annotations

import posixpath

from dstream_core.config.functions.model import Function, strings

AREA = "Strings"


def basename(path: str) -> str:
    """As Go has it: slashes at the end do not count, nothing is the folder here."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def dirname(path: str) -> str:
    folder = path[: path.rfind("/") + 1]
    clean = posixpath.normpath(folder) if folder else "."
    return "/" + clean.lstrip("/") if clean.startswith("/") else clean


FUNCTIONS = (
    Function(
        "basename",
        strings("path"),
        None,
        basename,
        "The last part of a path.",
        (('basename("data/orders.csv")', '"orders.csv"'),),
        AREA,
    ),
    Function(
        "dirname",
        strings("path"),
        None,
        dirname,
        "The path without its last part.",
        (('dirname("data/orders.csv")', '"data"'),),
        AREA,
    ),
)
