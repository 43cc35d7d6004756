"""Aggregate functions: their types, and how they add up."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Evaluate, Frame, Row
from dstream_sandbox.sqlserver.language.conversions.numbers import quantum
from dstream_sandbox.sqlserver.language.functions.build import check_count
from dstream_sandbox.sqlserver.language.functions.texts import text
from dstream_sandbox.sqlserver.language.messages import expression_overflow, invalid_operand
from dstream_sandbox.sqlserver.language.rules import CONTEXT, NUMBERS
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import BIGINT, INT, INTEGER_RANGES, MAX, SqlType, nvarchar, varchar

NAMES = frozenset({"COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG", "STRING_AGG", "CHECKSUM_AGG"})


class Accumulator:
    """Takes values that are not NULL, one by one."""

    __slots__ = ()

    def add(self, value: Any) -> None:
        """One more value."""
        raise NotImplementedError

    def result(self) -> Any:
        """What they come to; None when there was none."""
        raise NotImplementedError


class Count(Accumulator):
    """COUNT."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def add(self, value: Any) -> None:
        """One more."""
        self.count += 1

    def result(self) -> int:
        """How many."""
        return self.count


class Sum(Accumulator):
    """SUM and AVG."""

    __slots__ = ("average", "count", "total", "type")

    def __init__(self, type_: SqlType, average: bool) -> None:
        self.type = type_
        self.average = average
        self.count = 0
        self.total: Any = 0

    def add(self, value: Any) -> None:
        """One more number."""
        self.count += 1
        self.total = CONTEXT.add(self.total, value) if isinstance(value, Decimal) else self.total + value

    def result(self) -> Any:
        """The sum or the average in the result's type."""
        if not self.count:
            return None
        name = self.type.name
        if name in INTEGER_RANGES:
            low, high = INTEGER_RANGES[name]
            if not low <= self.total <= high:
                raise expression_overflow(self.type)
            value = abs(self.total) // self.count if self.average else abs(self.total)
            return value if self.total >= 0 else -value
        if name == "float":
            return float(self.total / self.count if self.average else self.total)
        total = CONTEXT.divide(self.total, Decimal(self.count)) if self.average else self.total
        scale = 4 if name == "money" else self.type.scale or 0
        if abs(total) >= Decimal(10) ** (38 - scale):
            raise expression_overflow(SqlType("numeric"))
        return total.quantize(quantum(scale), ROUND_HALF_UP, CONTEXT)


class Extreme(Accumulator):
    """MIN and MAX."""

    __slots__ = ("best", "key", "lowest", "value")

    def __init__(self, key: Callable[[Any], Any], lowest: bool) -> None:
        self.key = key
        self.lowest = lowest
        self.best: Any = None
        self.value: Any = None

    def add(self, value: Any) -> None:
        """Kept if it is the best so far."""
        key = self.key(value)
        if self.value is None or (key < self.best if self.lowest else key > self.best):
            self.best, self.value = key, value

    def result(self) -> Any:
        """The best."""
        return self.value


class Joined(Accumulator):
    """STRING_AGG: pairs of text and order."""

    __slots__ = ("order", "parts", "separator")

    def __init__(self, separator: str, order: list[bool]) -> None:
        self.separator = separator
        self.order = order
        self.parts: list[Any] = []

    def add(self, value: Any) -> None:
        """One more text (with its sort keys, if there is an order)."""
        self.parts.append(value)

    def result(self) -> str | None:
        """All of them."""
        if not self.parts:
            return None
        parts = self.parts
        for place in range(len(self.order) - 1, -1, -1):
            parts = sorted(parts, key=lambda part: part[1][place], reverse=self.order[place])
        return self.separator.join([part[0] for part in parts])


class Checksum(Accumulator):
    """CHECKSUM_AGG: whatever the order."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total: int | None = None

    def add(self, value: Any) -> None:
        """One more number."""
        mixed = zlib.crc32(str(value).encode())
        self.total = mixed if self.total is None else (self.total + mixed) % 2**32

    def result(self) -> int | None:
        """The sum of sums."""
        return None if self.total is None else self.total - 2**31


class Different(Accumulator):
    """DISTINCT in front of another one."""

    __slots__ = ("inner", "key", "seen")

    def __init__(self, inner: Accumulator, key: Callable[[Any], Any]) -> None:
        self.inner = inner
        self.key = key
        self.seen: set[Any] = set()

    def add(self, value: Any) -> None:
        """Handed on the first time."""
        key = self.key(value)
        if key not in self.seen:
            self.seen.add(key)
            self.inner.add(value)

    def result(self) -> Any:
        """The other one's."""
        return self.inner.result()


@dataclass(slots=True)
class Aggregate:
    """A compiled aggregate call."""

    type: SqlType
    argument: Evaluate
    make: Callable[[], Accumulator]
    nullable: bool = True


def aggregate(compiler: Any, node: Call) -> Aggregate:
    """Compiles the call of an aggregate function.

    Raises:
        SqlError: 8117, it does not take this type; 130, an aggregate or a subquery inside.
    """
    name = node.names[-1].upper()
    if name in ("COUNT", "COUNT_BIG") and (node.star or not node.arguments):
        check_star(node)
        return Aggregate(INT if name == "COUNT" else BIGINT, lambda row, frame: 1, Count, False)
    if name == "STRING_AGG":
        return _string_agg(compiler, node)
    check_count(node, 1, 1)
    operand: Compiled = compiler.value(node.arguments[0])
    made = _of_operand(name, operand)
    if node.distinct:
        inner, key = made.make, comparable(operand.type)
        made.make = lambda: Different(inner(), key)
    return made


def check_star(node: Call) -> None:
    """COUNT() is no COUNT(*)."""
    if not node.star:
        raise SqlError(174, "The COUNT function requires 1 argument(s).", 15)


def _of_operand(name: str, operand: Compiled) -> Aggregate:
    type_ = operand.type
    if name in ("COUNT", "COUNT_BIG"):
        return Aggregate(INT if name == "COUNT" else BIGINT, operand.evaluate, Count, False)
    if name in ("MIN", "MAX"):
        if type_.name in ("bit", "text", "ntext", "image", "xml", "geography", "geometry"):
            raise invalid_operand(type_, name.lower())
        key = comparable(type_)
        return Aggregate(type_, operand.evaluate, lambda: Extreme(key, name == "MIN"))
    if name == "CHECKSUM_AGG":
        return Aggregate(INT, converted(operand, INT).evaluate, Checksum)
    return _sum(name, operand)


def _sum(name: str, operand: Compiled) -> Aggregate:
    """SUM and AVG: "Return types" of both."""
    type_ = operand.type
    if type_.name not in NUMBERS or type_.name == "bit":
        raise invalid_operand(type_, name.lower())
    average = name == "AVG"
    result = {"tinyint": INT, "smallint": INT, "real": SqlType("float"), "smallmoney": SqlType("money")}.get(
        type_.name, type_
    )
    if type_.name in ("decimal", "numeric"):
        scale = max(type_.scale or 0, 6) if average else type_.scale
        result = SqlType(type_.name, precision=38, scale=scale)
    return Aggregate(result, operand.evaluate, lambda: Sum(result, average))


def _string_agg(compiler: Any, node: Call) -> Aggregate:
    check_count(node, 2, 2)
    operand = text(compiler.value(node.arguments[0]))
    separator = compiler.value(node.arguments[1])
    if not separator.literal:
        raise SqlError(8733, "Separator parameter for STRING_AGG must be a string literal or variable.")
    orders = [(compiler.value(item.expression), item.descending) for item in node.within]
    keys = [(o.evaluate, comparable(o.type)) for o, _ in orders]
    inner = operand.evaluate

    def pair(row: Row, frame: Frame) -> Any:
        value = inner(row, frame)
        if value is None:
            return None
        return value, [(0,) if (v := e(row, frame)) is None else (1, k(v)) for e, k in keys]

    big = operand.type.is_max
    type_ = nvarchar(MAX if big else 4000) if operand.type.is_unicode else varchar(MAX if big else 8000)
    descending = [d for _, d in orders]
    return Aggregate(type_, pair, lambda: Joined(separator.value or "", descending))
