"""`yamldecode`: YAML as Terraform reads it, with exact numbers.

PyYAML turns the text into events; what they mean is decided here, for its own rules differ from the reference's
(`y` is a bool, `1_000` a string, merged keys override earlier ones). This differs from the reference in two places:
quoted and block texts are always strings, where Terraform reads the block `|-` with `yes` as "true" and merges under
a quoted "<<"; and integers in base 8 and 16 may be longer than 64 bits.
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types of its own; its events stay in this module

from dstream_core.config.functions.model import Function, FunctionError, strings
from dstream_core.config.functions.times import timeadd
from dstream_core.config.values import (
    STRING,
    ConversionError,
    NumberRangeError,
    ObjectValue,
    TupleValue,
    Value,
    bounded,
    convert,
)
from dstream_core.config.values.conversion import normalised, parse_number

AREA = "Encoding"
_TAG = "tag:yaml.org,2002:"
_SCALARS = {"str", "bool", "int", "float", "null", "timestamp", "binary"}
_WORDS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NO_NUMBERS = re.compile(r"[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_GUESSED = re.compile(r"[-+0-9yYnNtTfFoO~.]|\Z")  # how a text must begin to be anything but a string
_NUMBER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_PREFIXED = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)")
_DATE = "([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
_CLOCK = "([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?"
_TIMES = tuple(map(re.compile, (_DATE, f"{_DATE} +{_CLOCK}", f"{_DATE}[Tt]{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})")))
_BREAKS = "\r\n\x85\u2028\u2029"
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_REPEATED = 1_000_000  # values and characters: far beyond any configuration, and quick to walk through
_LONGEST_NUMBER = 3_300  # digits of base 16 that 4,000 decimal ones can hold
# The parts of PyYAML's messages that say nothing of what the text holds.
_TOLD = re.compile(
    r"expected [^\\]*?(?=, but (?:found|got))|could not find expected ':'|found unexpected (?:end of stream|document separator)"
    r"|(?:sequence entries|mapping keys|mapping values) are not allowed here|found unknown escape character"
    r"|(?:found (?:undefined|duplicate)|duplicate) (?:tag handle|YAML directive)"
    r"|found incompatible YAML document|found character(?= )"
)
_FULLER = {"found character": "found a character that cannot start a value"}


def yaml_value(text: str) -> Value:
    """The value that a YAML document describes: objects and tuples, never maps or lists, and exact numbers.

    Raises:
        FunctionError: it is no YAML, no single document, or holds what no value can be.
    """
    return _Reader(text).document()


class _Events(yaml.SafeLoader):  # type: ignore[misc]  # a class without types
    """PyYAML's parser, which knows tabs as separators too, within plain texts and between the tokens of a line."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        # A tab may separate but never indent: at the start of a block's line a simple key is still possible.
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> Any:
        blanks = self._blanks()
        if blanks and self.peek() not in _BREAKS:
            return [blanks]
        chunks = super().scan_plain_spaces(indent, start_mark)
        if chunks and self.column >= indent:
            self._blanks()
        return chunks

    def _blanks(self) -> str:
        """Skips the spaces and tabs that come next, and returns them."""
        length = 0
        while self.peek(length) in " \t":
            length += 1
        blanks = str(self.prefix(length))
        self.forward(length)
        return blanks


class _Reader:
    """Builds the value of one document from its events, with the anchors seen so far."""

    def __init__(self, text: str) -> None:
        try:
            self._events = _Events(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position)
            column = error.position - (text.rfind("\n", 0, error.position) + 1)
            raise _failure("found a control character", line, column) from None
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._open: Counter[str] = Counter()
        self._weight = 0
        self._repeated = 0

    def document(self) -> Value:
        self._next()  # the start of the stream
        event = self._next()
        if not isinstance(event, yaml.DocumentStartEvent):
            raise _at(event, "there is no document")
        value: Value = self._node(self._next())
        self._next()  # the end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise _at(event, "only a single document is allowed")
        return value

    def _next(self) -> Any:
        try:
            return self._events.get_event()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            told = _TOLD.match(error.problem or "")
            what = _FULLER.get(told[0], told[0]) if told else "it is no YAML"
            raise _failure(what, mark.line, mark.column) from None
        except (ValueError, OverflowError):  # an escape beyond Unicode, or a version of thousands of digits
            mark = self._events.get_mark()
            raise _failure("found a number that is too large", mark.line, mark.column) from None

    def _node(self, event: Any) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._weight
        if event.anchor is not None:
            self._open[event.anchor] += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event)
        else:
            value = self._mapping(event)
        if event.anchor is not None:
            self._open[event.anchor] -= 1
            self._anchors[event.anchor] = value, self._weight - before
        return value

    def _alias(self, event: Any) -> Any:
        """A value once more. What it weighs when written out is counted: a few aliases of aliases can be billions."""
        if self._open[event.anchor]:
            raise _at(event, "an anchor cannot be referred to from inside its own definition")
        if event.anchor not in self._anchors:
            raise _at(event, "reference to an anchor that is not defined")
        value, weight = self._anchors[event.anchor]
        self._weight += weight
        self._repeated += weight
        if self._repeated > _MOST_REPEATED:
            raise _at(event, f"aliases repeat more than {_MOST_REPEATED:,} values and characters")
        return value

    def _sequence(self, event: Any) -> TupleValue:
        if event.tag not in (None, f"{_TAG}seq"):
            raise _at(event, "a sequence cannot have this tag")
        self._weight += 1
        items = TupleValue()
        while not isinstance(following := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(following))
        return items

    def _mapping(self, event: Any) -> ObjectValue:
        """An object; a key that comes again replaces what was there, be it merged or not."""
        if event.tag not in (None, f"{_TAG}map"):
            raise _at(event, "a mapping cannot have this tag")
        self._weight += 1
        items: dict[str, Any] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            if _merges(key):
                items |= _merged(key, self._node(self._next()))
            else:
                name = self._key(key)
                items[name] = self._node(self._next())
        return ObjectValue(items)

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _at(event, "only strings are allowed as mapping keys")
        name = convert(self._scalar(event), STRING)
        if name is None:
            raise _at(event, "a mapping key cannot be null")
        return str(name)

    def _scalar(self, event: Any) -> Any:
        self._weight += 1 + len(event.value)
        if _SURROGATE.search(event.value):
            raise _at(event, "found an escape that is no character")
        tag = "" if event.tag is None else event.tag.removeprefix(_TAG)
        if event.tag is not None and (tag == event.tag or tag not in _SCALARS):
            raise _at(event, "this tag is not supported")
        try:
            value = _resolved(tag, event.value, event.style)
        except FunctionError as error:
            raise _at(event, error.message) from None
        return normalised(value) if isinstance(value, str) else value


def _resolved(tag: str, text: str, style: str | None) -> Any:
    """What a scalar stands for: by its tag, and without one by what it looks like if it is plain."""
    if tag == "binary":
        _check_base64(text)
    if tag in ("str", "binary") or (not tag and style):
        return text
    if _GUESSED.match(text):
        if style in ("'", '"'):
            return text
        guess = _guessed(tag, text)
        if guess is not text:
            return guess
    if tag in ("int", "float"):
        return _number(text.replace("_", ""))
    if tag in ("bool", "timestamp"):
        raise FunctionError(f"this is no {tag}")
    return None if tag == "null" else text


def _guessed(tag: str, text: str) -> Any:
    """The value that a plain scalar looks like, or the very same text."""
    if text in _WORDS:
        return _WORDS[text]
    if _NO_NUMBERS.fullmatch(text):
        raise FunctionError("infinity and NaN are not supported")
    if tag in ("", "timestamp") and (time := _time(text)):
        return time
    return _number(text) if _NUMBER.fullmatch(text) else text


def _number(text: str) -> Decimal:
    try:
        if match := _PREFIXED.fullmatch(text):
            if len(text) > _LONGEST_NUMBER:
                raise NumberRangeError
            return bounded(Decimal(int(match[0], 0)))
        return parse_number(text)
    except NumberRangeError:
        raise FunctionError("the number needs more than 4,000 digits") from None
    except ConversionError:
        too_large = _NUMBER.fullmatch(text)
        raise FunctionError("the number needs more than 4,000 digits" if too_large else "this is no number") from None


def _time(text: str) -> str | None:
    """A time as RFC 3339 has it, without fractions of a second; None if the text is none."""
    match = next(filter(None, (pattern.fullmatch(text) for pattern in _TIMES)), None)
    if match is None:
        return None
    year, month, day, *clock = match.groups()
    hour, minute, second, *zone = clock or ["0"] * 3
    date = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}"
    try:
        return timeadd(date + (zone[0] if zone else "Z"), "0s")
    except FunctionError:
        return None


def _check_base64(text: str) -> None:
    try:
        binascii.a2b_base64(re.sub("[\r\n]", "", text).encode("ascii"), strict_mode=True)
    except ValueError:
        raise FunctionError("this is no Base64") from None


def _merges(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent):
        return False
    return event.tag == f"{_TAG}merge" or (event.tag is None and event.style is None and event.value == "<<")


def _merged(event: Any, value: Any) -> dict[str, Any]:
    """The entries that a merge key brings in: of one mapping, or of several where later ones override earlier ones."""
    result: dict[str, Any] = {}
    for mapping in value if isinstance(value, TupleValue) else (value,):
        if not isinstance(mapping, ObjectValue):
            raise _at(event, "only mappings can be merged into a mapping")
        result |= mapping
    return result


def _at(event: Any, what: str) -> FunctionError:
    return _failure(what, event.start_mark.line, event.start_mark.column)


def _failure(what: str, line: int, column: int) -> FunctionError:
    return FunctionError(f"invalid YAML at line {line + 1}, column {column + 1}: {what}", 0)


FUNCTIONS = (
    Function(
        "yamldecode",
        strings("src"),
        None,
        yaml_value,
        "The value that a YAML document describes. Plain `yes`, `on` and `y` are bools as `true` is, times become "
        "RFC 3339 strings, numbers of any length stay exact, and infinities and NaN are errors.",
        (
            (r'yamldecode("a: 1\nb: [x, yes, ~]")', '{ a = 1, b = ["x", true, null] }'),
            (r'yamldecode("x: &base {a: 1}\nz: {<<: *base, b: 2}")', "{ x = { a = 1 }, z = { a = 1, b = 2 } }"),
        ),
        AREA,
    ),
)
