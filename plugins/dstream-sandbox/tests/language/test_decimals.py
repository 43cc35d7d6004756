"""Decimal arithmetic against its rules, over generated types and values ("Precision, scale, and length")."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import binary
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Run
from dstream_sandbox.sqlserver.types import SqlType

WIDE = Context(prec=120, rounding=ROUND_HALF_UP)


@st.composite
def typed(draw: Any) -> tuple[SqlType, Decimal]:
    """A decimal type and a value of it."""
    precision = draw(st.integers(1, 38))
    scale = draw(st.integers(0, precision))
    unscaled = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    return SqlType("decimal", precision=precision, scale=scale), WIDE.create_decimal(unscaled).scaleb(-scale, WIDE)


def documented(operator: str, p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    """The table of the page, and its rule for results beyond 38 digits."""
    if operator in "+-":
        scale = max(s1, s2)
        precision = max(s1, s2) + max(p1 - s1, p2 - s2) + 1
        return min(precision, 38), scale if precision <= 38 else max(0, min(scale, 38 - (precision - scale)))
    precision, scale = (
        (p1 + p2 + 1, s1 + s2) if operator == "*" else (p1 - s1 + s2 + max(6, s1 + p2 + 1), max(6, s1 + p2 + 1))
    )
    whole = precision - scale
    if precision > 38:
        scale = min(scale, 38 - whole) if whole < 32 else min(scale, 6)
    return min(precision, 38), scale


@given(st.sampled_from("+-*/"), typed(), typed())
def test_arithmetic(operator: str, left: tuple[SqlType, Decimal], right: tuple[SqlType, Decimal]) -> None:
    (t1, x), (t2, y) = left, right
    assume(operator != "/" or y != 0)
    result = binary(operator, Compiled(t1, lambda row, frame: x), Compiled(t2, lambda row, frame: y))
    precision, scale = documented(operator, t1.precision or 0, t1.scale or 0, t2.precision or 0, t2.scale or 0)
    assert (result.type.precision, result.type.scale) == (precision, scale)
    exact = {"+": WIDE.add, "-": WIDE.subtract, "*": WIDE.multiply, "/": WIDE.divide}[operator](x, y)
    rounded = exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE)
    frame = Frame(Run(None, {}))
    if abs(rounded) >= Decimal(10) ** (precision - scale):
        with pytest.raises(SqlError, match="8115"):
            result.evaluate((), frame)
        return
    value = result.evaluate((), frame)
    assert value == rounded
    assert -value.as_tuple().exponent == scale
