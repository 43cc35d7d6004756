"""Durations as Go writes them (`1h5m3.5s`, `300ms`), and plain numbers as seconds.

The grammar is that of Go's `time.ParseDuration`, which the users of the original know from its options: one or more
pairs of a decimal number and a unit, with one sign in front. Amounts are kept in whole nanoseconds and must fit in 64
bits with sign, which is about 292 years.
"""

from __future__ import annotations

import re
from decimal import Decimal

from dstream_core.errors import ConfigurationError

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu: what NFC-normalising editors may leave
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SECOND = _UNITS["s"]
_LONGEST = 2**63 - 1
_PAIR = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)")
_PLAIN_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_HINT = 'write a duration such as "500ms", "30s", "1h5m" (units: ns, us, ms, s, m, h), or a number of seconds'


def parse_duration(value: str | float | Decimal) -> float:
    """The length of a duration in seconds.

    Args:
        value: text as `time.ParseDuration` of Go takes it (`"1h5m3.5s"`, `"-300ms"`, `"0"`), or a number of seconds,
            which may also come as text without a unit (`"5"`), as every value of the environment does.

    Returns:
        Seconds; negative if the text has a minus sign. The caller decides which range makes sense.

    Raises:
        ConfigurationError: `config/duration`, the value is no duration or is longer than about 292 years.
    """
    return parse_nanoseconds(value) / _SECOND


def parse_nanoseconds(value: str | float | Decimal) -> int:
    """Like `parse_duration`, in exact whole nanoseconds."""
    if isinstance(value, bool):
        raise _invalid("true" if value else "false", "a duration is needed, not a bool")
    if isinstance(value, str):
        return _plain_number(value) if _PLAIN_NUMBER.fullmatch(value) else go_nanoseconds(value)
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise _invalid(str(value), "a duration must be finite")
    if abs(amount) > _LONGEST:  # before the exact conversion, which would build a huge integer of 1e999999
        raise _invalid(str(value), "the duration is too long")
    return _bounded(int(amount * _SECOND), str(value))


def go_nanoseconds(text: str) -> int:
    """The nanoseconds of a duration in exactly Go's grammar: a number without a unit is refused, but for `"0"`.

    Raises:
        ConfigurationError: `config/duration`.
    """
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text, "the duration is empty")
    total, position = 0, 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None or not match.group(0):
            raise _invalid(text, "the duration is not understood")
        total += _pair(text, *match.groups())
        position = match.end()
        _bounded(total - 1 if text[0] == "-" else total, text)
    return -total if text[0] == "-" else total


def format_duration(seconds: float | Decimal) -> str:
    """The duration as Go's `Duration.String` writes it: `1h5m3.5s`, `300ms`, `0s`.

    Args:
        seconds: any finite number; rounded to whole nanoseconds.
    """
    amount = round(Decimal(str(seconds)) * _SECOND)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    if amount < _SECOND:
        for unit in ("ms", "µs", "ns"):
            if amount >= _UNITS[unit]:
                return f"{sign}{_decimal(amount, _UNITS[unit])}{unit}"
        return "0s"
    minutes, rest = divmod(amount, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, _SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _pair(text: str, whole: str, fraction: str | None, unit: str) -> int:
    digits = (fraction or "")[1:]
    if not whole and not digits:
        raise _invalid(text, "a number is missing")
    if not unit:
        raise _invalid(text, "a unit is missing")
    if unit not in _UNITS:
        raise _invalid(text, f'unknown unit "{unit}"')
    if len(whole) > len(str(_LONGEST)) + 20:
        raise _invalid(text, "the duration is too long")
    scale = _UNITS[unit]
    digits = digits[:20]  # beyond what a nanosecond of the largest unit can show; keeps the integers small
    return int(whole or 0) * scale + int(digits or 0) * scale // int(10 ** len(digits))


def _plain_number(text: str) -> int:
    if len(text) > 40:
        raise _invalid(text, "the duration is too long")
    return _bounded(int(Decimal(text) * _SECOND), text)


def _bounded(amount: int, text: str) -> int:
    if abs(amount) > _LONGEST:
        raise _invalid(text, "the duration is too long")
    return amount


def _decimal(amount: int, scale: int) -> str:
    whole, rest = divmod(amount, scale)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{len(str(scale)) - 1}d}".rstrip("0")


def _invalid(text: str, why: str) -> ConfigurationError:
    shown = text if len(text) <= 40 else text[:40] + "…"
    return ConfigurationError(f'"{shown}" is not a duration: {why}', code="config/duration", hint=_HINT)
