"""`format` and `formatlist`, row by row as Terraform answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.config.functions import FUNCTIONS, FunctionError

GIVES = [
    ('format("Hello, %s!", "Ander")', '"Hello, Ander!"'),
    ('format("%%%d%%", 5)', '"%5%"'),
    ('format("plain")', '"plain"'),
    ('format("%v|%v|%v|%v", 1000000, 123456, 1234567, 0.00001)', '"1e+06|123456|1.234567e+06|1e-05"'),
    ('format("%v", 12345678901234567890)', '"1.234567890123456789e+19"'),
    ('format("%s", 12345678901234567890)', '"12345678901234567890"'),
    ('format("%v|%v|%v", "a", true, null)', '"a|true|null"'),
    ('format("%v|%#v", [1, "a", null], "x<")', r'"[1,\"a\",null]|\"x\\u003c\""'),
    ('format("%#v", { b = 1, a = [true, null] })', r'"{\"a\":[true,null],\"b\":1}"'),
    ('format("%v", toset(["b", "a"]))', r'"[\"a\",\"b\"]"'),
    ('format("%g|%e|%f|%.3g|%G|%E", 1234567, 1234567, 1.5, 1234567, 1e30, 0.00001)',
     '"1.234567e+06|1.234567e+06|1.500000|1.23e+06|1E+30|1.000000E-05"'),
    ('format("%.2g|%.0g|%.3g|%.10g|%g|%g", 123456, 123456, 0.00001234, 100000, 100000, 0.0001)',
     '"1.2e+05|1e+05|1.23e-05|100000|100000|0.0001"'),
    ('format("%e|%.0e|%e|%g|%f", 0, 15, 0.5, 0, 0)', '"0.000000e+00|2e+01|5.000000e-01|0|0.000000"'),
    ('format("%.1f %.1f %.2f %.1f %.0f %.0f %.1f", 0.25, 0.35, 2.675, 0.45, 0.5, 1.5, 0.05)',
     '"0.2 0.3 2.67 0.4 0 2 0.1"'),
    ('format("%08.2f|%-8.2f|%+.1f|% f", -3.14159, 3.14159, 2, 2)', '"-0003.14|3.14    |+2.0| 2.000000"'),
    ('format("%-08.2f|%010.3e|%+g|% g", 3.14159, 12345.678, 1, 1)', '"00003.14|01.235e+04|+1| 1"'),
    ('format("%-5d|%05d|%+d|% d|%-05d|%5.3d", 5, 5, 5, 5, 5, 5)', '"5    |00005|+5| 5|5    |  005"'),
    ('format("%.3d|%8.3d|%08.3d|%.0d|%+ d", 5, 5, 5, 0, 5)', '"005|     005|     005||+5"'),
    ('format("%#b|%#X|%+x|%x|%08b|%o|%#o|%X", 5, 255, 255, -255, 5, 8, 8, 255)',
     '"0b101|0XFF|+ff|-ff|00000101|10|010|FF"'),
    ('format("%x", 123456789012345678901234567890)', '"18ee90ff6c373e0ee4e3f0ad2"'),
    ('format("%d|%d", "12", 1e3)', '"12|1000"'),
    ('format("%05s|%-5s|%.2s|%5.1s|%q|%-05s|%.0s", "ab", "ab", "abc", "abc", "a\\"<b", "ab", "abc")',
     r'"000ab|ab   |ab|    a|\"a\\\"\\u003cb\"|ab000|abc"'),
    ('format("%-5s|%5s|%5s|%.1s", "é", "👨‍👩‍👧", "한", "🇩🇪🇫🇷")', '"é    |    👨‍👩‍👧|    한|🇩🇪"'),
    ('format("%5.s|%5.1v|%.1v", "abc", "abc", 1.25)', '"  abc|  abc|1.25"'),
    ('format("%s|%q", true, 1.50)', r'"true|\"1.5\""'),
    ('format("%t %5t", "true", true)', '"true true"'),
    ('format("%5t|%-7v|%7v", true, false, 1.5)', '"true|false  |    1.5"'),
    ('format("%[2]s %[1]s %s", "a", "b")', '"b a b"'),
    ('format("%[1]d %[1]d", 5)', '"5 5"'),
    ('format("%[3]d", 1, 2, 3)', '"3"'),
    ('formatlist("%s-%s", ["a", "b"], "x")', 'tolist(["a-x", "b-x"])'),
    ('formatlist("%s-%d", ["a", "b"], toset([1, 2]))', 'tolist(["a-1", "b-2"])'),
    ('formatlist("%s", "a")', 'tolist(["a"])'),
    ('formatlist("x")', 'tolist(["x"])'),
    ('formatlist("Hello, %s!", [])', "tolist([])"),
    ('formatlist("%s-%s", [], "x")', "tolist([])"),
]  # fmt: skip

FAILS = [
    ('format("%y", 1)', "unsupported format verb 'y' in \"%y\" at offset 0"),
    ('format("%c", 1)', "unsupported format verb 'c'"),
    ('format("%", 1)', "invalid format string starting at offset 1"),
    ('format("%[1", 1)', "invalid format string starting at offset 3"),
    ('format("%5%")', "unrecognized format character '%' at offset 2"),
    ('format("%*d", 5, 5)', "unrecognized format character '*' at offset 1"),
    ('format("%é", 1)', "unrecognized format character 'é' at offset 1"),
    ('format("%[0]d", 5)', "unrecognized format character '0' at offset 2"),
    ('format("%d", 1.5)', 'unsupported value for "%d" at 0: an integer is required'),
    ('format("%d", "x")', 'unsupported value for "%d" at 0: a number is required'),
    ('format("%s", [1])', 'unsupported value for "%s" at 0: string required'),
    ('format("%t", "yes")', 'unsupported value for "%t" at 0: a bool is required'),
    ('format("a %s", null)', 'unsupported value for "%s" at 2: null value cannot be formatted'),
    ('format("%s", 1, 2)', "too many arguments; only 1 used by format string"),
    ('format("x", 1)', "too many arguments; no verbs in format string"),
    ('format("%s")', 'not enough arguments for "%s" at 0: need index 1 but have 0 total'),
    ('format("%[1]d %d", 5)', 'not enough arguments for "%d" at 6: need index 2 but have 1 total'),
    ('format("%9999999d", 5)', "too large"),
    ('formatlist("%s-%s", ["a", "b"], ["a"])',
     "argument 2 has length 1, which is inconsistent with argument 1 of length 2"),
    ('formatlist("%d", ["a"])', 'error on format iteration 0: unsupported value for "%d" at 0: a number is required'),
    ('formatlist("%s", ["a", null])', "error on format iteration 1"),
    ('formatlist("%s", { a = 1 })', "string required"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), GIVES, ids=[row[0] for row in GIVES])
def test_gives(gives: Callable[[str, str], None], expression: str, expected: str) -> None:
    gives(expression, expected)


@pytest.mark.parametrize(("expression", "message"), FAILS, ids=[row[0] for row in FAILS])
def test_fails(fails: Callable[[str, str], None], expression: str, message: str) -> None:
    fails(expression, message)


def test_a_superfluous_argument_is_the_one_to_blame() -> None:
    with pytest.raises(FunctionError) as caught:
        FUNCTIONS["format"].invoke(["%s", "a", "b"])
    assert caught.value.argument_index == 2


def _format(*values: Any) -> Any:
    return FUNCTIONS["format"].invoke(values)


@given(st.integers(), st.sampled_from(["d", "x", "X", "o"]), st.sampled_from(["", "8", "+8"]))
def test_integers_as_python_formats_them(number: int, verb: str, flags: str) -> None:
    sign = "+" if "+" in flags else ""
    expected = format(number, f">{sign}{flags.strip('+')}{verb}")
    assert _format(f"%{flags}{verb}", Decimal(number)) == expected


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 12), st.sampled_from("ef"))
def test_doubles_as_c_formats_them(number: float, precision: int, verb: str) -> None:
    # Exactly the double, which is what C formats, and not its shortest decimal.
    assert _format(f"%.{precision}{verb}", Decimal(abs(number))) == f"%.{precision}{verb}" % abs(number)


@given(st.floats(min_value=1e-30, max_value=1e30), st.integers(1, 15))
def test_the_shorter_of_both_forms(number: float, precision: int) -> None:
    text = _format(f"%.{precision}g", Decimal(number))
    assert text == f"%.{precision}g" % number
    assert math.isclose(float(text), number, rel_tol=10.0 ** (1 - precision))


@given(st.text())
def test_any_template_is_formatted_or_refused(template: str) -> None:
    try:
        result = _format(template, Decimal(1))
    except FunctionError:
        return
    assert isinstance(result, str)
