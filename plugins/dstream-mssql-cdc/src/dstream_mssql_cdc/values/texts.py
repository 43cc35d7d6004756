"""From the texts that the server makes of values to those that stand in JSON. Pure.

The functions take the text as `CONVERT(…, 121)` writes it, which has a space between date and time; a text that is in
ISO form already, and a Python value where a text was asked for, are taken too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from dstream_core.api import ProviderError

_SECOND = len("hh:mm:ss")
_DAY = len("yyyy-mm-dd")
_SINGLE_DIGITS = (6, 7, 8, 9)
"""Any 32-bit float is told from its neighbours by 9 digits, many by fewer."""


def time_text(digits: int) -> Callable[[Any], str]:
    """What makes `hh:mm:ss.nnn` with that many digits of the second, `hh:mm:ss` for 0."""
    length = _SECOND + (digits + 1 if digits else 0)

    def convert(value: Any) -> str:
        if isinstance(value, str) and len(value) == length:
            return value
        return _fraction(_plain(value), _SECOND, digits)

    return convert


def datetime_text(digits: int) -> Callable[[Any], str]:
    """What makes `yyyy-mm-ddThh:mm:ss.nnn` with that many digits of the second, none and no point for 0."""
    length = _DAY + 1 + _SECOND + (digits + 1 if digits else 0)

    def convert(value: Any) -> str:
        if isinstance(value, str) and len(value) == length:
            return f"{value[:_DAY]}T{value[_DAY + 1 :]}"
        text = _plain(value)
        return f"{text[:_DAY]}T{_fraction(text[_DAY + 1 :], _SECOND, digits)}"

    return convert


def datetimeoffset_text(digits: int) -> Callable[[Any], str]:
    """What makes `yyyy-mm-ddThh:mm:ss.nnn+hh:mm`: local time and the offset that was stored."""
    local = datetime_text(digits)

    def convert(value: Any) -> str:
        text = _plain(value)
        if text.endswith("Z"):
            text = text[:-1] + "+00:00"
        return local(text[:-6].rstrip()) + text[-6:]

    return convert


def single_number(value: float) -> float:
    """The shortest number that is this value in 32 bits: 0.1 for what arrives as 0.10000000149011612.

    Raises:
        ProviderError: it is no value of a `real` column.
    """
    for digits in _SINGLE_DIGITS:
        shortest = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", shortest))[0] == value:
                return shortest
        except OverflowError:
            continue  # rounded up, it is beyond the largest one; more digits are not
    raise ProviderError(f"{value!r} is no 32-bit float", code="mssql/value")


def float_of_hex(digits: str) -> float:
    """The float that SQL Server's `CONVERT(binary(8), …)` shows in 16 hex digits."""
    value: float = struct.unpack(">d", bytes.fromhex(digits))[0]
    return value


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, (datetime, date, time)) else str(value)


def _fraction(text: str, seconds: int, digits: int) -> str:
    """The text with that many digits behind the seconds; what is missing is zero."""
    if not digits:
        return text[:seconds]
    return f"{text[:seconds]}.{text[seconds + 1 :]:0<{digits}}"[: seconds + 1 + digits]
