"""Texts of RAISERROR and FORMATMESSAGE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError

_PLACE = re.compile(
    r"%(?P<flags>[-+0 #]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*))?(?:h|l|I64)?(?P<kind>[disouxX%])"
)


def formatted(text: str, arguments: Sequence[Any]) -> str:
    """Puts arguments into `%s`, `%d`, `%i`, `%u`, `%x`, `%o` as C's printf does.

    Raises:
        SqlError: 2786, an argument is of the wrong kind.
    """
    rest = list(arguments)

    def replaced(match: re.Match[str]) -> str:
        kind = match["kind"]
        if kind == "%":
            return "%"
        width = rest.pop(0) if match["width"] == "*" and rest else match["width"] or ""
        precision = rest.pop(0) if match["precision"] == "*" and rest else match["precision"]
        value = rest.pop(0) if rest else None
        spec = f"%{match['flags']}{width}" + (f".{precision}" if precision is not None else "")
        if value is None:
            return "(null)"
        if kind == "s":
            return f"{spec}s" % (value,)
        if not isinstance(value, int):
            raise SqlError(
                2786,
                f"The data type of substitution parameter {len(arguments) - len(rest)} does not match the expected type of the format specification.",
            )
        return f"{spec}{'d' if kind in 'diu' else kind}" % value

    return _PLACE.sub(replaced, text)[:2047]
