"""Date and time functions."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.conversions.date_texts import offset_text
from dstream_sandbox.sqlserver.language.conversions.dates import EPOCH_DAYS, rounded, shaper
from dstream_sandbox.sqlserver.language.functions.build import Builder, applied, check_count, of_frame
from dstream_sandbox.sqlserver.language.syntax import Call, ColumnName
from dstream_sandbox.sqlserver.types import (
    BIGINT,
    DATE,
    DATES,
    DATETIME,
    DATETIME2,
    DATETIMEOFFSET,
    INT,
    TICKS_PER_DAY,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    DateTime2,
    DateTimeOffset,
    SqlType,
    nvarchar,
)

_PARTS = {
    "year": "year", "yy": "year", "yyyy": "year", "quarter": "quarter", "qq": "quarter", "q": "quarter", "month": "month",
    "mm": "month", "m": "month", "dayofyear": "dayofyear", "dy": "dayofyear", "y": "dayofyear", "day": "day", "dd": "day",
    "d": "day", "week": "week", "wk": "week", "ww": "week", "weekday": "weekday", "dw": "weekday", "w": "weekday",
    "hour": "hour", "hh": "hour", "minute": "minute", "mi": "minute", "n": "minute", "second": "second", "ss": "second",
    "s": "second", "millisecond": "millisecond", "ms": "millisecond", "microsecond": "microsecond", "mcs": "microsecond",
    "nanosecond": "nanosecond", "ns": "nanosecond", "tzoffset": "tzoffset", "tz": "tzoffset", "iso_week": "iso_week",
    "isowk": "iso_week", "isoww": "iso_week",
}  # fmt: skip

_TICKS = {
    "week": 7 * TICKS_PER_DAY, "day": TICKS_PER_DAY, "dayofyear": TICKS_PER_DAY, "weekday": TICKS_PER_DAY,
    "hour": 60 * TICKS_PER_MINUTE, "minute": TICKS_PER_MINUTE, "second": TICKS_PER_SECOND, "millisecond": 10_000,
    "microsecond": 10,
}  # fmt: skip


def _part(node: Call) -> str:
    """The first argument: a word, no value."""
    first = node.arguments[0]
    if not isinstance(first, ColumnName) or len(first.parts) != 1:
        raise SqlError(1023, f"Invalid parameter 1 specified for {node.names[-1].lower()}.", 15)
    part = _PARTS.get(first.parts[0].lower())
    if part is None:
        raise SqlError(155, f"'{first.parts[0]}' is not a recognized {node.names[-1].lower()} option.", 15)
    return part


def _moment(operand: Compiled, text_type: SqlType = DATETIME2) -> Compiled:
    """A date or time; texts become datetime2 (or datetimeoffset, if they may carry an offset)."""
    if operand.type.name in DATES:
        return operand
    if operand.type.is_character or operand.null:
        return converted(operand, text_type)
    return converted(operand, DATETIME)


def parts_of(value: Any, type_: SqlType) -> tuple[int, int, int]:
    """Local days, local ticks, offset."""
    if isinstance(value, DateTime2):
        return value.days, value.ticks, 0
    if isinstance(value, DateTimeOffset):
        local = value.local
        return local.days, local.ticks, value.offset_minutes
    if isinstance(value, dt.date):
        return value.toordinal() - 1, 0, 0
    return EPOCH_DAYS, int(value), 0


def _date_add(compiler: Any, node: Call) -> Compiled:
    check_count(node, 3, 3)
    part = _part(node)
    number = compiler.value(node.arguments[1])
    number = compiler.cast(number, INT) if number.type.name != "bigint" else number
    operand = compiler.value(node.arguments[2])
    operand = converted(operand, DATETIME) if operand.null or operand.type.is_character else _moment(operand)
    type_ = operand.type
    if part in ("tzoffset", "iso_week") or (type_.name == "date" and part in _TICKS and _TICKS[part] < TICKS_PER_DAY):
        raise SqlError(
            9810, f"The datepart {part} is not supported by date function dateadd for data type {type_.name}."
        )
    if type_.name == "time" and part not in _TICKS and part != "nanosecond":
        raise SqlError(
            9810, f"The datepart {part} is not supported by date function dateadd for data type {type_.name}."
        )
    shape = shaper(type_, type_)

    def add(n: int, value: Any) -> Any:
        days, ticks, offset = parts_of(value, type_)
        try:
            days, ticks = added(part, n, days, ticks)
        except (ValueError, OverflowError):
            raise _overflow(type_) from None
        if type_.name == "time":
            days = EPOCH_DAYS
        elif not 0 <= days < dt.date.max.toordinal():
            raise _overflow(type_)
        return shape((days, ticks, offset))

    return applied(type_, add, [number, operand])


def _overflow(type_: SqlType) -> SqlError:
    return SqlError(517, f"Adding a value to a '{type_.name}' column caused an overflow.")


def added(part: str, n: int, days: int, ticks: int) -> tuple[int, int]:
    """DATEADD over days and ticks."""
    if part in ("year", "quarter", "month"):
        months = n * {"year": 12, "quarter": 3, "month": 1}[part]
        date = dt.date.fromordinal(days + 1)
        year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
        day = min(date.day, calendar.monthrange(year, month + 1)[1])
        return dt.date(year, month + 1, day).toordinal() - 1, ticks
    step = n * _TICKS[part] if part != "nanosecond" else rounded(abs(n), 100) // 100 * (1 if n >= 0 else -1)
    extra, ticks = divmod(ticks + step, TICKS_PER_DAY)
    return days + extra, ticks


def _date_diff(big: bool) -> Builder:
    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 3, 3)
        part = _part(node)
        if part in ("tzoffset", "iso_week"):
            raise SqlError(155, f"'{part}' is not a recognized datediff option.", 15)
        first, second = (_moment(compiler.value(a), DATETIMEOFFSET) for a in node.arguments[1:])

        def difference(a: Any, b: Any) -> int:
            result = _difference(part, _utc(a, first.type), _utc(b, second.type))
            if not big and not -(2**31) <= result < 2**31:
                raise SqlError(
                    535,
                    "The datediff function resulted in an overflow. The number of dateparts separating two date/time "
                    "instances is too large. Try to use datediff with a less precise datepart.",
                )
            return result

        return applied(BIGINT if big else INT, difference, [first, second])

    return build


def _utc(value: Any, type_: SqlType) -> tuple[int, int]:
    """Offsets are taken away before boundaries are counted."""
    if isinstance(value, DateTimeOffset):
        return value.moment
    return parts_of(value, type_)[:2]


def _difference(part: str, a: tuple[int, int], b: tuple[int, int]) -> int:
    """How many boundaries of the part lie between."""
    if part in ("year", "quarter", "month"):
        x, y = (dt.date.fromordinal(days + 1) for days, _ in (a, b))
        months = {"year": (x.year, y.year), "month": (x.year * 12 + x.month, y.year * 12 + y.month),
            "quarter": (x.year * 4 + (x.month - 1) // 3, y.year * 4 + (y.month - 1) // 3)}[part]  # fmt: skip
        return months[1] - months[0]
    if part in ("day", "dayofyear", "weekday"):
        return b[0] - a[0]
    if part == "week":  # weeks begin on Sunday here whatever DATEFIRST is; day 0 was a Monday
        return (b[0] + 1) // 7 - (a[0] + 1) // 7
    if part == "nanosecond":
        return ((b[0] - a[0]) * TICKS_PER_DAY + b[1] - a[1]) * 100
    unit = _TICKS[part]
    return (b[0] * TICKS_PER_DAY + b[1]) // unit - (a[0] * TICKS_PER_DAY + a[1]) // unit


def part_value(part: str, days: int, ticks: int, offset: int) -> int:
    """DATEPART."""
    if part in _CLOCK:
        unit, limit, factor = _CLOCK[part]
        return ticks // unit % limit * factor
    if part == "tzoffset":
        return offset
    date = dt.date.fromordinal(days + 1)
    if part in ("year", "month", "day"):
        return int(getattr(date, part))
    if part == "quarter":
        return (date.month - 1) // 3 + 1
    if part == "dayofyear":
        return date.timetuple().tm_yday
    if part == "weekday":  # DATEFIRST 7: Sunday is 1
        return date.isoweekday() % 7 + 1
    if part == "iso_week":
        return date.isocalendar()[1]
    first = dt.date(date.year, 1, 1)
    return (date.timetuple().tm_yday - 1 + first.isoweekday() % 7) // 7 + 1


_CLOCK = {
    "hour": (60 * TICKS_PER_MINUTE, 24, 1), "minute": (TICKS_PER_MINUTE, 60, 1), "second": (TICKS_PER_SECOND, 60, 1),
    "millisecond": (10_000, 1000, 1), "microsecond": (10, 1_000_000, 1), "nanosecond": (1, TICKS_PER_SECOND, 100),
}  # fmt: skip


def _date_part(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    return _part_of(_part(node), _moment(compiler.value(node.arguments[1]), DATETIMEOFFSET))


def _part_of(part: str, operand: Compiled) -> Compiled:
    name = operand.type.name
    clock = part in _CLOCK
    if (
        (name == "date" and clock)
        or (name == "time" and not clock)
        or (part == "tzoffset" and name != "datetimeoffset")
    ):
        raise SqlError(9810, f"The datepart {part} is not supported by date function datepart for data type {name}.")

    def value(moment: Any) -> int:
        days, ticks, offset = parts_of(moment, operand.type)
        if name == "datetime" and part in ("millisecond", "microsecond", "nanosecond"):
            ticks = rounded(ticks, 10_000)
        return part_value(part, days, ticks, offset)

    return applied(INT, value, [operand])


def _date_name(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    part = _part(node)
    operand = _moment(compiler.value(node.arguments[1]), DATETIMEOFFSET)
    inner = _part_of(part, operand)

    def name(number: int) -> str:
        if part == "month":
            return calendar.month_name[number]
        if part == "weekday":
            return calendar.day_name[(number + 5) % 7]
        return offset_text(number) if part == "tzoffset" else str(number)

    return applied(nvarchar(30), name, [inner])


def _shortcut(part: str) -> Builder:
    """YEAR, MONTH, DAY."""

    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 1, 1)
        return _part_of(part, _moment(compiler.value(node.arguments[0])))

    return build


def _end_of_month(compiler: Any, node: Call) -> Compiled:
    check_count(node, 1, 2)
    operand = converted(compiler.value(node.arguments[0]), DATE)
    months = [converted(compiler.value(a), INT) for a in node.arguments[1:]]

    def last(date: dt.date, n: int = 0) -> dt.date:
        days, _ = added("month", n, date.toordinal() - 1, 0)
        moved = dt.date.fromordinal(days + 1)
        return moved.replace(day=calendar.monthrange(moved.year, moved.month)[1])

    return applied(DATE, last, [operand, *months])


def _from_parts(type_: SqlType, count: int) -> Builder:
    """DATEFROMPARTS, DATETIME2FROMPARTS, TIMEFROMPARTS."""

    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, count, count)
        operands = [converted(a, INT) for a in compiler.values(node.arguments)]
        scale = operands[-1].value if type_.scale is not None and operands[-1].literal else 7
        target = SqlType(type_.name, scale=scale) if type_.scale is not None else type_
        shape = shaper(target, target)

        def make(*numbers: int) -> Any:
            try:
                return shape(_assembled(type_.name, numbers))
            except ValueError:
                raise SqlError(
                    289,
                    f"Cannot construct data type {type_.name}, some of the arguments have values which are not valid.",
                ) from None

        return applied(target, make, operands)

    return build


def _assembled(name: str, numbers: tuple[int, ...]) -> tuple[int, int, int | None]:
    if name == "date":
        return dt.date(*numbers).toordinal() - 1, 0, None
    days = EPOCH_DAYS
    if name != "time":
        days, numbers = dt.date(*numbers[:3]).toordinal() - 1, numbers[3:]
    hour, minute, second, fraction = (*numbers, 0)[:4]
    digits = 3 if name == "datetime" else numbers[4]
    clock = dt.time(hour, minute, second)
    if not 0 <= fraction < 10**digits:
        raise ValueError(fraction)
    return (
        days,
        (clock.hour * 3600 + clock.minute * 60 + clock.second) * TICKS_PER_SECOND + fraction * 10 ** (7 - digits),
        None,
    )


def _minutes(zone: Any) -> int:
    """An offset as text or as minutes."""
    if isinstance(zone, int):
        minutes = zone
    else:
        match = re.fullmatch(r"([+-])(\d{1,2}):(\d{2})", zone)
        if match is None:
            raise SqlError(9812, "The timezone provided to builtin function todatetimeoffset is invalid.")
        minutes = (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1)
    if abs(minutes) > 840:
        raise SqlError(9812, "The timezone provided to builtin function todatetimeoffset is invalid.")
    return minutes


def _switch_offset(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand = compiler.value(node.arguments[0])
    operand = operand if operand.type.name == "datetimeoffset" else converted(operand, DATETIMEOFFSET)
    zone = compiler.value(node.arguments[1])
    return applied(
        operand.type, lambda value, z: DateTimeOffset(value.utc_days, value.utc_ticks, _minutes(z)), [operand, zone]
    )


def _to_offset(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand = _moment(compiler.value(node.arguments[0]))
    type_ = SqlType("datetimeoffset", scale=7 if operand.type.scale is None else operand.type.scale)
    local = converter(operand.type, DATETIME2)
    zone = compiler.value(node.arguments[1])
    return applied(type_, lambda value, z: DateTimeOffset.of_local(local(value), _minutes(z)), [operand, zone])


def _at_time_zone(compiler: Any, node: Call) -> Compiled:
    """Only UTC: other zones would need Windows' tables of rules."""
    operand = _moment(compiler.value(node.arguments[0]))
    zone = converted(compiler.value(node.arguments[1]), nvarchar(128))
    scale = 3 if operand.type.name == "datetime" else operand.type.scale or 0
    type_ = SqlType("datetimeoffset", scale=scale)
    moment: Callable[[Any], DateTimeOffset] = converter(operand.type, SqlType("datetimeoffset", scale=7))

    def at(value: Any, name: str) -> DateTimeOffset:
        if name.upper() != "UTC":
            raise not_supported(f"AT TIME ZONE '{name}': only UTC")
        return moment(value)._replace(offset_minutes=0)

    return applied(type_, at, [operand, zone])


def _is_date(compiler: Any, node: Call) -> Compiled:
    check_count(node, 1, 1)
    operand = compiler.value(node.arguments[0])
    convert = converter(operand.type, DATETIME)

    def test(value: Any) -> int:
        try:
            convert(value)
        except SqlError:
            return 0
        return 1

    return applied(INT, test, [operand])


_TO_DATETIME = converter(DATETIME2, DATETIME)

FUNCTIONS: dict[str, Builder] = {
    "GETDATE": of_frame(DATETIME, lambda frame: _TO_DATETIME(frame.run.now()[0]), False),
    "CURRENT_TIMESTAMP": of_frame(DATETIME, lambda frame: _TO_DATETIME(frame.run.now()[0]), False),
    "GETUTCDATE": of_frame(DATETIME, lambda frame: _TO_DATETIME(frame.run.now()[1]), False),
    "SYSDATETIME": of_frame(DATETIME2, lambda frame: frame.run.now()[0], False),
    "SYSUTCDATETIME": of_frame(DATETIME2, lambda frame: frame.run.now()[1], False),
    "SYSDATETIMEOFFSET": of_frame(
        DATETIMEOFFSET, lambda frame: DateTimeOffset(*frame.run.now()[1], frame.run.now()[2]), False
    ),
    "DATEADD": _date_add,
    "DATEDIFF": _date_diff(False),
    "DATEDIFF_BIG": _date_diff(True),
    "DATEPART": _date_part,
    "DATENAME": _date_name,
    "YEAR": _shortcut("year"),
    "MONTH": _shortcut("month"),
    "DAY": _shortcut("day"),
    "EOMONTH": _end_of_month,
    "DATEFROMPARTS": _from_parts(DATE, 3),
    "DATETIME2FROMPARTS": _from_parts(DATETIME2, 8),
    "DATETIMEFROMPARTS": _from_parts(DATETIME, 7),
    "TIMEFROMPARTS": _from_parts(SqlType("time", scale=7), 5),
    "SWITCHOFFSET": _switch_offset,
    "TODATETIMEOFFSET": _to_offset,
    "AT TIME ZONE": _at_time_zone,
    "ISDATE": _is_date,
}
