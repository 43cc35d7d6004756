"""How values of a type order and compare: what indexes, constraints and scans go by.

The language compares by the same functions, so that a scan in order of its sort key is in the language's order too.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from dstream_sandbox.sqlserver.types import DEFAULT_COLLATION, SqlType, Variant

Comparable = Callable[[Any], Any]


class _Top:
    """Greater than anything: closes the upper end of a range of key prefixes."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


TOP: Final = _Top()


def text_key(collation: str | None) -> Comparable:
    """The comparison form of texts under a collation: case, accents, trailing blanks.

    An approximation of the linguistic order: letters by case-folded code points; `_BIN` and `_BIN2` are exact.
    """
    name = (collation or DEFAULT_COLLATION).upper()
    if "_BIN" in name:
        return _binary_text
    case, accent = "_CS" in name, "_AI" not in name
    return _TEXT_KEYS[case, accent]


def _binary_text(value: str) -> Any:
    return value.rstrip(" ").encode("utf-16-be", "surrogatepass")


def _insensitive(value: str) -> Any:
    return value.rstrip(" ").upper().casefold() if not value.isascii() else value.rstrip(" ").lower()


def _without_accents(value: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", value) if not unicodedata.combining(c))


def _case_sensitive(value: str) -> Any:
    # Letters differ first by what they are and then, over the whole text, by case, small letters before capitals.
    value = value.rstrip(" ")
    return (_insensitive(value), value.swapcase())


_TEXT_KEYS: dict[tuple[bool, bool], Comparable] = {
    (False, True): _insensitive,
    (False, False): lambda value: _insensitive(_without_accents(value)),
    (True, True): _case_sensitive,
    (True, False): lambda value: _case_sensitive(_without_accents(value)),
}


def guid_key(value: uuid.UUID) -> bytes:
    """SQL Server compares the last six bytes first, then the groups before, each in the order of its storage."""
    raw = value.bytes_le
    return raw[10:16] + raw[8:10] + raw[6:8] + raw[4:6] + raw[0:4]


def _binary(value: bytes) -> bytes:
    return value.rstrip(b"\0")


def _variant(value: Variant) -> Any:
    return (value.type.name, comparable(value.type)(value.value))


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=512)
def _comparable(name: str, collation: str | None) -> Comparable:
    if name in ("char", "varchar", "text", "nchar", "nvarchar", "ntext", "xml"):
        return text_key(collation)
    if name == "uniqueidentifier":
        return guid_key
    if name in ("binary", "varbinary", "image"):
        return _binary
    if name == "datetimeoffset":
        return lambda value: value.moment
    if name == "sql_variant":
        return _variant
    return _same


def comparable(sql_type: SqlType, collation: str | None = None) -> Comparable:
    """Gives the function from a value that is not None to something that orders and compares as SQL Server does.

    Args:
        sql_type: The values' type.
        collation: For texts: the column's, when the type does not carry one.
    """
    return _comparable(sql_type.name, collation or sql_type.collation)


def key_maker(
    positions: Sequence[int], kinds: Sequence[tuple[SqlType, str | None, bool]]
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A function from a row to its key.

    Args:
        positions: The key columns' places in the row.
        kinds: Type, collation and nullability of each. NULL sorts first.
    """
    parts = [(at, value_key(*kind)) for at, kind in zip(positions, kinds, strict=True)]
    if len(parts) == 1:
        at, make = parts[0]
        return (lambda row: (row[at],)) if make is _same else (lambda row: (make(row[at]),))
    if all(make is _same for _, make in parts):
        return lambda row: tuple([row[at] for at, _ in parts])
    return lambda row: tuple([make(row[at]) for at, make in parts])


def value_key(sql_type: SqlType, collation: str | None, nullable: bool) -> Comparable:
    """As `comparable`, with None allowed when the column is nullable."""
    inner = comparable(sql_type, collation)
    if not nullable:
        return inner
    return lambda value: (0,) if value is None else (1, inner(value))
