"""Dates and times from anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dstream_sandbox.sqlserver.language.conversions.date_texts import read
from dstream_sandbox.sqlserver.language.messages import date_out_of_range, expression_overflow
from dstream_sandbox.sqlserver.language.rules import NUMBERS
from dstream_sandbox.sqlserver.types import (
    TICKS_PER_DAY,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    DateTime2,
    DateTimeOffset,
    SqlType,
)

EPOCH_DAYS = 693_595
"""Days from 0001-01-01 to 1900-01-01."""
_DATETIME_FIRST = dt.date(1753, 1, 1).toordinal() - 1
_LAST_DAY = dt.date.max.toordinal() - 1
_SMALL_LAST = dt.date(2079, 6, 6).toordinal() - 1


def to_date_or_time(source: SqlType, target: SqlType, style: int | None) -> Callable[[Any], Any] | None:
    """The conversion of values that are not NULL to a date or time type; None if there is none."""
    shape = shaper(source, target)
    if source.is_character:
        return lambda text: shape(_of_text(text, source, target, style))
    if source.name in _PARTS:
        if source.name == target.name and source.scale == target.scale:
            return lambda value: value
        if {source.name, target.name} == {"date", "time"}:
            return None
        parts = _PARTS[source.name]
        return lambda value: shape(parts(value))
    if target.name not in ("datetime", "smalldatetime"):
        return None
    if source.name in NUMBERS:
        return lambda value: shape(_of_days(value, target))
    if source.is_binary and target.name == "datetime":
        return lambda data: shape(_of_bytes(data))
    return None


Moment = tuple[int, int, "int | None"]
"""Local days, local ticks, offset in minutes (None: none)."""

_PARTS: dict[str, Callable[[Any], Moment]] = {
    "date": lambda value: (value.toordinal() - 1, 0, None),
    "time": lambda value: (EPOCH_DAYS, value, None),
    "datetime": lambda value: (value.days, value.ticks, None),
    "smalldatetime": lambda value: (value.days, value.ticks, None),
    "datetime2": lambda value: (value.days, value.ticks, None),
    "datetimeoffset": lambda value: (*value.local, value.offset_minutes),
}


def _of_text(text: str, source: SqlType, target: SqlType, style: int | None) -> Moment:
    parsed = read(text, source, target, style)
    days = EPOCH_DAYS if parsed.date is None else parsed.date.toordinal() - 1
    if parsed.offset is not None and style == 127 and target.name != "datetimeoffset":
        utc = DateTime2.from_ticks(days * TICKS_PER_DAY + parsed.ticks - parsed.offset * TICKS_PER_MINUTE)
        return (utc.days, utc.ticks, 0)
    return (days, parsed.ticks, parsed.offset)


def _of_days(value: Any, target: SqlType) -> Moment:
    ticks = Decimal(value) * TICKS_PER_DAY
    days, rest = divmod(int(ticks.to_integral_value()), TICKS_PER_DAY)
    if not _DATETIME_FIRST <= days + EPOCH_DAYS <= _LAST_DAY:
        raise expression_overflow(target)
    return (days + EPOCH_DAYS, rest, None)


def _of_bytes(data: bytes) -> Moment:
    data = data[-8:].rjust(8, b"\0")
    thirds = int.from_bytes(data[4:], "big")
    return (EPOCH_DAYS + int.from_bytes(data[:4], "big", signed=True), round(thirds * TICKS_PER_SECOND / 300), None)


def shaper(source: SqlType, target: SqlType) -> Callable[[Moment], Any]:
    """Brings a moment into the form and the precision of a type (242 when the type cannot hold it)."""
    if target.name == "date":
        return lambda moment: dt.date.fromordinal(moment[0] + 1)
    if target.name == "datetime":
        return lambda moment: _datetime(moment, source, target)
    if target.name == "smalldatetime":
        return lambda moment: _smalldatetime(moment, source, target)
    unit = 10 ** (7 - (7 if target.scale is None else target.scale))
    if target.name == "time":
        return lambda moment: rounded(moment[1], unit) % TICKS_PER_DAY
    if target.name == "datetime2":
        return lambda moment: _rounded_moment(moment, unit)
    return lambda moment: DateTimeOffset.of_local(_rounded_moment(moment, unit), moment[2] or 0)


def rounded(ticks: int, unit: int) -> int:
    """To the nearest multiple of a unit, halves up."""
    return ticks if unit == 1 else (ticks + unit // 2) // unit * unit


def _rounded_moment(moment: Moment, unit: int) -> DateTime2:
    days, ticks = moment[0], rounded(moment[1], unit)
    if ticks < TICKS_PER_DAY:
        return DateTime2(days, ticks)
    # Nothing comes after the last day: it is cut, not rounded.
    return DateTime2(days + 1, 0) if days < _LAST_DAY else DateTime2(days, TICKS_PER_DAY - unit)


def to_thirds(ticks: int) -> int:
    """Ticks to datetime's units of 1/300 second."""
    return (ticks * 300 + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND


def _datetime(moment: Moment, source: SqlType, target: SqlType) -> DateTime2:
    days, thirds = moment[0], to_thirds(moment[1])
    if thirds >= 300 * 86_400:
        days, thirds = days + 1, 0
    if not _DATETIME_FIRST <= days <= _LAST_DAY:
        raise date_out_of_range(source, target)
    return DateTime2(days, (thirds * TICKS_PER_SECOND + 150) // 300)


def _smalldatetime(moment: Moment, source: SqlType, target: SqlType) -> DateTime2:
    # 29.998 seconds round down, 29.999 up ("smalldatetime").
    days, minutes = moment[0], (moment[1] + 300_010_000) // TICKS_PER_MINUTE
    if minutes >= 1440:
        days, minutes = days + 1, 0
    if not EPOCH_DAYS <= days <= _SMALL_LAST:
        raise date_out_of_range(source, target)
    return DateTime2(days, minutes * TICKS_PER_MINUTE)
