"""Dates and times to and from text: "Date and time styles" of CAST and CONVERT, "datetime" and "datetime2" literals."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.messages import date_failed, date_out_of_range
from dstream_sandbox.sqlserver.types import TICKS_PER_MINUTE, TICKS_PER_SECOND, DateTime2, SqlType

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = dt.date(1900, 1, 1)

_DATE_PARTS: dict[int, str] = {
    0: "{mon} {day:2d} {year:04d}", 1: "{month:02d}/{day:02d}/{yy:02d}", 2: "{yy:02d}.{month:02d}.{day:02d}",
    3: "{day:02d}/{month:02d}/{yy:02d}", 4: "{day:02d}.{month:02d}.{yy:02d}", 5: "{day:02d}-{month:02d}-{yy:02d}",
    6: "{day:02d} {mon} {yy:02d}", 7: "{mon} {day:02d}, {yy:02d}", 9: "{mon} {day:2d} {year:04d}",
    10: "{month:02d}-{day:02d}-{yy:02d}", 11: "{yy:02d}/{month:02d}/{day:02d}", 12: "{yy:02d}{month:02d}{day:02d}",
    13: "{day:02d} {mon} {year:04d}", 20: "{year:04d}-{month:02d}-{day:02d}", 21: "{year:04d}-{month:02d}-{day:02d}",
    22: "{month:02d}/{day:02d}/{yy:02d}", 23: "{year:04d}-{month:02d}-{day:02d}", 25: "{year:04d}-{month:02d}-{day:02d}",
    100: "{mon} {day:2d} {year:04d}", 101: "{month:02d}/{day:02d}/{year:04d}", 102: "{year:04d}.{month:02d}.{day:02d}",
    103: "{day:02d}/{month:02d}/{year:04d}", 104: "{day:02d}.{month:02d}.{year:04d}", 105: "{day:02d}-{month:02d}-{year:04d}",
    106: "{day:02d} {mon} {year:04d}", 107: "{mon} {day:02d}, {year:04d}", 109: "{mon} {day:2d} {year:04d}",
    110: "{month:02d}-{day:02d}-{year:04d}", 111: "{year:04d}/{month:02d}/{day:02d}", 112: "{year:04d}{month:02d}{day:02d}",
    113: "{day:02d} {mon} {year:04d}", 120: "{year:04d}-{month:02d}-{day:02d}", 121: "{year:04d}-{month:02d}-{day:02d}",
    126: "{year:04d}-{month:02d}-{day:02d}", 127: "{year:04d}-{month:02d}-{day:02d}",
}  # fmt: skip

_TIME_PARTS: dict[int, str] = {
    0: "{hour12:2d}:{minute:02d}{half}", 8: "{hour:02d}:{minute:02d}:{second:02d}",
    9: "{hour12:2d}:{minute:02d}:{second:02d}{colon}{half}", 13: "{hour:02d}:{minute:02d}:{second:02d}{colon}",
    14: "{hour:02d}:{minute:02d}:{second:02d}{colon}", 20: "{hour:02d}:{minute:02d}:{second:02d}",
    21: "{hour:02d}:{minute:02d}:{second:02d}{fraction}", 22: "{hour12:2d}:{minute:02d}:{second:02d} {half}",
    24: "{hour:02d}:{minute:02d}:{second:02d}", 25: "{hour:02d}:{minute:02d}:{second:02d}{fraction}",
    100: "{hour12:2d}:{minute:02d}{half}", 108: "{hour:02d}:{minute:02d}:{second:02d}",
    109: "{hour12:2d}:{minute:02d}:{second:02d}{colon}{half}", 113: "{hour:02d}:{minute:02d}:{second:02d}{colon}",
    114: "{hour:02d}:{minute:02d}:{second:02d}{colon}", 120: "{hour:02d}:{minute:02d}:{second:02d}",
    121: "{hour:02d}:{minute:02d}:{second:02d}{fraction}", 126: "{hour:02d}:{minute:02d}:{second:02d}{fraction}",
    127: "{hour:02d}:{minute:02d}:{second:02d}{fraction}",
}  # fmt: skip


def writer(source: SqlType, style: int | None) -> Callable[[Any], str]:
    """The text of a date or time type's values.

    Args:
        source: A type of `DATES`.
        style: As in CONVERT; None without one: 0 for datetime and smalldatetime, 121 for the newer types.

    Raises:
        SqlError: 281, there is no such style; 50001 for the Hijri calendar (130, 131).
    """
    if style is None:
        style = 0 if source.name in ("datetime", "smalldatetime") else 121
    if style in (130, 131):
        raise not_supported(f"CONVERT style {style} (Hijri calendar)")
    if style not in _DATE_PARTS and style not in _TIME_PARTS:
        raise SqlError(
            281, f"{style} is not a valid style number when converting from {source.name} to a character string."
        )
    if source.name == "date":
        return _date_writer(style, source)
    if source.name == "time":
        return _time_writer(style, source)
    if source.name == "datetimeoffset":
        return _offset_writer(style, source)
    return _moment_writer(style, source)


def _date_writer(style: int, source: SqlType) -> Callable[[dt.date], str]:
    if style not in _DATE_PARTS:
        raise SqlError(8115, "Arithmetic overflow error converting expression to data type varchar.")
    if style in (20, 21, 23, 25, 120, 121, 126, 127):
        return dt.date.isoformat
    template = _DATE_PARTS[style]
    return lambda value: _date_text(template, value)


def _date_text(template: str, value: dt.date) -> str:
    return template.format(
        mon=MONTHS[value.month - 1], month=value.month, day=value.day, year=value.year, yy=value.year % 100
    )


def _time_writer(style: int, source: SqlType) -> Callable[[int], str]:
    if style not in _TIME_PARTS:
        raise SqlError(8115, "Arithmetic overflow error converting expression to data type varchar.")
    return _clock(style, source, optional=False)


def _clock(style: int, source: SqlType, optional: bool) -> Callable[[int], str]:
    """The time of day; `optional`: a fraction of zero is left out (styles 126 and 127)."""
    scale = _scale(source)
    if style in (21, 25, 121, 126, 127):
        return lambda ticks: _iso_clock(ticks, scale, optional)
    template = _TIME_PARTS[style]
    return lambda ticks: _clock_text(template, ticks, scale)


def _scale(source: SqlType) -> int:
    return 3 if source.name in ("datetime", "smalldatetime") else 7 if source.scale is None else source.scale


def _fraction(ticks: int, scale: int) -> str:
    """The digits behind the second; datetime's thirds of hundredths are rounded to milliseconds."""
    unit = 10 ** (7 - scale)
    return f"{(ticks % TICKS_PER_SECOND + unit // 2) // unit:0{scale}d}" if scale else ""


def _iso_clock(ticks: int, scale: int, optional: bool) -> str:
    minutes, rest = divmod(ticks, TICKS_PER_MINUTE)
    fraction = _fraction(ticks, scale)
    if not fraction or (optional and not fraction.strip("0")):
        fraction = ""
    else:
        fraction = "." + fraction
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // TICKS_PER_SECOND:02d}{fraction}"


def _clock_text(template: str, ticks: int, scale: int) -> str:
    seconds = ticks // TICKS_PER_SECOND
    hour = seconds // 3600
    digits = _fraction(ticks, scale)
    return template.format(
        hour=hour,
        hour12=hour % 12 or 12,
        minute=seconds // 60 % 60,
        second=seconds % 60,
        half="AM" if hour < 12 else "PM",
        fraction=f".{digits}" if digits else "",
        colon=(f":{digits}" if scale == 3 else f".{digits}") if digits else "",
    )


def _moment_writer(style: int, source: SqlType) -> Callable[[DateTime2], str]:
    optional = style in (126, 127)
    if style in (120, 20, 121, 21, 25, 126, 127):
        clock = _clock(style, source, optional)
        between = "T" if optional else " "
        days = _iso_days
        return lambda value: days(value.days) + between + clock(value.ticks)
    if style not in _TIME_PARTS:
        template = _DATE_PARTS[style]
        return lambda value: _date_text(template, value.date)
    clock = _clock(style, source, False)
    if style not in _DATE_PARTS:
        return lambda value: clock(value.ticks)
    template = _DATE_PARTS[style]
    return lambda value: _date_text(template, value.date) + " " + clock(value.ticks)


_DAYS: dict[int, str] = {}


def _iso_days(days: int) -> str:
    """Few days come again and again: their texts are kept."""
    text = _DAYS.get(days)
    if text is None:
        if len(_DAYS) > 10_000:
            _DAYS.clear()
        text = _DAYS[days] = dt.date.fromordinal(days + 1).isoformat()
    return text


def offset_text(minutes: int) -> str:
    """+05:30."""
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _offset_writer(style: int, source: SqlType) -> Callable[[Any], str]:
    inner = _moment_writer(style, source)
    if style == 127:
        return lambda value: inner(DateTime2(value.utc_days, value.utc_ticks)) + "Z"
    if style not in _TIME_PARTS:
        return lambda value: inner(value.local)
    between = "" if style == 126 else " "
    return lambda value: inner(value.local) + between + offset_text(value.offset_minutes)


class Parsed(NamedTuple):
    """What a text says: the date (None: none was written), the time, the offset, digits of the fraction."""

    date: dt.date | None
    ticks: int
    offset: int | None
    digits: int


_TIME = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:(?P<point>[.:])(?P<fraction>\d{1,9}))?)?)?\s*(?P<half>[AaPp][Mm])?"
_ZONE = r"(?:\s*(?P<zone>[Zz]|[+-]\d{1,2}:\d{2}))?"
_DATES = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<first>\d{1,2})[-/.](?P<second_part>\d{1,2})[-/.](?P<year>\d{4}|\d{2})",
    r"(?P<mon>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})",
    r"(?P<day>\d{1,2})[\s-](?P<mon>[A-Za-z]{3,9})[\s,-]+(?P<year>\d{4})",
)
_PATTERNS = tuple(re.compile(rf"\s*{date}(?:(?:\s+|[Tt]){_TIME})?{_ZONE}\s*") for date in _DATES)
_ONLY_TIME = re.compile(rf"\s*{_TIME}{_ZONE}\s*")
_DAY_FIRST = frozenset({3, 4, 5, 103, 104, 105})


class OutOfRangeError(ValueError):
    """A text in the right form that names no day or time that there is."""


def parse(text: str, style: int | None = None, day_first: bool = False) -> Parsed | None:
    """Reads a date, a time, or both; None when the text has none of the known forms.

    Args:
        text: The text; an empty one is the start of 1900.
        style: Of CONVERT: 3, 4, 5, 103, 104, 105 put the day before the month.
        day_first: SET DATEFORMAT dmy.

    Raises:
        OutOfRangeError: 30 February, 25 o'clock.
    """
    if not text.strip():
        return Parsed(_EPOCH, 0, None, 0)
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match is not None:
            return _parsed(match, _date_of(match.groupdict(), day_first or style in _DAY_FIRST))
    match = _ONLY_TIME.fullmatch(text)
    if match is None or (match["minute"] is None and match["half"] is None):
        return None
    return _parsed(match, None)


def _date_of(found: dict[str, str | None], day_first: bool) -> dt.date | None:
    year = int(found["year"] or 0)
    if len(found["year"] or "") == 2:
        year += 2000 if year < 50 else 1900
    if found.get("first"):
        parts = int(found["first"] or 0), int(found["second_part"] or 0)
        day, month = parts if day_first else parts[::-1]
    elif found.get("mon"):
        name = (found["mon"] or "")[:3].capitalize()
        if name not in MONTHS:
            raise OutOfRangeError(name)
        month, day = MONTHS.index(name) + 1, int(found["day"] or 0)
    else:
        month, day = int(found["month"] or 0), int(found["day"] or 0)
    try:
        return dt.date(year, month, day)
    except ValueError as error:
        raise OutOfRangeError(str(error)) from error


def _parsed(match: re.Match[str], date: dt.date | None) -> Parsed:
    if match["hour"] is None:
        return Parsed(date, 0, _offset(match["zone"]), 0)
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise OutOfRangeError(str(hour))
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise OutOfRangeError(match[0])
    fraction = match["fraction"] or ""
    if match["point"] == ":":
        fraction = fraction.zfill(3)  # after a colon these are milliseconds
    ticks = (hour * 3600 + minute * 60 + second) * TICKS_PER_SECOND + _fraction_ticks(fraction)
    return Parsed(date, ticks, _offset(match["zone"]), len(fraction))


def _fraction_ticks(fraction: str) -> int:
    return int(fraction.ljust(7, "0")[:7]) + (len(fraction) > 7 and fraction[7] >= "5") if fraction else 0


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone in "Zz":
        return 0
    hours, minutes = zone[1:].split(":")
    offset = int(hours) * 60 + int(minutes)
    if offset > 14 * 60:
        raise OutOfRangeError(zone)
    return -offset if zone[0] == "-" else offset


def read(text: str, source: SqlType, target: SqlType, style: int | None) -> Parsed:
    """Reads a text for a date or time type.

    Raises:
        SqlError: 241, it is no date; 242 a date that there is not, for datetime; 295 for smalldatetime.
    """
    old = target.name in ("datetime", "smalldatetime")
    try:
        parsed = parse(text, style)
    except OutOfRangeError:
        if old:
            raise date_out_of_range(source, target) from None
        raise date_failed() from None
    if parsed is None or parsed.digits > (3 if old else 7) or (old and parsed.offset is not None and style != 127):
        if target.name == "smalldatetime":
            raise SqlError(
                295, "Conversion failed when converting character string to smalldatetime data type.", state=3
            )
        raise date_failed()
    return parsed
