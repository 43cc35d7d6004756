"""Functions for times, written as RFC 3339 has them. None of them reads the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from dstream_core.config.functions.model import Function, FunctionError, strings
from dstream_core.config.records import Record
from dstream_core.durations import go_nanoseconds
from dstream_core.errors import ConfigurationError

AREA = "Times"
_SECOND = 1_000_000_000
_DAY = 86_400
_INVALID = "not a valid RFC3339 timestamp"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_PARTS = (  # name, separator before it, pattern, smallest and greatest value
    ("year", "", "[0-9]{4}", 0, 9999),
    ("month", "-", "[0-9]{2}", 1, 12),
    ("day of month", "-", "[0-9]{2}", 1, 31),
    ("hour", "T", "[0-9]{2}", 0, 23),
    ("minute", ":", "[0-9]{2}", 0, 59),
    ("second", ":", "[0-9]{2}", 0, 59),
)
_FRACTION = re.compile(r"\.([0-9]+)")
_ZONE = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_TOKENS = re.compile(r"'(?:[^']|'')*'|'|([A-Za-z])\1*|[^A-Za-z']+")


class _Time(Record):
    """A moment, in nanoseconds since 1970, and the offset from UTC in seconds that it is shown in.

    Python's `datetime` would do for neither the years 0 and 10000 nor for nanoseconds.
    """

    instant: int
    offset: int
    utc: bool

    @property
    def seconds(self) -> int:
        return self.instant // _SECOND + self.offset

    def date(self) -> tuple[int, int, int]:
        return _civil(self.seconds // _DAY)

    def clock(self) -> tuple[int, int, int]:
        rest = self.seconds % _DAY
        return rest // 3600, rest // 60 % 60, rest % 60

    def weekday(self) -> int:
        return (self.seconds // _DAY + 4) % 7

    def zone(self, colon: str) -> str:
        minutes = abs(self.offset) // 60
        return f"{'-' if self.offset < 0 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def timeadd(timestamp: str, duration: str) -> str:
    start = _parse(timestamp, None)
    try:
        amount = go_nanoseconds(duration)
    except ConfigurationError:  # its message shows the text, which may be secret
        raise FunctionError('the duration must look like "10m" or "-1.5h" (units: ns, us, ms, s, m, h)', 1) from None
    moment = _Time(start.instant + amount, start.offset, start.utc)
    year, month, day = moment.date()
    hour, minute, second = moment.clock()
    sign = "-" if year < 0 else ""
    zone = "Z" if moment.offset == 0 else moment.zone(":")
    return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{zone}"


def timecmp(first: str, second: str) -> Decimal:
    left, right = _parse(first, 0).instant, _parse(second, 1).instant
    return Decimal((left > right) - (left < right))


def formatdate(template: str, timestamp: str) -> str:
    moment = _parse(timestamp, 1)
    result = []
    for match in _TOKENS.finditer(template):
        part = match[0]
        if part == "'":
            raise FunctionError("unterminated literal '", 0)
        if part == "''":
            result.append("'")
        elif part[0] == "'":
            result.append(part[1:-1].replace("''", "'"))
        elif match[1]:
            result.append(_verb(part, moment))
        else:
            result.append(part)
    return "".join(result)


def _two(number: int, width: int) -> str:
    return f"{number:0{width}d}"


def _year(moment: _Time, width: int) -> str:
    year = moment.date()[0]
    return _two(year % 100 if width == 2 else year, width)


def _month(moment: _Time, width: int) -> str:
    number = moment.date()[1]
    name = _MONTHS[number - 1]
    return _two(number, width) if width < 3 else name[:3] if width == 3 else name


def _half(moment: _Time, width: int) -> str:
    return "am" if moment.clock()[0] < 12 else "pm"


def _zone(moment: _Time, width: int) -> str:
    if width == 1:
        return "Z" if moment.offset == 0 else moment.zone(":")
    if width == 3:
        return "UTC" if moment.offset == 0 else moment.zone("")
    return moment.zone("" if width == 4 else ":")


_Verb = tuple[tuple[int, ...], str, Callable[[_Time, int], str]]
_VERBS: dict[str, _Verb] = {  # the lengths there are, how the message says so, and what it becomes
    "Y": ((2, 4), 'year must either be "YY" or "YYYY"', _year),
    "M": ((1, 2, 3, 4), 'month must be "M", "MM", "MMM", or "MMMM"', _month),
    "D": ((1, 2), 'day of month must either be "D" or "DD"', lambda time, width: _two(time.date()[2], width)),
    "E": (
        (3, 4),
        'day of week must either be "EEE" or "EEEE"',
        lambda time, width: _DAYS[time.weekday()][: 3 if width == 3 else None],
    ),
    "h": ((1, 2), '24-hour must either be "h" or "hh"', lambda time, width: _two(time.clock()[0], width)),
    "H": (
        (1, 2),
        '12-hour must either be "H" or "HH"',
        lambda time, width: _two((time.clock()[0] + 11) % 12 + 1, width),
    ),
    "A": ((2,), 'must be "AA"', lambda time, width: _half(time, width).upper()),
    "a": ((2,), 'must be "aa"', _half),
    "m": ((1, 2), 'minute must either be "m" or "mm"', lambda time, width: _two(time.clock()[1], width)),
    "s": ((1, 2), 'second must either be "s" or "ss"', lambda time, width: _two(time.clock()[2], width)),
    "Z": ((1, 3, 4, 5), "timezone must be Z, ZZZZ, or ZZZZZ", _zone),
}


def _verb(token: str, moment: _Time) -> str:
    if token[0] not in _VERBS:
        raise FunctionError(f'invalid date format verb "{token}"', 0)
    widths, rule, text = _VERBS[token[0]]
    if len(token) not in widths:
        raise FunctionError(f'invalid date format verb "{token}": {rule}', 0)
    return text(moment, len(token))


def _parse(text: str, index: int | None) -> _Time:
    """The moment that a strict RFC 3339 timestamp names; messages say which part is wrong, not what it holds."""
    numbers, position = [], 0
    for name, separator, pattern, least, most in _PARTS:
        if not text.startswith(separator, position):
            if separator == "T":
                raise FunctionError(f"{_INVALID}: missing required time introducer 'T'", index)
            if position >= len(text):
                raise FunctionError(f'{_INVALID}: end of string where "{separator}" is expected', index)
            raise FunctionError(f'{_INVALID}: "{separator}" is expected before the {name}', index)
        position += len(separator)
        match = re.compile(pattern, re.ASCII).match(text, position)
        if match is None:
            if position >= len(text):
                raise FunctionError(f"{_INVALID}: end of string before {name}", index)
            raise FunctionError(f"{_INVALID}: {name} must have exactly {4 if name == 'year' else 2} digits", index)
        number = int(match[0])
        if not least <= number <= most:
            raise FunctionError(f"{_INVALID}: {name} must be between {least} and {most} inclusive", index)
        numbers.append(number)
        position = match.end()
    year, month, day, hour, minute, second = numbers
    days = _days(year, month, day)
    if _civil(days) != (year, month, day):
        raise FunctionError(f"{_INVALID}: day out of range", index)
    fraction = _FRACTION.match(text, position)
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    offset, utc = _offset(text[fraction.end() if fraction else position :], index)
    local = days * _DAY + hour * 3600 + minute * 60 + second
    return _Time((local - offset) * _SECOND + nanoseconds, offset, utc)


def _offset(text: str, index: int | None) -> tuple[int, bool]:
    if text == "Z":
        return 0, True
    match = _ZONE.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        what = "end of string before UTC offset" if not text else "the UTC offset must be Z or like +02:00"
        raise FunctionError(f"{_INVALID}: {what}", index)
    minutes = int(match[2]) * 60 + int(match[3])
    return (-minutes if match[1] == "-" else minutes) * 60, False


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar, which is taken to hold for all time."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day; the inverse of `_days`."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (month <= 2), month, day


FUNCTIONS = (
    Function(
        "formatdate",
        strings("format", "time"),
        None,
        formatdate,
        "A time in a format of YY YYYY, M MM MMM MMMM, D DD, EEE EEEE (weekday), h hh, H HH (of 12), AA aa, m mm, "
        "s ss, Z ZZZ ZZZZ ZZZZZ (zone), with other letters in single quotes.",
        (
            ('formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")', '"02 Jan 2018 23:12 UTC"'),
            ('formatdate("EEEE \'at\' H AA", "2018-01-02T23:12:01-08:00")', '"Tuesday at 11 PM"'),
        ),
        AREA,
    ),
    Function(
        "timeadd",
        strings("timestamp", "duration"),
        None,
        timeadd,
        "A time moved by a duration such as `10m` or `-1.5h`.",
        (('timeadd("2017-11-22T00:00:00Z", "10m")', '"2017-11-22T00:10:00Z"'),),
        AREA,
    ),
    Function(
        "timecmp",
        strings("timestamp_a", "timestamp_b"),
        None,
        timecmp,
        "-1, 0 or 1: the first time is before, the same as, or after the second.",
        (('timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")', "0"),),
        AREA,
    ),
)
