"""Names inside statements; values are always parameters."""

from __future__ import annotations


def quoted(name: str) -> str:
    """The name as T-SQL takes it: in brackets, closing brackets doubled (as `QUOTENAME` does)."""
    return "[" + name.replace("]", "]]") + "]"


def qualified(*names: str) -> str:
    """Several names with dots between them, each quoted."""
    return ".".join(map(quoted, names))


def doubled(text: str) -> str:
    """The text with `%` doubled, for statements with parameters: pymssql puts parameters in with Python's `%`."""
    return text.replace("%", "%%")


def literal(text: str) -> str:
    """A text as T-SQL writes it, for statements that a person is shown; never for those that are sent."""
    return "N'" + text.replace("'", "''") + "'"
