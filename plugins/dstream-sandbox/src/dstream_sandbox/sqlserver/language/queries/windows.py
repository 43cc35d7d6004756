"""Window functions: values that a row has among others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Evaluate, Frame, Row, constant
from dstream_sandbox.sqlserver.language.functions.build import check_count
from dstream_sandbox.sqlserver.language.queries import aggregates
from dstream_sandbox.sqlserver.language.syntax import Call, Window
from dstream_sandbox.sqlserver.types import BIGINT, INT

_RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK")


@dataclass(slots=True)
class Part:
    """One partition in order: rows, their numbers in the result, and their sort keys."""

    rows: list[Row]
    keys: list[Any]


Compute = Callable[[Part, Frame], Sequence[Any]]
"""A value for each row of a partition."""


@dataclass(slots=True)
class WindowFunction:
    """A compiled call with OVER."""

    partition: list[tuple[Evaluate, Callable[[Any], Any]]]
    order: list[tuple[Evaluate, Callable[[Any], Any], bool]]
    compute: Compute

    def values(self, rows: list[Row], frame: Frame) -> list[Any]:
        """A value for each row, in the order of the rows given."""
        parts: dict[Any, list[int]] = {}
        for number, row in enumerate(rows):
            key = tuple([keyed(one(row, frame), k) for one, k in self.partition])
            parts.setdefault(key, []).append(number)
        result: list[Any] = [None] * len(rows)
        for numbers in parts.values():
            ordered, keys = self._ordered(numbers, rows, frame)
            values = self.compute(Part([rows[n] for n in ordered], keys), frame)
            for number, value in zip(ordered, values, strict=True):
                result[number] = value
        return result

    def _ordered(self, numbers: list[int], rows: list[Row], frame: Frame) -> tuple[list[int], list[Any]]:
        keys = {n: tuple([keyed(one(rows[n], frame), k) for one, k, _ in self.order]) for n in numbers}
        for place in range(len(self.order) - 1, -1, -1):
            numbers = sorted(numbers, key=lambda n: keys[n][place], reverse=self.order[place][2])
        return numbers, [keys[n] for n in numbers]


def keyed(value: Any, key: Callable[[Any], Any]) -> Any:
    """A key in which NULL comes first."""
    return (0,) if value is None else (1, key(value))


def window(compiler: Any, node: Call) -> tuple[WindowFunction, Compiled]:
    """Compiles a call with OVER; the second value tells its type.

    Raises:
        SqlError: 4112, it needs ORDER BY; 50001, not here.
    """
    over = node.window
    assert over is not None
    name = node.names[-1].upper()
    partition = [(c.evaluate, comparable(c.type)) for c in compiler.values(over.partition)]
    order = [(compiler.value(item.expression), item.descending) for item in over.order]
    for expression, _ in order:
        if expression.literal:
            kind = "integer indices" if expression.type.name == "int" else "constants"
            number = 5308 if expression.type.name == "int" else 5309
            raise SqlError(
                number,
                f"Windowed functions, aggregates and NEXT VALUE FOR functions do not support {kind} as ORDER BY clause "
                "expressions.",
            )
    keys = [(c.evaluate, comparable(c.type), descending) for c, descending in order]
    compute, result = _compute(compiler, node, name, over)
    return WindowFunction(partition, keys, compute), result


def _compute(compiler: Any, node: Call, name: str, over: Window) -> tuple[Compute, Compiled]:
    if name in aggregates.NAMES:
        return _aggregated(compiler, node, over)
    if name in ("LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"):
        _needs_order(name, over)
        return _neighbour(compiler, node, name)
    if name in _RANKS or name == "NTILE":
        _needs_order(name, over)
        compute = {"ROW_NUMBER": _row_number, "RANK": _rank, "DENSE_RANK": _dense_rank}.get(name)
        if compute is None:
            return _tiles(compiler, node)
        check_count(node, 0, 0)
        return compute, Compiled(BIGINT, _nothing, False)
    raise not_supported(f"window function {name}")


def _nothing(row: Row, frame: Frame) -> Any:
    return None


def _needs_order(name: str, over: Window) -> None:
    if not over.order:
        raise SqlError(4112, f"The function '{name}' must have an OVER clause with ORDER BY.", 15)


def _row_number(part: Part, frame: Frame) -> Sequence[int]:
    return range(1, len(part.rows) + 1)


def _rank(part: Part, frame: Frame) -> Sequence[int]:
    ranks: list[int] = []
    for number, key in enumerate(part.keys):
        ranks.append(ranks[-1] if number and key == part.keys[number - 1] else number + 1)
    return ranks


def _dense_rank(part: Part, frame: Frame) -> Sequence[int]:
    ranks: list[int] = []
    for number, key in enumerate(part.keys):
        same = number and key == part.keys[number - 1]
        ranks.append(ranks[-1] + (not same) if ranks else 1)
    return ranks


def _tiles(compiler: Any, node: Call) -> tuple[Compute, Compiled]:
    check_count(node, 1, 1)
    count = converted(compiler.value(node.arguments[0]), INT)

    def compute(part: Part, frame: Frame) -> Sequence[int]:
        tiles = count.evaluate(part.rows[0], frame)
        size, more = divmod(len(part.rows), tiles)
        sizes = [size + (tile < more) for tile in range(tiles)]
        return [tile + 1 for tile, n in enumerate(sizes) for _ in range(n)]

    return compute, Compiled(BIGINT, _nothing, False)


def _neighbour(compiler: Any, node: Call, name: str) -> tuple[Compute, Compiled]:
    check_count(node, 1, 3 if name in ("LAG", "LEAD") else 1)
    operand: Compiled = compiler.value(node.arguments[0])
    offset = converted(compiler.value(node.arguments[1]), INT) if len(node.arguments) > 1 else constant(1, INT)
    default = (
        converted(compiler.value(node.arguments[2]), operand.type) if len(node.arguments) > 2 else constant(None, None)
    )
    if name == "LAST_VALUE":
        raise not_supported("LAST_VALUE")

    def compute(part: Part, frame: Frame) -> Sequence[Any]:
        values = [operand.evaluate(row, frame) for row in part.rows]
        if name == "FIRST_VALUE":
            return values[:1] * len(values)
        result = []
        for number, row in enumerate(part.rows):
            at = number + offset.evaluate(row, frame) * (1 if name == "LEAD" else -1)
            result.append(values[at] if 0 <= at < len(values) else default.evaluate(row, frame))
        return result

    return compute, Compiled(operand.type, _nothing)


def _aggregated(compiler: Any, node: Call, over: Window) -> tuple[Compute, Compiled]:
    """Over the whole partition; with ORDER BY up to the row and its equals (RANGE), or up to the row (ROWS)."""
    made = aggregates.aggregate(compiler, node)

    def compute(part: Part, frame: Frame) -> Sequence[Any]:
        values = [made.argument(row, frame) for row in part.rows]
        accumulator = made.make()
        if not over.order or over.frame == "all":
            for value in values:
                if value is not None:
                    accumulator.add(value)
            return [accumulator.result()] * len(values)
        result: list[Any] = []
        for number, value in enumerate(values):
            if value is not None:
                accumulator.add(value)
            result.append(accumulator.result())
            if over.frame != "rows":
                back = number
                while back and part.keys[back - 1] == part.keys[number]:
                    back -= 1
                    result[back] = result[number]
        return result

    return compute, Compiled(made.type, _nothing, made.nullable)
