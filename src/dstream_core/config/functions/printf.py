"""`format` and `formatlist`: Terraform's verbs, flags, widths, precisions and argument indexes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from fractions import Fraction
from typing import Any

from dstream_core.config.functions.graphemes import clusters, count
from dstream_core.config.functions.jsontext import json_text
from dstream_core.config.functions.model import Function, FunctionError, Parameter, is_sequence, string_list, strings
from dstream_core.config.records import Record
from dstream_core.config.values import BOOL, NUMBER, STRING, ConversionError, ListValue, Type, Value, convert

AREA = "Strings"
_VERB = re.compile(
    r"%(?P<flags>[0#+ -]*)(?P<width>[1-9][0-9]*)?(?P<dot>\.(?P<precision>[0-9]*))?(?:\[(?P<index>[1-9][0-9]*)\])?"
    r"(?P<mode>[A-Za-z])"
)
_PREFIX = re.compile(r"%[0#+ -]*(?:[1-9][0-9]*)?(?:\.[0-9]*)?(?:\[(?:[1-9][0-9]*)?(?:\])?)?")
_BASES = {"b": "b", "d": "d", "o": "o", "x": "x", "X": "X"}
_MARKS = {"b": "0b", "o": "0", "x": "0x", "X": "0X", "d": ""}
_WIDEST = 1_000_000  # more padding than anybody wants; without a limit one number would take all memory
_BITS = 512


class _Verb(Record):
    raw: str
    offset: int
    number: int  # of the argument, from 1
    mode: str
    flags: str
    width: int | None
    precision: int | None

    def failed(self, reason: str) -> FunctionError:
        return FunctionError(f'unsupported value for "{self.raw}" at {self.offset}: {reason}')

    def convert(self, value: Value, want: Type) -> Any:
        try:
            return convert(value, want)
        except ConversionError as error:
            raise self.failed(str(error)) from None


def format_string(template: str, *values: Value) -> str:
    """The template with its verbs replaced by the values."""
    result: list[str] = []
    position, following, highest = 0, 1, 0
    while position < len(template):
        percent = template.find("%", position)
        if percent < 0:
            result.append(template[position:])
            break
        result.append(template[position:percent])
        if template.startswith("%%", percent):
            result.append("%")
            position = percent + 2
            continue
        verb = _verb(template, percent, following)
        result.append(_formatted(verb, values))
        highest = max(highest, verb.number)
        following = verb.number + 1
        position = percent + len(verb.raw)
    if highest < len(values):
        used = f"only {highest} used by format string" if highest else "no verbs in format string"
        raise FunctionError(f"too many arguments; {used}", highest + 1)
    return "".join(result)


def format_list(template: str, *values: Value) -> ListValue:
    """The template formatted once for each element of the sequences, which must be equally long."""
    chooser = next((index for index, value in enumerate(values) if is_sequence(value)), None)
    if chooser is None:
        return string_list([format_string(template, *values)])
    length = len(values[chooser])  # type: ignore[arg-type]  # is_sequence has just said that it has a length
    for index, value in enumerate(values):
        if is_sequence(value) and len(value) != length:  # type: ignore[arg-type]  # as above
            raise FunctionError(
                f"argument {index + 1} has length {len(value)}, "  # type: ignore[arg-type]  # as above
                f"which is inconsistent with argument {chooser + 1} of length {length}",
                index + 1,
            )
    result = []
    for turn in range(length):
        row: list[Any] = [value[turn] if is_sequence(value) else value for value in values]  # type: ignore[index]  # as above
        try:
            result.append(format_string(template, *row))
        except FunctionError as error:
            raise FunctionError(f"error on format iteration {turn}: {error.message}", error.argument_index) from None
    return string_list(result)


def _verb(template: str, position: int, following: int) -> _Verb:
    match = _VERB.match(template, position)
    if match is None:
        prefix = _PREFIX.match(template, position)
        assert prefix is not None, "a percent sign stands there"
        if prefix.end() == len(template):
            raise FunctionError(f"invalid format string starting at offset {len(template)}", 0)
        raise FunctionError(f"unrecognized format character '{template[prefix.end()]}' at offset {prefix.end()}", 0)
    width = int(match["width"]) if match["width"] else None
    precision = int(match["precision"] or 0) if match["dot"] else None
    if max(width or 0, precision or 0) > _WIDEST:
        raise FunctionError(f'the width or precision of "{match[0]}" at {position} is too large', 0)
    number = int(match["index"]) if match["index"] else following
    return _Verb(match[0], position, number, match["mode"], match["flags"], width, precision)


def _formatted(verb: _Verb, values: Sequence[Value]) -> str:
    if verb.number > len(values):
        raise FunctionError(
            f'not enough arguments for "{verb.raw}" at {verb.offset}: '
            f"need index {verb.number} but have {len(values)} total"
        )
    value = values[verb.number - 1]
    if value is None and verb.mode != "v":
        raise verb.failed("null value cannot be formatted")
    if verb.mode == "v":
        return _padded(verb, _default(verb, value))
    if verb.mode == "t":
        return "true" if verb.convert(value, BOOL) else "false"
    if verb.mode in _BASES:
        return _integer(verb, verb.convert(value, NUMBER))
    if verb.mode in "eEfgG":
        return _float(verb, verb.convert(value, NUMBER))
    if verb.mode in "sq":
        return _string(verb, verb.convert(value, STRING))
    raise FunctionError(f"unsupported format verb '{verb.mode}' in \"{verb.raw}\" at offset {verb.offset}", 0)


def _default(verb: _Verb, value: Value) -> str:
    if "#" not in verb.flags:
        if isinstance(value, str):
            return value
        if isinstance(value, Decimal):
            return _general(value, None, "g")
    return json_text(value)


def _string(verb: _Verb, text: str) -> str:
    if verb.precision:  # `%.0s` cuts nothing, in the reference too
        text = "".join(clusters(text)[: verb.precision])
    return _padded(verb, json_text(text) if verb.mode == "q" else text)


def _padded(verb: _Verb, text: str) -> str:
    missing = (verb.width or 0) - count(text)
    if missing <= 0:
        return text
    padding = ("0" if "0" in verb.flags else " ") * missing
    return text + padding if "-" in verb.flags else padding + text


def _sign(verb: _Verb, number: Decimal) -> str:
    if number.is_signed():
        return "-"
    return "+" if "+" in verb.flags else " " if " " in verb.flags else ""


def _integer(verb: _Verb, number: Decimal) -> str:
    if number != number.to_integral_value():
        raise verb.failed("an integer is required")
    digits = format(abs(int(number)), _BASES[verb.mode])
    if digits == "0" and verb.precision == 0:
        return ""
    digits = digits.rjust(verb.precision or 0, "0")
    start = ("-" if number < 0 else _sign(verb, abs(number))) + (_MARKS[verb.mode] if "#" in verb.flags else "")
    missing = max((verb.width or 0) - len(start) - len(digits), 0)
    if "-" in verb.flags:
        return start + digits + " " * missing
    if "0" in verb.flags and verb.precision is None:
        return start + "0" * missing + digits
    return " " * missing + start + digits


def _float(verb: _Verb, number: Decimal) -> str:
    magnitude = number.copy_abs()
    if verb.mode == "f":
        digits = _fixed(magnitude, 6 if verb.precision is None else verb.precision)
    elif verb.mode in "eE":
        digits = _scientific(magnitude, 6 if verb.precision is None else verb.precision, verb.mode)
    else:
        digits = _general(magnitude, verb.precision, verb.mode)
    sign = _sign(verb, number)
    missing = max((verb.width or 0) - len(sign) - len(digits), 0)
    if "0" in verb.flags:  # wins over `-`, unlike with integers, as in the reference
        return sign + "0" * missing + digits
    return sign + digits + " " * missing if "-" in verb.flags else " " * missing + sign + digits


def _fixed(number: Decimal, places: int) -> str:
    return format(_rounded(number, -places), f".{places}f")


def _scientific(number: Decimal, places: int, mode: str) -> str:
    if not number:
        return ("0." + "0" * places if places else "0") + f"{mode}+00"
    number = _rounded(number, number.adjusted() - places)
    digits = "".join(map(str, number.as_tuple().digits)).ljust(places + 1, "0")[: places + 1]
    exponent = number.adjusted()
    fraction = f".{digits[1:]}" if places else ""
    return f"{digits[0]}{fraction}{mode}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _general(number: Decimal, precision: int | None, mode: str) -> str:
    """`%g`: the exponent form for large and small exponents, no zeros at the end."""
    sign = "-" if number.is_signed() and number else ""
    number = number.copy_abs()
    if not number:
        return "0"
    if precision is not None:
        number = _rounded(number, number.adjusted() - max(precision, 1) + 1)
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    exponent = number.adjusted()
    limit = 6 if precision is None else max(precision, 1)
    if precision is not None and limit > len(digits) > exponent:
        limit = len(digits)
    if exponent < -4 or exponent >= limit:
        return sign + _scientific(number, len(digits) - 1, "e" if mode == "g" else "E")
    return sign + format(number, f".{max(len(digits) - exponent - 1, 0)}f")


def _rounded(number: Decimal, exponent: int) -> Decimal:
    """The number rounded to the digit of weight 10**exponent, the way its 512-bit binary form rounds.

    A decimal tie such as 0.35 is none in binary, where the nearest number lies a little above or below.
    """
    given = number.as_tuple().exponent
    assert isinstance(given, int), "numbers are finite"
    if given >= exponent:
        return number
    context = Context(prec=len(number.as_tuple().digits) + max(-given, 0) + 5)
    unit = Decimal(1).scaleb(exponent)
    low = number.quantize(unit, ROUND_DOWN, context)
    lean = _binary_lean(number) if context.multiply(context.subtract(number, low), Decimal(2)) == unit else 0
    rounding = ROUND_HALF_EVEN if not lean else ROUND_UP if lean > 0 else ROUND_DOWN
    return number.quantize(unit, rounding, context)


def _binary_lean(number: Decimal) -> int:
    """-1, 0 or 1: the nearest number with 512 significant bits is less than, equal to or greater than this one."""
    exact = Fraction(number)
    shift = _BITS - (exact.numerator.bit_length() - exact.denominator.bit_length())
    scaled = exact * Fraction(2) ** shift
    if scaled >= 2**_BITS:
        scaled /= 2
    nearest = Fraction(round(scaled))  # half to even, as the reference reads numbers
    return (nearest > scaled) - (nearest < scaled)


_VALUES = Parameter("args", allow_null=True)

FUNCTIONS = (
    Function(
        "format",
        strings("format"),
        _VALUES,
        format_string,
        "A string made from a template with verbs: %s %q (quoted) %d %b %o %x %X %e %f %g %t (bool) %v (any value) %#v "
        "(as JSON) %%, with flags (space + - 0 #), width, .precision and [n] for the nth argument.",
        (
            ('format("Hello, %s!", "Ander")', '"Hello, Ander!"'),
            ('format("%05.1f|%-6s|%#v", 3.14159, "ab", [1, true])', '"003.1|ab    |[1,true]"'),
            ('format("%[2]s-%[1]s", "a", "b")', '"b-a"'),
        ),
        AREA,
    ),
    Function(
        "formatlist",
        strings("format"),
        _VALUES,
        format_list,
        "A list of strings, one for each element of the lists among the arguments; other arguments are used each time.",
        (('formatlist("%s.%s", ["a", "b"], "csv")', '["a.csv", "b.csv"]'),),
        AREA,
    ),
)
